"""What a study says of its cost: a training that several runs measure is paid once."""

import json
from pathlib import Path

from tests.fixtures.campaigns import SMALLEST

from passband.campaign.folder import COST, run_folder
from passband.campaign.grid import CampaignPlan
from studies.reporting import provenance


def test_a_shared_training_is_counted_once(tmp_path: Path) -> None:
    plan = CampaignPlan.model_validate(SMALLEST)
    for shared, said in ((False, "4 networks in 2 runs, 6 minutes"), (True, "2 networks in 2 runs, 4 minutes")):
        for number, one in enumerate(plan.experiments()):
            folder = run_folder(one, tmp_path)
            folder.mkdir(parents=True, exist_ok=True)
            cost = {"training_seconds": 120.0, "evaluation_seconds": 60.0, "networks": 2}
            (folder / COST).write_text(json.dumps(cost | {"training": "a" if shared else str(number)}))
        assert said in provenance(plan, Path("study/plan_small.toml"), tmp_path)[2]
