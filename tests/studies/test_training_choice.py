"""The study of training conditions: choices where the best one is plain, and statistics of losses that are known."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passband.campaign.families import ConditionFamily
from passband.campaign.grid import load_campaign
from passband.forecast.observer import ObserverRecipe, PixelSample, observer_scores
from passband.microscope.conditions import ConditionDistribution
from studies.training_choice import choose as choosing
from studies.training_choice import report as reporting
from studies.training_choice import strategies

STUDY = Path(__file__).parents[2] / "studies" / "training_choice"


def candidate(c10: float, c30: float = 0.0) -> ConditionDistribution:
    return ConditionDistribution.model_validate({"aberrations": {"C10": {"normal": [c10, 15.0]}, "C30": c30}})


def test_one_spaced_condition_is_the_middle_and_three_lie_in_three_groups() -> None:
    square = [{"C10": x, "C30": y} for y in (-5e5, 0.0, 5e5) for x in (-250.0, 0.0, 250.0)]
    assert choosing.spaced(square, 1) == [4]
    groups = [{"C10": x + dx, "C30": y} for x, y in ((-200, 0), (0, 5e5), (200, 0)) for dx in (-20.0, 0.0, 20.0)]
    assert choosing.spaced(groups, 3) == [1, 4, 7]


def blocks(groups: list[list[int]], inside: float, outside: float) -> Any:
    """A matrix that is `inside` between members of one group and `outside` elsewhere."""
    matrix = np.full((6, 6), outside)
    for group in groups:
        matrix[np.ix_(group, group)] = inside
    return matrix


def test_each_strategy_finds_the_cover_that_its_own_matrix_shows() -> None:
    candidates = [candidate(c10, c30) for c10 in (-200.0, 0.0, 200.0) for c30 in (0.0, 5e5)]
    loss = blocks([[0, 1], [2, 3], [4, 5]], 0.02, 0.30)
    loss[4] = np.minimum(loss[4], 0.10)  # one that is fair everywhere
    sigma = blocks([[0, 2], [1, 4], [3, 5]], 0.95, 0.40)
    chosen = choosing.choose(candidates, sigma, loss)
    assert chosen["single"] == [4]
    assert sorted(index // 2 for index in chosen["observer"]) == [0, 1, 2]
    assert len({frozenset(g) for g in ([0, 2], [1, 4], [3, 5]) if set(g) & set(chosen["sigma"])}) == 3
    assert len(set(chosen["random"])) == len(set(chosen["spaced"])) == 3


def pixels(sign: float, seed: int) -> PixelSample:
    """Particles brighter (+1) or darker (−1) than the support in the first channel, and brighter in the third."""
    rng = np.random.default_rng(seed)
    truth = rng.random(600) < 0.4
    noise = rng.standard_normal((600, 2))
    channels = np.stack((sign * 3.0 * truth + noise[:, 0], truth + noise[:, 1]), axis=1)
    return PixelSample(channels, truth, np.zeros(600, dtype=np.int64))


def test_an_observer_of_both_contrasts_holds_where_one_of_a_single_contrast_fails() -> None:
    recipe = ObserverRecipe()
    learnt, shown = [pixels(1.0, 0), pixels(-1.0, 1)], [pixels(1.0, 2), pixels(-1.0, 3)]
    found = choosing.Forecast(learnt, shown, recipe, observer_scores(learnt, shown, recipe).loss)
    assert found.loss[0, 0] < 0.1 < 0.3 < found.loss[0, 1]
    np.testing.assert_allclose(choosing.mixed_loss(found, [0]), found.loss[0])
    both = choosing.mixed_loss(found, [0, 1])
    assert both.max() < found.loss[0, 1]
    assert both.min() > found.loss[0, 0]


def test_the_printed_table_is_the_choice_when_a_plan_reads_it() -> None:
    points = [{"C10": -80.0, "C30": -3.2e5}, {"C10": 160.0, "C30": 0.0}, {"C10": 240.0, "C30": 4.8e5}]
    text = "\n".join(choosing.toml_lines(points, {"spaced": [2, 0], "single": [1]}))
    family = ConditionFamily.model_validate({"jitter": 15.0, **tomllib.loads(text)["families"]["chosen"]})
    read = {one.name: [choosing.point_of(member) for member in one.conditions.members] for one in family.conditions()}
    assert read == {"spaced": [points[2], points[0]], "single": [points[1]]}


@pytest.mark.parametrize("plan", ["plan_small.toml", "plan.toml"])
def test_the_plans_train_on_what_was_chosen_and_measure_elsewhere(plan: str) -> None:
    campaign = load_campaign(STUDY / plan)
    reporting.check_choices(campaign, reporting.read_choices(STUDY / "results" / "choices.csv"))
    candidates = [choosing.point_of(one.conditions) for one in campaign.families["candidates"].conditions()]
    for points in reporting.planned_choices(campaign).values():
        assert all({"C10": c10, "C30": c30} in candidates for c10, c30 in points)
    held_out = [choosing.point_of(one.conditions) for one in campaign.families["held_out"].conditions()]
    assert len(held_out) == 24
    assert not any(point in candidates for point in held_out)


def rows(**means: float) -> list[dict[str, Any]]:
    """Losses of 3 seeds on 20 conditions that grow with the condition, about the mean of each strategy."""
    made = []
    for strategy, mean in means.items():
        for seed in range(3):
            own = {"strategy": strategy, "seed": seed, "evaluation": reporting.OWN, "loss": 0.01, "dice": 0.99}
            made.append(own)
            for number in range(20):
                place = {"evaluation": f"held{number:03d}", "C10_A": 10.0 * number, "C30_A": -1e4 * number}
                loss = mean + 0.002 * (number - 9.5) + 0.001 * (seed - 1)
                made.append({"strategy": strategy, "seed": seed, **place, "loss": loss, "dice": 1.0 - loss})
    return made


def test_the_worst_decile_is_of_conditions_for_each_seed() -> None:
    table = strategies.losses(rows(spaced=0.1), "spaced")
    assert table.shape == (3, 20)
    np.testing.assert_allclose(table.mean(axis=1), [0.099, 0.1, 0.101])
    np.testing.assert_allclose(strategies.worst_decile(table), [0.117, 0.118, 0.119])  # the last two of twenty


def test_a_difference_is_paired_and_its_interval_holds_what_varies() -> None:
    made = rows(spaced=0.10, observer=0.08)
    first, second = (strategies.losses(made, name) for name in ("observer", "spaced"))
    found = strategies.difference(first, second)  # equal everywhere: nothing varies once it is paired
    assert (found.mean, found.low, found.high) == pytest.approx((-0.02, -0.02, -0.02))
    assert found.certain
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.02, first.shape)
    wider = strategies.difference(first + noise, second)
    assert wider.high - wider.low == pytest.approx(4 * 0.02 / np.sqrt(60), rel=0.5)
    assert not strategies.difference(first + 0.02 + noise, second).certain
    opposed = strategies.difference(first + np.array([[0.0], [0.0], [0.021]]), second)
    assert not opposed.certain  # one seed says the opposite


@pytest.mark.parametrize(
    ("observer", "expected"),
    [
        (0.08, "wins: beats spaced and beats single"),
        (0.11, "does not win: loses to spaced, beats single"),
        (0.16, "does not win: loses to spaced, loses to single"),
        (0.10, "does not win: not told apart from spaced, beats single"),
    ],
)
def test_a_verdict_says_against_whom(observer: float, expected: str) -> None:
    assert strategies.verdict(rows(spaced=0.10, single=0.15, observer=observer), "observer") == expected


def test_without_a_baseline_the_verdict_is_open() -> None:
    assert strategies.verdict(rows(spaced=0.10, observer=0.05), "observer").startswith("open")


def test_choices_that_are_not_the_plan_s_are_refused(tmp_path: Path) -> None:
    text = (STUDY / "results" / "choices.csv").read_text(encoding="utf-8")
    first = text.splitlines()[1].split(",")
    (tmp_path / "choices.csv").write_text(text.replace(",".join(first[:2]), f"{first[0]},77"), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{first[0]} is .*copy what choose.py prints"):
        reporting.check_choices(
            load_campaign(STUDY / "plan_small.toml"), reporting.read_choices(tmp_path / "choices.csv")
        )


def test_the_report_ranks_the_strategies_and_keeps_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows(spaced=0.10, single=0.15, observer=0.08, sigma=0.12)
    monkeypatch.setattr(reporting, "read_rows", lambda plan, directory: made)
    (tmp_path / "results").mkdir()
    for name in ("choices.csv", "forecast.csv"):
        shutil.copy(STUDY / "results" / name, tmp_path / "results" / name)
    file = STUDY / "plan_small.toml"
    reporting.report(load_campaign(file), file, tmp_path / "empty", tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "observer: **wins: beats spaced and beats single**" in text
    assert "sigma: **does not win: loses to spaced, beats single**" in text
    table = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert table[1:5] == ["observer", "spaced", "sigma", "single"]
    assert "| 0.0800 ± 0.0010 | -0.0200 [-0.0200, -0.0200] | -0.0700 [-0.0700, -0.0700] |" in text
    assert "| 0.0980 ± 0.0010 | -0.0200 ± 0.0000 | -0.0700 ± 0.0000 | 0.920 |" in text
    assert "* spaced: **beats single**" in text
    assert "Information-guided choice **wins** on this plan." in text
    assert "over 4 strategies it has a Spearman correlation of" in text
    assert "Not finished and left out: spaced" in text  # the folder of the campaign is empty
    kept = (tmp_path / "results" / "losses.csv").read_text(encoding="utf-8").splitlines()
    assert kept[0] == "strategy,seed,evaluation,C10_A,C30_A,loss,dice"
    assert len(kept) == 1 + 4 * 3 * 20
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_known_before_is_ranked_against_the_loss_at_places_between_candidates() -> None:
    points = [(c10, c30) for c10 in (-200.0, 0.0, 200.0) for c30 in (-4e5, 4e5)]
    places = np.array([[-100.0, 0.0], [50.0, 4e5], [210.0, -4e5]])
    plane = [2.0 * c10 - 1e-4 * c30 for c10, c30 in points]
    np.testing.assert_allclose(strategies.between(points, np.array(plane), places), [-200.0, 60.0, 460.0])
    made = rows(sigma=0.1)  # grows with C10
    tables = {"observer_loss": np.array([[c10 for c10, _ in points]] * 6), "sigma": np.array([plane] * 6)}
    (line,) = strategies.ranking(made, {"sigma": [points[4]], "region": []}, points, tables)
    assert line["observer"] == pytest.approx(1.0)  # the same order
    assert line["sigma"] == pytest.approx(-1.0)  # σ that grows with the loss says the opposite
    assert line["delta_c10"] == pytest.approx(-1.0)  # held-out C10 of 0 to 190 Å: the last is nearest to 200 Å
