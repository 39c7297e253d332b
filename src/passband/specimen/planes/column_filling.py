"""How many atoms the columns of a lattice hold, and of which elements: thickness, steps, alloying and vacancies."""

from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import Choice, LogUniform, Scalar, Uniform, check_limits, drawn
from passband.recipe import Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.planes.cell import HEAVIEST, LIGHTEST
from passband.specimen.sheets.springs import IntArray
from passband.specimen.sheets.triangular import turned

EXPONENT = 1.7  # of Z: about how an annular dark field counts an atom


class FilledColumns(NamedTuple):
    """Columns of an image: places (n, 2) as (x, y) in Å, atomic numbers (n,) and how many atoms (n,)."""

    positions: FloatArray
    numbers: IntArray
    atoms: FloatArray

    @property
    def signal(self) -> FloatArray:
        """About what an annular dark field shows of each (n,): atoms × Z^1.7."""
        signal: FloatArray = self.atoms * self.numbers.astype(float) ** EXPONENT
        return signal


class ColumnFilling(Recipe):
    """Which fillings may occur.

    Attributes
    ----------
    atoms
        In a column in the middle of the field; rounded in each column after all else, to at least 1.
    ramp
        Difference of the thickness across the field, in parts of `atoms`.
    steps
        Straight ones of the surfaces, up or down, rounded.
    step
        Their height in parts of `atoms`; at least one atom.
    roughness
        Standard deviation from column to column, in parts of the thickness.
    vacancies
        Probability of each atom to be missing.
    missing
        Probability of each column to be missing.
    alloy
        Probability that one of the elements is alloyed with another.
    foreign
        Mean fraction of that; each column has its share at random, so a small one is single dopants.
    modulation
        From 0, the same everywhere, to 1, a wave of the fraction from nothing to twice its mean.
    waves
        Of it across the field, rounded; it repeats with the field.
    """

    atoms: Scalar = LogUniform(log_uniform=(1.0, 80.0))
    ramp: Scalar = Uniform(uniform=(0.0, 0.7))
    steps: Scalar = Choice(choice=(0, 0, 0, 1, 2, 4))
    step: Scalar = Uniform(uniform=(0.05, 0.3))
    roughness: Scalar = Uniform(uniform=(0.0, 0.12))
    vacancies: Scalar = LogUniform(log_uniform=(1e-3, 0.05))
    missing: Scalar = LogUniform(log_uniform=(1e-4, 0.03))
    alloy: float = Field(default=0.35, ge=0, le=1)
    foreign: Scalar = LogUniform(log_uniform=(0.005, 0.5))
    modulation: Scalar = Uniform(uniform=(0.0, 1.0))
    waves: Scalar = Choice(choice=(1, 2, 3))

    @model_validator(mode="after")
    def _check(self) -> Self:
        shares = ("step", "vacancies", "missing", "foreign", "modulation")
        ranges = {"atoms": (1.0, 1000.0), "ramp": (0.0, 1.9), "steps": (0.0, 20.0), "roughness": (0.0, 0.5)}
        check_limits(self, ranges | {"waves": (1.0, 20.0)} | dict.fromkeys(shares, (0.0, 1.0)))
        return self


def column_thickness(
    recipe: ColumnFilling, places: FloatArray, *, field: float, rng: np.random.Generator
) -> tuple[FloatArray, dict[str, Any]]:
    """Atoms (n,) of full columns at places (n, 2) of a field, not rounded, and what was drawn."""
    atoms, ramp, height = drawn(recipe.atoms, rng), drawn(recipe.ramp, rng), drawn(recipe.step, rng)
    steps, middle = round(drawn(recipe.steps, rng)), places / field - 0.5
    thickness = 1.0 + ramp * middle @ turned(np.array([1.0, 0.0]), rng.uniform(0.0, 2.0 * np.pi))
    for _ in range(steps):
        beyond = middle @ turned(np.array([1.0, 0.0]), rng.uniform(0.0, 2.0 * np.pi)) > rng.uniform(-0.4, 0.4)
        thickness += beyond * max(height, 1.0 / atoms) * rng.choice((-1.0, 1.0))
    found: FloatArray = np.maximum(atoms * thickness, 1.0)
    return found, {"atoms": atoms, "ramp": ramp, "steps": steps}


def column_atoms(recipe: ColumnFilling, thickness: FloatArray, *, rng: np.random.Generator) -> IntArray:
    """Atoms (n,) of columns that would have `thickness` (n,) without roughness and vacancies; 0 is no column."""
    rough = 1.0 + drawn(recipe.roughness, rng) * rng.standard_normal(len(thickness))
    atoms = np.maximum(np.rint(thickness * rough), 1.0).astype(np.int64)
    atoms -= rng.binomial(atoms, drawn(recipe.vacancies, rng))
    atoms[rng.random(len(atoms)) < drawn(recipe.missing, rng)] = 0
    return atoms


def alloyed(
    recipe: ColumnFilling, columns: tuple[IntArray, IntArray], places: FloatArray, *, rng: np.random.Generator
) -> tuple[IntArray, dict[str, Any]]:
    """Mean atomic numbers (n,) after alloying, rounded, and what was drawn.

    `columns` are the atomic number and the atoms (n,) of each, `places` (n, 2) are in parts of the field.
    """
    numbers, atoms = columns
    host, foreign = int(rng.choice(numbers)) if len(numbers) else LIGHTEST, int(rng.integers(LIGHTEST, HEAVIEST + 1))
    fraction, depth = drawn(recipe.foreign, rng), drawn(recipe.modulation, rng)
    wave, phase = round(drawn(recipe.waves, rng)) * np.eye(2)[int(rng.integers(2))], rng.uniform(0.0, 2.0 * np.pi)
    if rng.random() >= recipe.alloy:
        return numbers, {}
    share = fraction * (1.0 + depth * np.cos(2.0 * np.pi * places @ wave + phase))
    replaced = np.where(numbers == host, rng.binomial(atoms, np.clip(share, 0.0, 1.0)), 0)
    mean = numbers + np.rint(replaced * (foreign - host) / np.maximum(atoms, 1)).astype(np.int64)
    return mean, {"host": host, "foreign": foreign, "fraction": fraction, "modulation": depth}
