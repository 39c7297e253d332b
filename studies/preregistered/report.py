"""The report of the registered comparison, from its finished campaigns and from what is kept of others.

    passband campaign run studies/preregistered/defocus_small.toml -o out/defocus_04 --stores out/stores --workers 2
    passband campaign run studies/preregistered/defocus_small.toml -o out/defocus_02 --stores out/stores --workers 2 \
        --set imaging.pixel_size=0.2 --set imaging.patch=256 --set imaging.band=2.5
    python -m studies.preregistered.report out/defocus_04 out/defocus_02 …

and likewise aberrations_small.toml. Campaigns that are given take the place of those of the same kind and camera in
the tables of results/; p-values of all are corrected together. Writes the tables and report.md.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from passband.forecast.pairs import ForecastRecipe
from passband.forecast.tables import MEASURES
from studies.preregistered.comparison import BASE, DRAWS, DRAWS_OF_PARTS, TESTED, UNSIGNED, Interval, read
from studies.preregistered.result import WITHIN, Result, correct, measure
from studies.preregistered.tables import read_results, write_results

HYPOTHESES = {
    "H1, the observer's loss": ("observer_loss",),
    "H2, the texture's separation": ("texture_separation",),
    "H3, σ": ("sigma", "sigma_area"),
    "H4, −Δε": ("delta_epsilon", "delta_epsilon_area"),
}
KINDS, CAMERAS = ("defocus", "aberrations"), (0.4, 0.2)
WORDS = {1: "**wins**", -1: "**loses**", 0: "not told apart"}


def hypotheses(results: Sequence[Result]) -> Iterable[str]:
    """Say of each hypothesis and each kind of campaign whether it holds."""
    for text, measures in HYPOTHESES.items():
        for kind in KINDS:
            mine = {result.pixel_size: result for result in results if result.kind == kind}
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
        lines.append(f"| {result.label} | `{BASE}` | {shown(result.tests[BASE].rho)} | | | | | |")
        for name in TESTED:
            one = result.tests[name]
            away = f"{result.away[name]:+.2f}"
            cells = [
                shown(one.rho),
                shown(one.difference, signed=True),
                f"{one.p:.4f}",
                f"{result.corrected[name]:.4f}",
            ]
            lines.append(
                f"| {result.label} | `{name}` | {' | '.join(cells)} | {away} | {WORDS[result.outcome(name)]} |"
            )
    return lines


def parts_table(result: Result) -> list[str]:
    """Markdown: ρ of all measures in the parts of one campaign, with the ceiling."""
    told = result.parts
    lines = [f"### {result.label}", "", f"| measure | {' | '.join(told)} |", "|---" * (1 + len(told)) + "|"]
    for name in (BASE, UNSIGNED, *(one for one in MEASURES if one != BASE)):
        lines.append(f"| `{name}` | {' | '.join(shown(part.rhos[name]) for part in told.values())} |")
    ceilings = ["" if name in WITHIN else number(part.ceiling) for name, part in told.items()]
    pairs = ["" if part.pairs is None else str(part.pairs) for part in told.values()]
    lines += [f"| *another seed* | {' | '.join(ceilings)} |", f"| *pairs* | {' | '.join(pairs)} |"]
    return [*lines, ""]


def number(value: float) -> str:
    """Two digits, or a dash for what is not defined."""
    return f"{value:.2f}" if np.isfinite(value) else "–"


def shown(estimate: Interval, *, signed: bool = False) -> str:
    """Return a value, with its interval where there is one."""
    if not np.isfinite(estimate[0]):
        return "–"
    value, low, high = (f"{one:+.2f}" if signed else f"{one:.2f}" for one in estimate)
    return f"{value} ({low} to {high})" if np.isfinite(estimate[1]) else value


def provenance(result: Result) -> str:
    """One line on a campaign: its networks, and which were left out."""
    too_many = " **Void**: more than a fifth of the networks are left out." if result.void else ""
    own, other = result.losses
    return (
        f"* {result.label}: {result.networks} of {result.planned} networks trained, {result.not_learned} left out "
        f"because they have not learned; mean loss {own:.3f} on own conditions, {other:.3f} on others.{too_many}"
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


def in_order(results: Iterable[Result]) -> list[Result]:
    """One result for each campaign, the last of them, in the order of the page."""
    found = {(one.kind, one.pixel_size): one for one in results}
    return sorted(found.values(), key=lambda one: (KINDS.index(one.kind), -one.pixel_size))


def write(results: Sequence[Result], output: Path) -> None:
    """Write everything; see the module. Text of `departures.md` in the folder, written by hand, is taken up."""
    tables = output / "results"
    every = correct(in_order([*read_results(tables), *results]))
    write_results(every, tables)
    by_hand = output / "departures.md"
    departures = by_hand.read_text(encoding="utf-8").strip() if by_hand.exists() else ""
    (output / "report.md").write_text(report(every, departures), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", type=Path, nargs="*", help="folders of finished campaigns")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args(arguments)
    recipe = ForecastRecipe()
    write([measure(read(one, recipe)) for one in given.campaigns], given.output)
    print(given.output / "report.md")


if __name__ == "__main__":
    main()
