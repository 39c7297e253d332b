"""Which setting of which space group a CIF means, by operations, Hall symbol, Hermann-Mauguin symbol and number.

gemmi knows 564 settings of the 230 types: axes, cell choices, hexagonal or rhombohedral cells, origin choices (Int.
Tables A, 1983, table 4.3, and some with centred cells). Nothing is guessed: what a file says has to leave one of them.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError

if TYPE_CHECKING:
    import gemmi  # imported by the functions that need it: most work names its crystals and reads no CIF

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TABLED = 530  # the settings of table 4.3; what gemmi lists after them is found by its symbol only
# 'F d -3 m :2', 'R -3 m H', 'F d -3 m Z' (ICSD: origin at the centre; S: at the site of highest symmetry), '… O2'
LONGEST_NAME = 80
CHOICE = re.compile(r"(.*?)\s*(?::\s*([12HRSZ])|\(?\bo(?:rigin)?(?:\s*choice)?\s*([12])\s*\)?|\s*([SZHR]))", re.I)


class Stated(NamedTuple):
    """What a file says of its symmetry, as it says it; every tuple may be empty."""

    operations: tuple[str, ...] = ()
    hall: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


class SpaceGroup(NamedTuple):
    """Type, Hall symbol (empty for a setting without one here), and each operation x → R x + t of a cell."""

    number: int
    hall: str
    rotations: IntArray
    translations: FloatArray


def find_space_group(stated: Stated, cell: tuple[float, ...]) -> SpaceGroup:
    """Space group that a file means, in its setting.

    Parameters
    ----------
    stated
        What the file says. Operations or a Hall symbol say everything; the rest has to agree with them. Without them,
        symbol, number and cell have to leave one setting.
    cell
        a, b, c in Å; α, β, γ in degrees.

    Raises
    ------
    PassbandError
        Nothing is said, it is contradictory, it leaves a choice, or the cell does not have this symmetry.
    """
    settings = {f"space group '{text}'": _of_symbol(text) for text in stated.symbols}
    settings |= {f"space group {text}": _of_number(text) for text in stated.numbers}
    group = _exact(stated)
    if group is not None:
        _check_agreement(group, settings)
    else:
        unknown = [name for name, meant in settings.items() if not meant]
        if unknown or not settings:
            said = f"{unknown[0]} is not known" if unknown else "the symmetry is not said"
            raise PassbandError(f"{said}; give _space_group_symop_operation_xyz, or 'P 1' where every atom is listed")
        group = _only_setting(settings, stated.choices, cell)
    if not _fits(group, cell):
        lengths = " ".join(f"{value:g}" for value in cell)
        raise PassbandError(f"the cell {lengths} does not have the symmetry of the space group; check both")
    return group


@lru_cache(maxsize=64)
def hall_group(hall: str) -> SpaceGroup:
    """Space group of a Hall symbol.

    Raises
    ------
    PassbandError
        It is no Hall symbol.
    """
    import gemmi

    try:
        operations = gemmi.symops_from_hall(hall)
    except RuntimeError as error:
        raise PassbandError(f"'{hall}' is no Hall symbol ({error}); write it as in Int. Tables B, 1.4") from error
    return _group(operations)


def same_operations(group: SpaceGroup, rotations: Iterable[IntArray], translations: Iterable[FloatArray]) -> bool:
    """Whether a list of operations is this group, in this setting."""
    return _key(group.rotations, group.translations) == _key(rotations, translations)


def orbit(group: SpaceGroup, point: FloatArray, vectors: FloatArray, tolerance: float) -> FloatArray:
    """Places (n, 3), fractional, to which the operations bring a point; the first is the point itself.

    A point nearer than `tolerance` (Å) to its own images, such as (0.333, 0.667, z), stands for their mean.

    Raises
    ------
    PassbandError
        Some images are near one another and others are not, as for a point beside a special position.
    """
    fixing = _near(group.rotations @ point + group.translations, point, vectors) < tolerance
    images = (group.rotations @ point + group.translations)[fixing]
    site = np.mean(images - np.rint(images - point), axis=0)
    places = group.rotations @ site + group.translations
    same = _near(places[:, None], places[None], vectors) < 0.5 * tolerance
    first = np.unique(same.argmax(axis=1))  # the first of those that are one place
    if len(first) * int(fixing.sum()) != len(group.rotations):
        raise PassbandError("it lies beside a special position; write its coordinates with more digits")
    found: FloatArray = places[first] % 1.0
    return found


def _near(points: FloatArray, others: FloatArray, vectors: FloatArray) -> FloatArray:
    offsets = points - others
    distances: FloatArray = np.linalg.norm((offsets - np.rint(offsets)) @ vectors, axis=-1)
    return distances


def _exact(stated: Stated) -> SpaceGroup | None:
    """Return the group of the operations and Hall symbols, which have to be one."""
    given = [("the operations", _of_operations(stated.operations))] if stated.operations else []
    given += [(f"'{text}'", hall_group(text)) for text in stated.hall]
    for name, group in given[1:]:
        if not same_operations(given[0][1], group.rotations, group.translations):
            raise PassbandError(
                f"{given[0][0]} and {name} are different space groups or settings; remove the wrong one"
            )
    return given[0][1] if given else None


def _of_operations(triplets: tuple[str, ...]) -> SpaceGroup:
    import gemmi

    try:
        operations = [gemmi.Op(triplet) for triplet in triplets]
    except (RuntimeError, ValueError) as error:
        raise PassbandError(f"a symmetry operation cannot be read ({error}); write it like 'x,-y,z+1/2'") from error
    try:
        group = gemmi.GroupOps(operations)
        group.add_missing_elements()
        closed = len(group) == len({operation.wrap().triplet() for operation in operations})
    except (RuntimeError, ValueError):  # operations of no finite group
        closed = False
    if not closed:
        raise PassbandError(f"the {len(triplets)} symmetry operations are no group; list every operation of the cell")
    return _group(group)


def _group(operations: "gemmi.GroupOps") -> SpaceGroup:
    import gemmi

    table = gemmi.find_spacegroup_by_ops(operations)
    every = list(operations)
    rotations = np.array([one.rot for one in every], dtype=np.int64) // gemmi.Op.DEN
    translations = np.array([one.tran for one in every], dtype=np.float64) / gemmi.Op.DEN
    return SpaceGroup(table.number if table else 0, table.hall if table else "", rotations, translations)


def _of_symbol(text: str) -> list["gemmi.SpaceGroup"]:
    """Return every setting that a Hermann-Mauguin symbol may mean; none where it is not known."""
    import gemmi

    if len(text) > LONGEST_NAME:  # the pattern takes the cube of the length
        return []
    match = CHOICE.fullmatch(text)
    symbol, choice = (match[1], (match[2] or match[3] or match[4]).upper()) if match else (text, "")
    spellings = (symbol, re.sub(r"[\s_()~]", "", symbol))
    found = next(filter(None, map(gemmi.find_spacegroup_by_name, spellings)), None)
    if found is None:
        return []
    settings = [one for one in gemmi.spacegroup_table() if one.hm == found.hm]
    return _with_choice(settings, choice, f"'{text}'") if choice else settings


def _with_choice(settings: list["gemmi.SpaceGroup"], choice: str, name: str) -> list["gemmi.SpaceGroup"]:
    wanted = {"S": "1", "Z": "2"}.get(choice, choice)
    chosen = [one for one in settings if wanted in (one.ext.strip("\0"), one.qualifier)]
    if not chosen:
        raise PassbandError(f"space group {name} has no setting '{choice}'; remove it or correct the symbol")
    return chosen


def _of_number(text: str) -> list["gemmi.SpaceGroup"]:
    import gemmi

    return [one for one in list(gemmi.spacegroup_table())[:TABLED] if str(one.number) == text]


def _only_setting(
    settings: dict[str, list["gemmi.SpaceGroup"]], choices: tuple[str, ...], cell: tuple[float, ...]
) -> SpaceGroup:
    """Return the one setting that symbols, numbers, choice and cell leave."""
    name, left = next(iter(settings.items()))
    for other, meant in settings.items():
        symbols = {one.xhm() for one in meant}
        numbers = {one.number for one in meant}
        by_number = other.endswith(tuple("0123456789"))
        left = [one for one in left if (one.number in numbers if by_number else one.xhm() in symbols)]
        if not left:
            raise PassbandError(f"{name} and {other} are not the same; remove the wrong one")
    for choice in choices:
        left = _with_choice(left, choice.upper() if choice in ("h", "r") else choice, name)
    groups = {one.xhm(): _group(one.operations()) for one in left}
    fitting = {symbol: group for symbol, group in groups.items() if _fits(group, cell)} or groups
    if len(fitting) > 1:
        raise PassbandError(
            f"{name} has {len(fitting)} settings ({', '.join(fitting)}) and the file does not say which; "
            "write one of these symbols, or list the operations"
        )
    return next(iter(fitting.values()))


def _check_agreement(exact: SpaceGroup, settings: dict[str, list["gemmi.SpaceGroup"]]) -> None:
    """Compare what symbols and numbers say with the operations; names that are not known say nothing."""
    import gemmi

    for name, meant in settings.items():
        allowed = [_group(one.operations()) for one in meant]
        if not exact.number:  # axes that no table has: of the same class at least
            agrees = [_class(group.rotations) == _class(exact.rotations) for group in allowed]
        elif name.endswith(tuple("0123456789")):
            agrees = [group.number == exact.number for group in allowed]
        else:
            agrees = [same_operations(exact, group.rotations, group.translations) for group in allowed]
        if meant and not any(agrees):
            found = gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(exact.hall)).xhm() if exact.hall else "others"
            raise PassbandError(f"{name} is not that of the operations or Hall symbol ({found}); remove the wrong one")


def _class(rotations: IntArray) -> dict[tuple[int, int], float]:
    """Share of each kind of rotation: the crystal class, whatever the axes and the centring."""
    kinds = Counter((round(float(np.linalg.det(one))), int(np.trace(one))) for one in rotations)
    return {kind: count / len(rotations) for kind, count in kinds.items()}


def _fits(group: SpaceGroup, cell: tuple[float, ...]) -> bool:
    """Whether the operations keep the lengths and angles of a cell, to a half percent."""
    a, b, c = cell[:3]
    alpha, beta, gamma = np.cos(np.deg2rad(cell[3:]))
    cosines = np.array([[1.0, gamma, beta], [gamma, 1.0, alpha], [beta, alpha, 1.0]])
    metric = cosines * np.outer((a, b, c), (a, b, c))
    turned = group.rotations.transpose(0, 2, 1) @ metric @ group.rotations
    return bool((np.abs(turned - metric) <= 0.01 * np.outer((a, b, c), (a, b, c))).all())


def _key(rotations: Iterable[IntArray], translations: Iterable[FloatArray]) -> frozenset[tuple[int, ...]]:
    """Operations as whole numbers, translations in 24ths of the cell."""
    shifts = [np.rint(24.0 * np.asarray(shift)).astype(int) % 24 for shift in translations]
    turns = [np.rint(turn).astype(int).ravel() for turn in rotations]
    return frozenset((*turn.tolist(), *shift.tolist()) for turn, shift in zip(turns, shifts, strict=True))
