"""The record of one image: the pixels as stored, how large they are, and what is known of how they were made."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.microscope.conditions import Conditions

#: Stands behind the name of such a file.
NO_PIXEL_SIZE = "does not say its pixel size; give it in Å, for example --pixel-size 0.5, or in Python pixel_size=0.5"


@dataclass(frozen=True, eq=False)
class Micrograph:
    """One real-space image.

    Attributes
    ----------
    array
        (y, x), in the stored type and the machine's byte order; a note in `provenance` counts replaced outliers.
    pixel_size
        (y, x) in Å, or None where the file does not say; one number, of square pixels, is understood.
    energy
        Beam energy in eV, or None.
    cs
        Spherical aberration C30 in Å, or None where the file does not say it; keyword only.
    instrument
        Name of the microscope, or None.
    mode
        "TEM", "STEM" or "SEM", or None.
    conditions
        Imaging conditions, where they are known (simulated images).
    provenance
        Where it came from and how it was understood: `path`, `format`, `frame`, `notes`.
    """

    array: NDArray[Any]
    pixel_size: tuple[float, float] | None = None
    energy: float | None = None
    instrument: str | None = None
    mode: str | None = None
    conditions: "Conditions | None" = None
    provenance: dict[str, Any] = field(default_factory=dict)
    cs: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", np.asarray(self.array))
        if self.pixel_size is not None and np.ndim(self.pixel_size) == 0:  # of square pixels
            object.__setattr__(self, "pixel_size", (self.pixel_size,) * 2)
        if self.array.ndim != 2 or 0 in self.array.shape:
            raise PassbandError(f"a micrograph of shape {self.array.shape} is not an image; it must be (y, x)")
        if self.pixel_size is not None and not all(0 < side < float("inf") for side in self.pixel_size):
            raise PassbandError(f"pixel_size={self.pixel_size} Å must be finite and above 0")

    @property
    def known_pixel_size(self) -> tuple[float, float]:
        """Pixel size (y, x) in Å, of a micrograph that has one.

        Raises
        ------
        PassbandError
            The file does not say it and nobody gave it.
        """
        if self.pixel_size is None:
            name = self.provenance.get("path", "the micrograph")
            hint = next((note for note in self.provenance.get("notes", ()) if "give --pixel-size" in note), "")
            raise PassbandError(f"{name} {NO_PIXEL_SIZE}" + (f" ({hint})" if hint else ""))
        return self.pixel_size
