"""`passband campaign`: what its commands print and write, and what is one line when something is wrong."""

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fixtures.campaigns import loss_row

from passband.campaign.folder import METRICS, write_campaign

Run = Callable[..., Any]  # the fixture `run`, see conftest

PLAN = """
name = "smallest"
images = 2
network = { stem = 2, encoder = [2, 2, 2, 2], decoder = [2, 2, 2, 2, 2], blocks = 1 }
split = { validation = 0.3, test = 0.3 }
imaging = { pixel_size = 1.0, patch = 32, focal_nodes = 1 }
training = { epochs = 1, steps_per_epoch = 1, batch_size = 2, learning_rate = 1e-2 }

[simulation]
structures = 3
pixel_size = 0.5
slice_thickness = 4.0
phonons = 0
focus_reference = "centre"
scene = { field = 32.0, film_thickness = 8.0, diameter = 12.0, particles = 1, gap = 2.0 }

[families.two]
grid = { defocus = [100.0, -100.0] }

[[parts]]
name = "all"
train_on = "two"
evaluate_on = "two"
seeds = [0, 1]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def make_campaign(folder: Path) -> None:
    """Two trainings of three networks each, measured on two conditions after two epochs."""
    rng = np.random.default_rng(4)
    for number, trained in enumerate(("defocus=100", "defocus=-20")):
        run = f"{number:016d}"
        rows = [
            loss_row(
                run=run,
                trained_on=trained,
                seed=seed,
                epoch=epoch,
                evaluation=name,
                paper_loss=float(rng.uniform(1, 9)),
            )
            for epoch in (1, 2)
            for name in ("defocus=100", "defocus=-20")
            for seed in range(3)
        ]
        (folder / "runs" / run).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "runs" / run / METRICS)
        cost = {"training_seconds": 30.0, "evaluation_seconds": 6.0, "networks": 3, "evaluations": 2, "device": "cpu"}
        (folder / "runs" / run / "cost.json").write_text(json.dumps({**cost, "threads": 1}))
    write_campaign(folder, {"name": "made up"}, ["0" * 16, "0" * 15 + "1", "a" * 16])


# -- run ---------------------------------------------------------------------------------------------------------------


def test_a_plan_is_run_and_found_the_second_time(run: Run, plan: Path, tmp_path: Path) -> None:
    command = ("campaign", "run", plan, "-o", tmp_path / "c", "--workers", "0", "--json", "--device", "cpu")
    first = run(*command)
    assert first.code == 0, first.err
    printed = json.loads(first.out)
    assert (printed["total"], printed["found"], printed["finished"], printed["failed"]) == (2, 0, 2, [])
    assert json.loads(run(*command).out)["found"] == 2
    counted = json.loads(run("campaign", "status", tmp_path / "c", "--json").out)
    assert (counted["planned"], counted["finished"], counted["waiting"]) == (2, 2, 0)
    page = run("campaign", "report", tmp_path / "c", "--json")
    assert page.code == 0
    with Path(json.loads(page.out)["table"]).open() as file:
        rows = list(csv.DictReader(file))
    assert {(one["trained_on"], one["evaluation"]) for one in rows} == {
        (a, b) for a in ("defocus=100", "defocus=-100") for b in ("defocus=100", "defocus=-100")
    }
    assert {one["networks"] for one in rows} == {"2"}


def test_failed_runs_are_listed_and_the_exit_code_says_so(
    run: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(experiment: Any, folder: Path, **_: Any) -> None:
        raise ValueError("the loss is nan")

    monkeypatch.setattr("passband.campaign.running.run_here", diverge)
    outcome = run("campaign", "run", plan, "-o", tmp_path / "c", "--workers", "0", "-q")
    assert outcome.code == 2
    assert len(outcome.error_lines) == 2
    assert all(line.endswith("failed: ValueError: the loss is nan") for line in outcome.error_lines)
    status = run("campaign", "status", tmp_path / "c")
    assert status.out.count("failed: ValueError: the loss is nan") == 2
    assert "\nfailed          2\n" in status.out


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--scheduler", "tcp://127.0.0.1:1", "--cluster", "x.yaml"), "--scheduler and --cluster are both given"),
        (("--cluster", "x.yaml"), "x.yaml does not exist"),
        (("--set", "imagez=3"), "imagez"),
        (("--tls-ca", "ca.pem"), "belong to --scheduler"),
        (("--scheduler", "tls://127.0.0.1:1", "--tls-ca", "ca.pem"), "needs all of --tls-ca, --tls-cert and --tls-key"),
        (("--device", "tpu"), "device='tpu' is unknown"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    run: Run, plan: Path, tmp_path: Path, extra: tuple[str, ...], message: str
) -> None:
    outcome = run("campaign", "run", plan, "-o", tmp_path / "c", *extra)
    assert outcome.code == 2
    assert len(outcome.error_lines) == 1
    assert message in outcome.err
    assert not (tmp_path / "c").exists()


def test_a_scheduler_that_asks_for_nothing_is_warned_of(
    run: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passband.campaign.cluster._CONNECTING", "0.2s")
    outcome = run("campaign", "run", plan, "-o", tmp_path / "c", "--scheduler", "tcp://127.0.0.1:9", "-q")
    assert outcome.code == 2
    assert outcome.err.startswith("warning: tcp://127.0.0.1:9 is neither encrypted nor checked")
    assert "no scheduler answers at tcp://127.0.0.1:9" in outcome.error_lines[0]


# -- status, report, script --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_without_a_campaign_is_one_line(run: Run, tmp_path: Path, command: str) -> None:
    outcome = run("campaign", command, tmp_path)
    assert outcome.code == 2
    assert outcome.error_lines == [
        f"error: {tmp_path} holds no campaign; give the folder that `passband campaign run` wrote with -o"
    ]


def test_status_estimates_the_rest(run: Run, tmp_path: Path) -> None:
    make_campaign(tmp_path)
    assert "about 36 s of one worker left" in run("campaign", "status", tmp_path).out
    printed = json.loads(run("campaign", "status", tmp_path, "--json").out)
    assert (printed["planned"], printed["finished"], printed["waiting"], printed["remaining"]) == (3, 2, 1, 36.0)


class Page(HTMLParser):
    """Headings, cells and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {"h2": [], "td": [], "img": []}
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        if tag == "img":
            self.found["img"].append(str(dict(attrs)["alt"]))

    def handle_data(self, data: str) -> None:
        if self._in in ("h2", "td"):
            self.found[self._in].append(data)
            self._in = ""


