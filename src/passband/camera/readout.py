"""What a camera adds after counting: correlated noise, read-out noise, residues of gain and dark, spots, saturation."""

from math import hypot, pi

import torch
from torch import Tensor

from passband.camera.camera import Camera
from passband.microscope.frequencies import half_plane

LARGEST_SPOT = 3  # camera pixels a side, of an x-ray
PATTERN = 0.5  # share of the variance of a residue that is of whole columns


def correlated(counts: Tensor, correlation: float) -> Tensor:
    """Blur counts (y, x) by exp(−2π²c²f²), a Gaussian of standard deviation c = `correlation` camera pixels.

    The power spectrum of white noise becomes the square of that, the camera's noise transfer function squared. The
    image is taken for periodic: c pixels along its borders see the opposite side.
    """
    if not correlation:
        return counts
    shape = (counts.shape[-2], counts.shape[-1])
    along_y, along_x = (
        torch.exp(one.square() * (-2.0 * (pi * correlation) ** 2)).to(counts.dtype)
        for one in half_plane(shape, counts.device)
    )
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(counts).mul_(along_y).mul_(along_x), s=shape)
    return blurred


def read_out(
    counts: Tensor, camera: Camera, *, vacuum: float, readout_noise: float, generator: torch.Generator
) -> Tensor:
    """Read counts (y, x) out: correlated, with noise and residues of the camera, with spots, and saturated.

    Parameters
    ----------
    counts
        Signal of the electrons in each pixel, in electrons; left as it is.
    camera
        What happens after counting.
    vacuum
        Mean signal of a pixel of vacuum, in the same unit; residues of dark and `offset` are fractions of it.
    readout_noise
        Root mean square, in the same unit.
    generator
        On the device of the counts. Residues are drawn for each image: no network learns the pattern of one camera.
    """
    image = correlated(counts, camera.correlation)
    image = _with_residues(image, camera, vacuum, readout_noise, generator)
    image = _with_spots(image, camera, generator)
    if camera.offset:
        image = image + camera.offset * vacuum
    return _saturated(image, camera.saturation)


def _with_residues(
    image: Tensor, camera: Camera, vacuum: float, readout_noise: float, generator: torch.Generator
) -> Tensor:
    """Image with white noise of each pixel and each column: of read-out, and of residues of dark and gain."""
    dark, gain = camera.dark_residue * vacuum, camera.gain_residue
    if not (dark or gain or readout_noise):
        return image
    options = {"generator": generator, "dtype": image.dtype, "device": image.device}
    constant = hypot(readout_noise, (1.0 - PATTERN) ** 0.5 * dark)
    noise = torch.randn(image.shape, **options)  # type: ignore[call-overload]
    if not (gain or dark):
        return image.add(noise, alpha=constant)
    noise.mul_((image.square() * ((1.0 - PATTERN) * gain**2) + constant**2).sqrt_())
    columns = torch.randn((2, image.shape[-1]), **options) * PATTERN**0.5  # type: ignore[call-overload]
    result: Tensor = noise.add_(image * (1.0 + columns[0] * gain)).add_(columns[1] * dark)
    return result


def _with_spots(image: Tensor, camera: Camera, generator: torch.Generator) -> Tensor:
    """Image with hot pixels, and squares of 1 to 3 pixels where x-rays were caught; heights are ½ to 1½ of the mean."""
    options = {"generator": generator, "dtype": image.dtype, "device": image.device}
    expected = torch.tensor([camera.hot_pixels, camera.xrays], dtype=image.dtype, device=image.device)
    if not (camera.hot_pixels or camera.xrays):
        return image
    hot, xrays = (int(n) for n in torch.poisson(expected * (image.numel() / 1e4), generator=generator))
    if hot + xrays == 0:
        return image
    y, x, height, side = torch.rand((4, hot + xrays), **options)  # type: ignore[call-overload]
    side = torch.ceil(side * LARGEST_SPOT)
    side[:hot] = 1.0
    height = (0.5 + height) * (camera.spot_height * image.std())
    within = torch.arange(LARGEST_SPOT, device=image.device)
    rows, columns = (
        ((one * size).long()[:, None] + within) % size for one, size in zip((y, x), image.shape[-2:], strict=True)
    )
    covered = (within < side[:, None]).to(image.dtype)
    values = (covered[:, :, None] * covered[:, None, :]) * height[:, None, None]
    places = rows[:, :, None] * image.shape[-1] + columns[:, None, :]
    return image.flatten().index_add(0, places.flatten(), values.flatten()).reshape(image.shape)


def _saturated(image: Tensor, fraction: float) -> Tensor:
    """Image whose brightest pixels, a fraction of all, are as bright as the least of them."""
    count = round(fraction * image.numel())
    if count < 1:
        return image
    return image.clamp(max=torch.topk(image.flatten(), count).values[-1])
