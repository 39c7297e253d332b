"""The smallest campaign that is one: two conditions, two networks each, half a second in all."""

from typing import Any

import pytest

from passband.campaign.grid import CampaignPlan

SMALLEST: dict[str, Any] = {
    "name": "smallest",
    "network": {"stem": 2, "encoder": [2, 2, 2, 2], "decoder": [2, 2, 2, 2, 2], "blocks": 1},
    "images": 2,
    "simulation": {
        "structures": 6,
        "seed": 3,
        "pixel_size": 0.5,
        "slice_thickness": 4.0,
        "phonons": 0,
        "focus_reference": "centre",
        "scene": {"field": 32.0, "film_thickness": 8.0, "diameter": 12.0, "particles": 1, "gap": 2.0},
    },
    "imaging": {"pixel_size": 1.0, "patch": 32, "focal_nodes": 1},
    "split": {"validation": 0.3, "test": 0.3},
    "training": {"epochs": 2, "steps_per_epoch": 1, "batch_size": 2, "learning_rate": 1e-2, "seed": 1},
    "families": {
        "two": {"grid": {"defocus": [100.0, -100.0]}, "jitter": 10.0, "base": {"dose": 400.0}},
        "random": {"draw": 3, "seed": 2, "base": {"aberrations": {"C10": {"uniform": [-200.0, 200.0]}}}},
    },
    "parts": [{"name": "all", "train_on": "two", "evaluate_on": "two", "seeds": [0, 1], "curves": True}],
}


@pytest.fixture
def smallest() -> dict[str, Any]:
    """Raw values of a plan; a test may change its own copy."""
    return CampaignPlan.model_validate(SMALLEST).model_dump(mode="json")
