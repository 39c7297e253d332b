"""CIF files: the cell, the symmetry and the ordered sites of one structure, or one line that says what is missing.

gemmi reads the syntax (Hall, Allen & Brown, Acta Cryst. A 47 (1991) 655); names are those of the core dictionary, with
`_` or `.` between category and item.
"""

import codecs
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols

from passband.recipe import PassbandError
from passband.specimen.space_group import SpaceGroup, Stated, find_space_group

if TYPE_CHECKING:
    import gemmi

LARGEST_FILE = 16_000_000  # bytes; structures take kilobytes, only reflection data take megabytes
MOST_IMAGES = 20_000  # sites × operations
SYMBOL = re.compile(r"([A-Za-z]{1,2})(?:\d*(?:\.\d*)?[+-]?|[+-]\d*)")  # Cd, Cd2+, Cd+2, O2-, Fe3
ELEMENTS = frozenset(chemical_symbols[1:99])  # NH, NO and CN are groups of atoms
MIXED = re.compile(r"[,/&;|]|\.\d*[A-Za-z]|\d[A-Z][a-z]")  # Au,Ag or Au0.5Ag0.5
LETTERS = string.ascii_letters
HYDROGEN = {"D": "H", "T": "H"}  # isotopes scatter electrons alike

Tags = dict[str, list[str]]


class Structure(NamedTuple):
    """What a CIF says of a crystal: every site of the list, fully occupied, fractional coordinates."""

    cell: tuple[float, float, float, float, float, float]
    group: SpaceGroup
    labels: tuple[str, ...]
    symbols: tuple[str, ...]
    sites: tuple[tuple[float, float, float], ...]


def read_structure(path: Path, block: str | None = None) -> Structure:
    """Read the structure of a CIF, of the data block `block` where there are several.

    Raises
    ------
    PassbandError
        The file is missing, no CIF, of another kind than an ordered crystal, or leaves something open.
    """
    tags = _structure_block(path, _read_text(path), block)
    try:
        cell = _cell(tags)
        group = find_space_group(_stated(tags), cell)
        labels, symbols, sites = _sites(tags)
        if len(sites) * len(group.rotations) > MOST_IMAGES:
            raise PassbandError(f"{len(sites)} sites × {len(group.rotations)} operations; {MOST_IMAGES} at most")
    except PassbandError as error:
        raise PassbandError(f"{path}: {error}") from error
    return Structure(cell, group, labels, symbols, sites)


