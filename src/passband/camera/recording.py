"""A recorded image: blurred, with a finite number of electrons, and the noise and faults of its camera.

The order is that of the camera seen as a counter with a transfer function (Vulović et al., J. Struct. Biol. 183 (2013)
19, eq. 14): the expected image is blurred by what damps the signal alone, electrons are counted (Poisson) on the
dose-scaled image, the counts are blurred by the noise transfer function, which damps signal and noise, read-out noise
is added, and the counts are divided by the dose again, so that vacuum stays near 1.
"""

from collections.abc import Sequence
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from passband.camera.camera import Camera
from passband.camera.exposure import exposure_transfer, illumination
from passband.camera.processing import processed
from passband.camera.readout import read_out
from passband.camera.resampling import grid_shift, periodic_part, resampling_matrix, window
from passband.microscope.conditions import Conditions
from passband.microscope.detector import electron_counts, few_electrons, mtf_transfer
from passband.microscope.frequencies import half_plane
from passband.recipe import PassbandError


def record(
    images: Tensor,
    conditions: Sequence[Conditions],
    *,
    pixel_size: float,
    generator: torch.Generator,
    camera: Camera | None = None,
) -> Tensor:
    """Record images: blurred, with a finite number of electrons, in units of the vacuum intensity.

    Parameters
    ----------
    images
        (n, y, x), vacuum = 1, at the pixels of the camera, periodic.
    conditions
        n settings; of each, `mtf`, `dose` (e⁻/Å², None leaves the image free of shot noise) and `readout_noise` (e⁻ rms
        per pixel) are used.
    pixel_size
        Å at the specimen, of the camera.
    generator
        On the device of the images; the same state gives the same noise.
    camera
        What else it does; None is nothing. Its pixels stay as they are: `camera.resampling` comes after.

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
    recorded = []
    for image, one in zip(images, conditions, strict=True):
        arriving = exposed(image, one, camera, pixel_size=pixel_size)
        recorded.append(counted(arriving, one, camera, pixel_size=pixel_size, generator=generator))
    return torch.stack(recorded) if recorded else images.clone()


def exposed(
    image: Tensor, conditions: Conditions, camera: Camera | None, *, pixel_size: float, shift: float = 0.0
) -> Tensor:
    """Image (y, x) as it arrives on average where electrons are counted: moved, blurred by motion, camera and MTF.

    Parameters
    ----------
    image
        Periodic, vacuum = 1, on the pixels of the camera.
    conditions, camera
        Their `mtf`, and drift, vibration and blur.
    pixel_size
        Å at the specimen, of the camera.
    shift
        Pixel i of the result is that at i + shift along both sides.
    """
    if not pixel_size > 0.0:
        raise PassbandError(f"pixel_size={pixel_size} Å is not positive; write the side of a pixel in Å")
    shape = (image.shape[-2], image.shape[-1])
    motion = None if camera is None else exposure_transfer(shape, camera, pixel_size=pixel_size, device=image.device)
    if conditions.mtf.identity_transfer and motion is None and not shift:
        return image
    spectrum = torch.fft.rfft2(image)
    if not conditions.mtf.identity_transfer:
        spectrum = spectrum * mtf_transfer(shape, conditions.mtf, like=image)
    if motion is not None:
        spectrum = spectrum * motion.to(image.dtype)
    if shift:
        along_y, along_x = (torch.exp(2j * pi * shift * one) for one in half_plane(shape, image.device))
        spectrum = spectrum * (along_y * along_x).to(spectrum.dtype)
    arriving: Tensor = torch.fft.irfft2(spectrum, s=shape)
    return arriving


def counted(
    image: Tensor, conditions: Conditions, camera: Camera | None, *, pixel_size: float, generator: torch.Generator
) -> Tensor:
    """Record an image (y, x) that arrived, or a part of one: electrons counted, and what a camera does to the counts.

    Parameters
    ----------
    image
        As `exposed` returns it; untouched.
    conditions, camera
        Their dose and read-out noise, and all that `exposed` leaves.
    pixel_size
        Å at the specimen, of the camera.
    generator
        On the device of the image.

    Raises
    ------
    PassbandError
        There is read-out noise without a dose to scale it by.
    """
    electrons = 1.0 if conditions.dose is None else conditions.dose * pixel_size**2  # in one pixel of vacuum
    noise = conditions.readout_noise
    if conditions.dose is None and noise:
        cure = "set a dose, which says what one electron is worth"
        raise PassbandError(f"readout_noise={noise:g} e⁻ without a dose has no scale; {cure}")
    used = camera or Camera()
    uneven = illumination((image.shape[-2], image.shape[-1]), used, like=image, generator=generator)
    expected = image if uneven is None else image * uneven
    if conditions.dose is None:
        counts = expected.clone()
    else:
        few = camera is None or few_electrons(electrons, used.excess_noise)
        expected = expected.clamp(min=0.0) * electrons
        counts = electron_counts(expected, excess_noise=used.excess_noise, few=few, generator=generator)
    return read_out(counts, used, vacuum=electrons, readout_noise=noise, generator=generator).div_(electrons)


class Patch(NamedTuple):
    """Where a square of an image lies in a periodic field.

    Attributes
    ----------
    top, left, side
        Pixels of the image.
    pixels
        Of the image along the whole field.
    pixel_size
        Å, of the image.
    """

    top: int
    left: int
    side: int
    pixels: int
    pixel_size: float


def exposed_field(field: Tensor, conditions: Conditions, camera: Camera, *, pixels: int, pixel_size: float) -> Tensor:
    """Field (y, x) as it arrives at a camera whose image is resampled to fewer or more `pixels` of `pixel_size` Å.

    The field is given at the camera's pixels, with its pixel 0 at the origin; `recorded_patch` cuts patches from it.
    """
    ratio = len(field) / pixels
    shift = grid_shift(camera.kernel, ratio)
    return exposed(field, conditions, camera, pixel_size=pixel_size / ratio, shift=shift)


def recorded_patch(
    field: Tensor, conditions: Conditions, camera: Camera, *, patch: Patch, generator: torch.Generator
) -> Tensor:
    """Record, resample and process a patch (side, side) of a field that `exposed_field` returned, vacuum near 1.

    Electrons are counted on the camera pixels that the patch is made of alone, with a few around.
    """
    ratio, starts = len(field) / patch.pixels, (patch.top, patch.left)
    rows, columns = (window(camera.kernel, ratio, start, patch.side) for start in starts)
    part = periodic_part(field, rows, columns)
    image = counted(part, conditions, camera, pixel_size=patch.pixel_size / ratio, generator=generator)
    if ratio == 1.0:
        image = image[patch.top - rows.first :, patch.left - columns.first :][: patch.side, : patch.side]
    else:
        down, across = (resampling_matrix(camera.kernel, ratio, start, patch.side, like=image) for start in starts)
        image = down @ image @ across.T
    return image if camera.processing is None else processed(image, camera.processing)
