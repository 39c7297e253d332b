"""Held-out cameras: the loss of a network on cameras that no training has seen, beside that on the training's.

    PYTHONPATH=. OMP_NUM_THREADS=1 python benchmarks/held_out_cameras.py [--model MODEL] [--plan PLAN] [--images 96]

Micrographs of 48 structures that nobody saw (kept in `out/benchmarks/held_out`) under the conditions of the training,
one of each field: with a camera of the training each (*own*), and with each of the cameras that `studies/real_gold`
holds out (`variants.toml`; *ccd* and *direct* also change readout noise and dose there, which is left out here). The
loss is on the scale of arXiv 2512.09067, 0 is perfect. Aim: 1.3 times the own.

Remarks
-------
For the plan `au_hrtem`, *ccd* has a gain three times as uneven as any camera of the training, *screenshot* has a JPEG
in every image where a tenth have one there; *direct* is a corner of what the training draws.
"""

import argparse
import os
import tomllib
from pathlib import Path

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.experiment.evaluation import EvaluationSet, measure_segmenter
from passband.experiment.plan import load_plan
from passband.segmentation.model import load_model

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "out" / "benchmarks" / "held_out"
STRUCTURES, SEED = 48, 70_001


def cameras() -> dict[str, list[str]]:
    """Changes to a plan that make it take micrographs with each held-out camera."""
    with (ROOT / "studies" / "real_gold" / "variants.toml").open("rb") as file:
        found = tomllib.load(file)["held_out"]["cameras"]
    return {name: [one for one in changes if ".camera." in one] for name, changes in found.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="au_hrtem", help="folder or name of a model")
    parser.add_argument("--plan", default="au_hrtem", help="that it was trained by")
    parser.add_argument("--images", type=int, default=96, help="micrographs of each camera")
    given = parser.parse_args()
    model, changes = load_model(given.model), [f"simulation.structures={STRUCTURES}", f"simulation.seed={SEED}"]
    store = simulate(load_plan(given.plan, changes), KEPT / Path(given.plan).stem, workers=os.cpu_count() or 1)
    print("| camera | loss | of the own | Dice |\n|---|---|---|---|")
    own = 0.0
    for name, camera in {"own": [], **cameras()}.items():
        plan = load_plan(given.plan, [*changes, *camera])
        imaging = plan.imaging.model_copy(update={"patches_per_field": 1})
        made = Acquisition(store, imaging, seed=SEED, in_turn=True)
        scores = measure_segmenter(model, EvaluationSet(made, given.images, again=False))
        own = own or float(scores["paper_loss"])
        print(
            f"| {name} | {scores['paper_loss']:.3f} | {scores['paper_loss'] / own:.2f} | {scores['dice']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
