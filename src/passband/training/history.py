"""What happened in a training: one row per epoch and named validation set, kept as Parquet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: Scores of older versions, and what they are called now.
RENAMED = {"loss": "training_loss", "paper_scale_loss": "paper_loss", "worst_paper_scale_loss": "worst_paper_loss"}


@dataclass(frozen=True)
class History:
    """Rows of `epoch` (from 1), `step`, `learning_rate`, `train_loss`, `set`, and the scores of that set.

    Without a validation set there is one row per epoch whose `set` is "". `stopped` says why the training ended:
    "epochs", "threshold" or "patience"; `best_epoch` had the best monitored score; `seconds` is the time taken,
    restarts included (what a killed process did after its last checkpoint is not).
    """

    rows: tuple[dict[str, Any], ...]
    stopped: str
    best_epoch: int
    seconds: float

    def column(self, name: str, *, set_name: str | None = None) -> list[Any]:
        """Return one column in the order of the epochs, of one named set or of all rows."""
        return [row.get(name) for row in self.rows if set_name is None or row["set"] == set_name]


def to_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the Parquet file of some rows; a score that a set does not have is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a `history.parquet`, with the names that its columns have now."""
    return [with_present_names(row) for row in pq.read_table(path).to_pylist()]


def with_present_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of an older version with the names of this one; `loss.3` is that of network 3."""
    parts = [(*name.partition("."), value) for name, value in row.items()]
    return {f"{RENAMED.get(score, score)}{dot}{number}": value for score, dot, number, value in parts}
