"""Point defects of graphene, put into a sheet one after another, apart from each other."""

from collections.abc import Callable
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import Scalar, drawn, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.bonded_sheet import CARBON, LATTICE, SILICON, BondedSheet
from passband.specimen.sheets.springs import shortest

MOST = 1e4  # defects of one kind


class PointDefects(Recipe):
    """How many point defects a sheet has, each kind rounded; none by default.

    Where there is no room for all of them `apart` Å from one another, there are fewer.

    Attributes
    ----------
    silicon_3
        Silicon in the place of one atom, with three bonds.
    silicon_4
        Silicon in the place of two, with four bonds.
    vacancies
        One atom missing: a ring of five and one of nine.
    divacancies
        Two neighbours missing: two rings of five and one of eight.
    stone_wales
        A bond turned by 90°: two rings of five and two of seven.
    apart
        Å between defects at least, from middle to middle.
    """

    silicon_3: Scalar = 0.0
    silicon_4: Scalar = 0.0
    vacancies: Scalar = 0.0
    divacancies: Scalar = 0.0
    stone_wales: Scalar = 0.0
    apart: float = Field(default=8.0, ge=6.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in set(type(self).model_fields) - {"apart"}:
            low, high = limits(getattr(self, name))
            if low < 0 or high > MOST:
                raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within 0 and {MOST:g}")
        return self


def _silicon_3(sheet: BondedSheet, site: int, _: np.random.Generator) -> None:
    sheet.place(site, SILICON)
    sheet.settle([site])


def _silicon_4(sheet: BondedSheet, site: int, rng: np.random.Generator) -> None:
    sheet.place(site, SILICON)
    sheet.leave(_neighbour(sheet, site, rng))


def _vacancy(sheet: BondedSheet, site: int, _: np.random.Generator) -> None:
    sheet.leave(site)


def _divacancy(sheet: BondedSheet, site: int, rng: np.random.Generator) -> None:
    sheet.leave(site, _neighbour(sheet, site, rng))


def _stone_wales(sheet: BondedSheet, site: int, rng: np.random.Generator) -> None:
    sheet.rotate(site, _neighbour(sheet, site, rng), clockwise=bool(rng.integers(2)))


def _neighbour(sheet: BondedSheet, site: int, rng: np.random.Generator) -> int:
    return sheet.graph.neighbours[site][int(rng.integers(3))]


def place_defects(sheet: BondedSheet, defects: PointDefects, *, rng: np.random.Generator) -> None:
    """Put defects into the perfect parts of a sheet."""
    taken = np.zeros((0, 2))
    kinds: list[tuple[Scalar, Callable[[BondedSheet, int, np.random.Generator], None]]] = [
        (defects.silicon_4, _silicon_4),
        (defects.divacancies, _divacancy),
        (defects.stone_wales, _stone_wales),
        (defects.vacancies, _vacancy),
        (defects.silicon_3, _silicon_3),
    ]
    for count, make in kinds:
        for _ in range(round(drawn(count, rng))):
            sheet.classify()
            site = _free_site(sheet, taken, defects.apart, rng)
            if site is None:
                break
            taken = np.vstack([taken, sheet.positions[site]])
            make(sheet, site, rng)


def _free_site(sheet: BondedSheet, taken: FloatArray, apart: float, rng: np.random.Generator) -> int | None:
    """Draw a carbon site of perfect lattice, with neighbours in it too, apart from the taken ones; None without any."""
    sites = rng.permutation(np.flatnonzero((sheet.kind == LATTICE) & (sheet.numbers == CARBON)))
    for site in sites.tolist():
        offset = shortest(taken - sheet.positions[site], sheet.cell)
        clear = not len(taken) or float((offset**2).sum(axis=1).min()) >= apart**2
        if clear and all(sheet.kind[v] == LATTICE for v in sheet.graph.neighbours[site]):
            return int(site)
    return None
