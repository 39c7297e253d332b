"""What a machine is too small for is said before it is begun, and not refused: it may have swap, or a larger sister."""

from collections import namedtuple
from pathlib import Path

import pytest
from tests.fixtures.command_line import Run

from passband.campaign import shortage
from passband.campaign.folder import METRICS, STORES, run_folder
from passband.campaign.grid import CampaignPlan
from passband.campaign.shortage import campaign_shortage, simulation_shortage, training_shortage
from passband.experiment.plan import Plan, load_plan

Usage = namedtuple("Usage", "free")


@pytest.fixture
def plan() -> Plan:
    return load_plan("demo")


def machine(monkeypatch: pytest.MonkeyPatch, *, memory: int | None = 10**15, free: int = 10**15) -> None:
    monkeypatch.setattr(shortage, "_physical_memory", lambda: memory)
    monkeypatch.setattr(shortage.shutil, "disk_usage", lambda _: Usage(free))


def test_a_machine_that_is_large_enough_is_not_warned(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for memory in (10**15, None):  # None: a system that does not say
        machine(monkeypatch, memory=memory)
        assert simulation_shortage(plan.simulation, tmp_path, workers=8) == []
        assert training_shortage(plan) == []


def test_memory_that_is_too_small_is_said(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, memory=12_000_000)
    assert simulation_shortage(plan.simulation, tmp_path, workers=1) == []  # 13 planes of 256² pixels are 6.8 MB
    (line,) = simulation_shortage(plan.simulation, tmp_path, workers=4)
    assert line.startswith(
        "simulating with 4 workers takes about 0.0273 GB of memory and this machine has 0.012 GB; use fewer"
    )
    (line,) = training_shortage(plan)
    assert "make training.batch_size or imaging.patch smaller" in line


def test_a_full_disk_is_said_unless_the_store_is_there(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, free=1000)
    place = tmp_path / "not" / "there" / "yet"
    (line,) = simulation_shortage(plan.simulation, place, workers=1)
    assert f"{place} will take about 0.0" in line
    place.mkdir(parents=True)
    (place / "scenes.parquet").touch()
    assert simulation_shortage(plan.simulation, place, workers=1) == []


def test_a_campaign_is_told_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fixtures.campaigns import SMALLEST

    machine(monkeypatch, memory=10**8, free=1000)
    plan = CampaignPlan.model_validate(SMALLEST)
    memory, disk = campaign_shortage(plan, tmp_path, tmp_path / STORES, workers=3)
    assert memory.startswith("the campaign with 3 workers takes about 1.")
    assert "use fewer workers, see --dry-run" in memory
    assert "GB of disk and" in disk
    for one in plan.experiments():
        run_folder(one, tmp_path).mkdir(parents=True)
        (run_folder(one, tmp_path) / METRICS).touch()
    assert campaign_shortage(plan, tmp_path, tmp_path / STORES, workers=3) == []  # all is done


def test_the_command_warns_and_goes_on(
    run: Run, micro: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, memory=1000, free=1000)
    outcome = run("simulate", "demo", "-o", tmp_path / "store", *micro, "-q")
    assert outcome.code == 0
    assert [line.split(" ")[0] for line in outcome.err.splitlines()] == ["warning:", "warning:"]
    assert (tmp_path / "store" / "scenes.parquet").exists()
