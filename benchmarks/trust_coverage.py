"""Trust, intervals of the predicted loss: do they keep their word on structures and conditions that nobody saw?

    OMP_NUM_THREADS=1 python benchmarks/trust_coverage.py [--store STORE] [--folder DIR] [--data-sets 200]

The shipped network, calibrated on 320 data sets × 10 images of the 60 validation structures (`passband calibrate
au_hrtem --store STORE --data-sets 320 --structures validation -o DIR`), is measured on 200 data sets of conditions of
another seed and the 60 test structures, neither seen before. Exit waves and measured parts are kept in
`out/benchmarks/` and found again. Share of data sets whose measured loss (Dice) lies in its interval, nominal 80 and
90 %; a standard error of these shares is 2.8 and 2.1 points for 200 data sets. Aim: within ± 5 points on conditions
that come as the calibration's did.

Remarks
-------
The *shifted* rows hold the hardest conditions alone, which no conformal promise covers. A data set of ten squares has a
mean loss that is itself uncertain, which is much of the width. Other materials, other detectors and conditions beyond
the calibration's were not measured. Ranks are over 200 data sets, so differ significantly from 0 beyond ± 0.14. The
training's conditions are wide (± 60 nm, 80–900 e⁻/Å²), which leaves σ and Δε little to say; the prediction uses all
quantities together.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from passband.dataset.physics import WAVES
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.experiment.plan import load_plan
from passband.microscope.instruments import instrument_named
from passband.performance.conformal import coverage
from passband.performance.error_model import ErrorModel
from passband.performance.measurement import measure_performance
from passband.performance.settings import features_of
from passband.performance.table import MeasurementRecipe, PerformanceTable
from passband.segmentation.model import load_model
from passband.segmentation.shipped import find_model

KEPT = Path(__file__).parents[1] / "out" / "benchmarks"


def rows_of(table: PerformanceTable) -> list[dict[str, float]]:
    return [dict(zip(table.sets, values, strict=True)) for values in zip(*table.sets.values(), strict=True)]


def intervals(error_model: ErrorModel, new: PerformanceTable) -> None:
    rows = rows_of(new)
    inside, sigma = new.inside, new.column("sigma")
    # a shift: conditions that the calibration's mixture holds, in other proportions than it was measured with
    groups = {
        "all, as calibrated": np.ones(len(rows), dtype=bool),
        "inside the training": inside,
        "outside the training": ~inside,
        "shifted: lowest third of σ": sigma <= np.quantile(sigma, 1 / 3),
        "shifted: C10 beyond ± 60 nm": np.abs(new.column("C10")) > 600.0,
        "shifted: dose < 80 e⁻/Å²": new.column("dose") < 80.0,
    }
    print("| conditions | data sets | quantity | 80 % | 90 % | median width at 80 % |\n|---|---|---|---|---|---|")
    found = {level: error_model.predict_rows(rows, level=level) for level in (0.8, 0.9)}
    for name, chosen in groups.items():
        for quantity in ("loss", "dice"):
            truth = new.column(quantity)[chosen]
            shares = []
            for level in (0.8, 0.9):
                one = getattr(found[level], quantity)
                shares.append(coverage(one.low[chosen], one.high[chosen], truth))
            width = getattr(found[0.8], quantity)
            text = _width(width.low[chosen], width.high[chosen], quantity)
            print(f"| {name} | {int(chosen.sum())} | {quantity} | {shares[0]:.1%} | {shares[1]:.1%} | {text} |")


def _width(low: NDArray[np.float64], high: NDArray[np.float64], quantity: str) -> str:
    return f"× {np.median(high / low):.2f}" if quantity == "loss" else f"{np.median(high - low):.3f}"


def ranking(error_model: ErrorModel, new: PerformanceTable) -> None:
    loss, rows = new.column("loss"), rows_of(new)
    scores = {
        "predicted loss": error_model.predict_rows(rows).loss.value,
        "σ": -new.column("sigma"),
        "size of Δε": np.abs(new.column("delta_epsilon")),
        "size of C10": np.abs(new.column("C10")),
        "−log dose": -np.log(new.column("dose")),
    }
    print("\n| ranks the loss of new data sets | Spearman ρ |\n|---|---|")
    for name, values in scores.items():
        print(f"| {name} | {spearmanr(values, loss)[0]:+.2f} |")


def regressors(error_model: ErrorModel) -> None:
    table = error_model.table
    features, target = features_of(rows_of(table), instrument_named(table.instrument)), np.log(table.column("loss"))
    folds = KFold(10, shuffle=True, random_state=0)
    others = {
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
        "extra trees": ExtraTreesRegressor(200, min_samples_leaf=3, random_state=0),
    }
    print("\n| regressor of log loss | error where left out, rms | Spearman ρ |\n|---|---|---|")
    left_out = {"Gaussian process (leave one out)": error_model.loss.process.leave_one_out()[0]}
    left_out |= {
        f"{name} (10 folds)": cross_val_predict(one, features, target, cv=folds) for name, one in others.items()
    }
    for name, values in left_out.items():
        error = float(np.sqrt(np.mean((values - target) ** 2)))
        print(f"| {name} | {error:.3f} | {spearmanr(values, target)[0]:.2f} |")
    noise = table.column("loss_spread") / table.column("loss") / np.sqrt(table.recipe.images)
    print(f"\nSpread of the mean over {table.recipe.images} images alone, median of σ/(μ√n): {np.median(noise):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--store", type=Path, default=KEPT / "au_hrtem", help="exit waves of the network's own structures"
    )
    parser.add_argument("--folder", type=Path, default=KEPT / "trust", help="where measured parts are kept")
    parser.add_argument("--data-sets", type=int, default=200)
    parser.add_argument("--model", default="au_hrtem")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, plan = load_model(find_model(given.model)), load_plan("au_hrtem")
    recipe = Simulation.model_validate({**model.card.simulation, "physics": WAVES})
    store, split = simulate(recipe, given.store, workers=os.cpu_count() or 1), plan.split
    test = [int(index) for index in store.splits(validation=split.validation, test=split.test)["test"]]
    drawn = MeasurementRecipe(data_sets=given.data_sets, images=10, seed=101)
    new = measure_performance(model, store, test, drawn, folder=given.folder)
    error_model = ErrorModel.of_card(model.card)
    assert error_model is not None
    intervals(error_model, new)
    ranking(error_model, new)
    regressors(error_model)


if __name__ == "__main__":
    main()
