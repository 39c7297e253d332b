"""Where plans are found, and what is no plan."""

from pathlib import Path

import pytest

from passband.experiment.plan import load_plan
from passband.experiment.plan_files import PlanError, find_plan


def test_an_unknown_plan_suggests_the_near_one() -> None:
    with pytest.raises(PlanError, match="did you mean 'cdse'"):
        find_plan("cdsee")


def test_a_file_wins_over_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").write_text("not = [valid")
    with pytest.raises(PlanError, match="demo is not valid TOML"):
        load_plan("demo")


def test_a_binary_file_is_no_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(PlanError, match="not a text file"):
        load_plan(file)
