"""Information: time and memory of σ and Δε for the pairs of the paper's Fig. 5.

    OMP_NUM_THREADS=2 python benchmarks/bench_information.py

3,036 trained networks × 24 data sets, none round. Aim: 60 s and a peak of less than 2 GB. Each line is one process, so
that its peak memory is its own.

Remarks
-------
"auto" is 120 azimuths for exact, which needs half a turn only (the CTF is even), and 240 for naive.
"""

import argparse
import resource
import subprocess
import sys
import time
from math import pi

import numpy as np
import torch

from passband.distribution import Choice, Uniform
from passband.microscope.conditions import ConditionDistribution
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric

STUDY = ConditionDistribution(
    focal_spread=10.0,
    aberrations={
        "C10": Uniform(uniform=(-250.0, 250.0)),
        "C12": Uniform(uniform=(0.0, 50.0)),
        "phi12": Uniform(uniform=(0.0, pi)),
        "C21": Uniform(uniform=(0.0, 3000.0)),
        "phi21": Uniform(uniform=(0.0, 2.0 * pi)),
        "C23": Uniform(uniform=(0.0, 2000.0)),
        "phi23": Uniform(uniform=(0.0, 2.0 * pi / 3.0)),
        "C30": Uniform(uniform=(-5e5, 5e5)),
        "C50": Choice(choice=(0.0, 1e7, -1e7)),
    },
)
HEADER = """\
| trainings × data sets | pairs | odd | azimuths | precision | seconds | CPU seconds | peak memory (GB) |
|---|---|---|---|---|---|---|---|"""


def measure(trainings: int, sets: int, odd: str, azimuths: int | None, precision: str) -> str:
    conditions = STUDY.sample(trainings + sets, np.random.default_rng(0))
    metric = Metric.model_validate({"odd": odd, "azimuths": azimuths})
    before = time.process_time()
    start = time.perf_counter()
    found = compare_information(conditions[sets:], conditions[:sets], metric=metric, dtype=getattr(torch, precision))
    seconds = time.perf_counter() - start
    assert found.sigma.shape == (trainings, sets)
    assert bool(torch.isfinite(found.sigma).all())
    processor = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    cells = [f"{trainings:,} × {sets}", f"{trainings * sets:,}", odd, str(azimuths or "auto"), precision]
    return f"| {' | '.join(cells)} | {seconds:.1f} | {processor:.1f} | {peak:.2f} |"


CASES = [
    (759, 24, "exact", "auto", "float64"),
    (1518, 24, "exact", "auto", "float64"),
    (3036, 24, "exact", "72", "float64"),
    (3036, 24, "exact", "auto", "float64"),
    (3036, 24, "exact", "auto", "float32"),
    (3036, 24, "naive", "72", "float64"),
    (3036, 24, "naive", "auto", "float64"),
    (3036, 24, "naive", "auto", "float32"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=5, metavar=("TRAININGS", "SETS", "ODD", "AZIMUTHS", "PRECISION"))
    one = parser.parse_args().one
    if one:
        print(measure(int(one[0]), int(one[1]), one[2], None if one[3] == "auto" else int(one[3]), one[4]))
        return
    print(HEADER, flush=True)
    for case in CASES:
        subprocess.run([sys.executable, __file__, "--one", *map(str, case)], check=True)


if __name__ == "__main__":
    main()
