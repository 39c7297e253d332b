"""Campaigns, reading: seconds to read a campaign of the paper's size, from its folders and from the cache.

    OMP_NUM_THREADS=1 python benchmarks/bench_campaign.py [--runs 3000] [--evaluations 24]

The folders of 3,000 runs × 24 evaluations are made up, with the columns of real rows. Aim: within seconds. Clock and
CPU seconds; other work on the machine counts for the first only.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passband.campaign.folder import RESULTS, write_campaign
from passband.campaign.summary import mean_losses
from passband.campaign.tables import collect, status


def make(directory: Path, runs: int, evaluations: int) -> list[str]:
    """Folders of finished runs, their losses drawn at random."""
    rng = np.random.default_rng(0)
    names = [f"{int(rng.integers(2**63)):016x}" for _ in range(runs)]
    for number, name in enumerate(names):
        folder = directory / "runs" / name
        folder.mkdir(parents=True)
        scores = {
            score: rng.uniform(size=evaluations) for score in ("paper_loss", "training_loss", "dice", "iou", "accuracy")
        }
        fixed = {
            "run": name,
            "trained_on": f"set{number // 4:03d}",
            "seed": number % 4,
            "optimiser": "sgd",
            "learning_rate": 1e-2,
            "batch_size": 8,
            "epoch": 25,
            "step": 4000,
            "structures": "",
            "images": 512,
            "stopped": "epochs",
        }
        columns: dict[str, Any] = {key: [value] * evaluations for key, value in fixed.items()}
        columns["evaluation"] = [f"set{k:03d}" for k in range(evaluations)]
        pq.write_table(pa.table({**columns, **scores}), folder / "metrics.parquet")
        cost = {"training_seconds": 100.0, "evaluation_seconds": 10.0, "networks": 1, "evaluations": evaluations}
        (folder / "cost.json").write_text(json.dumps(cost))
    write_campaign(directory, {"name": "synthetic"}, names)
    return names


def measured(what: str, function: Callable[[], Any]) -> Any:
    clock, cpu = time.perf_counter(), time.process_time()
    result = function()
    print(f"| {what} | {time.perf_counter() - clock:.2f} | {time.process_time() - cpu:.2f} |", flush=True)
    return result


def duckdb_or_nothing(path: Path) -> None:
    try:
        import duckdb
    except ImportError:
        return
    query = f"select trained_on, avg(loss) from '{path}' group by 1"
    measured("DuckDB, mean loss by training from the cache", lambda: duckdb.sql(query).fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--evaluations", type=int, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        names = make(directory, options.runs, options.evaluations)
        print("| what | seconds | CPU seconds |\n|---|---|---|")
        table = measured("collect, from the folders", lambda: collect(directory))
        measured("collect, from the cache", lambda: collect(directory))
        again = directory / "runs" / names[0] / "metrics.parquet"
        again.write_bytes(again.read_bytes())
        measured("collect, one run done again", lambda: collect(directory))
        measured("status", lambda: status(directory))
        measured("mean loss of every training × evaluation", lambda: mean_losses(table))
        duckdb_or_nothing(directory / RESULTS)
        print(f"\n{table.num_rows:,} rows, {(directory / RESULTS).stat().st_size / 1e6:.1f} MB of cache")


if __name__ == "__main__":
    main()
