"""Run by test_estimate: does the one run of a plan in a fresh process and prints its peak memory in bytes.

usage: peak_memory.py PLAN STORES RUN
"""

import json
import resource
import sys
from pathlib import Path

from passband.campaign.cluster import run_here
from passband.campaign.grid import CampaignPlan


def main(plan: Path, stores: Path, run: Path) -> None:
    (experiment,) = CampaignPlan.model_validate_json(plan.read_text()).experiments()
    run_here(experiment, run, stores=stores, trainings=run.with_name("trainings"), device="cpu")
    unit = 1 if sys.platform == "darwin" else 1024
    sys.stdout.write(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
