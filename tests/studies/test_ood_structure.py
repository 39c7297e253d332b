"""The structure study: rankings, thresholds and calibration errors of drawn numbers whose answers are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studies.ood_structure import figures, ranking, signals, text

OPTICS, STRUCTURES, IMAGES = (10.0, -10.0), ("own", "Au", "large"), 6
LEVEL = {"own": 0.1, "Au": 0.4, "large": 0.12}


def rows_of(
    trained: float, seed: int, *, scale: float = 1.0, signal: Any = lambda loss: 3.0 * loss
) -> list[dict[str, Any]]:
    """Images of one network: Au is degraded, large is not; other optics cost a half; the signal follows the loss."""
    rows = []
    for part, structures, optics in (("validation", ("own",), (trained,)), ("test", STRUCTURES, OPTICS)):
        for name in structures:
            for defocus in optics:
                for image in range(IMAGES):
                    loss = scale * (LEVEL[name] * (1.0 if defocus == trained else 1.5) + 1e-3 * image)
                    rows.append(
                        {
                            "trained_nm": trained,
                            "seed": seed,
                            "part": part,
                            "structures": name,
                            "defocus_nm": defocus,
                            "image": image,
                            "loss": loss,
                            "dice": 1.0 - loss,
                            "signal": signal(loss),
                        }
                    )
    return rows


@pytest.fixture
def table() -> dict[str, Any]:
    return ranking.table_of([row for seed in (0, 1) for row in rows_of(10.0, seed, scale=1.0 + seed)])


@pytest.mark.parametrize(("pool", "sets"), [("structure", 3), ("optics", 2), ("both", 6)])
def test_a_pool_holds_what_it_says_and_no_validation(table: dict[str, Any], pool: str, sets: int) -> None:
    chosen = ranking.pool(ranking.of_network(table, (10.0, 0)), pool)
    assert len(chosen["loss"]) == sets * IMAGES
    assert set(chosen["part"]) == {"test"}
    assert pool != "structure" or set(chosen["defocus_nm"]) == {10.0}
    assert pool != "optics" or set(chosen["structures"]) == {"own"}


def test_a_signal_that_follows_the_loss_ranks_it_perfectly() -> None:
    found = ranking.ranking(ranking.table_of(rows_of(10.0, 0)), "signal", "structure")
    assert found["rho_images"] == pytest.approx(1.0)
    assert found["rho_sets"] == pytest.approx(1.0)
    assert found["auroc"] == 1.0
    assert found["auroc_dice"] == 1.0
    assert found["false_reassurance"] == 0.0
    # One of six own test images lies above the 95 % quantile of equal validation images, and all of "large".
    assert found["false_alarm"] == pytest.approx((1 + IMAGES) / (2 * IMAGES))


def test_a_signal_that_runs_against_the_loss_reassures_falsely() -> None:
    found = ranking.ranking(ranking.table_of(rows_of(10.0, 0, signal=lambda loss: -loss)), "signal", "structure")
    assert found["rho_images"] == pytest.approx(-1.0)
    assert found["auroc"] == 0.0
    assert found["false_reassurance"] == 1.0
    assert found["false_alarm"] == pytest.approx(1 / (2 * IMAGES))


def test_a_signal_of_the_optics_alone_cannot_rank_structures() -> None:
    drawn = ranking.table_of(rows_of(10.0, 0, signal=lambda _: 0.7))
    found = ranking.ranking(drawn, "signal", "structure")
    assert np.isnan(found["rho_images"])
    assert np.isnan(found["rho_sets"])
    assert found["auroc"] == 0.5


def test_degraded_is_measured_against_the_network_itself(table: dict[str, Any]) -> None:
    for network in ranking.networks(table):  # the second network's losses are all twice the first's
        mine = ranking.of_network(table, network)
        chosen = ranking.pool(mine, "structure")
        assert set(chosen["structures"][ranking.degraded(mine, chosen)]) == {"Au"}


def test_rankings_are_means_over_trainings_seed_by_seed() -> None:
    rows = rows_of(10.0, 0) + rows_of(-10.0, 0, signal=lambda loss: -loss) + rows_of(10.0, 1) + rows_of(-10.0, 1)
    found = ranking.rankings(ranking.table_of(rows), ["signal"])
    assert text.of(found, "signal", "both", "rho_images") == pytest.approx([0.0, 1.0])
    assert text.pm([0.0, 1.0]) == "0.50 ± 0.71"
    assert text.pm([0.0, float("nan")]) == "–"


def test_means_of_sets_are_those_of_their_images(table: dict[str, Any]) -> None:
    mine = ranking.pool(ranking.of_network(table, (10.0, 0)), "both")
    means = ranking.set_means(mine, ("loss",))
    by_key = dict(zip(zip(means["structures"], means["defocus_nm"], strict=True), means["loss"], strict=True))
    assert by_key["Au", -10.0] == pytest.approx(0.6 + 2.5e-3)
    assert len(by_key) == 6


def test_the_largest_exceedance_is_on_the_scale_of_each_networks_validation() -> None:
    rows = rows_of(10.0, 0) + rows_of(10.0, 1, scale=7.0)
    for row in rows:
        row["flat"] = 1.0 + 1e-3 * row["image"]  # never above its usual range
    drawn = ranking.table_of(rows)
    combined = ranking.largest_exceedance(drawn, ["flat", "signal"])
    first, second = (combined[drawn["seed"] == seed] for seed in (0, 1))
    np.testing.assert_allclose(first, second)
    usual = (drawn["part"] == "validation") & (drawn["seed"] == 0)
    assert np.quantile(combined[usual], 0.95) == pytest.approx(1.0)
    assert np.quantile(combined[usual], 0.5) == pytest.approx(0.0)
    assert (combined[(drawn["structures"] == "Au")] > 1.0).all()


def test_other_networks_leave_oneself_out() -> None:
    drawn = ranking.table_of([row for seed in range(3) for row in rows_of(10.0, seed, scale=10.0**seed)])
    others = ranking.other_networks_loss(drawn)
    first = drawn["seed"] == 0
    np.testing.assert_allclose(others[first], drawn["loss"][first] * (10.0 + 100.0) / 2)
    np.testing.assert_allclose(others[drawn["seed"] == 2], drawn["loss"][first] * 5.5)


def test_mean_ranks_are_taken_within_each_group() -> None:
    groups = np.array([1.0, 1.0, 1.0, 2.0, 2.0])
    found = ranking.mean_rank(groups, [np.array([1.0, 2.0, 3.0, 100.0, 50.0]), np.array([1.0, 3.0, 2.0, 9.0, 8.0])])
    np.testing.assert_allclose(found, [0.0, 0.75, 0.75, 1.0, 0.0])


def test_exit_waves_are_found_in_the_campaign_or_beside_it(tmp_path: Path) -> None:
    campaign = tmp_path / "campaign"
    (tmp_path / "stores").mkdir()
    campaign.mkdir()
    assert signals.stores_of(campaign) == tmp_path / "stores"
    (campaign / "stores").mkdir()
    assert signals.stores_of(campaign) == campaign / "stores"


def test_calibration_error_of_a_boaster() -> None:
    """Ninety per cent sure and right in six cases of ten: 0.3; right as often as claimed: 0."""
    logits = torch.zeros(1, 2, 10, 10)
    logits[:, 1] = float(np.log(9.0))
    masks = torch.zeros(1, 10, 10, dtype=torch.int64)
    masks.flatten()[:60] = 1
    counts = signals.confidence_counts(logits, masks)
    assert counts[0].sum() == 100
    assert ranking.expected_calibration_error(counts) == pytest.approx(0.3, abs=1e-6)
    masks.flatten()[:90] = 1
    assert ranking.expected_calibration_error(signals.confidence_counts(logits, masks)) == pytest.approx(0, abs=1e-6)


def test_the_temperature_undoes_a_boast() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(1, 2, 200, 200, generator=generator)
    masks = (torch.rand(1, 200, 200, generator=generator) < honest.softmax(1)[:, 1]).long()
    # 40,000 draws fix the temperature within a few per cent
    assert signals.fitted_temperature(3.0 * honest, masks) == pytest.approx(3.0, rel=0.06)


def test_a_structure_generalises_or_fails_only_if_every_seed_says_so() -> None:
    assert text.verdict([1.0, 1.4]) == "generalises"
    assert text.verdict([1.0, 1.6]) == "in between"
    assert text.verdict([2.1, 9.0]) == "fails"
    assert text.verdict([1.9, 9.0]) == "in between"


def test_the_summary_says_where_networks_hold(table: dict[str, Any]) -> None:
    table["entropy"] = table["signal"]
    summary = text.structure_summary(table, STRUCTURES)
    assert summary["own"]["ratio"] == pytest.approx([1.0, 1.0])
    assert summary["Au"]["ratio"] == pytest.approx([0.4025 / 0.1025] * 2)
    assert summary["Au"]["degraded"] == [1.0, 1.0]
    assert summary["large"]["degraded"] == [0.0, 0.0]
    assert summary["large"]["flagged_entropy"] == [1.0, 1.0]
    assert text.verdict(summary["large"]["ratio"]) == "generalises"


def test_the_best_signal_is_the_one_of_the_largest_mean() -> None:
    rows = [
        {"seed": seed, "pool": "both", "signal": signal, "auroc": value + 0.1 * seed}
        for signal, value in (("entropy", 0.6), ("feature_distance", 0.8), ("unsure_area", float("nan")))
        for seed in (0, 1)
    ]
    assert text.best(rows, "both", "auroc", ["entropy", "feature_distance", "unsure_area"]).startswith("*feature")


def test_figures_are_drawn(table: dict[str, Any]) -> None:
    found = ranking.rankings(table, ["signal"])
    counts = {"plain": np.ones((3, 15)), "scaled": np.ones((3, 15))}
    blob = np.zeros((16, 16))
    blob[4:9, 5:11] = 1
    drawn = [
        figures.loss_maps(table, STRUCTURES),
        figures.ranking_chart(found, {"signal": "the signal"}),
        figures.signal_scatter(table, {"signal": "the signal"}, STRUCTURES),
        figures.reliability_chart({"both": counts}),
        figures.example_sheet([figures.Example("one", blob, blob > 0, blob > 0)], 0.8),
    ]
    assert all(one.startswith(b"\x89PNG") for one in drawn)
