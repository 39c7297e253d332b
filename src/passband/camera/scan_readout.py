"""Scan ideal images: read along distorted paths, with counted electrons, and what the detector and its amplifier add.

The order is that of the signal: the beam reads the specimen and what has been deposited on it, electrons are counted
(Poisson) with the excess noise of scintillator and photomultiplier, the amplifier adds noise that lasts from pixel to
pixel along the scan, and a converter clips and rounds.
"""

from collections.abc import Sequence
from math import exp, pi
from typing import NamedTuple

import torch
from torch import Tensor

from passband.camera.autoregression import stationary_over_rows
from passband.camera.exposure import BUMPS, slow_field
from passband.camera.scan_path import ScanPath
from passband.camera.scan_reading import scanned
from passband.camera.scanner import Scanner
from passband.microscope.detector import electron_counts
from passband.recipe import PassbandError

UNEVEN = 0.3  # standard deviation of the contamination over the frame, as a fraction of it
_ROUNDING = 1e-3  # of the beam: by how much an ideal image may be outside 0 to 1


class ScannedFrame(NamedTuple):
    """A recorded frame.

    Attributes
    ----------
    image
        (y, x); levels of the converter, or electrons where there is none.
    gain
        Levels per electron, ().
    offset
        Level of no electrons, ().
    """

    image: Tensor
    gain: Tensor
    offset: Tensor


def scan_frames(
    ideals: Tensor, paths: Sequence[ScanPath], *, pixel_size: float, generators: Sequence[torch.Generator]
) -> list[ScannedFrame]:
    """Scanner ideal images, each along its path and with its generator, so that no frame depends on the others.

    Parameters
    ----------
    ideals
        (n, y, x), floating point: the fraction of the beam that the detector counts. Periodic, pixel 0 at the origin.
    paths
        n; frames may have different shapes.
    pixel_size
        Å, of the ideal images; as fine as that of the frames, or finer.
    generators
        n, on the device of the images; the same state gives the same noise.

    Raises
    ------
    PassbandError
        The numbers differ, or an image is no fraction of the beam.
    """
    if ideals.ndim != 3 or not len(ideals) == len(paths) == len(generators):
        raise PassbandError(
            f"{tuple(ideals.shape)} images, {len(paths)} paths and {len(generators)} generators; give (n, y, x) images "
            "and n of each"
        )
    if ideals.numel():
        low, high = (float(one) for one in torch.aminmax(ideals))
        if not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
            raise PassbandError(
                f"ideal images from {low:g} to {high:g} are no fraction of the beam, 0 to 1; "
                "divide the electrons in the detector by those of the beam"
            )
    return [
        detected(scanned(ideal, path, pixel_size=pixel_size), path.scanner, generator=generator)
        for ideal, path, generator in zip(ideals, paths, generators, strict=True)
    ]


def detected(fraction: Tensor, scanner: Scanner, *, generator: torch.Generator) -> ScannedFrame:
    """Detect a frame (y, x) that was read along its path, as the fraction of the beam in each pixel.

    Parameters
    ----------
    fraction
        Left as it is; what is below 0 counts as 0.
    scanner
        Its current, background, noise and converter are used.
    generator
        On the device of the image.
    """
    expected = (fraction * scanner.electrons).clamp_(min=0.0)
    expected = _with_background(expected, scanner, generator)
    signal = electron_counts(expected, excess_noise=scanner.excess_noise, few=True, generator=generator)
    if scanner.amplifier_noise:
        white = torch.randn(signal.shape, generator=generator, dtype=signal.dtype, device=signal.device)
        signal = signal.add(amplified(white, scanner), alpha=scanner.amplifier_noise)
    return _converted(signal, expected.amax(), scanner)


def amplified(white: Tensor, scanner: Scanner) -> Tensor:
    """Noise (y, x) of variance 1 with the time constant of the amplifier along the scan, from white noise (y, x)."""
    if not scanner.amplifier_time:
        return white
    kept = exp(-scanner.dwell_time / scanner.amplifier_time)
    return stationary_over_rows(white, kept, exp(-(scanner.dwell_time + scanner.flyback_time) / scanner.amplifier_time))


def _with_background(expected: Tensor, scanner: Scanner, generator: torch.Generator) -> Tensor:
    """Add the electrons that contamination scatters, and the slope of charging, to those expected (y, x)."""
    if not (scanner.contamination or scanner.charging):
        return expected
    options = {"dtype": expected.dtype, "device": expected.device}
    drawn = torch.rand(1 + 4 * BUMPS, generator=generator, **options)  # type: ignore[call-overload]
    rows, columns = ((torch.arange(size, **options) + 0.5) / size for size in expected.shape)  # type: ignore[call-overload]
    mean, angle = expected.mean(), drawn[0] * (2.0 * pi)
    background = torch.zeros_like(expected)
    if scanner.contamination:
        time = rows[:, None] + (columns - 0.5) / len(rows)
        deposit = (1.0 + UNEVEN * slow_field(expected.shape, drawn[1:])).clamp_(min=0.0)
        background.add_(deposit * time, alpha=scanner.contamination)
    if scanner.charging:
        slope = (rows[:, None] - 0.5) * torch.sin(angle) + (columns - 0.5) * torch.cos(angle)
        background.add_(slope, alpha=scanner.charging)
    return (expected + background * mean).clamp_(min=0.0)


def _converted(signal: Tensor, brightest: Tensor, scanner: Scanner) -> ScannedFrame:
    """Levels of a signal in electrons, whose brightest point is expected at so many, at least one."""
    brightest = brightest.clamp(min=1.0)
    if not scanner.bits:
        offset = brightest * scanner.offset
        return ScannedFrame(signal + offset, torch.ones_like(offset), offset)
    top = 2.0**scanner.bits - 1.0
    gain, offset = scanner.filling * top / brightest, torch.full_like(brightest, scanner.offset * top)
    return ScannedFrame((signal * gain + offset).clamp_(0.0, top).round_(), gain, offset)
