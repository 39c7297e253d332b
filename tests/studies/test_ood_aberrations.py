"""The analysis of pairs on a campaign whose losses are known: nearly |ΔC10|, so that the baseline must win."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passband.campaign.experiment_run import prepare_stores
from passband.campaign.grid import CampaignPlan
from passband.forecast.channels import ChannelRecipe
from passband.forecast.observer import ObserverRecipe
from passband.forecast.pairs import ForecastRecipe
from passband.forecast.tables import MEASURES
from studies.ood_aberrations import pairs

FOCI = (-200.0, -120.0, -50.0, 60.0, 150.0)
PLAN = {
    "name": "tiny",
    "simulation": {
        "scene": {"field": 32.0, "film_thickness": 8.0, "diameter": 12.0, "particles": 1, "gap": 2.0},
        "structures": 8,
        "seed": 4,
        "pixel_size": 0.4,
        "slice_thickness": 4.0,
        "focus_reference": "centre",
    },
    "imaging": {"pixel_size": 0.8, "patch": 40, "focal_nodes": 1},
    "network": "tiny",
    "split": {"validation": 0.2, "test": 0.2},
    "images": 2,
    "families": {"foci": {"grid": {"C10": FOCI}, "jitter": 10.0, "base": {"focal_spread": 10.0, "dose": 2000.0}}},
    "parts": [{"name": "all", "train_on": "foci", "evaluate_on": "foci", "seeds": [0, 1]}],
}
SMALL = ForecastRecipe(
    observer=ObserverRecipe(images=4, pixels=150, channels=ChannelRecipe(border=8), ridge=1e-2), correlated=2
)


def loss_of(trained: float, met: float, seed: int) -> float:
    return 0.03 + 1e-4 * abs(trained - met) + 1e-6 * seed * abs(met)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("campaign")
    plan = CampaignPlan.model_validate(PLAN)
    prepare_stores(plan, folder / "stores")
    for trained, experiment in zip(FOCI, plan.experiments(), strict=True):
        run = folder / "runs" / experiment.identity
        run.mkdir(parents=True)
        (run / "config.json").write_text(experiment.to_json())
        rows = [
            {"run": experiment.identity, "trained_on": experiment.trained_on, "seed": seed, "epoch": epoch,
             "evaluation": one.name, "structures": "", "dice": 0.9,
             "optimiser": "adam", "learning_rate": 1e-2, "batch_size": 8,
             "paper_loss": loss_of(trained, met, seed) + (epoch == 1)}
            for seed in (0, 1)
            for epoch in (1, 2)
            for met, one in zip(FOCI, experiment.evaluations, strict=True)
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows), run / "metrics.parquet")
    return folder


def test_pairs_ranking_and_figures_of_a_known_campaign(campaign: Path, tmp_path: Path) -> None:
    numbers = pairs.analyse(campaign, tmp_path / "results", recipe=SMALL, draws=20)
    assert (numbers["networks"], numbers["pairs"]) == (10, 50)
    rows = list(csv.DictReader((tmp_path / "results" / "pairs.csv").read_text(encoding="utf-8").splitlines()))
    assert {"model", "dataset", "seed", "own", *MEASURES, "loss", "induced_loss"} <= set(rows[0])
    for row in rows:
        assert int(row["own"]) == (row["model"] == row["dataset"])
        apart = abs(float(row["model"].partition("=")[2]) - float(row["dataset"].partition("=")[2]))
        assert float(row["delta_c10_A"]) == pytest.approx(apart)
        assert float(row["loss"]) == pytest.approx(0.03 + 1e-4 * apart, abs=3e-4)  # of the last epoch
        assert float(row["induced_loss"]) == pytest.approx(1e-4 * apart, abs=5e-4)
    ranked = {(row["target"], row["measure"]): row for row in numbers["ranking"]}
    assert ranked["loss", "delta_c10_A"]["rho"] > 0.98
    assert ranked["loss", "delta_c10_A"]["gain_over_delta_c10_A"] == 0.0
    assert max(row["rho"] for (_, name), row in ranked.items() if name != "delta_c10_A") < 0.98
    fitted = {(row["target"], row["measures"]): row for row in numbers["regressions"]}
    assert fitted["loss", "|ΔC10|"]["r2"] > 0.98
    assert numbers["ceiling"]["loss"] > 0.98
    for name in ("fig5", "forecasts", "ranking"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    text = "\n".join(pairs.report_lines(numbers))
    assert "| plain \\|ΔC10\\| | " in text
    assert "mismatched observer, loss ranks worse than plain |ΔC10|" in text


def test_forecasts_are_kept_with_the_campaign(campaign: Path) -> None:
    first, second = (pairs.make_pairs(campaign, SMALL) for _ in range(2))
    assert second.seconds == first.seconds
    assert len(list((campaign / "forecasts").iterdir())) == 1
    kept: list[dict[str, Any]] = second.rows
    assert [row["observer_loss"] for row in kept] == [row["observer_loss"] for row in first.rows]


def test_some_runs_of_a_campaign(campaign: Path) -> None:
    chosen = sorted(path.name for path in (campaign / "runs").iterdir())[:2]
    experiments, rows = pairs.read_campaign(campaign, chosen)
    assert [one.identity for one in experiments] == chosen
    assert {row["run"] for row in rows} == set(chosen)


def test_the_ceiling_pairs_seeds_of_one_series_in_runs_of_their_own() -> None:
    # rejects pairs of seeds within a run alone (none here), and of other series, whose losses are turned round
    losses = {
        ("adam", 1): (0.1, 0.2, 0.3),
        ("adam", 2): (0.1, 0.2, 0.4),
        ("sgd", 1): (3.0, 2.0, 1.0),
        ("sgd", 2): (4.0, 2.0, 1.0),
    }
    rows = [
        {"own": 0, "model": "one", "series": series, "dataset": f"set{number}", "run": f"{series} {seed}", "seed": seed}
        | {"loss": loss, "induced_loss": loss}
        for (series, seed), values in losses.items()
        for number, loss in enumerate(values)
    ]
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    assert pairs.seed_ceiling(table)["loss"] == pytest.approx(1.0)


def test_an_empty_campaign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no finished run"):
        pairs.read_campaign(tmp_path)
