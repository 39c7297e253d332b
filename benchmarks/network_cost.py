"""Campaigns, cost of a network: seconds of training and of measuring in the small studies, from the runs' `cost.json`.

    OMP_NUM_THREADS=1 python benchmarks/network_cost.py

One run of the small study of aberrations (trained to the threshold) and one of the small study of defocus (curves
included in the training), one after the other in this process with one thread; the network is `tiny`. Exit waves are
kept in `out/benchmarks/` and found again. The last column is by division: 12,000 networks, two processes at a time.

Remarks
-------
The authors' network has 14.3 M weights instead of 0.1 M, and images of 512² at 0.2 Å: these figures say nothing of it.
"""

import json
import tempfile
from pathlib import Path

from passband.campaign.cluster import run_here
from passband.campaign.experiment_run import prepare_stores
from passband.campaign.grid import load_campaign

ROOT = Path(__file__).resolve().parents[1]
RUNS = [("ood_aberrations", "set002"), ("ood_defocus", "defocus=250")]
COLUMNS = "run", "networks", "epochs", "s per network", "data sets", "s per network and data set", "12,000 networks (h)"


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    stores = ROOT / "out" / "benchmarks" / "stores"
    for study, trained_on in RUNS:
        plan = load_campaign(ROOT / "studies" / study / "plan_small.toml")
        prepare_stores(plan, stores)
        experiment = next(one for one in plan.experiments() if one.trained_on == trained_on)
        with tempfile.TemporaryDirectory() as folder:
            run_here(experiment, Path(folder), stores=stores, trainings=Path(folder) / "trainings", device="cpu")
            cost = json.loads((Path(folder) / "cost.json").read_text())
        networks, sets = cost["networks"], cost["evaluations"]
        training = cost["training_seconds"] / networks
        measuring = 0.0 if experiment.curves else cost["evaluation_seconds"] / networks
        hours = 12_000 * (training + measuring) / 2 / 3600
        each = "in the training" if experiment.curves else f"{measuring / sets:.2f}"
        cells = [f"{study}, {trained_on}", networks, cost["epochs"], f"{training:.1f}", sets, each, f"{hours:.0f}"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
