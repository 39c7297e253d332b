"""What the camera makes of an image: blur, a finite number of electrons, read-out noise.

The order is that of the camera seen as a counter with a transfer function (Vulović et al., J. Struct. Biol. 183 (2013)
19, eq. 14 with a noise transfer of 1): the expected image is blurred by the MTF, electrons are counted (Poisson) on the
dose-scaled image, read-out noise is added, and the counts are divided by the dose again, so that vacuum stays near 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from passband.microscope.conditions import MTF, Conditions
from passband.microscope.frequencies import spatial_frequencies
from passband.recipe import PassbandError


def record(
    images: Tensor, conditions: Sequence[Conditions], *, pixel_size: float, generator: torch.Generator
) -> Tensor:
    """Record images: blurred, with a finite number of electrons, in units of the vacuum intensity.

    Parameters
    ----------
    images
        (n, y, x), vacuum = 1, at the pixels of the camera.
    conditions
        n settings; of each, `mtf`, `dose` (e⁻/Å², None leaves the image free of shot noise) and `readout_noise` (e⁻ rms
        per pixel) are used.
    pixel_size
        Å at the specimen.
    generator
        On the device of the images; the same state gives the same noise.

    Returns
    -------
    Tensor
        (n, y, x), dtype of `images`: counts / (dose · pixel_size²). The input is untouched.

    Raises
    ------
    PassbandError
        The numbers of images and conditions differ, or there is read-out noise without a dose to scale it by.
    """
    if images.ndim != 3 or len(images) != len(conditions):
        raise PassbandError(
            f"{tuple(images.shape)} images and {len(conditions)} conditions; give (n, y, x) images and n conditions"
        )
    if not pixel_size > 0.0:
        raise PassbandError(f"pixel_size={pixel_size} Å is not positive; write the side of a pixel in Å")
    recorded = [_record_one(image, one, pixel_size, generator) for image, one in zip(images, conditions, strict=True)]
    return torch.stack(recorded) if recorded else images.clone()


def _record_one(image: Tensor, conditions: Conditions, pixel_size: float, generator: torch.Generator) -> Tensor:
    blurred = blur(image, conditions.mtf)
    if conditions.dose is None:
        if conditions.readout_noise:
            cure = "set a dose, which says what one electron is worth"
            raise PassbandError(f"readout_noise={conditions.readout_noise:g} e⁻ without a dose has no scale; {cure}")
        return blurred.clone()
    electrons = conditions.dose * pixel_size**2  # in one pixel of vacuum
    counts = torch.poisson(blurred.clamp(min=0.0) * electrons, generator=generator)
    if conditions.readout_noise:
        noise = torch.randn(image.shape, generator=generator, dtype=image.dtype, device=image.device)
        counts = counts.add_(noise, alpha=conditions.readout_noise)
    return counts.div_(electrons)


def blur(image: Tensor, mtf: MTF) -> Tensor:
    """Image (y, x) with each spatial frequency damped by the camera's MTF; the mean is kept."""
    if mtf.identity_transfer:
        return image
    shape = (image.shape[-2], image.shape[-1])
    q, _ = spatial_frequencies(shape, 1.0, dtype=image.dtype, device=image.device)
    transfer: Tensor = mtf.transfer(2.0 * q[:, : shape[1] // 2 + 1])
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=shape)
    return blurred
