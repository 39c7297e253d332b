"""Figure 5 of the paper and beyond, from a finished campaign: which measure forecasts where a network fails.

    passband campaign run studies/ood_aberrations/plan_small.toml -o out/ood_aberrations
    python -m studies.ood_aberrations.report out/ood_aberrations --plan studies/ood_aberrations/plan_small.toml

Writes results/*.csv, fig5.png, forecasts.png, ranking.png and report.md. `pairs.py` does the work.
"""

from pathlib import Path

from passband.campaign.grid import CampaignPlan
from studies.ood_aberrations.pairs import analyse, report_lines
from studies.reporting import provenance, report_command

HEAD = (
    "# Random aberrations: which measure forecasts where a network fails",
    "",
    "After Figure 5 of Rangel DaCosta & Scott (arXiv 2512.09067). The paper's formulas for σ and Δε could not be "
    "obtained; ours are inferred (docs/conventions.md). Both variants, radial p = 1 and area p = 2, and the plain "
    "baseline |ΔC10| stand beside our own measures; docs/trust_metrics.md describes them, and says which choices in "
    "them were made after a look at these losses.",
    "",
)


def report(plan: CampaignPlan, plan_file: Path, campaign: Path, output: Path) -> None:
    """Write everything; see the module."""
    lines = [*HEAD, *provenance(plan, plan_file, campaign), *report_lines(analyse(campaign, output / "results"))]
    (output / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    report_command(report, doc=__doc__ or "", script=Path(__file__))
