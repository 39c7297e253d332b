"""A scan: the probe, its positions and the detectors; and the image that a Fourier series gives there."""

from math import isclose, pi
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from passband.microscope.frequencies import resize_spectrum
from passband.microscope.scanning.annular import Detectors
from passband.microscope.scanning.probe import Probe
from passband.recipe import PassbandError, Recipe


class Scan(Recipe):
    """Positions of a probe, row by row, and the detectors that record it.

    Attributes
    ----------
    probe
        The beam.
    detectors
        Each gives one image.
    shape
        Positions along (y, x).
    pixel_size
        Step in Å.
    origin
        Position (y, x) of the first in Å, in the coordinates of the atoms.
    """

    probe: Probe
    detectors: Detectors
    shape: tuple[int, int]
    pixel_size: float = Field(gt=0.0)
    origin: tuple[float, float] = (0.0, 0.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.shape) < 1:
            raise PassbandError(f"shape={self.shape} has an empty side; both must be at least 1 position")
        return self

    def positions(self) -> tuple[Tensor, Tensor]:
        """Å along y (rows,) and along x (columns,), double precision."""
        along = (torch.arange(size, dtype=torch.float64) * self.pixel_size for size in self.shape)
        y, x = (one + start for one, start in zip(along, self.origin, strict=True))
        return y, x


def sample_series(series: Tensor, sides: tuple[float, float], scan: Scan) -> Tensor:
    """Values (..., y, x) at the positions of a scan of a real Fourier series (..., ky, kx) of corner origin.

    The field has `sides` (y, x) Å and is periodic. Positions further apart than the series needs give what a scan
    gives: values at points, with aliases.
    """
    if _covers(sides, scan) and all(size <= pixels for size, pixels in zip(series.shape[-2:], scan.shape, strict=True)):
        image: Tensor = torch.fft.ifft2(resize_spectrum(series, scan.shape), norm="forward").real
        return image.contiguous()
    factors = []
    for size, side, places in zip(series.shape[-2:], sides, scan.positions(), strict=True):
        order = torch.fft.fftfreq(size, d=1.0 / size, dtype=torch.float64)
        phase = (2.0 * pi / side) * places[:, None] * order
        factors.append(torch.polar(torch.ones_like(phase), phase).to(series))
    values: Tensor = (factors[0] @ series @ factors[1].T).real
    return values.contiguous()


def _covers(sides: tuple[float, float], scan: Scan) -> bool:
    """Whether the positions divide the field evenly, so that a Fourier transform gives the values."""
    scanned = [size * scan.pixel_size for size in scan.shape]
    return scan.origin == (0.0, 0.0) and all(isclose(one, side) for one, side in zip(scanned, sides, strict=True))
