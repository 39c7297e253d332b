"""Trust, the error area of single images: do intervals, ranks and words keep their word on images that nobody saw?

    OMP_NUM_THREADS=1 python benchmarks/trust_coverage.py [MODEL] [--store STORE] [--folder DIR] [--data-sets 120]

MODEL is calibrated (`passband calibrate`), by default the one that comes with passband. STORE holds structures that
neither its training nor its calibration saw; where there is none, 60 of the training's kind are simulated into it with
another seed. Micrographs of them are taken under conditions that come as the
calibration's did, with another seed: half of the data sets as trained, the others partly or mostly beyond, three in ten
of them with a camera beyond the training's; and again with a camera that no calibration has seen (`HELD_OUT`). Measured
parts are kept in the folder and found again. Each row says which share of images lies in its interval, nominal 80 and
90 %, how wide the intervals of 80 % are, how the predicted error area ranks the true one (Spearman), and which words
are said. Images of a data set are not independent: a standard error is about that of the number of data sets, 3.7
points for 120 at 80 %. Aim: 75 to 85 % at nominal 80, ρ of 0.8 or more, at most 10 % of images inside not *no
objection*.

Remarks
-------
Flags are left out of the words; what they add on images inside is in their own benchmark. *Left out* predicts the
images of other cameras from a calibration without any. The last table predicts the mean of each data set's images.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from passband.camera.camera import CameraDistribution
from passband.dataset.physics import WAVES
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.microscope.instruments.choice import instrument_of
from passband.performance.conformal import coverage
from passband.performance.error_model import ErrorModel
from passband.performance.image_error import ImagePrediction
from passband.performance.measurement import set_rows
from passband.performance.observation import Observation
from passband.performance.signals import SIGNALS, signal_values
from passband.performance.sweep import ConditionSweep
from passband.performance.table import MeasurementRecipe, PerformanceTable
from passband.performance.unseen import training_split, unseen_structures
from passband.segmentation.model import Model, load_model
from passband.segmentation.shipped import find_model
from passband.verdict.estimate import ConditionEstimate
from passband.verdict.evidence import Evidence
from passband.verdict.verdict import OUTCOMES, Verdict
from passband.verdict.weighing import weigh

KEPT = Path(__file__).parents[1] / "out" / "benchmarks"
#: More correlated and more blurred than any camera of a calibration, resampled by the nearest pixel, and filtered.
HELD_OUT = CameraDistribution.model_validate(
    {
        "blur": {"uniform": [0.7, 1.0]},
        "correlation": {"uniform": [0.9, 1.2]},
        "oversampling": {"uniform": [0.5, 0.7]},
        "kernels": {"nearest": 1.0},
        "unevenness": {"uniform": [0.08, 0.12]},
        "processing": {"gamma_share": 1.0, "eight_bit_share": 1.0},
    }
)
SEED = 20261126  # of structures that nobody saw
Rows = list[dict[str, Any]]
Mask = NDArray[np.bool_]


class Measured(NamedTuple):
    """Images (n,) with their truth, the verdicts with intervals of 80 and of 90 %, and the data set of each."""

    truth: dict[str, NDArray[np.float64]]
    verdicts: list[Verdict]
    wider: list[Verdict]
    sets: NDArray[np.int64]
    inside: Mask
    own_camera: Mask


def measured_rows(sweep: ConditionSweep, temperature: float, folder: Path) -> tuple[Rows, Rows]:
    """Rows of images and of data sets, measured or read."""
    settings = sweep.settings(sweep.recipe.data_sets)
    rows: Rows = []
    for number, (setting, pixel_size) in enumerate(settings):
        path = folder / sweep.identity / f"{number:06d}.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = sweep.measure(number, setting, pixel_size, temperature)
            pq.write_table(pa.Table.from_pylist(made), path)
        rows += pq.read_table(path).to_pylist()
    return rows, set_rows(sweep, settings, rows)


def verdicts_of(
    error_model: ErrorModel, sweep: ConditionSweep, rows: Rows, *, known: bool, level: float
) -> list[Verdict]:
    """Verdict on each image, from the signals against the reference on the card; with or without its conditions."""
    features, profiles = (np.array([row[name] for row in rows]) for name in ("features", "profile"))
    reference = error_model.table.reference
    far = signal_values(Observation(reference, features=features if features.size else None, profiles=profiles))
    instrument, settings = instrument_of(error_model.trained), sweep.settings(sweep.recipe.data_sets)
    found = []
    for k, row in enumerate(rows):
        signals = {name: row[name] for name in SIGNALS if row.get(name) is not None}
        signals |= {name: float(values[k]) for name, values in far.items()}
        setting, pixel_size = settings[row["set"]]
        estimate = ConditionEstimate("file", instrument.known_values(setting)) if known else ConditionEstimate()
        evidence = Evidence(estimate, signals, camera_pixel=pixel_size)
        found.append(weigh(error_model, evidence, level=level, advise=False))
    return found


def judged(error_model: ErrorModel, sweep: ConditionSweep, rows: Rows, sets: Rows, *, known: bool) -> Measured:
    number = np.array([row["set"] for row in rows])
    truth = {name: np.array([row[name] for row in rows]) for name in ("error_area", "loss")}
    inside, other = (np.array([one[name] > 0.5 for one in sets])[number] for name in ("inside", "other_camera"))
    verdicts, wider = (verdicts_of(error_model, sweep, rows, known=known, level=level) for level in (0.8, 0.9))
    return Measured(truth, verdicts, wider, number, inside, ~other)


def line(name: str, seen: Measured, chosen: Mask) -> str:
    """One row of the table."""
    predicted = [int(k) for k in np.flatnonzero(chosen) if seen.verdicts[k].error_area is not None]
    shares = []
    for quantity in ("error_area", "loss"):
        for verdicts in (seen.verdicts, seen.wider):
            ends = [getattr(verdicts[k], quantity) for k in predicted]
            truth = seen.truth[quantity][predicted]
            shares.append(coverage([one.low for one in ends], [one.high for one in ends], truth))
    areas = [seen.verdicts[k].error_area for k in predicted]
    width = np.median([(one.high + 1e-3) / (one.low + 1e-3) for one in areas if one is not None])
    values = np.array([one.value for one in areas if one is not None])
    rank = spearmanr(values, seen.truth["error_area"][predicted])[0]
    words = [np.mean([seen.verdicts[k].outcome == word for k in np.flatnonzero(chosen)]) for word in OUTCOMES]
    said = " | ".join(f"{share:.0%}" for share in (*shares, *words))
    sets = len(np.unique(seen.sets[chosen]))
    lost = int(chosen.sum()) - len(predicted)
    return f"| {name} | {int(chosen.sum())} ({sets}) | {lost} | {said} | × {width:.1f} | {rank:+.2f} |"


HEAD = (
    "| images | n (data sets) | no number | error area 80 | 90 | loss 80 | 90 "
    "| no objection | doubtful | outside | width | ρ |"
)


def without_other_cameras(table: PerformanceTable) -> PerformanceTable:
    """Table as a calibration with the training's own cameras alone would be."""
    kept = np.flatnonzero(table.own_camera)
    place = {int(number): new for new, number in enumerate(kept)}
    images = np.flatnonzero(table.own_camera[np.asarray(table.images["set"], dtype=int)])
    columns: dict[str, tuple[float, ...]] = {}
    for name, values in table.images.items():
        taken = [values[k] for k in images]
        columns[name] = tuple(float(place[int(one)]) for one in taken) if name == "set" else tuple(taken)
    sets = {name: tuple(values[k] for k in kept) for name, values in table.sets.items()}
    return table.model_copy(update={"sets": sets, "images": columns, "kernels": None})


