"""Runs are done once whatever is killed: workers, the command, or both; what fails is said and stops nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from passband.campaign import attempt as attempt_module
from passband.campaign.attempt import Session, attempt
from passband.campaign.cluster import execute
from passband.campaign.folder import ATTEMPT, ERROR, LOCK, METRICS, CampaignError, run_folder
from passband.campaign.tables import collect
from passband.locking import exclusive, is_held

SCRIPT = Path(__file__).with_name("tiny_campaign.py")
PATIENCE = 300.0  # seconds; only a campaign that hangs needs them


@dataclass(frozen=True)
class Tiny:
    number: int

    @property
    def identity(self) -> str:
        return f"{self.number:05d}"


def write(experiment, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / METRICS).open("a") as file:  # a second time would show
        file.write(experiment.identity)


def refuse(experiment, folder):
    if experiment.number == 1:
        raise ValueError("diverged:\nloss is nan")
    write(experiment, folder)


def command(mode: str, directory: Path, count: int, workers: int) -> list[str]:
    return [sys.executable, "-W", "error", str(SCRIPT), mode, str(directory), str(count), str(workers)]


def campaign(*arguments, **options):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=PATIENCE, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -- Dask --------------------------------------------------------------------------------------------------------------


def test_two_hundred_runs_with_workers_killed_at_random_equal_the_serial_ones(tmp_path):
    struck = campaign("killed", tmp_path / "killed", 200, 3)
    quiet = campaign("quiet", tmp_path / "serial", 200, 0)
    assert struck["killed"] >= 2  # otherwise the test proves nothing
    assert struck["failed"] == quiet["failed"] == []
    assert struck["finished"] == quiet["finished"] == 200
    rows = collect(tmp_path / "killed")
    assert rows.num_rows == 800
    assert rows.equals(collect(tmp_path / "serial"))
    for folder in (tmp_path / "killed" / "runs").iterdir():
        assert (folder / METRICS).read_bytes() == (tmp_path / "serial" / "runs" / folder.name / METRICS).read_bytes()
        times = folder / "times_finished"  # not there if the kill came between the last file and this one
        assert not times.exists() or times.read_text() == "x"
        assert not (folder / ATTEMPT).exists() or not is_held(folder / LOCK)


def test_a_killed_campaign_goes_on_where_it_was_and_what_cannot_be_done_is_said(tmp_path):
    going = subprocess.Popen(command("deadly", tmp_path, 60, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while len(list(tmp_path.glob(f"runs/*/{METRICS}"))) < 5:
        assert going.poll() is None
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.02)
    workers = psutil.Process(going.pid).children()
    going.send_signal(signal.SIGKILL)  # the client and its scheduler
    going.wait()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert alive == []  # workers end with the command that started them
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob(f"runs/*/{METRICS}")}
    after = campaign("deadly", tmp_path, 60, 2)
    assert (after["total"], after["found"], after["finished"]) == (60, len(before), 58 - len(before))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    reasons = {run: message for run, state, message in after["failed"]}
    assert set(reasons) == {"00001", "00002"}
    assert "its worker process died 3 times" in reasons["00001"]
    assert reasons["00002"] == "ValueError: diverged: loss is nan"


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for SLURM is a shell script")
def test_jobs_of_a_slurm_cluster_do_the_runs(tmp_path):
    """A stand-in submits a job by starting it."""
    for name, body in {
        # as sbatch does, the script is read before the command ends: its file is removed then
        "sbatch": 'script=$(cat "$1"); nohup bash -c "$script" >/dev/null 2>&1 & echo $!',
        "scancel": 'kill "$1"',
    }.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = campaign("slurm", tmp_path / "runs", 6, 2, env={**os.environ, "PATH": path}, cwd=tmp_path)
    assert (done["finished"], done["failed"]) == (6, [])


def test_a_scheduler_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("passband.campaign.cluster._CONNECTING", "0.2s")
    with pytest.raises(CampaignError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9; start one with"):
        execute([Tiny(0)], tmp_path, write, pool="tcp://127.0.0.1:9")


# -- what holds for every pool, shown in this process ------------------------------------------------------------------


def test_finished_runs_are_not_repeated_and_half_ones_not_counted(tmp_path):
    (tmp_path / "runs" / "00002").mkdir(parents=True)  # begun, without its last file
    first = execute([Tiny(0), Tiny(1), Tiny(0)], tmp_path, write, pool=0)
    again = execute([Tiny(0), Tiny(1), Tiny(2)], tmp_path, write, pool=0)
    assert (first.total, first.found, first.finished) == (2, 0, 2)
    assert (again.total, again.found, again.finished) == (3, 2, 1)
    assert [run_folder(Tiny(k), tmp_path).joinpath(METRICS).read_text() for k in range(3)] == [
        "00000",
        "00001",
        "00002",
    ]


def test_a_failed_run_is_recorded_stops_no_other_and_is_tried_again(tmp_path):
    told = []
    runs = [Tiny(0), Tiny(1), Tiny(2)]
    summary = execute(runs, tmp_path, refuse, pool=0, progress=lambda *state, note="": told.append((*state, note)))
    error = run_folder(Tiny(1), tmp_path) / ERROR
    assert (summary.finished, [one.run for one in summary.failed]) == (2, ["00001"])
    assert json.loads(error.read_text())["message"] == summary.failed[0].message == "ValueError: diverged: loss is nan"
    assert "raise ValueError" in json.loads(error.read_text())["traceback"]
    assert told[-1] == (3, 3, "1 failed")
    assert execute(runs, tmp_path, write, pool=0).finished == 1
    assert not error.exists()


def test_a_run_that_writes_nothing_has_failed(tmp_path):
    (failure,) = execute([Tiny(0)], tmp_path, lambda experiment, folder: None, pool=0).failed
    assert "ended without metrics.parquet" in failure.message


def test_a_run_that_another_process_is_at_is_left_to_it(tmp_path):
    folder = run_folder(Tiny(0), tmp_path)
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / LOCK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holding.stdout is not None
    assert holding.stdin is not None
    with holding.stdout, holding.stdin:
        holding.stdout.readline()
        assert is_held(folder / LOCK)
        assert attempt(write, Tiny(0), folder, Session("a")).state == "busy"
        assert not (folder / METRICS).exists()
        holding.kill()  # the lock dies with its process
        holding.wait()
    assert not is_held(folder / LOCK)
    assert attempt(write, Tiny(0), folder, Session("a")).state == "finished"
    assert attempt(write, Tiny(0), folder, Session("a")).state == "found"


HOLD = """
import pathlib, sys, time
from passband.locking import exclusive
with exclusive(pathlib.Path(sys.argv[1])) as ours:
    print(ours, flush=True)
    time.sleep(600)
