"""What the pages tell a newcomer to copy is understood by passband."""

import re
import tomllib
from pathlib import Path

import numpy as np
import torch

from passband.camera.scanner import ScannerDistribution
from passband.campaign.grid import load_campaign
from passband.dataset.imaging import Imaging
from passband.dataset.named_conditions import NamedConditions
from passband.experiment.plan import load_plan

ROOT = Path(__file__).parents[2]


def test_the_first_campaign_trains_at_four_defoci() -> None:
    plan = load_campaign(ROOT / "docs" / "examples" / "first_campaign.toml")
    assert len(plan.experiments()) == 4  # rejects a family, part or key that is misspelt in the example


def test_the_first_plan_takes_minutes() -> None:
    plan = load_plan("demo")
    images = plan.training.epochs * plan.training.steps_per_epoch * plan.training.batch_size
    assert plan.simulation.structures <= 100  # rejects a plan of hours as the one to copy
    assert images <= 5000


def test_the_cameras_on_their_page_are_understood() -> None:
    page = (ROOT / "docs" / "camera.md").read_text(encoding="utf-8")
    wide, held_out = (tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    imaging = Imaging.model_validate({"pixel_size": 0.8, "patch": 128, **wide["imaging"]})
    assert imaging.camera is not None
    assert imaging.camera.processing is not None
    assert NamedConditions.model_validate(held_out["validation"][0]).camera is not None


def test_the_scan_on_its_page_runs() -> None:
    page = (ROOT / "docs" / "scan.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    positions = np.array([[20.0, 30.0], [90.0, 50.0]])
    labels = torch.zeros((1600, 1600), dtype=torch.int64)
    names = {"ideal": torch.full((1600, 1600), 0.02), "labels": labels, "positions": positions}
    exec(text, names)
    assert names["frame"].image.shape == names["mask"].shape == (512, 512)  # type: ignore[attr-defined]
    assert len(names["atom"]) == len(names["places"])


def test_the_wide_distribution_of_scanners_on_its_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "scan.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert ScannerDistribution.model_validate(tomllib.loads(text)) == ScannerDistribution.wide()


def test_the_campaign_over_scans_trains_at_three_doses() -> None:
    plan = load_campaign(ROOT / "docs" / "examples" / "scan_campaign.toml")
    assert len(plan.experiments()) == 3  # rejects an example whose families are of another beam path
