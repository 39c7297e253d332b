"""The spatial frequencies of a pixel grid, and band-limited resampling between grids."""

from math import ceil

import torch
from torch import Tensor

from passband.pixels import pixel_pair
from passband.recipe import PassbandError


def _axis(size: int, pixel_size: float, device: torch.device | str | None) -> Tensor:
    frequencies: Tensor = torch.fft.fftfreq(size, d=pixel_size, dtype=torch.float64, device=device)
    return frequencies


def spatial_frequencies(
    shape: tuple[int, int],
    pixel_size: float | tuple[float, float],
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Magnitude in Å⁻¹ and azimuth in rad of the spatial frequencies of an image.

    Parameters
    ----------
    shape
        Pixels along (y, x).
    pixel_size
        Side of a pixel in Å, or its two sides (y, x).
    dtype, device
        Of the result; the frequencies are computed in double precision first.

    Returns
    -------
    q, azimuth
        Both `(y, x)`, zero frequency at [0, 0] as `torch.fft.fft2` has it; azimuth = atan2(qy, qx).

    Raises
    ------
    PassbandError
        A side of the image is below one pixel, or the pixel size is not positive.

    Examples
    --------
    >>> q, azimuth = spatial_frequencies((4, 4), 0.5)
    >>> q[0].tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    pixel_y, pixel_x = pixel_pair(pixel_size)
    if min(shape) < 1:
        raise PassbandError(f"shape={tuple(shape)} has an empty side; both sides must be at least 1 pixel")
    qy = _axis(shape[0], pixel_y, device)[:, None]
    qx = _axis(shape[1], pixel_x, device)[None, :]
    return torch.hypot(qy, qx).to(dtype), torch.atan2(qy, qx).to(dtype)


def half_plane(shape: tuple[int, int], device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """Frequencies (y, 1) and (1, x // 2 + 1) of `torch.fft.rfft2` in cycles per pixel, double precision."""
    columns = torch.fft.rfftfreq(shape[1], dtype=torch.float64, device=device)
    return _axis(shape[0], 1.0, device)[:, None], columns[None, :]


def resize_spectrum(spectrum: Tensor, shape: tuple[int, int]) -> Tensor:
    """Crop or zero-pad a spectrum (..., y, x) of corner origin; the Nyquist line of an even side is kept real."""
    return _resize_axis(_resize_axis(spectrum, shape[0], -2), shape[1], -1)


def _resize_axis(spectrum: Tensor, size: int, axis: int) -> Tensor:
    old = spectrum.shape[axis]
    common = min(old, size)
    if old == size:
        return spectrum
    positive, negative = (common + 1) // 2, (common - 1) // 2
    kept = list(spectrum.shape)
    kept[axis] = size
    resized = spectrum.new_zeros(kept)
    resized.narrow(axis, 0, positive).copy_(spectrum.narrow(axis, 0, positive))
    resized.narrow(axis, size - negative, negative).copy_(spectrum.narrow(axis, old - negative, negative))
    if common % 2 == 0:
        half = common // 2
        if size < old:  # both signs of the new Nyquist frequency fall on one line
            line = spectrum.narrow(axis, half, 1) + spectrum.narrow(axis, old - half, 1)
            resized.narrow(axis, half, 1).copy_(line)
        else:
            line = 0.5 * spectrum.narrow(axis, half, 1)
            resized.narrow(axis, half, 1).copy_(line)
            resized.narrow(axis, size - half, 1).copy_(line)
    return resized


def band_limited(spectra: Tensor, highest: float, *, pixel_size: float) -> Tensor:
    """Spectra (..., n, n) of `torch.fft.fft2` up to `highest` Å⁻¹, on as few pixels as hold them.

    The field stays the same; where `highest` is beyond all there is, the spectra are returned as they are.
    """
    size = spectra.shape[-1]
    kept = 2 * ceil(highest * size * pixel_size) + 2
    if kept >= size:
        return spectra
    q, _ = spatial_frequencies((kept, kept), size * pixel_size / kept, dtype=torch.float64, device=spectra.device)
    return resize_spectrum(spectra, (kept, kept)) * (q <= highest) * (kept / size) ** 2


def fourier_resample(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Images on another grid over the same field, by cropping or zero-padding their spectra; the mean is kept.

    Exact for periodic images without frequencies above the smaller grid's Nyquist frequency; others are band-limited.

    Parameters
    ----------
    images
        Real or complex, `(..., y, x)`.
    shape
        The new pixels along (y, x).

    Returns
    -------
    Tensor
        `(..., *shape)`, of the same dtype and device.

    Raises
    ------
    PassbandError
        A side of the new shape is below one pixel.
    """
    if min(shape) < 1:
        raise PassbandError(f"shape={tuple(shape)} has an empty side; both sides must be at least 1 pixel")
    if tuple(images.shape[-2:]) == tuple(shape):
        return images.clone()
    scale = shape[0] * shape[1] / (images.shape[-2] * images.shape[-1])
    resampled: Tensor = torch.fft.ifft2(resize_spectrum(torch.fft.fft2(images), shape)) * scale
    return resampled if images.is_complex() else resampled.real.contiguous()
