"""kill -9 at twenty random moments loses and duplicates nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from passband.training.history import read_history

SCRIPT = Path(__file__).with_name("interrupted_run.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_twenty_kills_leave_the_bytes_of_an_undisturbed_training(tmp_path):
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(tmp_path), "20", "11"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    struck = json.loads(done.stdout)
    assert (
        struck["struck"] >= 5
    )  # otherwise the test proves nothing; after the last epoch there is nothing left to kill
    assert struck["in_write"] >= 2
    for name in ("checkpoint.safetensors", "history.parquet", "training.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "quiet" / name).read_bytes(), name
    assert [row["epoch"] for row in read_history(tmp_path / "killed" / "history.parquet")] == list(range(1, 13))
