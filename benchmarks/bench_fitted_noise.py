"""Fitted noise: bias and coverage of every estimate, over simulated sessions of known truth.

    OMP_NUM_THREADS=1 python benchmarks/bench_fitted_noise.py

Graphene, MoS2 and SrTiO3 [001] are scanned (`scanned_columns.py`: incoherent model, with thermal vibration) in sessions
of three frames of 256², turned at random, and `fit_noise` is told the offset, the probe and the shape of the lattice.
Grey values are 7 (of 8 bits 0.7) times electrons plus an offset. "few" has electrons for a noise about as strong as the
contrast, "many" thirty times as many; "lasting" noise of the amplifier has a time constant of half a dwell time;
"moved" has drift, contamination, and jitter over 3 rows. Of each estimate: the truth, how often it was told, mean ±
standard deviation of the values, and how often the truth was within the 95 % interval; where it was not told, within
the limits. Last come sessions of one frame of 512².

Remarks
-------
The truth of jitter over several rows is the part that rows do not share. That of contamination is its strength; how
evenly it lies is drawn for each frame, the same for all three specimens, which the intervals hold only as far as three
frames show it. That of the contrast is of whole cells, where frames cut columns at their borders: this is a percent or
less, and more than the narrowest intervals of the noise over it. The source size is 3 % too large in the median, for
the columns themselves are as wide as atoms scatter; its interval allows for that, and that of drift for a strain of
10⁻³. Both allowances were chosen after a look at scans of these specimens.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import cos, pi, sin

import numpy as np
import torch
from bench_scanner import seen_jitter
from numpy.typing import NDArray
from scanned_columns import DWELL, Ideal, Scene, ideal_image, scanned_frame, scenes

from passband.camera.fitted_noise import FittedNoise, KnownScan
from passband.camera.noise_fitting import fit_noise

GAIN, OFFSET = 7.0, 100.0
DISPLACEMENT = 0.08  # Å rms, of `scanned_columns`
FLYBACK = 1e-3  # s
DOSES = {"graphene": 2e5, "MoS2": 2e4, "SrTiO3": 3e3}  # e⁻/Å² of few electrons
MANY = 30.0
QUANTITIES = (
    "gain",
    "dose",
    "read_noise",
    "contrast_electrons",
    "noise_to_contrast",
    "row_jitter_px",
    "source_size_A",
    "drift_along_px",
    "drift_across_px",
    "contamination",
)
Truth = dict[str, float]


@dataclass(frozen=True)
class Kind:
    """One kind of session: electrons in units of `DOSES`, source in Å, what its scanner has, frames and their side."""

    name: str
    electrons: float
    source: float
    scan: dict[str, float] = field(default_factory=dict)
    bits: int = 0
    frames: int = 3
    side: int = 256


KINDS = (
    Kind("few", 1.0, 0.8, {"jitter": 0.2}),
    Kind("many", MANY, 0.6, {"jitter": 0.1}),
    Kind("few, read noise", 1.0, 1.0, {"jitter": 0.3, "amplifier_noise": 1.0}),
    Kind("many, lasting", MANY, 0.8, {"jitter": 0.3, "amplifier_noise": 3.0, "amplifier_time": 0.5 * DWELL}),
    Kind(
        "many, moved",
        MANY,
        0.8,
        {
            "jitter": 0.4,
            "jitter_correlation": 3.0,
            "drift": 0.5,
            "drift_direction": 0.7,
            "flyback_time": FLYBACK,
            "contamination": 0.4,
        },
    ),
    Kind("many, 8 bits", MANY, 0.8, {"jitter": 0.2}, bits=8),
    Kind("many, one frame", MANY, 0.8, {"jitter": 0.2}, frames=1, side=512),
)


def session(scene: Scene, ideal: Ideal, kind: Kind, seed: int) -> tuple[list[NDArray[np.generic]], Truth]:
    """Frames of a session, and the truth."""
    dose = kind.electrons * DOSES[scene.name]
    images, electrons = [], []
    for number in range(kind.frames):
        rng = np.random.default_rng([seed, number])
        scan = {**kind.scan, "rotation": float(rng.uniform(-pi, pi))}
        frame, _ = scanned_frame(scene, ideal, dose, side=kind.side, seed=1000 * seed + number, **scan)
        electrons.append(float(frame.mean()))
        images.append(frame)
    gain = GAIN
    if kind.bits:
        gain = min(GAIN, 200.0 / max(float(np.quantile(image, 0.9999)) for image in images))
    grey = [gain * image + OFFSET / 5.0 for image in images]
    stored = [np.clip(np.round(one), 0, 255).astype(np.uint8) for one in grey] if kind.bits else grey
    return list(stored), _truth(scene, ideal, kind, gain, float(np.mean(electrons)))


def _truth(scene: Scene, ideal: Ideal, kind: Kind, gain: float, electrons: float) -> Truth:
    contrast = float(ideal[0].double().std()) * kind.electrons * DOSES[scene.name] * scene.pixel_size**2
    read = kind.scan.get("amplifier_noise", 0.0)
    row_time = kind.side * DWELL + kind.scan.get("flyback_time", 0.0)
    drift, angle = kind.scan.get("drift", 0.0) * row_time / scene.pixel_size, kind.scan.get("drift_direction", 0.0)
    return {
        "gain": gain,
        "dose": electrons / scene.pixel_size**2,
        "read_noise": read,
        "contrast_electrons": contrast,
        "noise_to_contrast": float(np.sqrt(electrons + read**2)) / contrast,
        "row_jitter_px": seen_jitter(kind.scan["jitter"], kind.scan.get("jitter_correlation", 0.0)),
        "source_size_A": kind.source,
        "drift_along_px": drift * cos(angle),
        "drift_across_px": drift * sin(angle),
        "contamination": kind.scan.get("contamination", 0.0),
    }


def fitted(scene: Scene, kind: Kind, count: int) -> Iterator[tuple[FittedNoise, Truth]]:
    """What sessions of one kind tell, with the truth."""
    source = scene.probe.model_copy(update={"source_size": kind.source})
    ideal = ideal_image(replace(scene, probe=source))
    known = KnownScan(
        pixel_size=scene.pixel_size,
        offset=OFFSET / 5.0,
        energy=scene.probe.energy,
        semi_angle=scene.probe.semi_angle,
        displacement=DISPLACEMENT,
        lattice=(1.0, 0.5 * pi) if scene.name == "SrTiO3" else (1.0, 2.0 * pi / 3.0),
    )
    for seed in range(count):
        images, truth = session(scene, ideal, kind, seed)
        yield fit_noise(images, known), truth


def covered(noise: FittedNoise, name: str, truth: float) -> bool | None:
    """Whether the interval, or the limits, hold the truth; None where nothing is told."""
    one = getattr(noise, name)
    ends = one.interval or one.limits
    return None if ends is None else bool(ends[0] <= truth <= ends[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=12, help="of each kind and specimen")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every: dict[str, list[bool]] = {name: [] for name in QUANTITIES}
    errors: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    for scene in reversed(scenes()):
        print(f"### {scene.name}\n")
        print("| sessions | estimate | truth | told | found | within interval | within limits |")
        print("|---|---|---|---|---|---|---|")
        for kind in KINDS:
            found = list(fitted(scene, kind, arguments.sessions))
            for name in QUANTITIES:
                print_row(kind, name, found, every, errors)
        print()
    print("### All together\n")
    print("| estimate | intervals and limits | hold the truth | median of value over truth |\n|---|---|---|---|")
    for name, held in every.items():
        ratio = f"{np.median(errors[name]):.3f}" if errors[name] else "–"
        print(f"| {name} | {len(held)} | {np.mean(held):.0%} | {ratio} |")


def print_row(
    kind: Kind,
    name: str,
    found: list[tuple[FittedNoise, Truth]],
    every: dict[str, list[bool]],
    errors: dict[str, list[float]],
) -> None:
    """Print one estimate over the sessions of one kind, and keep what counts for all of them."""
    held: dict[bool, list[bool]] = {True: [], False: []}
    values, truths = [], [truth[name] for _, truth in found]
    for noise, truth in found:
        one, inside = getattr(noise, name), covered(noise, name, truth[name])
        if one.value is not None:
            values.append(one.value)
            errors[name] += [one.value / truth[name]] if truth[name] else []
        if inside is not None:
            held[one.value is not None].append(inside)
            every[name].append(inside)
    shown = f"{np.mean(values):.3g} ± {np.std(values):.2g}" if values else "–"
    shares = [f"{sum(one)}/{len(one)}" if one else "–" for one in (held[True], held[False])]
    row = (kind.name, name, f"{np.mean(truths):.3g}", f"{len(values)}/{len(found)}", shown, *shares)
    print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
