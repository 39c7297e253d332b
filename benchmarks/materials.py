"""Materials: the Dice of the network for ten materials, one by one.

    PYTHONPATH=. OMP_NUM_THREADS=1 python benchmarks/materials.py [--model MODEL] [--plan PLAN] [--images 48]

For each material 24 structures that nobody saw, with particles of it alone, are simulated (kept in
`out/benchmarks/materials`), and micrographs are taken of them under the conditions and with the cameras of the
training, one of each field: pooled Dice, precision and recall of the pixels. *Usual* is the same 0 to 30 nm under
focus, with 400 electrons per Å² and a focal spread of 10 Å.
"""

import argparse
import os
import re
from pathlib import Path

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import of_kind
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.experiment.evaluation import EvaluationSet, measure_segmenter
from passband.experiment.plan import load_plan
from passband.segmentation.model import load_model

KEPT = Path(__file__).parents[1] / "out" / "benchmarks" / "materials"
STRUCTURES, SEED = 24, 70_101
USUAL = (
    "imaging.conditions.dose=400.0",
    "imaging.conditions.focal_spread=10.0",
    "imaging.conditions.aberrations.C10={ uniform = [-300.0, 0.0] }",
)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hrtem_particles", help="folder or name of a model")
    parser.add_argument("--plan", default="hrtem_particles", help="that it was trained by")
    parser.add_argument("--images", type=int, default=48, help="micrographs of each material")
    given = parser.parse_args()
    model = load_model(given.model)
    simulation = of_kind(load_plan(given.plan).simulation, Simulation)
    assert isinstance(simulation.displacement, dict)
    print("| material | Dice | precision | recall | Dice, usual | precision | recall |\n|---|---|---|---|---|---|---|")
    for number, material in enumerate(simulation.scene.materials):
        elements = {*re.findall("[A-Z][a-z]?", str(material)), "C"}
        displaced = ", ".join(f"{name} = {u}" for name, u in simulation.displacement.items() if name in elements)
        changes = [f"simulation.structures={STRUCTURES}", f"simulation.seed={SEED + number}"]
        changes += [f'simulation.scene.materials=["{material}"]', f"simulation.displacement={{ {displaced} }}"]
        store = simulate(load_plan(given.plan, changes), KEPT / str(material), workers=os.cpu_count() or 1)
        said = []
        for conditions in ((), USUAL):
            imaging = load_plan(given.plan, [*changes, *conditions]).imaging.model_copy(update={"patches_per_field": 1})
            made = Acquisition(store, imaging, seed=SEED, in_turn=True)
            scores = measure_segmenter(model, EvaluationSet(made, given.images, again=False))
            said += [f"{scores[name]:.2f}" for name in ("dice", "precision", "recall")]
        print(f"| {material} | {' | '.join(said)} |", flush=True)


if __name__ == "__main__":
    main()
