"""Campaigns, killed workers: real experiments on workers killed at random, against one process, bit for bit.

    OMP_NUM_THREADS=1 python benchmarks/campaign_kill.py [--runs 200] [--workers 3] [--every 15]

Each of 200 experiments simulates nothing, trains a network of a few hundred weights for one step on patches of 32² and
measures it under two conditions. A random worker is killed (SIGKILL) after every 15 finished runs on average, at a
random moment of a run. Files of weights and rows are compared byte by byte.

Remarks
-------
The seconds say little: each replaced worker imports torch again, which costs more than ten of these runs.
"""

import argparse
import random
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from passband.campaign.cluster import execute, run_here
from passband.campaign.experiment_run import prepare_stores
from passband.campaign.folder import TRAININGS
from passband.campaign.grid import CampaignPlan
from passband.campaign.tables import collect

PLAN: dict[str, Any] = {
    "name": "kill",
    "network": {"stem": 2, "encoder": [2, 2, 2, 2], "decoder": [2, 2, 2, 2, 2], "blocks": 1},
    "images": 2,
    "simulation": {
        "structures": 3,
        "seed": 3,
        "pixel_size": 0.5,
        "slice_thickness": 4.0,
        "phonons": 0,
        "focus_reference": "centre",
        "scene": {"field": 32.0, "film_thickness": 8.0, "diameter": 12.0, "particles": 1, "gap": 2.0},
    },
    "imaging": {"pixel_size": 1.0, "patch": 32, "focal_nodes": 1},
    "split": {"validation": 0.3, "test": 0.3},
    "training": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "learning_rate": 1e-2, "seed": 1},
    "families": {"two": {"grid": {"defocus": [100.0, -100.0]}, "jitter": 10.0, "base": {"dose": 400.0}}},
}


def plan(runs: int) -> CampaignPlan:
    part = {"name": "all", "train_on": "two", "evaluate_on": "two", "together": False, "curves": False}
    return CampaignPlan.model_validate({**PLAN, "parts": [part | {"seeds": list(range(-(-runs // 2)))}]})


class Killer(threading.Thread):
    """Kills a random worker of this process whenever some more runs are finished."""

    def __init__(self, directory: Path, every: int) -> None:
        super().__init__(daemon=True)
        self.directory, self.every, self.chance = directory, every, random.Random(11)
        self.killed, self.over = 0, threading.Event()

    def run(self) -> None:
        wanted = self.every
        while not self.over.wait(0.2):
            if len(list(self.directory.glob("runs/*/metrics.parquet"))) < wanted:
                continue
            time.sleep(self.chance.uniform(0.0, 1.0))
            workers = [one for one in psutil.Process().children() if "passband.campaign.worker" in one.cmdline()]
            if workers:
                self.chance.choice(workers).kill()
                self.killed += 1
                wanted += self.chance.randint(1, 2 * self.every - 1)


def seconds(experiments: Any, directory: Path, stores: Path, workers: int) -> float:
    begun = time.perf_counter()
    job = partial(run_here, stores=stores, trainings=directory / TRAININGS, device="cpu")
    summary = execute(experiments, directory, job, pool=workers)
    assert summary.finished == len(experiments), summary
    return time.perf_counter() - begun


def differing(one: Path, other: Path) -> list[str]:
    """Files of rows and of weights that are not the same in two campaigns."""
    names = sorted(
        path.relative_to(one) for pattern in ("metrics.parquet", "*.safetensors") for path in one.rglob(pattern)
    )
    assert names == sorted(
        path.relative_to(other) for p in ("metrics.parquet", "*.safetensors") for path in other.rglob(p)
    )
    return [str(name) for name in names if (one / name).read_bytes() != (other / name).read_bytes()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=int, default=15)
    options = parser.parse_args()
    campaign = plan(options.runs)
    experiments = campaign.experiments()
    with tempfile.TemporaryDirectory() as folder:
        killed, serial, stores = (Path(folder) / name for name in ("killed", "serial", "stores"))
        prepare_stores(campaign, stores)
        killer = Killer(killed, options.every)
        killer.start()
        result: dict[str, Any] = {"runs": len(experiments), "workers": options.workers}
        result["seconds with kills"] = round(seconds(experiments, killed, stores, options.workers))
        killer.over.set()
        result["workers killed"] = killer.killed
        result["seconds, one process"] = round(seconds(experiments, serial, stores, 0))
        rows = collect(killed)
        result |= {"rows": rows.num_rows, "rows equal": "all" if rows.equals(collect(serial)) else "no"}
        differ = differing(killed, serial)
        result["files of rows and weights that differ"] = ", ".join(differ) or "none"
    print(f"| {' | '.join(result)} |\n{'|---' * len(result)}|\n| {' | '.join(map(str, result.values()))} |")


if __name__ == "__main__":
    main()
