"""Scans of a store as a session would take them: what was fitted to real images, in place of a plan's scanner."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from passband.camera.fitted_noise import Estimate, FittedNoise
from passband.camera.noise_application import ExpectedSignal, fitted_scanner
from passband.camera.scanner import Scanner
from passband.dataset.scan_imager import ScanImager
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.store import WaveStore
from passband.distribution import LogUniform, Scalar, Uniform
from passband.recipe import PassbandError

DWELL = 1e-5  # s
FIELDS = 4  # of the store, that tell how much contrast its specimens have


def fitted_imaging(imaging: ScanImaging, noise: FittedNoise, store: WaveStore, *, seed: int = 0) -> ScanImaging:
    """Replace what a plan says of the scan by what was fitted to real images, where they tell it.

    Electrons and read noise give the specimens of the store the noise over the contrast of the real images, in the
    median of a few; they, the jitter and the source size vary within their intervals. What the images do not tell stays
    as the plan has it.

    Parameters
    ----------
    imaging
        Of a plan.
    noise
        What was fitted.
    store
        Of simulated columns.
    seed
        Of the structures and settings that are looked at.

    Raises
    ------
    PassbandError
        The store holds no columns, or the images told no noise.
    """
    if not isinstance(store.recipe, ScanSimulation):
        raise PassbandError(f"{store.directory} holds no columns to scan; simulate a plan whose kind is scan")
    conditions: dict[str, Any] = {"dose": None}
    if noise.source_size_A.value is not None:
        conditions["source_size"] = _within(noise.source_size_A)
    if noise.row_jitter_px.value is not None:
        conditions["jitter"] = None
    changed = imaging.model_copy(update={"conditions": imaging.conditions.model_copy(update=conditions)})
    if noise.pixel_size is not None:
        changed = changed.model_copy(update={"steps": noise.pixel_size})
    scanners = sorted(_scanners(changed, noise, store, seed), key=lambda one: one.beam_current)
    told, plan = _camera(noise, scanners[len(scanners) // 2]), imaging.camera
    chances = {name: chance for name, chance in plan.probability.items() if name not in told}
    camera = plan.model_dump() | told | {"probability": chances}
    return ScanImaging.model_validate(changed.model_dump() | {"camera": camera})


def _scanners(imaging: ScanImaging, noise: FittedNoise, store: WaveStore, seed: int) -> Iterator[Scanner]:
    """Scanners that make the fitted noise on the whole fields of a few structures."""
    assert isinstance(store.recipe, ScanSimulation)  # the caller has looked
    imager = ScanImager(store, imaging, store.recipe, torch.device("cpu"))
    rng = np.random.default_rng(seed)
    for index in rng.choice(len(store), min(FIELDS, len(store)), replace=False):
        row = imager.row(int(index), rng, turn=0, shared=1)
        signal = ExpectedSignal(imager.field({**row, "structure": int(index)}))
        yield fitted_scanner(noise, signal, columns=row["frame"], pixel_size=row["scan_step"], dwell_time=DWELL)


def _camera(noise: FittedNoise, scanner: Scanner) -> dict[str, Any]:
    """Quantities of a distribution of scanners, those that are told."""
    current = noise.contrast_electrons
    ends = (1.0, 1.0)
    if current.value is not None and current.interval is not None:
        ends = (current.interval[0] / current.value, current.interval[1] / current.value)
    told: dict[str, Any] = {
        "dwell_time": DWELL,
        "beam_current": LogUniform(log_uniform=(ends[0] * scanner.beam_current, ends[1] * scanner.beam_current)),
        "excess_noise": 0.0,  # electrons are effective ones
        "amplifier_noise": scanner.amplifier_noise,
        "amplifier_time": scanner.amplifier_time,
    }
    if noise.slow_rise.value is not None:
        told |= {"contamination": scanner.contamination, "charging": scanner.charging}
    if noise.row_jitter_px.value is not None:
        told |= {"jitter": _within(noise.row_jitter_px), "jitter_correlation": 0.0}
    if noise.drift_along_px.value is not None:
        told |= {"drift": scanner.drift, "drift_direction": scanner.drift_direction, "flyback_time": 0.0}
    if noise.bits in (8, 16):
        told["bits"] = (noise.bits,)
    return told


def _within(estimate: Estimate) -> Scalar:
    """Anything in the interval of an estimate that is told, equally likely."""
    assert estimate.interval is not None  # those that are told have one
    return Uniform(uniform=estimate.interval)
