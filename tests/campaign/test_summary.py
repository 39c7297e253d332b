"""Losses and costs of a campaign, averaged: which rows belong together, and in which order they stand."""

import statistics

import numpy as np
import pyarrow as pa
import pytest
from tests.fixtures.campaigns import loss_row

from passband.campaign.summary import cost_rows, loss_matrix, mean_losses
from passband.natural_order import natural


def test_mean_losses_are_of_the_last_epoch_of_each_run() -> None:
    losses = {"x": (2.0, 4.0, 9.0), "y": (5.0,)}
    rows = [
        loss_row(run=run, trained_on=run, seed=seed, epoch=epoch, paper_loss=value + 100.0 * (epoch < last))
        for (run, values), last in zip(losses.items(), (3, 2), strict=True)  # run y stopped earlier
        for epoch in range(1, last + 1)
        for seed, value in enumerate(values)
    ]
    x, y = mean_losses(pa.Table.from_pylist(rows))
    assert (x["loss"], x["networks"]) == (pytest.approx(5.0), 3)
    assert x["spread"] == pytest.approx(statistics.stdev(losses["x"]))
    assert (y["loss"], y["networks"], y["spread"]) == (5.0, 1, None)


def test_series_are_not_mixed() -> None:
    series = enumerate(((0.1, 1.0), (0.2, 3.0)))
    rows = [loss_row(run=str(k), learning_rate=rate, paper_loss=loss) for k, (rate, loss) in series]
    assert [one["loss"] for one in mean_losses(pa.Table.from_pylist(rows))] == [1.0, 3.0]


def test_the_matrix_is_ordered_by_number_and_has_gaps() -> None:
    rows = [loss_row(trained_on=f"defocus={a}", evaluation=f"defocus={b}", loss=a * b) for a, b in ((50, 2), (-100, 3))]
    trainings, evaluations, matrix = loss_matrix(rows)
    assert (trainings, evaluations) == (["defocus=-100", "defocus=50"], ["defocus=2", "defocus=3"])
    np.testing.assert_array_equal(matrix, [[np.nan, -300.0], [100.0, np.nan]])


def test_names_without_numbers_stay_in_their_order() -> None:
    assert natural(["set10", "set2", "set2", "own"]) == ["own", "set2", "set10"]
    assert natural(["C10=0", "C10=-50", "C10=-250", "C10=100"]) == ["C10=-250", "C10=-50", "C10=0", "C10=100"]
    assert natural(["x=1 y=10", "x=1 y=-2", "x=-3 y=5"]) == ["x=-3 y=5", "x=1 y=-2", "x=1 y=10"]


def test_costs_are_for_each_network_and_evaluation() -> None:
    cost = {"networks": 3, "evaluations": 2, "training_seconds": 30.0, "evaluation_seconds": 6.0}
    runs = [{"device": "cpu", "threads": 1, **cost}] * 2 + [{"device": "cuda", "threads": 1, **cost}]
    cpu, cuda = cost_rows(runs)
    assert (cpu["device"], cpu["runs"], cpu["networks"]) == ("cpu", 2, 6)
    assert (cpu["per_network"], cpu["per_evaluation"]) == (10.0, 1.0)
    assert cpu["hours"] == pytest.approx(12_000 * 12.0 / 3600.0)
    assert cuda["runs"] == 1
