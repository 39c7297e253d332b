"""What the pages tell a newcomer to copy is understood by passband."""

from pathlib import Path

from passband.campaign.grid import load_campaign
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
