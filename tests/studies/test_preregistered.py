"""The registered comparison does what its plan says: which pairs count, how they are drawn, and when a measure wins."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passband.campaign.grid import load_campaign
from studies.preregistered import report
from studies.preregistered.comparison import (
    BASE,
    TESTED,
    Campaign,
    ceiling,
    compare,
    holm,
    learned,
    mean_rhos,
    parts,
    won,
)
from studies.preregistered.result import Result, correct, measure
from studies.preregistered.tables import read_results
from studies.ranking import spearman

FOLDER = Path(report.__file__).parent
ROOT = FOLDER.parents[1]
C10 = (-200.0, -90.0, 0.0, 60.0, 150.0, 230.0)
CAMERA = ("imaging.pixel_size=0.2", "imaging.patch=256", "imaging.band=2.5")


def columns(*, sides: tuple[str, ...] = ("", "bottom"), noise: float = 0.0) -> dict[str, np.ndarray]:
    """Pairs of six trainings and two seeds whose loss is |C10′| + C10/10; `observer_loss` knows it, the rest do not."""
    rng, rows = np.random.default_rng(3), []
    for seed in (1, 2):
        for trained in C10:
            for met in C10:
                for side in sides:
                    loss = abs(met) + trained / 10.0 + noise * rng.standard_normal()
                    rows.append(
                        {
                            **{"model": f"at {trained}", "dataset": f"{side} at {met}".strip(), "seed": seed},
                            **{
                                "run": f"{trained} {seed}",
                                "series": "adam",
                                "own": int(trained == met and not side),
                                "dice": 0.9,
                            },
                            **{"model_c10": trained, "data_c10": met, "condition": f"at {met}", "side": side},
                            **{"loss": loss, "induced_loss": loss, BASE: abs(trained - met)},
                            **{"observer_loss": abs(met) + trained / 10.0, "sigma": abs(trained - met)},
                        }
                    )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_corrected_p_values_are_holms() -> None:
    # rejects Bonferroni, a step-down that is not monotonous, and values above 1
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_true_measure_wins_and_the_baseline_is_level_with_itself() -> None:
    pairs = columns()
    found = compare(pairs, parts(pairs)["all pairs"], ["observer_loss", "sigma"], draws=199)
    best, same = found["observer_loss"], found["sigma"]
    assert best.rho[0] == pytest.approx(1.0)
    assert best.difference[1] > 0
    assert best.p == pytest.approx(2 / 200)
    assert same.difference == (0.0, 0.0, 0.0)
    assert same.p == 1.0


def test_rho_is_spearmans_with_ties_and_without_what_is_not_known() -> None:
    pairs = columns(noise=30.0)
    pairs["texture_error"] = np.round(pairs["observer_loss"], -2)  # ties
    pairs["sigma_area"] = np.where(pairs["side"] == "", pairs["observer_loss"], np.nan)
    names = ["texture_error", "sigma_area"]
    found = mean_rhos(pairs, names, "loss", np.ones(len(pairs["loss"]), dtype=np.int64))
    for name, rho in zip(names, found, strict=True):
        seeds = [pairs["seed"] == seed for seed in (1, 2)]
        assert rho == pytest.approx(np.mean([spearman(pairs[name][one], pairs["loss"][one]) for one in seeds]))
    times = (np.arange(len(pairs["loss"])) % 3).astype(np.int64)  # pairs drawn again count again
    drawn = {name: np.repeat(column, times) for name, column in pairs.items()}
    assert mean_rhos(pairs, names, "loss", times) == pytest.approx(
        mean_rhos(drawn, names, "loss", np.ones(int(times.sum()), dtype=np.int64))
    )
    known = ["texture_error"]  # the quick way agrees
    assert mean_rhos(pairs, known, "loss", times)[0] == pytest.approx(mean_rhos(pairs, names, "loss", times)[0])


def test_both_sides_of_a_condition_are_drawn_together() -> None:
    # rejects a bootstrap that takes the sides for conditions of their own: its intervals would be narrower
    one, two = columns(sides=("",)), columns(sides=("", "bottom"))
    two["own"] = (two["model_c10"] == two["data_c10"]).astype(int)
    first, second = (compare(pairs, pairs["own"] == 0, ["observer_loss"], draws=99) for pairs in (one, two))
    assert first["observer_loss"].difference == pytest.approx(second["observer_loss"].difference)


def test_parts_of_the_pairs() -> None:
    pairs = columns()
    found = parts(pairs)
    assert not (found["all pairs"] & (pairs["own"] == 1)).any()
    away = found["without the focus row"]
    assert 0.0 not in {*pairs["model_c10"][away], *pairs["data_c10"][away]}
    same, other = found["same sign of C10"], found["other sign of C10"]
    assert (same ^ other)[away].all()
    assert (pairs["model_c10"][same] * pairs["data_c10"][same] > 0).all()
    assert set(pairs["side"][found["other side of the film"]]) == {"bottom"}


def test_a_network_that_has_not_learned_is_left_out_with_all_its_pairs() -> None:
    pairs = columns()
    pairs["dice"][(pairs["own"] == 1) & (pairs["run"] == "60.0 1")] = 0.49
    pairs["dice"][(pairs["own"] == 1) & (pairs["run"] == "60.0 2")] = np.nan
    pairs["dice"][(pairs["own"] == 0) & (pairs["run"] == "0.0 1")] = 0.1  # elsewhere it may fail
    assert set(pairs["run"]) - set(pairs["run"][learned(pairs)]) == {"60.0 1", "60.0 2"}


def test_the_ceiling_is_between_seeds_of_runs_of_their_own() -> None:
    # rejects a ceiling that looks for both seeds in one run, which has a stream in common
    pairs = columns()
    assert ceiling(pairs, pairs["own"] == 0) == pytest.approx(1.0)
    assert 0.2 < ceiling(columns(noise=100.0), pairs["own"] == 0) < 0.9


def test_a_sign_that_turns_without_the_focus_row_is_no_win() -> None:
    assert (won(0.2, 0.2, 0.04), won(-0.2, -0.2, 0.04)) == (1, -1)
    assert won(0.2, -0.2, 0.04) == won(0.2, 0.2, 0.06) == won(np.nan, np.nan, 0.04) == 0


def result(kind: str, pixel_size: float, *, not_learned: int = 0, flipped: bool = False) -> Result:
    """What a campaign gives in which the observer alone is told apart from |ΔC10|."""
    pairs: dict[str, Any] = columns()
    if flipped:
        pairs["observer_loss"] = -pairs["observer_loss"]
    for name in (*report.MEASURES, report.UNSIGNED):
        pairs.setdefault(name, pairs[BASE])
    made = measure(Campaign(kind, pixel_size, pairs, 12, 12, not_learned), 3, 3)
    return replace(made, corrected=dict.fromkeys(TESTED, 1.0) | {"observer_loss": 0.01})


def test_a_hypothesis_holds_under_both_cameras_or_not_at_all() -> None:
    results = [result("defocus", 0.4), result("defocus", 0.2), result("aberrations", 0.4)]
    lines = list(report.hypotheses(results))
    assert lines[0] == "* H1, the observer's loss, defocus: holds (`observer_loss`)."
    assert lines[1] == "* H1, the observer's loss, aberrations: open; the camera of 0.2 Å was not run."
    assert lines[5].startswith("* H3, σ, aberrations: does not hold, whatever the camera of 0.2 Å")
    assert lines[4] == "* H3, σ, defocus: does not hold."
    text = report.report(results, "")
    assert "| defocus, 0.4 Å | `observer_loss` | 1.00 (1.00 to 1.00) |" in text
    assert "## Departures\n\nNone." in text
    for other in (result("defocus", 0.2, flipped=True), result("defocus", 0.2, not_learned=3)):
        assert next(iter(report.hypotheses([results[0], other]))).endswith("does not hold.")
    assert "**Void**" in report.provenance(other)


def test_p_values_of_all_campaigns_are_corrected_together() -> None:
    results = [with_p(result("defocus", size), p) for size, p in ((0.4, 0.002), (0.2, 0.003))]
    assert [one.corrected["sigma"] for one in correct(results)] == pytest.approx([16 * 0.002, 15 * 0.003])


def with_p(made: Result, p: float) -> Result:
    """Give σ a p-value, and all other measures one half."""
    tests = {name: one._replace(p=p if name == "sigma" else 0.5) for name, one in made.tests.items()}
    return replace(made, tests=tests)


def test_a_campaign_joins_those_that_were_run_before(tmp_path: Path) -> None:
    # rejects a correction over the campaigns of one call alone, and tables that forget or repeat a campaign
    report.write([with_p(result("aberrations", 0.4), 0.002)], tmp_path)
    report.write([with_p(result("defocus", 0.4), 0.5)], tmp_path)
    report.write([with_p(result("defocus", 0.4), 0.003)], tmp_path)  # once more, in the place of the other
    kept = read_results(tmp_path / "results")
    assert [one.label for one in kept] == ["defocus, 0.4 Å", "aberrations, 0.4 Å"]
    assert [one.corrected["sigma"] for one in correct(kept)] == pytest.approx([15 * 0.003, 16 * 0.002])
    text, tables = (tmp_path / "report.md").read_text(), (tmp_path / "results/parts.csv").read_bytes()
    assert text.count("### ") == 2
    report.write([], tmp_path)  # from the tables alone
    assert (tmp_path / "report.md").read_text() == text
    assert (tmp_path / "results/parts.csv").read_bytes() == tables


def test_the_report_is_that_of_its_tables() -> None:
    departures = (FOLDER / "departures.md").read_text(encoding="utf-8").strip()
    kept = correct(read_results(FOLDER / "results"))
    assert (FOLDER / "report.md").read_text(encoding="utf-8") == report.report(kept, departures)


@pytest.mark.parametrize("name", ["defocus_small", "aberrations_small", "defocus", "aberrations"])
def test_the_plans_are_those_of_the_page(name: str) -> None:
    plan, other = load_campaign(FOLDER / f"{name}.toml"), load_campaign(FOLDER / f"{name}.toml", CAMERA)
    assert (plan.imaging.pixel_size, other.imaging.pixel_size) == (0.4, 0.2)
    assert plan.simulation == other.simulation
    (part,) = plan.parts
    assert not part.together
    assert not plan.training.is_monitored
    assert plan.simulation.scene.side == "top"
    (others,) = {one.identity: one for each in plan.experiments() for one in each.others.values()}.values()
    assert others.scene.side == "bottom"
    assert others.structures >= 2 * plan.images  # those that the measures are taken on are not measured on
    page = (FOLDER / "plan.md").read_text(encoding="utf-8")
    seeds = {plan.simulation.seed, others.seed, *part.seeds}
    assert {str(seed) for seed in seeds} <= set(re.findall(r"\d+", page)) | {"7302", "7312", "7313", "7314", "7412"}
    for path in (*ROOT.glob("plans/*.toml"), *ROOT.glob("studies/*/plan*.toml")):
        used = {
            int(one) for line in path.read_text().splitlines() if "seed" in line for one in re.findall(r"\d+", line)
        }
        assert not used & seeds


def test_the_measures_of_the_page_are_tested() -> None:
    page = (FOLDER / "plan.md").read_text(encoding="utf-8")
    section = page.partition("## Measures")[2].partition("##")[0]
    assert set(re.findall(r"`(\w+)`", section.partition("All with")[0])) == {*TESTED, BASE}
