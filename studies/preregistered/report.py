"""The report of the registered comparison, from its finished campaigns.

    passband campaign run studies/preregistered/defocus_small.toml -o out/defocus_04 --stores out/stores --workers 2
    passband campaign run studies/preregistered/defocus_small.toml -o out/defocus_02 --stores out/stores --workers 2 \
        --set imaging.pixel_size=0.2 --set imaging.patch=256 --set imaging.band=2.5
    python -m studies.preregistered.report out/defocus_04 out/defocus_02 …

and likewise aberrations_small.toml. Writes report.md, results/tests.csv and results/parts.csv.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from passband.forecast.pairs import ForecastRecipe
from passband.forecast.tables import MEASURES
from passband.tabular import write_csv
from studies.preregistered.comparison import (
    BASE,
    DRAWS,
    DRAWS_OF_PARTS,
    TESTED,
    UNSIGNED,
    Campaign,
    Estimate,
    ceiling,
    compare,
    holm,
    parts,
    read,
    won,
)
from studies.ranking import within_groups

HYPOTHESES = {
    "H1, the observer's loss": ("observer_loss",),
    "H2, the texture's separation": ("texture_separation",),
    "H3, σ": ("sigma", "sigma_area"),
    "H4, −Δε": ("delta_epsilon", "delta_epsilon_area"),
}
KINDS, CAMERAS = ("defocus", "aberrations"), (0.4, 0.2)
WORDS = {1: "**wins**", -1: "**loses**", 0: "not told apart"}
WITHOUT = "without the focus row"
Found = Mapping[str, Estimate]


class Result:
    """Everything that is computed of one campaign; `draws` of the tests, and of what is told without one."""

    def __init__(self, campaign: Campaign, draws: int, draws_of_parts: int) -> None:
        pairs, masks = campaign.pairs, parts(campaign.pairs)
        every, away = masks["all pairs"], masks[WITHOUT]
        self.campaign = campaign
        self.tests = compare(pairs, every, TESTED, draws=draws)
        self.without_focus = compare(pairs, away, TESTED, draws=0)
        names = [*MEASURES, UNSIGNED]
        self.parts = {name: compare(pairs, mask, names, draws=draws_of_parts) for name, mask in masks.items()}
        self.parts["induced loss"] = compare(pairs, every, names, target="induced_loss", draws=draws_of_parts)
        self.ceilings = {name: ceiling(pairs, mask) for name, mask in masks.items()}
        self.ceilings["induced loss"] = ceiling(pairs, every, target="induced_loss")
        self.counts = {name: int(mask.sum()) for name, mask in masks.items()}
        self.within = {
            group: {
                name: within_groups(pairs[name][every], pairs["loss"][every], list(pairs[column][every]))
                for name in names
            }
            for group, column in (("within a network", "run"), ("within a data set", "dataset"))
        }
        self.corrected: dict[str, float] = {}

    def outcome(self, measure: str) -> int:
        """Whether a measure wins, loses, or neither."""
        if self.campaign.void:
            return 0
        return won(self.tests[measure], self.corrected[measure], self.without_focus[measure])


def correct(results: Sequence[Result]) -> None:
    """Correct the p-values of all campaigns together."""
    places = [(result, name) for result in results for name in TESTED]
    for (result, name), p in zip(places, holm([one.tests[name].p for one, name in places]), strict=True):
        result.corrected[name] = p


def hypotheses(results: Sequence[Result]) -> Iterable[str]:
    """Say of each hypothesis and each kind of campaign whether it holds."""
    for text, measures in HYPOTHESES.items():
        for kind in KINDS:
            mine = {result.campaign.pixel_size: result for result in results if result.campaign.kind == kind}
            missing = [f"{camera:g} Å" for camera in CAMERAS if camera not in mine]
            winners = [one for one in measures if all(found.outcome(one) > 0 for found in mine.values())]
            if missing:  # with its tests the correction could only be stricter
                camera = f"the camera of {' and '.join(missing)}"
                yield (
                    f"* {text}, {kind}: open; {camera} was not run."
                    if winners or not mine
                    else f"* {text}, {kind}: does not hold, whatever {camera}, which was not run, would give."
                )
                continue
            word = f"holds (`{winners[0]}`)" if winners else "does not hold"
            yield f"* {text}, {kind}: {word}."


def tests_table(results: Sequence[Result]) -> list[str]:
    """Markdown: every test."""
    lines = [
        "| campaign | measure | ρ | difference to \\|ΔC10\\| | p | p, corrected | without the focus row | outcome |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        lines.append(f"| {result.campaign.label} | `{BASE}` | {shown(result.tests[BASE].rho)} | | | | | |")
        for name in TESTED:
            one = result.tests[name]
            away = f"{result.without_focus[name].difference[0]:+.2f}"
            cells = [
                shown(one.rho),
                shown(one.difference, signed=True),
                f"{one.p:.4f}",
                f"{result.corrected[name]:.4f}",
            ]
            lines.append(
                f"| {result.campaign.label} | `{name}` | {' | '.join(cells)} | {away} | {WORDS[result.outcome(name)]} |"
            )
    return lines


def parts_table(result: Result) -> list[str]:
    """Markdown: ρ of all measures in the parts of one campaign, with the ceiling."""
    columns = list(result.parts)
    lines = [
        f"### {result.campaign.label}",
        "",
        f"| measure | {' | '.join([*columns, *result.within])} |",
        "|---" * (1 + len(columns) + len(result.within)) + "|",
    ]
    for name in (BASE, UNSIGNED, *(one for one in MEASURES if one != BASE)):
        cells = [shown(result.parts[column][name].rho) for column in columns]
        cells += [number(result.within[group][name]) for group in result.within]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines.append(f"| *another seed* | {' | '.join(number(result.ceilings[one]) for one in columns)} | | |")
    counts = [str(result.counts.get(column, result.counts["all pairs"])) for column in columns]
    return [*lines, f"| *pairs* | {' | '.join(counts)} | | |", ""]


def number(value: float) -> str:
    """Two digits, or a dash for what is not defined."""
    return f"{value:.2f}" if np.isfinite(value) else "–"


def shown(estimate: tuple[float, float, float], *, signed: bool = False) -> str:
    """Return a value with its interval."""
    if not np.isfinite(estimate[0]):
        return "–"
    value, low, high = (f"{one:+.2f}" if signed else f"{one:.2f}" for one in estimate)
    return f"{value} ({low} to {high})"


def provenance(result: Result) -> str:
    """One line on a campaign: its networks, and which were left out."""
    campaign = result.campaign
    void = " **Void**: more than a fifth of the networks are left out." if campaign.void else ""
    own, other = (campaign.pairs["loss"][campaign.pairs["own"] == own] for own in (1, 0))
    losses = f"; mean loss {own.mean():.3f} on own conditions, {other.mean():.3f} on others" if own.size else ""
    return (
        f"* {campaign.label}: {campaign.networks} of {campaign.planned} networks trained, {campaign.not_learned} left "
        f"out because they have not learned{losses}.{void}"
    )


def report(results: Sequence[Result], departures: str) -> str:
    """Text of the report."""
    return "\n".join(
        [
            "# Which measure forecasts where a network fails: the registered comparison",
            "",
            "`plan.md` in this folder was written and committed before anything of this was run; hypotheses, measures, "
            "statistics and what is left out are those of that page.",
            "",
            *(provenance(result) for result in results),
            "",
            "## Hypotheses",
            "",
            *hypotheses(results),
            "",
            "## Tests",
            "",
            f"Spearman's ρ with the loss, mean over seeds, with 95 % of {DRAWS} draws of whole conditions; the "
            "difference to that of |ΔC10|, its p-value, and that after Holm's correction for all tests of this table; "
            "the difference without the focus row, whose sign must agree. A void campaign has no outcome.",
            "",
            *tests_table(results),
            "",
            "## Parts, told without a test",
            "",
            f"ρ with intervals of {DRAWS_OF_PARTS} draws. *Another seed* is ρ between the losses of two networks with "
            "streams of their own; a measure without noise could reach about its root.",
            "",
            *(line for result in results for line in parts_table(result)),
            "## Departures",
            "",
            departures or "None.",
            "",
        ]
    )


def rows(results: Sequence[Result]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of tests.csv and of parts.csv."""
    tests, told = [], []
    for result in results:
        for name in TESTED:
            one, away = result.tests[name], result.without_focus[name].difference[0]
            about = {"campaign": result.campaign.label, "measure": name}
            numbers = {"p": one.p, "p_corrected": result.corrected[name], "difference_without_focus": away}
            tests.append({**about, **_named("rho", one.rho), **_named("difference", one.difference), **numbers})
        for part, found in result.parts.items():
            known: dict[str, Any] = {"campaign": result.campaign.label, "part": part}
            known["ceiling"] = result.ceilings[part]
            told += [{**known, "measure": name, **_named("rho", one.rho)} for name, one in found.items()]
    return tests, told


def _named(name: str, estimate: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), estimate, strict=True))


def write(
    campaigns: Sequence[Campaign], output: Path, *, draws: int = DRAWS, draws_of_parts: int = DRAWS_OF_PARTS
) -> None:
    """Write everything; see the module. Text of `departures.md` in the folder, written by hand, is taken up."""
    results = [Result(one, draws, draws_of_parts) for one in campaigns]
    correct(results)
    (output / "results").mkdir(parents=True, exist_ok=True)
    for name, table in zip(("tests", "parts"), rows(results), strict=True):
        write_csv(output / "results" / f"{name}.csv", table)
    by_hand = output / "departures.md"
    departures = by_hand.read_text(encoding="utf-8").strip() if by_hand.exists() else ""
    (output / "report.md").write_text(report(results, departures), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", type=Path, nargs="+", help="folders of finished campaigns")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args(arguments)
    write([read(one, ForecastRecipe()) for one in given.campaigns], given.output)
    print(given.output / "report.md")


if __name__ == "__main__":
    main()
