"""Imaging beside a training step: what imaging on the fly costs, for the networks and the gold plan.

    OMP_NUM_THREADS=1 python benchmarks/bench_training.py --repeats 7 [--threads 1]

A small store of the plan au_hrtem (400² waves, 8 aberrations, patches of 128²) is simulated first; batches of 16.
Imaging and step alternate in one process; shares are medians of neighbouring repeats. Aim: 15 %.

Remarks
-------
In training, images are made in a thread while the network computes, on a second core where there is one.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.experiment.plan import load_plan
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.unet import UNetRecipe

BATCH = 16


def measure(acquisition: Acquisition, network: str, repeats: int) -> str:
    learner = SegmentationLearner([UNetRecipe.preset(network).build()], LossRecipe())
    optimiser = torch.optim.Adam(learner.parameters(), lr=1e-3)
    imaging, step = [], []
    for number in range(repeats + 2):
        start = time.process_time()
        batch = acquisition.batch(number, BATCH)
        imaged = time.process_time()
        optimiser.zero_grad()
        learner.loss(batch, step=number).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        imaging.append(imaged - start)
        step.append(time.process_time() - imaged)
    imaging, step = imaging[2:], step[2:]
    share = statistics.median(a / b for a, b in zip(imaging, step, strict=True))
    patch = acquisition.imaging.patch
    rate = BATCH / statistics.median(imaging)
    cells = [network, f"{patch}²", f"{statistics.median(imaging):.2f}", f"{statistics.median(step):.2f}", f"{rate:.0f}"]
    return f"| {' | '.join(cells)} | {100 * share:.0f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = load_plan("au_hrtem", ["simulation.structures=6"])
    print("| network | patch | imaging 16 (CPU s) | training step (CPU s) | images per CPU s | imaging / step |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        store = simulate(plan.simulation, Path(folder) / "store")
        for network in UNetRecipe.PRESETS:
            acquisition = Acquisition(store, plan.imaging, seed=1)
            print(measure(acquisition, network, options.repeats if network != "paper" else 3), flush=True)


if __name__ == "__main__":
    main()
