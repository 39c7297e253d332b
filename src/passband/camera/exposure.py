"""What happens to an image before its electrons are counted: motion, blur, uneven illumination."""

from collections.abc import Sequence
from math import cos, pi, sin

import torch
from torch import Tensor

from passband.camera.camera import Camera
from passband.microscope.frequencies import half_plane

BUMPS = 4  # Gaussians that a slow field is the sum of
NARROWEST, WIDEST = 0.5, 1.0  # standard deviations of their widths, in sides of the image


def exposure_transfer(
    shape: tuple[int, int], camera: Camera, *, pixel_size: float, device: torch.device | str | None = None
) -> Tensor | None:
    """Contrast that motion and blur leave at each frequency of `torch.fft.rfft2`, real; None where it is 1 everywhere.

    sinc(q·d) exp(−2π²v²q²) exp(−2π²b²f²) for a drift d along a line at constant speed and a vibration v in Å, with q in
    Å⁻¹, and a blur b in camera pixels, with f in cycles per camera pixel.

    Parameters
    ----------
    shape
        Camera pixels (y, x).
    camera
        `drift`, `drift_direction`, `vibration` and `blur` are used.
    pixel_size
        Å, of the camera at the specimen.
    device
        Of the result.
    """
    if not (camera.drift or camera.vibration or camera.blur):
        return None
    rows, columns = half_plane(shape, device)
    variance = (camera.vibration / pixel_size) ** 2 + camera.blur**2
    transfer = _gaussian(rows, variance) * _gaussian(columns, variance)
    if camera.drift:
        length = camera.drift / pixel_size
        along = rows * (length * sin(camera.drift_direction)) + columns * (length * cos(camera.drift_direction))
        transfer = transfer * torch.sinc(along)
    return transfer


def _gaussian(frequencies: Tensor, variance: float) -> Tensor:
    return torch.exp(frequencies.square() * (-2.0 * pi**2 * variance))


def illumination(shape: tuple[int, int], camera: Camera, *, like: Tensor, generator: torch.Generator) -> Tensor | None:
    """Slow factor (y, x) on the intensity of an image, of mean near 1; None where it is 1 everywhere.

    A linear ramp in a random direction, `camera.gradient` from side to side, times 1 plus the sum of a few Gaussians of
    random places, widths of half a side to a side and random signs, scaled to a standard deviation of
    `camera.unevenness`.
    """
    if not (camera.gradient or camera.unevenness):
        return None
    options = {"dtype": like.dtype, "device": like.device}
    drawn = torch.rand(1 + 4 * BUMPS, generator=generator, **options)  # type: ignore[call-overload]
    y, x = (((torch.arange(size, **options) + 0.5) / size - 0.5) for size in shape)  # type: ignore[call-overload]
    angle = drawn[0] * (2.0 * pi)
    factor = 1.0 + camera.gradient * (y[:, None] * torch.sin(angle) + x[None, :] * torch.cos(angle))
    if camera.unevenness:
        factor = factor * (1.0 + camera.unevenness * slow_field(shape, drawn[1:]))
    result: Tensor = factor
    return result


def slow_field(shape: Sequence[int], drawn: Tensor) -> Tensor:
    """Field (y, x) of mean 0 and standard deviation 1: the sum of a few Gaussians, half a side wide to a side.

    Parameters
    ----------
    shape
        Pixels (y, x).
    drawn
        `(4 * BUMPS,)` numbers from 0 to 1, of which places, widths and heights are made.
    """
    options = {"dtype": drawn.dtype, "device": drawn.device}
    y, x = (((torch.arange(size, **options) + 0.5) / size - 0.5) for size in shape)  # type: ignore[call-overload]
    rows, columns, widths, heights = drawn.reshape(4, BUMPS, 1)
    widths = NARROWEST + (WIDEST - NARROWEST) * widths
    along_y = torch.exp(-0.5 * ((y - rows + 0.5) / widths) ** 2)
    along_x = torch.exp(-0.5 * ((x - columns + 0.5) / widths) ** 2)
    slow = (along_y * (heights - 0.5)).T @ along_x
    field: Tensor = (slow - slow.mean()) / slow.std().clamp_min(1e-12)
    return field