def test_the_report_shows_losses_costs_and_what_is_damaged(run: Run, tmp_path: Path) -> None:
    make_campaign(tmp_path)
    (tmp_path / "runs" / ("a" * 16)).mkdir()
    (tmp_path / "runs" / ("a" * 16) / METRICS).write_bytes(b"PAR1 cut")
    outcome = run("campaign", "report", tmp_path, "-o", tmp_path / "page" / "r.html")
    assert outcome.code == 0
    assert outcome.err.count("warning: ") == 1
    page = Page((tmp_path / "page" / "r.html").read_text())
    assert page.found["h2"] == ["Runs", "Loss matrix", "Losses", "Cost"]
    assert page.found["img"] == [
        "Mean loss at the end of training, adam, rate 0.01, batch 8; white where nothing was measured."
    ]
    assert "metrics.parquet is cut short" in page.found["td"]
    assert (tmp_path / "page" / "loss_matrix.csv").exists()


def test_script_prints_the_job(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text("cores: 2\nmemory: 4GB\nwalltime: 12:00:00\nqueue: short\n")
    outcome = run("campaign", "script", path)
    assert outcome.code == 0
    assert "#SBATCH -t 12:00:00" in outcome.out.splitlines()


def test_a_dry_run_says_what_a_plan_takes_and_writes_nothing(run: Run, plan: Path, tmp_path: Path) -> None:
    result = run("campaign", "run", plan, "-o", tmp_path / "campaign", "--workers", 3, "--dry-run")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "smallest: 2 runs, 2 trainings, 4 networks; nothing was written"
    assert lines[2].split()[:6] == ["trained", "on", "3", "2", "2", "4"]
    assert "4 to learn from, 12 to measure on" in result.out
    assert " GB a worker; " in result.out
    assert " GB for 3" in result.out
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


def test_a_dry_run_counts_the_workers_of_a_cluster(run: Run, plan: Path, tmp_path: Path) -> None:
    jobs = tmp_path / "slurm.yaml"
    jobs.write_text("jobs: 4\ncores: 8\nprocesses: 2\nmemory: 32GB\nwalltime: 1:00:00\n")
    found = json.loads(run("campaign", "run", plan, "--cluster", jobs, "--dry-run", "--json").out)
    assert found["workers"] == 8
    assert found["memory"] == 8 * found["worker"]["total"]
    assert found["inodes"] == found["run_inodes"] + found["stores"][0]["inodes"]
    assert found["disk"] == found["run_disk"] + found["stores"][0]["disk"]
    changed = run("campaign", "run", plan, "--dry-run", "--json", "--set", "parts.0.seeds=[0, 1, 2]")
    assert json.loads(changed.out)["networks"] == 6


def test_a_run_without_a_folder_is_refused(run: Run, plan: Path, tmp_path: Path) -> None:
    result = run("campaign", "run", plan)
    assert result.code == 2
    assert "--output is missing" in result.err
    assert len(result.error_lines) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]
