"""Run by test_cluster: a campaign of tiny pure runs on worker processes, some of which are killed.

usage: tiny_campaign.py MODE DIRECTORY COUNT WORKERS
MODE is "quiet", "killed" (workers are killed at random), "deadly" (run 1 kills its worker, run 2 raises) or "slurm".
Prints one JSON line: what `execute` returned, and how many workers were killed.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from passband.campaign.cluster import execute
from passband.campaign.folder import METRICS, RUNS
from passband.campaign.slurm import SlurmRecipe


@dataclass(frozen=True)
class Tiny:
    """Stands for an experiment."""

    number: int

    @property
    def identity(self):
        return f"{self.number:05d}"


def draw(experiment, folder, *, mode="quiet"):
    """Stands for run_experiment: rows that depend on the experiment alone, written last and at once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "half").write_text("begun")  # what a killed run leaves behind
    if mode == "deadly" and experiment.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "deadly" and experiment.number == 2:
        raise ValueError("diverged:\nloss is nan")
    time.sleep(0.03)
    digest = hashlib.sha256(experiment.identity.encode()).digest()
    losses = [byte / 255 for byte in digest[:4]]
    rows = {"run": [experiment.identity] * 4, "evaluation": list("abcd"), "paper_loss": losses}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(rows), sink)
    temporary = folder / ".metrics.tmp"
    temporary.write_bytes(sink.getvalue())
    temporary.replace(folder / METRICS)
    with (folder / "times_finished").open("a") as file:
        file.write("x")


class Killer:
    """Kills a random worker whenever some more runs are finished: by the clock, none might live to start."""

    def __init__(self, directory, seed):
        self.directory, self.chance, self.killed = directory, random.Random(seed), 0
        self.over = threading.Event()

    def __call__(self):
        wanted = 5
        while not self.over.wait(0.02):
            if sum(1 for _ in self.directory.glob(f"{RUNS}/*/{METRICS}")) < wanted:
                continue
            with contextlib.suppress(psutil.Error):  # one that was just killed
                workers = [one for one in psutil.Process().children() if "passband.campaign.worker" in one.cmdline()]
                self.chance.choice(workers).kill()
                self.killed += 1
                wanted += self.chance.randint(15, 45)


def main(mode, directory, count, workers):
    killer = Killer(directory, seed=7)
    thread = threading.Thread(target=killer, daemon=True)  # so that an error of the campaign is told at once
    if mode == "killed":
        thread.start()
    pool = workers
    if mode == "slurm":
        pool = SlurmRecipe(jobs=1, cores=workers, memory="1GB", walltime="00:10:00", interface="lo")
    summary = execute([Tiny(number) for number in range(count)], directory, partial(draw, mode=mode), pool=pool)
    killer.over.set()
    sys.stdout.write(json.dumps({**summary._asdict(), "killed": killer.killed}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
