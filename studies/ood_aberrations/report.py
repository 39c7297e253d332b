"""Figure 5 of the paper and beyond, from a finished campaign: which measure forecasts where a network fails.

    passband campaign run studies/ood_aberrations/plan_small.toml -o out/ood_aberrations
    python studies/ood_aberrations/report.py out/ood_aberrations --plan studies/ood_aberrations/plan_small.toml

Writes results/*.csv, fig5.png, forecasts.png, ranking.png and report.md. `pairs.py` beside it does the work.
"""

import argparse
from pathlib import Path

from pairs import analyse, report_lines  # beside this script

from passband.campaign.grid import load_campaign
from passband.desk.study import provenance

HEAD = (
    "# Random aberrations: which measure forecasts where a network fails",
    "",
    "After Figure 5 of Rangel DaCosta & Scott (arXiv 2512.09067). The paper's formulas for σ and Δε could not be "
    "obtained; ours are inferred (docs/conventions.md). Both variants, radial p = 1 and area p = 2, and the plain "
    "baseline |ΔC10| stand beside our own measures; docs/trust_metrics.md describes them, and says which choices in "
    "them were made after a look at these losses.",
    "",
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path, help="folder of the finished campaign")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan_small.toml"))
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    plan = load_campaign(given.plan)
    lines = [*HEAD, *provenance(plan, given.plan, given.campaign)]
    lines += report_lines(analyse(given.campaign, given.output / "results"))
    (given.output / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(given.output / "report.md")


if __name__ == "__main__":
    main()
