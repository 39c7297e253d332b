"""Ablation of columns: F1 of networks that find columns, each trained without one ingredient of the plan `haadf_atoms`.

    OMP_NUM_THREADS=1 python benchmarks/scan_ablation.py [--work out/benchmarks/scan_ablation]

WORK keeps the store and the six trainings of 2,400 steps, some 25 minutes of one core each; what is there is not
trained again (here they had been trained before). F1 is that of the maxima of the probability within 0.5 Å
(`passband.performance.scoring.column_f1`): the mean over images of one kind of specimen, in brackets their number;
none of the specimens was trained on. Settings: those of the training with all its scanners, then the plan's three
named ones, whose scan has jitter alone. "no artefacts of the scan" is trained with dwell time and current, without
jitter.

Remarks
-------
Three seeds of the plan stand for its scatter; each ingredient was left out with one seed only. Slow changes that are
left in and a first level at half resolution lie within the seeds nearly everywhere. Artefacts of the scan in training
bring 0.04 on film stacks where images have them, and cost where they do not: graphene and dichalcogenides are found
better, even unsteady and defocused, by the network that never saw any. So after 2,400 steps the network is too busy
with them; whether more steps mend that was not tried.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_paths import AnyImaging
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.experiment.plan import load_plan
from passband.experiment.study import train
from passband.performance.scoring import column_f1
from passband.segmentation.model import Model, load_model

PLAN, SEED, PIXEL = "haadf_atoms", 77, 0.16
#: Folder, what it is, changes of the plan.
RUNS = (
    *((f"plan-{seed}", f"plan, seed {seed}", (f"training.seed={seed}",)) for seed in (2026, 2027, 2028)),
    (
        "plain-2026",
        "no artefacts of the scan, 2026",
        (
            "training.seed=2026",
            "imaging.camera={dwell_time=5e-6, beam_current=3e-11}",
            "imaging.conditions.jitter=0.0",
        ),
    ),
    (
        "slopes-2026",
        "slow changes left in, 2026",
        ("training.seed=2026", 'network={kind="fine_unet", preparation={clip=30.0, high_pass=256.0}}'),
    ),
    ("half-2026", "first level at half resolution, 2026", ("training.seed=2026", 'network="small"')),
)
KINDS = ("interfaces", "lattices", "dichalcogenides", "graphene")


def by_kind(model: Model, store: WaveStore, imaging: AnyImaging, chosen: list[int]) -> dict[str, list[float]]:
    """F1 of each image, by the kind of its specimen; images without columns are left out."""
    acquisition = Acquisition(store, imaging, indices=chosen, in_turn=True, seed=SEED)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(len(chosen)):
        batch = acquisition.batch(number, 1)
        score = column_f1(model.segment(batch.images[0, 0].numpy(), PIXEL), batch.masks[0].numpy())
        if score >= 0.0:
            found[store.scene(batch.rows[0]["structure"])["parameters"]["kind"]].append(score)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/benchmarks/scan_ablation"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = load_plan(PLAN)
    store = simulate(plan, given.work / "store")
    networks = {}
    for folder, name, changes in RUNS:
        changed = load_plan(PLAN, [*changes, f"training.validate_every={plan.training.epochs}"])
        networks[name] = load_model(train(changed, store, given.work / folder).model)
    parts = store.splits(validation=plan.split.validation, test=plan.split.test)
    chosen = np.concatenate([parts["validation"], parts["test"]]).tolist()
    sets: dict[str, AnyImaging] = {"as in the training": plan.imaging}
    sets |= {one.name: plan.imaging.under(one.conditions, one.camera) for one in plan.validation}
    print(f"| setting | network | {' | '.join(KINDS)} |\n|---|---|" + "---|" * len(KINDS))
    for name, imaging in sets.items():
        for network, model in networks.items():
            found = by_kind(model, store, imaging, chosen)
            means = " | ".join(f"{np.mean(found[kind]):.2f} ({len(found[kind])})" for kind in KINDS)
            print(f"| {name} | {network} | {means} |", flush=True)


if __name__ == "__main__":
    main()
