"""The choices in ε, σ and Δε; without PyTorch, so that the command line lists them in no time."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from passband.microscope.information.overlaps import OVERLAPS
from passband.recipe import Recipe

OddTreatment = Literal["exact", "naive"]


class Metric(Recipe):
    """The choices in ε, σ and Δε; the defaults are those under which the golden values of the specification are given.

    Attributes
    ----------
    weight
        "radial": every |q| counts alike (w = 1); "area": every pixel of the spectrum counts alike (w = q).
    power
        p in ε, 1 or 2. (σ has its variants in `overlap`.)
    overlap
        Name of the variant of σ, one of `passband.microscope.information.overlaps.OVERLAPS`, where each says what it
        compares.
    odd
        Treatment of coma, trefoil …: see `passband.microscope.transfer.contrast_transfer`.
    qmax
        Largest spatial frequency, Å⁻¹; 2.5 is Nyquist of 0.2 Å pixels.
    radial_points, azimuths
        Of the polar grid (midpoint rule); None chooses from the steepest phase, at least 4,000 and, when a lens is not
        round, 72.
    """

    weight: Literal["radial", "area"] = "radial"
    power: Literal[1, 2] = 1
    overlap: Annotated[str, AfterValidator(OVERLAPS.known)] = "cosine"
    odd: OddTreatment = "exact"
    qmax: float = Field(default=2.5, gt=0.0, le=20.0)
    radial_points: int | None = Field(default=None, ge=16, le=1_000_000)
    azimuths: int | None = Field(default=None, ge=1, le=10_000)
