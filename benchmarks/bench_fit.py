"""Fitting other microscopes: rings of films that passband did not image, with drift, MTF, Cs, tilt and 80 to 300 kV.

    OMP_NUM_THREADS=1 python benchmarks/bench_fit.py --seed 2026 [--images 5]

Images are made by `film_images.py`: a multislice, lens and camera of their own, bare amorphous carbon. Unless a row
says otherwise: 300 kV, 384 pixels of 0.4 Å, |C10| 30 to 100 nm underfocused, astigmatism to 10 nm, film of 3 to 8 nm,
focal spread 10 Å, 400 e⁻/Å², Cs as given. Amplitude contrast is never given. The sign of C10 is free where rings cannot
tell it. Intervals are of 95 %. "Warned" counts fits whose notes say that the given Cs is contradicted; "missed" are
those that are wrong by more than 1 nm without a warning. Aim: a median error of 1 nm at most, or refused or warned. The
model was written while looking at other seeds (5, 7, 9, 11, 12).

Remarks
-------
A Cs that is wrong by 0.1 mm is a focus that is wrong by some 6 nm.
"""

import argparse
import sys
import time
from math import pi
from typing import Any, NamedTuple

import numpy as np
from film_images import Shot, astigmatism_error, micrograph

from passband.files.fitting import fit_conditions
from passband.microscope.rings.result import Fit

GROSS = 10.0  # Å
CRYO = {
    "cs": 2e7,
    "c10": -34425.0,
    "c12": 485.0,
    "phi12": -65.0 * pi / 180.0 % pi,
    "thickness": 300.0,
    "focal_spread": 30.0,
    "amplitude_contrast": 0.07,
    "mtf": 0.3,
    "drift": 1.0,
    "dose": 20.0,
    "pixel": 1.77,
    "side": 1024,
    "oversampling": 1,
}


class Case(NamedTuple):
    """A row: what differs of a shot, and the Cs that the fit is given; "true" is that of the shot."""

    name: str
    shot: dict[str, Any]
    given: float | str | None = "true"


CASES = [
    Case("300 kV, Cs 0", {}),
    Case("200 kV, Cs 0", {"energy": 200e3}),
    Case("80 kV, Cs 0", {"energy": 80e3}),
    Case("drift 1 Å", {"drift": 1.0}),
    Case("drift 1.5 Å", {"drift": 1.5}),
    Case("drift 2 Å", {"drift": 2.0}),
    Case("vibration 0.4 Å, angular spread 0.3 mrad", {"vibration": 0.4, "angular_spread": 3e-4}),
    Case("MTF 0.2 at Nyquist", {"mtf": 0.2}),
    Case("MTF 0.1, readout 3 e⁻", {"mtf": 0.1, "readout": 3.0}),
    Case("dose 50 e⁻/Å²", {"dose": 50.0}),
    Case("astigmatism 30 nm", {"c12": 300.0}),
    Case("amplitude contrast 0.08", {"amplitude_contrast": 0.08}),
    Case("tilt 10°", {"tilt": 10.0 * pi / 180.0}),
    Case("tilt 30°", {"tilt": 30.0 * pi / 180.0}),
    Case("tilt 45°", {"tilt": 45.0 * pi / 180.0}),
    Case("near focus, 4 to 15 nm", {"c10": (-150.0, -40.0)}),
    Case("Cs 0.5 mm known, 200 kV", {"cs": 5e6, "energy": 200e3}),
    Case("Cs 1.2 mm known", {"cs": 1.2e7}),
    Case("Cs 1 mm known, 80 kV", {"cs": 1e7, "energy": 80e3}),
    Case("Cs 2 mm known, 120 kV", {"cs": 2e7, "energy": 120e3}),
    Case("Cs 0, not given", {}, None),
    Case("Cs −15 µm, not given, overfocused", {"cs": -1.5e5, "c10": (40.0, 150.0)}, None),
    Case("Cs 0.5 mm, not given, 200 kV", {"cs": 5e6, "energy": 200e3}, None),
    Case("Cs 1 mm, not given, 80 kV", {"cs": 1e7, "energy": 80e3}, None),
    Case("Cs 1 mm, not given, 120 kV", {"cs": 1e7, "energy": 120e3}, None),
    Case("Cs 2 mm, not given, 120 kV", {"cs": 2e7, "energy": 120e3}, None),
    Case("Cs 1.2 mm, not given", {"cs": 1.2e7}, None),
    Case("Cs 1.2 mm, not given, drift 1.5 Å, MTF 0.2", {"cs": 1.2e7, "drift": 1.5, "mtf": 0.2}, None),
    Case("Cs 1.35 mm (no lens's), not given", {"cs": 1.35e7}, None),
    Case("Cs 2 mm, not given", {"cs": 2e7}, None),
    Case("Cs 1.2 mm, 0 given", {"cs": 1.2e7}, 0.0),
    Case("Cs 1.2 mm, 1.0 mm given", {"cs": 1.2e7}, 1e7),
    Case("Cs 0, 1.2 mm given", {}, 1.2e7),
    Case("cryo: 300 kV, Cs 2 mm, 1.77 Å, 3491/3394 nm, −65°", CRYO),
    Case("the same, Cs not given", CRYO, None),
]
COLUMNS = [
    "images",
    "refused",
    "warned",
    "median error of C10 (nm)",
    "largest (nm)",
    "covers C10",
    "missed",
    "median error of astigmatism (nm)",
    "of drift (Å)",
    "seconds",
]