def _read_text(path: Path) -> str:
    if not path.exists():
        raise PassbandError(f"{path} does not exist; give the path of a CIF file")
    if not path.is_file():
        raise PassbandError(f"{path} is not a regular file; give the path of a CIF file")
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise PassbandError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if len(raw) > LARGEST_FILE:
        raise PassbandError(f"{path} has more than {LARGEST_FILE // 1_000_000} MB; give the CIF of one structure")
    return _decoded(raw).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(raw: bytes) -> str:
    """Return the text, by its mark or as UTF-8; what is neither is Latin-1, as in older files."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _structure_block(path: Path, text: str, block: str | None) -> Tags:
    """Return names and values of the one data block that holds atoms, or of the one that is asked for."""
    import gemmi

    if "\0" in text:
        raise PassbandError(f"{path} cannot be read as CIF (it is not text); check the file")
    try:
        document = gemmi.cif.read_string(text)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PassbandError(f"{path} cannot be read as CIF ({reason}); check the file") from error
    found = {one.name: tags for one in document if _holds_atoms(tags := _tags(one))}
    if not found:
        raise PassbandError(f"{path} holds no atoms; give a CIF with _atom_site_fract_x, _y and _z")
    if block is None and len(found) > 1:
        names = ", ".join(list(found)[:8])
        raise PassbandError(f"{path} holds {len(found)} structures ({names}); name one as `block`")
    if block is not None and block not in found:
        raise PassbandError(f"{path} has no structure '{block}'; it holds: {', '.join(found)}")
    return found[block if block is not None else next(iter(found))]


def _holds_atoms(tags: Tags) -> bool:
    return any(any(values) for name, values in tags.items() if re.fullmatch(r"_atom_site_(fract|cartn)_[xyz]", name))


def _tags(block: "gemmi.cif.Block") -> Tags:
    """Values of every name, unquoted; those that are unknown or do not apply (? and .) are empty."""
    found: Tags = {}
    for item in block:
        pair: Any = item.pair
        if pair is not None:
            found[_name(pair[0])] = [_value(pair[1])]
        elif item.loop is not None:
            width = len(item.loop.tags)
            for column, tag in enumerate(item.loop.tags):
                found[_name(tag)] = [_value(value) for value in item.loop.values[column::width]]
    return found


def _name(tag: str) -> str:
    return tag.lower().replace(".", "_")


def _value(value: str) -> str:
    import gemmi

    text = gemmi.cif.as_string(value).strip()
    return "" if text in ("?", ".") else text


def _given(tags: Tags, *names: str) -> tuple[str, ...]:
    return tuple(value for name in names for value in tags.get(name, ()) if value)


def _number(text: str, name: str) -> float:
    """Value of a number, without the uncertainty behind it: 5.43(2) is 5.43."""
    import gemmi

    if not text:
        raise PassbandError(f"{name} is missing; give a number, such as 5.43(2)")
    value = gemmi.cif.as_number(text)
    if not np.isfinite(value) or abs(value) > 1e6:
        raise PassbandError(f"{name} is '{text}'; give a number, such as 5.43(2)")
    return float(value)


def _cell(tags: Tags) -> tuple[float, float, float, float, float, float]:
    values = []
    for part in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        name = f"_cell_{part}"
        right_angle = part.startswith("angle") and name not in tags  # the dictionary's default
        text = "90" if right_angle else next(iter(_given(tags, name)), "")
        values.append(_number(text, name))
    a, b, c, alpha, beta, gamma = values
    return a, b, c, alpha, beta, gamma


def _stated(tags: Tags) -> Stated:
    return Stated(
        operations=_given(tags, "_space_group_symop_operation_xyz")
        or _given(tags, "_symmetry_equiv_pos_as_xyz")
        or _given(tags, "_symmetry_equiv_as_xyz"),
        hall=_given(tags, "_space_group_name_hall", "_symmetry_space_group_name_hall"),
        symbols=_given(
            tags, "_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_ref"
        ),
        numbers=_given(tags, "_space_group_it_number", "_symmetry_int_tables_number"),
        choices=_given(tags, "_space_group_it_coordinate_system_code"),
    )


def _sites(tags: Tags) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[float, float, float], ...]]:
    """Labels, elements and coordinates of the sites; those that are not plain atoms are refused."""
    axes = [tags.get(f"_atom_site_fract_{axis}", []) for axis in "xyz"]
    if not all(axes):
        raise PassbandError("the atoms have no _atom_site_fract_x, _y and _z; write fractional coordinates")
    rows = len(axes[0])
    column = {
        name: tags.get(f"_atom_site_{name}", [""] * rows)
        for name in ("label", "type_symbol", "occupancy", "disorder_group", "attached_hydrogens", "calc_flag")
    }
    atoms: list[tuple[str, str, tuple[float, float, float]]] = []
    for row in range(rows):
        site = {name: values[row] for name, values in column.items()}
        label = site["label"] or site["type_symbol"] or f"number {row + 1}"
        if site["calc_flag"] == "dum":  # a point that is no atom, such as the middle of a ring
            continue
        _check_ordered(site, label)
        x, y, z = (_number(axis[row], f"a coordinate of site {label}") for axis in axes)
        atoms.append((label, _element(site), (x, y, z)))
    labels, symbols, sites = zip(*atoms, strict=True) if atoms else ((), (), ())
    return labels, symbols, sites


def _check_ordered(site: dict[str, str], label: str) -> None:
    if MIXED.search(site["label"]):
        raise PassbandError(f"site {label} seems to be of several elements; give an ordered structure")
    share = site["occupancy"]
    if share and abs(_number(share, f"occupancy of site {label}") - 1.0) > 1e-3:
        raise PassbandError(f"site {label} (occupancy {share}) is partly occupied; give an ordered structure")
    if site["disorder_group"] not in ("", "0"):
        raise PassbandError(f"site {label} is disordered (group {site['disorder_group']}); give an ordered structure")
    if site["attached_hydrogens"] not in ("", "0"):
        raise PassbandError(f"site {label} has hydrogens without places; give every atom a site of its own")


def _element(site: dict[str, str]) -> str:
    """Element of a site by its type, or by the letters that its label begins with where these leave no doubt."""
    written, label = site["type_symbol"], site["label"]
    if written:
        match = SYMBOL.fullmatch(written.replace(" ", ""))
        symbol = match[1].capitalize() if match else ""
        symbol = HYDROGEN.get(symbol, symbol)
        if symbol in ELEMENTS:
            return symbol
        several = len(re.findall(r"[A-Za-z]+", written)) > 1
        cure = "a disordered site; give an ordered structure" if several else "not an element; correct it"
        raise PassbandError(f"_atom_site_type_symbol '{written}' is {cure}")
    letters = label[: len(label) - len(label.lstrip(LETTERS))]
    meant = {HYDROGEN.get(part, part) for part in _beginnings(letters)} & ELEMENTS
    if len(meant) != 1:
        options = " or ".join(sorted(meant)) or "no element"
        raise PassbandError(f"label '{label}' may be {options}; add _atom_site_type_symbol")
    return meant.pop()


def _beginnings(letters: str) -> tuple[str, ...]:
    """Return the elements that the letters may begin with: Cd and cd one, CD two, Wat none."""
    if len(letters) > 1 and letters[1].islower():
        return (letters[:2].capitalize(),) if len(letters) == 2 or not letters[2].islower() else ()
    return (letters[:2].capitalize(), letters[:1].capitalize()) if letters else ()