def means(error_model: ErrorModel, seen: Measured) -> str:
    """Coverage of the mean over the images of a data set, where all have a number."""
    images = error_model.images
    assert images is not None
    held, wide = [], []
    for number in np.unique(seen.sets):
        places = np.flatnonzero(seen.sets == number)
        areas = [seen.verdicts[k].error_area for k in places]
        if any(one is None for one in areas):
            continue
        ends = [ImagePrediction(one.value, one.low, one.high) for one in areas if one is not None]
        mean = images.mean(ends, level=0.8)
        held.append(mean.low <= float(seen.truth["error_area"][places].mean()) <= mean.high)
        wide.append((mean.high + 1e-3) / (mean.low + 1e-3))
    said = f"{np.mean(held):.0%} of {len(held)} at 80 %, width × {np.median(wide):.1f}"
    return f"\nMean over the images of a data set: {said}."


def simulated(model: Model, path: Path) -> WaveStore:
    """Structures of the training's kind with a seed of their own."""
    changes = {"physics": WAVES, "structures": 60, "seed": SEED}
    recipe = Simulation.model_validate({**model.card.simulation, **changes})
    return simulate(recipe, path, workers=os.cpu_count() or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="au_hrtem")
    parser.add_argument("--store", type=Path, default=KEPT / "au_hrtem_other", help="exit waves that nobody saw")
    parser.add_argument("--folder", type=Path, default=KEPT / "trust", help="where measured parts are kept")
    parser.add_argument("--data-sets", type=int, default=120)
    parser.add_argument("--images", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = find_model(given.model)
    model = load_model(folder)
    store = WaveStore.open(given.store) if given.store.exists() else simulated(model, given.store)
    error_model = ErrorModel.of_card(model.card)
    assert error_model is not None, "calibrate the model first"
    assert error_model.images is not None, "its card has no single images; calibrate it again"
    unseen = unseen_structures(model.card, store, training_split(model.card, folder), "test")
    recipe = MeasurementRecipe(data_sets=given.data_sets, images=given.images, seed=101)
    sweep = ConditionSweep(model, store, unseen, recipe)
    temperature = error_model.table.reference.temperature
    rows, sets = measured_rows(sweep, temperature, given.folder)
    print(f"{HEAD}\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    for known, said in ((True, "conditions known"), (False, "conditions unknown")):
        seen = judged(error_model, sweep, rows, sets, known=known)
        groups: Mapping[str, Mask] = {
            "all": np.ones(len(rows), dtype=bool),
            "inside": seen.inside,
            "outside, own camera": ~seen.inside & seen.own_camera,
            "other camera": ~seen.own_camera,
        }
        for name, chosen in groups.items():
            print(line(f"{name}, {said}", seen, chosen))
    if (~error_model.table.own_camera).any():
        alone = ErrorModel(without_other_cameras(error_model.table), error_model.trained, error_model.pixel_size)
        seen = judged(alone, sweep, rows, sets, known=False)
        print(line("other camera, left out of the calibration", seen, ~seen.own_camera))
    imaging = sweep.imaging.model_copy(update={"camera": HELD_OUT})
    held_out = ConditionSweep(model, store, unseen, recipe.model_copy(update={"cameras": HELD_OUT, "seed": 102}))
    held_out.imaging = imaging
    more, more_sets = measured_rows(held_out, temperature, given.folder)
    seen = judged(error_model, held_out, more, more_sets, known=False)
    print(line("held-out camera", seen, np.ones(len(more), dtype=bool)))
    print(means(error_model, judged(error_model, sweep, rows, sets, known=False)))


if __name__ == "__main__":
    main()