class Row(NamedTuple):
    """One image: whether refused and warned of, and errors in Å, NaN when refused."""

    refused: bool
    warned: bool
    seconds: float
    c10: float = np.nan
    covered: bool = False
    astigmatism: float = np.nan
    drift: float = np.nan


USUAL = {
    "c10": (-1000.0, -300.0),
    "c12": (0.0, 100.0),
    "phi12": (0.0, pi),
    "drift_azimuth": (0.0, pi),
    "thickness": (30.0, 80.0),
}


def drawn(case: Case, rng: np.random.Generator) -> Shot:
    """Shot of a case: what is a range is drawn."""
    settings = {**USUAL, **case.shot}
    values: dict[str, Any] = {}
    for name, one in settings.items():
        values[name] = rng.uniform(*one) if isinstance(one, tuple) else one
    return Shot(**values)


def measure(case: Case, rng: np.random.Generator) -> Row:
    """Make one image and fit it."""
    shot = drawn(case, rng)
    image = micrograph(shot, rng)
    given = shot.cs if case.given == "true" else case.given
    assert not isinstance(given, str)
    start = time.process_time()
    found = fit_conditions(image, pixel_size=shot.pixel, energy=shot.energy, cs=given)
    seconds = time.process_time() - start
    made = f"{case.name}: C10 {shot.c10:.0f}, C12 {shot.c12:.0f} Å"
    if not isinstance(found, Fit):
        print(f"{made}: refused: {found.reason}", file=sys.stderr)
        return Row(True, False, seconds)
    sign = -1.0 if found.sign_ambiguous and found.c10 * shot.c10 < 0.0 else 1.0
    phi12 = shot.phi12 if sign > 0.0 else shot.phi12 + 0.5 * pi
    low, high = found.c10_interval
    row = Row(
        False,
        any("was given, but" in note for note in found.notes),
        seconds,
        found.c10 - sign * shot.c10,
        low <= sign * shot.c10 <= high,
        astigmatism_error((found.c12, found.phi12), (shot.c12, phi12)),
        found.drift - shot.drift,
    )
    told = f"C10 {found.c10:.0f} ± {0.5 * (high - low):.1f}, Cs {found.cs / 1e7:.3f} mm, drift {found.drift:.2f}"
    print(
        f"{made}: {told}, error {row.c10:.1f}, {row.astigmatism:.1f}, {row.drift:.2f}; {found.notes}", file=sys.stderr
    )
    return row


def summary(case: Case, rows: list[Row]) -> str:
    """Line of the table."""
    done = [row for row in rows if not row.refused]
    silent = [row for row in done if not row.warned]
    cells = [case.name, str(len(rows)), str(len(rows) - len(done)), str(sum(row.warned for row in rows))]
    if done:
        errors = np.abs([row.c10 for row in done]) / 10.0
        cells += [
            f"{np.median(errors):.3f}",
            f"{errors.max():.2f}",
            f"{sum(row.covered for row in done)} of {len(done)}",
        ]
        cells += [str(sum(abs(row.c10) > GROSS for row in silent))]
        cells += [f"{np.median([row.astigmatism for row in done]) / 10:.3f}"]
        cells += [f"{np.median(np.abs([row.drift for row in done])):.2f}"]
    else:
        cells += ["—"] * 3 + ["0"] + ["—"] * 2
    cells += [f"{np.median([row.seconds for row in rows]):.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--images", type=int, default=5)
    options = parser.parse_args()
    print(f"| film | {' | '.join(COLUMNS)} |\n{'|---' * (1 + len(COLUMNS))}|")
    everything: list[Row] = []
    for number, case in enumerate(CASES):
        rows = [measure(case, np.random.default_rng([options.seed, number, turn])) for turn in range(options.images)]
        print(summary(case, rows), flush=True)
        everything += rows if case.given in ("true", None) else []
    done = [row for row in everything if not row.refused]
    errors = np.abs([row.c10 for row in done]) / 10.0
    covered = sum(row.covered for row in done)
    refused = f"{len(everything) - len(done)} of {len(everything)} refused"
    error = f"median error {np.median(errors):.3f} nm, {np.mean(errors > 1.0):.1%} above 1 nm"
    print(f"\nWhere no wrong Cs was given: {refused}, {error}, intervals cover {covered / len(done):.0%}.")


if __name__ == "__main__":
    main()
