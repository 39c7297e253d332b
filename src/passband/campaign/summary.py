"""What a campaign found and what it cost, averaged over networks: mean losses, their matrix, seconds per network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passband.natural_order import natural, natural_key

#: What makes two networks members of one series: they differ by their seed and their training condition alone.
SERIES = ("optimiser", "learning_rate", "batch_size", "structures")
PAPER_NETWORKS = 12_000

Row = Mapping[str, Any]


def mean_losses(rows: pa.Table) -> list[dict[str, Any]]:
    """Mean loss of the last measured epoch of every training × evaluation, with its spread over networks.

    Returns
    -------
    list of dict
        `trained_on`, `evaluation`, the columns of `SERIES`, `loss` (mean), `spread` (standard deviation with n − 1,
        None for one network) and `networks` (n).
    """
    if not rows.num_rows:
        return []
    last = rows.group_by("run").aggregate([("epoch", "max")])
    rows = rows.join(last, "run", use_threads=False).filter(pc.field("epoch") == pc.field("epoch_max"))
    keys = ["trained_on", "evaluation", *SERIES]
    sample = pc.VarianceOptions(ddof=1, min_count=2)
    aggregates = [("paper_loss", "mean"), ("paper_loss", "stddev", sample), ("paper_loss", "count")]
    grouped = rows.group_by(keys, use_threads=False).aggregate(aggregates)  # groups in the order of the rows
    renamed = {"paper_loss_mean": "loss", "paper_loss_stddev": "spread", "paper_loss_count": "networks"}
    found = [{renamed.get(key, key): value for key, value in row.items()} for row in grouped.to_pylist()]
    return sorted(found, key=lambda row: [natural_key(str(row[key])) for key in keys])


def loss_matrix(rows: Sequence[Row]) -> tuple[list[str], list[str], np.ndarray[Any, Any]]:
    """Names of trainings and of evaluations, and the mean losses `(training, evaluation)`; NaN where there is none."""
    trainings = natural([row["trained_on"] for row in rows])
    evaluations = natural([row["evaluation"] for row in rows])
    places = ({name: k for k, name in enumerate(names)} for names in (trainings, evaluations))
    matrix = np.full((len(trainings), len(evaluations)), np.nan)
    across, along = places
    for row in rows:
        matrix[across[row["trained_on"]], along[row["evaluation"]]] = row["loss"]
    return trainings, evaluations, matrix


def cost_rows(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Seconds per network and per evaluation of a network, for each device, and hours for 12,000 networks.

    A training that several runs measure is counted with each of them.
    """
    groups: dict[tuple[str, int], list[Row]] = {}
    for cost in found:
        groups.setdefault((str(cost.get("device", "")), int(cost.get("threads", 0))), []).append(cost)
    rows = []
    for (device, threads), members in groups.items():
        networks = sum(int(cost.get("networks", 1)) for cost in members)
        measured = sum(int(cost.get("networks", 1)) * int(cost.get("evaluations", 1)) for cost in members)
        training = sum(float(cost["training_seconds"]) for cost in members)
        evaluation = sum(float(cost["evaluation_seconds"]) for cost in members)
        rows.append(
            {
                "device": device,
                "threads": threads,
                "runs": len(members),
                "networks": networks,
                "per_network": training / networks,
                "per_evaluation": evaluation / measured,
                "hours": PAPER_NETWORKS * (training + evaluation) / networks / 3600.0,
            }
        )
    return rows
