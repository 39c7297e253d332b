"""What a scan shows beside a lattice: amorphous matter on, under or around it, and single atoms that lie anywhere.

They are columns too, for the image, and belong to no truth. Amorphous matter is an ideal gas: its atoms are independent
of one another, which real ones are not, so it is somewhat more uneven than carbon at distances beyond 3 Å.
"""

from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import Choice, LogUniform, Scalar, Uniform, check_limits, drawn
from passband.recipe import Recipe
from passband.specimen.planes.cell import HEAVIEST, LIGHTEST
from passband.specimen.planes.column_filling import EXPONENT, FilledColumns
from passband.specimen.planes.outline import Outline

DENSITY = {6: 0.09, 14: 0.05, 32: 0.044}  # atoms/Å³ of amorphous carbon (1.8 g/cm³), Si and Ge; others as Si
_GRAIN = 0.7  # Å: atoms in squares of this side are one column
_THINNEST = 10.0  # Å, of an amorphous field
_SINGLE = 0.5  # of the signal of the median column, that an atom of amorphous matter may have
_SPOT = 1.5  # Å², of a probe
_SAMPLES = 40  # along a side, by which the area of a lattice is counted


class StrayColumns(Recipe):
    """Which columns without a lattice may occur.

    Attributes
    ----------
    overlay
        Probability of an amorphous film over the whole field.
    thickness
        Of it, Å; of an amorphous field without a lattice at least 10 Å, for single atoms are no disorder.
    number
        Its atomic number, rounded; also of an amorphous field.
    speckle
        All amorphous matter is at most so thick that its standard deviation over the area of a probe is this part of
        the signal of the median column of the lattice, and left out where a single atom of it has more than half of
        that signal: what is quite hidden, or looks the same, cannot be learned.
    border
        Probability that amorphous matter of an element of the lattice lies around the outline of it.
    border_width
        Of that, Å.
    adatoms
        Weak columns at random places, per nm².
    adatom_signal
        Of one, in parts of the signal of the median column.
    """

    overlay: float = Field(default=0.5, ge=0, le=1)
    thickness: Scalar = Uniform(uniform=(0.0, 50.0))
    number: Scalar = Choice(choice=(6, 6, 6, 6, 14, 32))
    speckle: float = Field(default=0.25, gt=0, le=10)
    border: float = Field(default=0.4, ge=0, le=1)
    border_width: Scalar = LogUniform(log_uniform=(5.0, 100.0))
    adatoms: Scalar = LogUniform(log_uniform=(0.01, 1.0))
    adatom_signal: Scalar = Uniform(uniform=(0.1, 0.5))

    @model_validator(mode="after")
    def _check(self) -> Self:
        ranges = {
            "thickness": (0.0, 200.0),
            "number": (LIGHTEST, HEAVIEST),
            "border_width": (0.0, np.inf),
            "adatoms": (0.0, 20.0),
            "adatom_signal": (0.0, 10.0),
        }
        check_limits(self, ranges)
        return self


def amorphous(number: int, per_area: float, field: float, *, rng: np.random.Generator) -> FilledColumns:
    """Amorphous matter over a field of `field` Å, with `per_area` atoms on 1 Å² in the mean."""
    count = max(1, round(field / _GRAIN))
    side = field / count
    atoms = rng.poisson(per_area * side**2, count**2)
    held = np.flatnonzero(atoms)
    corners = np.stack([held % count, held // count], axis=1)
    places = np.minimum(side * (corners + rng.random((len(held), 2))), np.nextafter(field, 0.0))
    return FilledColumns(places, np.full(len(held), number), atoms[held].astype(float))


def overlay(
    recipe: StrayColumns, median: float | None, field: float, *, rng: np.random.Generator
) -> tuple[FilledColumns, dict[str, Any]]:
    """Film over a field, and what was drawn; `median` is the signal of the median column, None without a lattice."""
    number, thickness = round(drawn(recipe.number, rng)), drawn(recipe.thickness, rng)
    density = DENSITY.get(number, DENSITY[14])
    if median is None:
        thickness = max(thickness, _THINNEST)
    else:
        thickness = min(thickness, _most(recipe, median, number) / density) * (rng.random() < recipe.overlay)
    film = amorphous(number, density * thickness, field, rng=rng)
    return film, {"number": number, "thickness": thickness}


def adatoms(recipe: StrayColumns, median: float, field: float, *, rng: np.random.Generator) -> FilledColumns:
    """Weak columns at random places of a field; `median` is the signal of the median column."""
    count = rng.poisson(drawn(recipe.adatoms, rng) * field**2 / 100.0)
    numbers = rng.integers(LIGHTEST, HEAVIEST + 1, count)
    signal = median * np.array([drawn(recipe.adatom_signal, rng) for _ in range(count)])
    return FilledColumns(rng.random((count, 2)) * field, numbers, signal / numbers.astype(float) ** EXPONENT)


def border(
    recipe: StrayColumns, lattice: FilledColumns, outline: Outline, *, rng: np.random.Generator
) -> tuple[FilledColumns, float]:
    """Amorphous matter around a lattice, with about as many atoms on an area as it has, and its width in Å."""
    width = drawn(recipe.border_width, rng) * bool(rng.random() < recipe.border and outline.kind != "whole")
    number = int(rng.choice(lattice.numbers))
    grid = np.stack(np.meshgrid(*[(np.arange(_SAMPLES) + 0.5) / _SAMPLES * outline.field] * 2), axis=-1).reshape(-1, 2)
    covered = max(float(np.mean(outline.depth(grid) >= 0.0)), 1.0 / len(grid))
    most = _most(recipe, float(np.median(lattice.signal)), number)
    density = min(float(lattice.atoms.sum()) / (covered * outline.field**2), most)
    around = amorphous(number, density if width else 0.0, outline.field, rng=rng)
    depth = outline.depth(around.positions)
    near = (depth < 0.0) & (depth >= -width)
    return FilledColumns(around.positions[near], around.numbers[near], around.atoms[near]), width


def _most(recipe: StrayColumns, median: float, number: int) -> float:
    """Atoms on 1 Å² at which an ideal gas of them is as uneven as `speckle` allows: √N of the N atoms in a probe."""
    single = number**EXPONENT / median
    return (recipe.speckle / single) ** 2 / _SPOT if single <= _SINGLE else 0.0
