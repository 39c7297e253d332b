"""Campaigns, networks on one stream: what it saves to train several small networks on the same micrographs.

    OMP_NUM_THREADS=1 python benchmarks/bench_stacked.py --repeats 5 [--networks 1 4 8] [--architecture tiny]

A store like that of the small studies is simulated first (8 structures). Per training step and network: each network
with its own stream, all on one stream in turns, all on one stream by `torch.func.vmap`; on a GPU where there is one.
The three are measured in turn, repeat by repeat, and gains are medians of neighbouring repeats.

Remarks
-------
On a CPU sharing pays what imaging costs, and `vmap` loses: networks take turns there. On a GPU they are mapped over.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from passband.campaign.grid import load_campaign
from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.segmentation.architecture import Architecture
from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import named_architecture, seeded_networks

PLAN = Path(__file__).parents[1] / "studies" / "ood_defocus" / "plan_small.toml"
BATCH = 8


class Contender:
    def __init__(self, acquisition: Acquisition, recipe: Architecture, count: int, together: str, device: str) -> None:
        self.acquisition, self.device = acquisition, device
        shared = together != "alone"
        stacks = [tuple(range(count))] if shared else [(seed,) for seed in range(count)]
        how = together if shared else "turns"
        self.learners = [
            SegmentationLearner(seeded_networks(recipe, seeds), LossRecipe(), together=how).to(device)  # type: ignore[arg-type]
            for seeds in stacks
        ]
        self.optimisers = [torch.optim.Adam(one.parameters(), lr=1e-3) for one in self.learners]
        self.count = count

    def step(self, number: int) -> float:
        """Seconds per network: of the processor, or of the clock on a GPU."""
        clock = time.perf_counter if self.device == "cuda" else time.process_time
        started = clock()
        for k, (learner, optimiser) in enumerate(zip(self.learners, self.optimisers, strict=True)):
            batch = self.acquisition.batch(number * self.count + k, BATCH)
            optimiser.zero_grad()
            learner.loss(batch, step=number).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return (clock() - started) / self.count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--architecture", default="tiny")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    plan = load_campaign(PLAN, ["simulation.structures=8"])
    imaging = plan.experiments()[0].imaging
    recipe = named_architecture(options.architecture)
    print(f"device: {device}, network: {options.architecture}, batch {BATCH} of {imaging.patch}²")
    columns = "networks", "own streams (ms)", "one stream, in turns (ms)", "one stream, vmap (ms)"
    print(f"| {' | '.join(columns)} | gain in turns | gain of vmap |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        store = simulate(plan.simulation, Path(folder) / "store")
        acquisition = Acquisition(store, imaging, seed=1, device=device)
        for count in options.networks:
            contenders = [Contender(acquisition, recipe, count, how, device) for how in ("alone", "turns", "vmap")]
            times = [[one.step(number) for one in contenders] for number in range(options.repeats + 2)][2:]
            alone, turns, mapped = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
            gains = [statistics.median(row[0] / row[k] for row in times) for k in (1, 2)]
            print(
                f"| {count} | {alone:.0f} | {turns:.0f} | {mapped:.0f} | {gains[0]:.2f}× | {gains[1]:.2f}× |",
                flush=True,
            )


if __name__ == "__main__":
    main()
