"""Which conditions to train on, chosen before any training: evenly spaced, at random, by σ, by what an observer loses.

    passband campaign run studies/training_choice/plan_small.toml -o out/training_choice     # simulates the structures
    python -m studies.training_choice.choose out/training_choice/stores

Reads the family `candidates` of the plan, writes results/choices.csv and results/forecast.csv (what an observer that
learned at one candidate loses at another), and prints the lines for the family `chosen` of the plan. It uses the
structures that networks are trained on, and none of those that they are tested on.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.campaign.experiment_run import store_path
from passband.campaign.grid import CampaignPlan, load_campaign
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.forecast.choosing import choose_conditions, similarity_matrix
from passband.forecast.observer import ObserverRecipe, PixelSample, observer_scores, sample_pixels
from passband.forecast.pairs import MicrographSet
from passband.microscope.conditions import ConditionDistribution
from passband.microscope.information.metric import Metric
from passband.tabular import write_csv

Array = NDArray[np.float64]
Point = dict[str, float]

AXES = ("C10", "C30")
K = 3


class Forecast(NamedTuple):
    """What observers learned at each candidate (training structures, first half) and what they are shown (second)."""

    learnt: list[PixelSample]
    shown: list[PixelSample]
    recipe: ObserverRecipe
    loss: Array  # (learnt at, shown at)


def point_of(conditions: ConditionDistribution) -> Point:
    """C10 and C30 in Å in the middle of a candidate."""
    return {name: sum(limits(conditions.aberrations.get(name, 0.0))) / 2.0 for name in AXES}


def spaced(points: Sequence[Point], k: int) -> list[int]:
    """Return the k candidates from which no other is far: smallest largest distance, then smallest mean.

    Distances are in units of the range of each coefficient; every combination is tried, of equals the last is taken.
    """
    places = np.array([[point[name] for name in AXES] for point in points])
    scaled = places / np.ptp(places, axis=0)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
    combos = np.array(list(combinations(range(len(points)), k)))
    nearest = distances[combos].min(axis=1)  # (combinations, candidates)
    keys = np.round(np.stack((-np.arange(len(combos)), nearest.mean(1), nearest.max(1))), 9)
    return [int(index) for index in combos[np.lexsort(keys)[0]]]


def forecast(plan: CampaignPlan, candidates: Sequence[ConditionDistribution], stores: Path, images: int) -> Forecast:
    """Train an observer at every candidate and show it every other."""
    store = WaveStore.open(store_path(plan.simulation, stores))
    parts = store.splits(validation=plan.split.validation, test=plan.split.test)
    indices = tuple(int(index) for index in parts["train"])
    recipe = ObserverRecipe(images=images)
    sets = [MicrographSet(store, plan.imaging.model_copy(update={"conditions": one}), indices) for one in candidates]
    learnt, shown = ([sample_pixels(one.acquisition(half), recipe) for one in sets] for half in (0, 1))
    return Forecast(learnt, shown, recipe, observer_scores(learnt, shown, recipe).loss)


def mixed_loss(found: Forecast, chosen: Sequence[int]) -> Array:
    """Loss at every candidate of one observer that learned at all chosen ones, with as many pixels in all as at one."""
    parts = [found.learnt[index] for index in chosen]
    kept = [np.arange(len(part.truth)) % len(parts) == place for place, part in enumerate(parts)]
    sample = PixelSample(
        np.concatenate([part.channels[rows] for part, rows in zip(parts, kept, strict=True)]),
        np.concatenate([part.truth[rows] for part, rows in zip(parts, kept, strict=True)]),
        np.concatenate([part.image[rows] for part, rows in zip(parts, kept, strict=True)]),
    )
    loss: Array = observer_scores([sample], found.shown, found.recipe).loss[0]
    return loss


def choose(candidates: Sequence[ConditionDistribution], sigma: Array, loss: Array, k: int = K) -> dict[str, list[int]]:
    """Candidates that each strategy trains on, by its name."""
    chosen = {
        "single": choose_conditions(candidates, k, similarity=-loss, strategy="single"),
        "random": choose_conditions(candidates, k, strategy="uniform", seed=0),
        "sigma": choose_conditions(candidates, k, similarity=sigma),
        "observer": choose_conditions(candidates, k, similarity=-loss),
    }
    places = {name: [candidates.index(one) for one in found] for name, found in chosen.items()}
    return {"spaced": spaced([point_of(one) for one in candidates], k), **places}


def choice_rows(points: Sequence[Point], chosen: Mapping[str, Sequence[int]], found: Forecast) -> list[dict[str, Any]]:
    """One row per chosen condition, in Å, with the loss that an observer of the whole choice is forecast to have."""
    rows = []
    for name, indices in chosen.items():
        mean = float(mixed_loss(found, indices).mean())
        nearest = float(found.loss[list(indices)].min(0).mean())
        for index in indices:
            place = {f"{axis}_A": points[index][axis] for axis in AXES}
            rows.append({"strategy": name, **place, "observer_loss": mean, "nearest_observer_loss": nearest})
    return rows


def toml_lines(points: Sequence[Point], chosen: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the table of mixtures as a plan holds it."""
    lines = ["[families.chosen.mixtures]"]
    for name, indices in chosen.items():
        members = [", ".join(f"{axis} = {points[index][axis]:g}" for axis in AXES) for index in indices]
        lines.append(f"{name} = [{', '.join(f'{{ {member} }}' for member in members)}]")
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, help="folder of the exit waves")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan_small.toml"))
    parser.add_argument("--images", type=int, default=24, help="micrographs of each candidate and half")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    plan = load_campaign(given.plan)
    family = [one.conditions for one in plan.families["candidates"].conditions()]
    candidates = [one for one in family if isinstance(one, ConditionDistribution)]
    if len(candidates) < len(family):
        raise SystemExit("a candidate is a mixture; choose among single conditions")
    points = [point_of(one) for one in candidates]
    sigma = similarity_matrix(candidates, metric=Metric(qmax=0.5 / limits(plan.imaging.pixel_size)[0]))
    found = forecast(plan, candidates, given.stores, given.images)
    chosen = choose(candidates, sigma, found.loss)
    results = given.output / "results"
    results.mkdir(parents=True, exist_ok=True)
    write_csv(results / "choices.csv", choice_rows(points, chosen, found))
    table = [
        {
            **{f"train_{axis}_A": points[i][axis] for axis in AXES},
            **{f"eval_{axis}_A": points[j][axis] for axis in AXES},
        }
        | {"sigma": round(float(sigma[i, j]), 5), "observer_loss": round(float(found.loss[i, j]), 5)}
        for i in range(len(points))
        for j in range(len(points))
    ]
    write_csv(results / "forecast.csv", table)
    print("\n".join(toml_lines(points, chosen)))


if __name__ == "__main__":
    main()
