"""Trust, F1 of a network that finds columns: what it is on images that nobody saw, and how well it is predicted.

    OMP_NUM_THREADS=1 python benchmarks/atoms_f1.py [MODEL] [--store STORE] [--data-sets 80] [--images 3]

MODEL is calibrated, by default the one that comes with passband. STORE holds specimens that neither its training nor
its calibration saw; where there is none, 80 of the training's kind are simulated into it with another seed. Frames of
them are scanned under conditions that come as the calibration did, with another seed: half of the data sets as trained,
the others partly or mostly beyond, three in ten with a scanner beyond the training's. F1 is that of the maxima of the
network's probability, before the fit (`passband.performance.scoring.column_f1`). Each row says its quartiles, the share
of images in their interval (nominal 80 %), the median width of these, and how the predicted F1 ranks the true one
(Spearman). The conditions are not told. Aim: 75 to 85 % at nominal 80.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from passband.dataset.beam_paths import simulation_on_card
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.performance.error_model import ErrorModel
from passband.performance.examination import examine
from passband.performance.scoring import column_f1
from passband.performance.settings import outside_of, setting_row
from passband.performance.sweep import ConditionSweep
from passband.performance.table import MeasurementRecipe
from passband.segmentation.model import Model, load_model

LEVEL = 0.8
SEED, SPECIMENS = 5026, 80


def simulated(model: Model, path: Path) -> WaveStore:
    """Specimens of the training's kind with a seed of their own."""
    recipe = simulation_on_card(model.card.simulation)
    recipe = recipe.model_copy(update={"seed": SEED, "structures": SPECIMENS})
    return simulate(recipe, path, workers=os.cpu_count() or 1)


def measured(
    model: Model, error_model: ErrorModel, store: WaveStore, recipe: MeasurementRecipe
) -> list[dict[str, Any]]:
    """True and predicted F1 of each image."""
    sweep = ConditionSweep(model, store, range(len(store)), recipe)
    rows, images = [], error_model.images
    assert images is not None, "the card has no single images; calibrate it again"
    for number, (setting, pixel) in enumerate(sweep.settings(recipe.data_sets)):
        camera, other = sweep.camera(number)
        seen, masks = sweep.micrographs(setting, pixel, seed=900_001 + number, count=recipe.images, camera=camera)
        inside = not other and not outside_of(setting_row(setting, pixel), sweep.trained)
        for image, mask in zip(seen, masks, strict=True):
            found = examine(model, image, model.card.pixel_size, reference=error_model.table.reference)
            true = column_f1(found.segmentation, mask)
            told = images.predict(found.signals, level=LEVEL).get("f1")
            if true >= 0.0 and told is not None:
                rows.append({"true": true, **told._asdict(), "inside": inside, "other": other})
    return rows


def line(name: str, rows: list[dict[str, Any]]) -> str:
    """One row of the table."""
    true, value, low, high = (np.array([row[key] for row in rows]) for key in ("true", "value", "low", "high"))
    quartiles = " / ".join(f"{one:.2f}" for one in np.quantile(true, (0.25, 0.5, 0.75)))
    held, width = np.mean((low <= true) & (true <= high)), np.median(high - low)
    rank = spearmanr(value, true).statistic
    return f"| {name} | {len(rows)} | {quartiles} | {100 * held:.0f} % | {width:.2f} | {rank:.2f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="haadf_atoms")
    parser.add_argument("--store", type=Path, default=Path("out/benchmarks/atoms_f1_store"))
    parser.add_argument("--data-sets", type=int, default=80)
    parser.add_argument("--images", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(given.model)
    error_model = ErrorModel.of_card(model.card)
    assert error_model is not None, "calibrate the model first"
    store = WaveStore.open(given.store) if given.store.exists() else simulated(model, given.store)
    rows = measured(
        model, error_model, store, MeasurementRecipe(data_sets=given.data_sets, images=given.images, seed=103)
    )
    print("| images | number | F1, quartiles | in 80 % intervals | median width | ρ |\n|---|---|---|---|---|---|")
    print(line("inside", [row for row in rows if row["inside"]]))
    print(line("outside, own scanner", [row for row in rows if not row["inside"] and not row["other"]]))
    print(line("other scanner", [row for row in rows if row["other"]]))
    print(line("all", rows))


if __name__ == "__main__":
    main()
