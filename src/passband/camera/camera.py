"""The camera of one micrograph, and the distribution that cameras are drawn from (`[imaging.camera]` of a plan).

`docs/camera.md` has the order of the effects, their formulas and sources. Read-out noise and the MTF are those of the
conditions (`readout_noise`, `mtf`): of a camera that both are given for, they act on its pixels.
"""

from math import pi
from typing import Any, Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from passband.camera.processing import Processing, ProcessingDistribution
from passband.camera.quantities import Sparse, check_quantities, draw_quantities
from passband.distribution import Scalar, Uniform, check_sum
from passband.recipe import PassbandError

#: How an image is resampled: `camera.resampling` has the formulas.
Kernel = Literal["area", "nearest", "bilinear", "bicubic", "lanczos"]


class Camera(Sparse):
    """What one micrograph was recorded with; without a value, a camera that only counts electrons.

    Attributes
    ----------
    drift
        Length of the straight line that the specimen moves along during the exposure, Å.
    drift_direction
        Of that line, rad from x towards y.
    vibration
        Standard deviation of a Gaussian blur of the specimen's position along each axis, Å.
    blur
        Standard deviation of a Gaussian blur before the electrons are counted, camera pixels: signal is damped, noise
        is not.
    gradient
        Linear change of the illumination from one side of the patch to the other, as a fraction of it.
    unevenness
        Standard deviation of a slow change of the intensity (thickness, illumination), as a fraction of it.
    oversampling
        Camera pixels per pixel of the image along each side: the electrons are counted on them, and the image is
        resampled afterwards. Never finer than the stored waves.
    kernel
        That it is resampled with.
    excess_noise
        Variance of the signal of one electron, in units of its squared mean; counts vary 1 + excess_noise times as
        much.
    correlation
        Standard deviation of a Gaussian blur after the electrons are counted, camera pixels: signal and noise are
        damped.
    gain_residue
        What is left of the gain pattern, rms as a fraction of the signal; half of its variance is of whole columns.
    dark_residue
        What is left of the dark pattern, rms as a fraction of the vacuum's mean; half of its variance is of columns.
    hot_pixels
        Single bright pixels per 10⁴ camera pixels.
    xrays
        Bright spots of 1 to 3 camera pixels a side per 10⁴ camera pixels.
    spot_height
        Mean height of both, in standard deviations of the image.
    offset
        Added to the image, as a fraction of the vacuum's mean.
    saturation
        Fraction of the camera pixels that are brighter than it can say, and are set to the least of them.
    processing
        What people do to the image afterwards; None is nothing.
    """

    drift: float = Field(default=0.0, ge=0.0, le=50.0)
    drift_direction: float = Field(default=0.0, ge=-2.0 * pi, le=2.0 * pi)
    vibration: float = Field(default=0.0, ge=0.0, le=10.0)
    blur: float = Field(default=0.0, ge=0.0, le=5.0)
    gradient: float = Field(default=0.0, ge=0.0, le=1.0)
    unevenness: float = Field(default=0.0, ge=0.0, le=0.5)
    oversampling: float = Field(default=1.0, ge=0.25, le=4.0)
    kernel: Kernel = "area"
    excess_noise: float = Field(default=0.0, ge=0.0, le=10.0)
    correlation: float = Field(default=0.0, ge=0.0, le=3.0)
    gain_residue: float = Field(default=0.0, ge=0.0, le=0.5)
    dark_residue: float = Field(default=0.0, ge=0.0, le=1.0)
    hot_pixels: float = Field(default=0.0, ge=0.0, le=1000.0)
    xrays: float = Field(default=0.0, ge=0.0, le=1000.0)
    spot_height: float = Field(default=10.0, ge=0.0, le=1000.0)
    offset: float = Field(default=0.0, ge=-10.0, le=10.0)
    saturation: float = Field(default=0.0, ge=0.0, le=0.5)
    processing: Processing | None = None


def _bounds(metadata: list[Any]) -> tuple[float, float]:
    return tuple(next(getattr(one, end) for one in metadata if hasattr(one, end)) for end in ("ge", "le"))


#: Fields of `Camera` that are numbers, with the smallest and the largest value of each.
QUANTITIES = {name: _bounds(field.metadata) for name, field in Camera.model_fields.items() if field.annotation is float}


