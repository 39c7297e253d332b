"""Scanning micrographs of atoms, by multislice or by the incoherent model, behind one call.

Fractions of the beam, before electrons are counted: dwell time, noise and distortions come later.
"""

from typing import Annotated

import numpy as np
import torch
from ase import Atoms
from pydantic import Discriminator
from torch import Tensor

from passband.microscope.frequencies import resize_spectrum
from passband.microscope.scanning.annular import Detectors
from passband.microscope.scanning.columns import Columns, Incoherent, columns_of, incoherent_series
from passband.microscope.scanning.detected_beams import DetectedBeams, Multislice, detect_beams, image_series
from passband.microscope.scanning.probe import Probe, source_transfer
from passband.microscope.scanning.scan import Scan, sample_series
from passband.recipe import PassbandError

#: How a scan is simulated; plain values are told apart by their `kind`.
ScanModel = Annotated[Multislice | Incoherent, Discriminator("kind")]


def scan_image(
    atoms: Atoms,
    scan: Scan,
    *,
    model: ScanModel,
    rng: np.random.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Images of a specimen, one for each detector, as fractions of the beam.

    Parameters
    ----------
    atoms
        Orthogonal cell (x, y, height), periodic in x and y; the beam enters at z = 0. The cell must hold the probe with
        its tails.
    scan
        Probe, detectors and positions.
    model
        `Multislice`, for all detectors; or `Incoherent`, for those outside the disc of the beam.
    rng
        Draws frozen phonons.
    device
        Of the result.

    Returns
    -------
    Tensor
        Real, (detectors, y, x), single precision, in the order of the detectors.

    Raises
    ------
    PassbandError
        As `detect_beams` or `columns_of` and `incoherent_series`.
    """
    if isinstance(model, Multislice):
        detected = detect_beams(atoms, scan.probe, scan.detectors, model=model, rng=rng, device=device)
        return images_of_beams(detected, scan)
    return images_of_columns(columns_of(atoms, model), scan, displacement=model.displacement, device=device)


def images_of_beams(detected: DetectedBeams, scan: Scan) -> Tensor:
    """Images (detectors, y, x) of a specimen simulated before, with any lens and positions; see `scan_image`.

    Raises
    ------
    PassbandError
        The scan has other detectors than the simulation, or as `image_series`.
    """
    wanted, there = (list(one.annuli.items()) for one in (scan.detectors, detected.detectors))
    if wanted != there:
        names = [[name for name, _ in one] for one in (wanted, there)]
        raise PassbandError(
            f"the scan has the detectors {names[0]} and the simulation {names[1]}, or other angles or another order; "
            "simulate the specimen with those of the scan"
        )
    return _sampled(image_series(detected, scan.probe), detected.beams.sides, scan)


def images_of_columns(
    columns: Columns,
    scan: Scan,
    *,
    displacement: float | dict[str, float] = 0.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Incoherent images (detectors, y, x) of columns, with any probe, detectors and positions; see `scan_image`."""
    series = incoherent_series(columns, scan.probe, scan.detectors, displacement=displacement, device=device)
    return _sampled(series, columns.sides, scan)


def field_of_columns(
    columns: Columns,
    probe: Probe,
    detectors: Detectors,
    shape: tuple[int, int],
    *,
    displacement: float | dict[str, float] = 0.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Incoherent images (detectors, y, x) of the whole field of columns on `shape` pixels (y, x); see `scan_image`.

    Pixels need not be square: they divide the sides of the field. Frequencies beyond them are left out.
    """
    series = incoherent_series(columns, probe, detectors, displacement=displacement, device=device)
    series = resize_spectrum(_seen_by_source(series, columns.sides, probe), shape)
    image: Tensor = torch.fft.ifft2(series, norm="forward").real
    return image.contiguous()


def _sampled(series: Tensor, sides: tuple[float, float], scan: Scan) -> Tensor:
    """Values (detectors, y, x) of a series at the positions of a scan, seen by a source of its size."""
    return sample_series(_seen_by_source(series, sides, scan.probe), sides, scan)


def _seen_by_source(series: Tensor, sides: tuple[float, float], probe: Probe) -> Tensor:
    if not probe.source_size:
        return series
    orders = [torch.fft.fftfreq(size, d=1.0 / size, dtype=torch.float64) for size in series.shape[-2:]]
    q_y, q_x = (order / side for order, side in zip(orders, sides, strict=True))
    transfer = source_transfer(probe, q_y.square())[:, None] * source_transfer(probe, q_x.square())
    return series * transfer.to(series.real)