"""


def test_a_busy_run_is_looked_at_again_until_it_is_done(tmp_path, monkeypatch):
    folder = run_folder(Tiny(0), tmp_path)
    lock = exclusive(folder / LOCK)
    lock.__enter__()

    def finish_elsewhere(seconds):
        write(Tiny(0), folder)
        lock.__exit__(None, None, None)

    monkeypatch.setattr("passband.campaign.cluster.time.sleep", finish_elsewhere)
    summary = execute([Tiny(0)], tmp_path, write, pool=0)
    assert (summary.finished, summary.failed) == (1, ())
    assert (folder / METRICS).read_text() == "00000"


def test_an_attempt_removes_what_a_killed_one_left_half_written(tmp_path):
    folder = run_folder(Tiny(0), tmp_path)
    (folder / "models" / "0").mkdir(parents=True)
    left = (folder / ".metrics.parquet.0123456789abcdef.tmp", folder / "models" / "0" / ".card.json.0.tmp")
    for path in left:
        path.write_bytes(b"half")
    assert attempt(write, Tiny(0), folder, Session("a")).state == "finished"
    assert not any(path.exists() for path in left)


def test_crashes_count_within_one_command_only(tmp_path):
    folder = run_folder(Tiny(0), tmp_path)
    folder.mkdir(parents=True)
    record = {"command": "first", "crashes": 2, "process": 0}  # as a third attempt leaves it when its process dies
    (folder / ATTEMPT).write_text(json.dumps(record))
    failed = attempt(write, Tiny(0), folder, Session("first"))
    assert (failed.state, "died 3 times" in failed.message) == ("failed", True)
    (folder / ATTEMPT).write_text(json.dumps(record))
    assert attempt(write, Tiny(0), folder, Session("second")).state == "finished"


def test_workers_that_do_not_fit_say_so(tmp_path, monkeypatch):
    lost = attempt(write, Tiny(0), tmp_path / "elsewhere" / "runs" / "00000", Session("a"))
    assert (lost.state, "does not see" in lost.message) == ("failed", True)
    monkeypatch.setattr(attempt_module, "__version__", "0.0.1")
    other = attempt(write, Tiny(0), tmp_path / "00000", Session("a"))
    assert (other.state, "a worker has passband 0.0.1" in other.message) == ("failed", True)