class CameraDistribution(Sparse):
    """A distribution over cameras; each quantity is a number or varies by itself.

    Attributes
    ----------
    drift
        Length of the straight line that the specimen moves along during the exposure, Å; 0 to 50.
    drift_direction
        Of that line, rad from x towards y; any by default.
    vibration
        Standard deviation of a Gaussian blur of the specimen's position along each axis, Å; 0 to 10.
    blur
        Standard deviation of a Gaussian blur before the electrons are counted, camera pixels; 0 to 5.
    gradient
        Linear change of the illumination from one side of the patch to the other, as a fraction of it; 0 to 1. Its
        direction is drawn for each patch.
    unevenness
        Standard deviation of a slow change of the intensity (thickness, illumination), as a fraction of it; 0 to 0.5.
    oversampling
        Camera pixels per pixel of the image along each side; 0.25 to 4, and never finer than the stored waves. The
        electrons are counted on them, and the image is resampled to `imaging.pixel_size` afterwards.
    kernels
        How likely each way of resampling is, as positive numbers in any unit: `area` (binning), `nearest`, `bilinear`,
        `bicubic`, `lanczos`.
    excess_noise
        Variance of the signal of one electron, in units of its squared mean; 0 to 10. Counts vary 1 + excess_noise
        times as much as those of electrons.
    correlation
        Standard deviation of a Gaussian blur after the electrons are counted, camera pixels; 0 to 3.
    gain_residue
        What is left of the gain pattern, rms as a fraction of the signal; 0 to 0.5. Half of its variance is of whole
        columns.
    dark_residue
        What is left of the dark pattern, rms as a fraction of the vacuum's mean; 0 to 1. Half of its variance is of
        whole columns.
    hot_pixels
        Single bright pixels per 10⁴ camera pixels; 0 to 1000.
    xrays
        Bright spots of 1 to 3 camera pixels a side per 10⁴ camera pixels; 0 to 1000.
    spot_height
        Mean height of both, in standard deviations of the image; 0 to 1000.
    offset
        Added to the image, as a fraction of the vacuum's mean; -10 to 10.
    saturation
        Fraction of the camera pixels that are brighter than it can say, and are set to the least of them; 0 to 0.5.
    probability
        Of an effect being there at all, by the key of its quantity; 1 for those that are left out.
    processing
        Distribution of what people do to the image afterwards; None is nothing.

    Examples
    --------
    >>> cameras = CameraDistribution(correlation={"uniform": [0.0, 0.9]}, drift=2.0, probability={"drift": 0.5})
    >>> rng = np.random.default_rng(0)
    >>> [(round(one.correlation, 2), one.drift) for one in (cameras.sample(rng), cameras.sample(rng))]
    [(0.04, 0.0), (0.82, 2.0)]
    """

    drift: Scalar = 0.0
    drift_direction: Scalar = Uniform(uniform=(-pi / 2.0, pi / 2.0))
    vibration: Scalar = 0.0
    blur: Scalar = 0.0
    gradient: Scalar = 0.0
    unevenness: Scalar = 0.0
    oversampling: Scalar = 1.0
    kernels: dict[Kernel, float] = Field(default={"area": 1.0}, min_length=1)
    excess_noise: Scalar = 0.0
    correlation: Scalar = 0.0
    gain_residue: Scalar = 0.0
    dark_residue: Scalar = 0.0
    hot_pixels: Scalar = 0.0
    xrays: Scalar = 0.0
    spot_height: Scalar = 10.0
    offset: Scalar = 0.0
    saturation: Scalar = 0.0
    probability: dict[str, float] = Field(default={})
    processing: ProcessingDistribution | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_quantities(self, QUANTITIES, self.probability)
        unlikely = [(name, weight) for name, weight in self.kernels.items() if not weight > 0.0]
        if unlikely:
            name, weight = unlikely[0]
            raise PassbandError(f"kernels.{name}={weight:g} is not positive; leave it out where it is never used")
        check_sum("kernels", self.kernels.values())
        return self

    def sample(self, rng: np.random.Generator) -> Camera:
        """Draw one camera. The tails of a normal distribution are cut off at the bounds of its quantity."""
        values: dict[str, Any] = draw_quantities(self, QUANTITIES, self.probability, rng)
        names = [name for name in get_args(Kernel) if name in self.kernels]
        weights = np.array([self.kernels[name] for name in names])
        kernel = names[int(rng.choice(len(names), p=weights / weights.sum()))] if len(names) > 1 else names[0]
        processing = None if self.processing is None else self.processing.sample(rng)
        return Camera(**values, kernel=kernel, processing=processing)
