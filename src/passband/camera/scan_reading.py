"""Read an ideal image, or a map of labels, along the distorted path of a scan.

recorded(i, j) = ideal(**r**(i, j)), with **r** of `scan_path`. The ideal image is interpolated by cubic B-splines
through its pixels (Unser, IEEE Signal Process. Mag. 16 (1999) 22), which come from the image by one filter in Fourier
space; the tails of the probe are a factor there. It is periodic, and its pixel 0 lies at the origin.
"""

from math import floor, pi

import torch
from torch import Tensor

from passband.camera.resampling import Window, periodic_part
from passband.camera.scan_path import FramePart, ScanPath
from passband.camera.scanner import Scanner
from passband.microscope.frequencies import half_plane
from passband.pixels import pixel_pair
from passband.recipe import PassbandError

TAPS = 4  # along each side, of a cubic spline


def spline_coefficients(ideal: Tensor, scanner: Scanner, *, pixel_size: float | tuple[float, float]) -> Tensor:
    """Coefficients (y, x) of the cubic B-splines of an image (y, x) that the probe has tails in.

    The factor of the tails is 1 − t + t·exp(−2πwq), the transform of that of `Scanner.tail_width`; that of the splines
    is 3/(2 + cos 2πf) along each side, f in cycles per pixel.

    Parameters
    ----------
    ideal
        Periodic; any unit.
    scanner
        Its `tails` and `tail_width` are used.
    pixel_size
        Å, of the image, one number or (y, x).
    """
    pixel_y, pixel_x = pixel_pair(pixel_size)
    shape = (ideal.shape[-2], ideal.shape[-1])
    rows, columns = half_plane(shape, ideal.device)
    along_y, along_x = (3.0 / (2.0 + torch.cos(2.0 * pi * one)) for one in (rows, columns))
    factor = along_y * along_x
    if scanner.tails:
        decay = torch.exp(torch.hypot(rows / pixel_y, columns / pixel_x) * (-2.0 * pi * scanner.tail_width))
        factor = factor * (1.0 - scanner.tails + scanner.tails * decay)
    coefficients: Tensor = torch.fft.irfft2(torch.fft.rfft2(ideal) * factor.to(ideal.dtype), s=shape)
    return coefficients


def scanned(
    ideal: Tensor, path: ScanPath, *, pixel_size: float | tuple[float, float], part: FramePart | None = None
) -> Tensor:
    """Image that a scan reads of an ideal one, without electrons: distorted, and with the tails of the probe.

    Parameters
    ----------
    ideal
        (y, x), floating point, periodic, pixel 0 at the origin; left as it is. The splines err by 0.1 % of a wave of
        an eighth of a cycle per pixel, by 2 % of a quarter and 22 % of three eighths: give it finer pixels than the
        frame where it has such detail.
    path
        Of the beam.
    pixel_size
        Å, of the ideal image, one number or (y, x).
    part
        Of the frame that is read; all of it by default.

    Returns
    -------
    Tensor
        (y, x) of the frame or its part, dtype and device of the ideal image. A pixel shows one point: nothing is
        averaged.

    Raises
    ------
    PassbandError
        The image is not (y, x), floating point, or its pixels have no size.
    """
    if ideal.ndim != 2 or not ideal.is_floating_point():
        raise PassbandError(
            f"an ideal image {tuple(ideal.shape)} of {ideal.dtype} cannot be read; give (y, x), floating point"
        )
    pixels = pixel_pair(pixel_size)
    coefficients = spline_coefficients(ideal, path.scanner, pixel_size=pixel_size)
    places = path.specimen(*_pixels(path, ideal.device, part))
    y, x = (one / pixel for one, pixel in zip(places, pixels, strict=True))
    windows = [_window(one) for one in (y, x)]
    needed = periodic_part(coefficients, windows[0], windows[1])
    rows, columns = (one - (window.first + 1) for one, window in zip((y, x), windows, strict=True))
    return _spline(needed, rows, columns)


def _pixels(path: ScanPath, device: torch.device, part: FramePart | None = None) -> tuple[Tensor, Tensor]:
    top, left, height, width = part or FramePart(0, 0, *path.shape)
    rows = torch.arange(top, top + height, dtype=torch.float64, device=device)
    columns = torch.arange(left, left + width, dtype=torch.float64, device=device)
    return rows[:, None], columns[None, :]


def _window(places: Tensor) -> Window:
    """Pixels that the splines at some places need, one before the first and two behind the last."""
    low, high = (floor(float(one)) for one in torch.aminmax(places))
    return Window(low - 1, high - low + TAPS)


def _spline(coefficients: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Value of a spline at places that count from the second of its coefficients along each side."""
    whole = [one.floor() for one in (rows, columns)]
    down, across = (
        _weights((one - below).to(coefficients.dtype)) for one, below in zip((rows, columns), whole, strict=True)
    )
    width = coefficients.shape[-1]
    base = (whole[0] * width + whole[1]).long().flatten()
    flat = coefficients.flatten()
    total = torch.zeros(rows.shape, dtype=flat.dtype, device=flat.device)
    for k in range(TAPS):
        line = torch.zeros_like(total)
        for m in range(TAPS):
            line.addcmul_(across[m], flat[k * width + m :].index_select(0, base).reshape(rows.shape))
        total.addcmul_(down[k], line)
    return total


def _weights(part: Tensor) -> tuple[Tensor, ...]:
    """Weights of the four coefficients around a place, `part` of a pixel behind the second."""
    rest = 1.0 - part
    square, rest_square = part * part, rest * rest
    return (
        rest_square * rest / 6.0,
        2.0 / 3.0 - square * (1.0 + rest) / 2.0,
        2.0 / 3.0 - rest_square * (1.0 + part) / 2.0,
        square * part / 6.0,
    )


def scanned_labels(
    labels: Tensor, path: ScanPath, *, pixel_size: float | tuple[float, float], samples: int = 1
) -> Tensor:
    """Labels that a scan reads of a map of the specimen, the truth of its image.

    Parameters
    ----------
    labels
        (y, x), integers, periodic, pixel 0 at the origin; left as it is.
    path
        Of the beam.
    pixel_size
        Å, of the map, one number or (y, x).
    samples
        1 takes the label nearest to the beam; more take the commonest of samples² points that are spread over the area
        of the pixel, the smallest of those that are as common.

    Raises
    ------
    PassbandError
        The labels are not integers (y, x), or samples < 1.
    """
    if labels.ndim != 2 or labels.is_floating_point() or labels.is_complex():
        raise PassbandError(
            f"labels {tuple(labels.shape)} of {labels.dtype} are not integers (y, x); give a map of them"
        )
    if samples < 1:
        raise PassbandError(f"samples={samples} reads no point of a pixel; use 1 or more")
    rows, columns = _pixels(path, labels.device)
    offsets = [(one + 0.5) / samples - 0.5 for one in range(samples)]
    read = [labels_at(labels, path, rows + a, columns + b, pixel_size=pixel_size) for a in offsets for b in offsets]
    return read[0] if samples == 1 else torch.stack(read).mode(dim=0).values


def labels_at(
    labels: Tensor, path: ScanPath, rows: Tensor, columns: Tensor, *, pixel_size: float | tuple[float, float]
) -> Tensor:
    """Labels of a periodic map (y, x) nearest to the beam at places of a frame, in its pixels, that broadcast."""
    places = zip(path.specimen(rows, columns), pixel_pair(pixel_size), labels.shape, strict=True)
    y, x = ((one / pixel + 0.5).floor().long() % size for one, pixel, size in places)
    return labels[y, x]
