"""One network of the study: trained by its plan, kept in half precision, and measured as it is kept.

Layout of the folder: `stores/` (exit waves, shared), `trainings/NAME/` (removed when finished), `networks/NAME/`
(weights.safetensors, card.json, and scores.csv, which is written last), `results.csv`.
"""

import csv
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import ImagingRecipe, SimulationRecipe
from passband.dataset.store import WaveStore
from passband.experiment.evaluation import EvaluationSet, evaluation_seed, measure_segmenter
from passband.experiment.study import train
from passband.segmentation.model import Model, load_model, save_model
from passband.tabular import write_csv
from studies.real_gold.variants import HeldOut, Run

OWN = "own"  # the camera that a network was trained with
SHIPPED = "shipped"  # the network that came with the package, as a baseline
SCORES = ("dice", "precision", "recall", "paper_loss")


class Places(NamedTuple):
    """Where everything of the study is."""

    root: Path

    def store(self, simulation: SimulationRecipe) -> Path:
        """Exit waves of a simulation."""
        return self.root / "stores" / simulation.identity

    def training(self, name: str) -> Path:
        """Folder of a training while it lasts."""
        return self.root / "trainings" / name

    def network(self, name: str) -> Path:
        """Folder of a trained network and its scores."""
        return self.root / "networks" / name

    def scores(self, name: str) -> Path:
        """Scores of a network; what has them is finished."""
        return self.network(name) / "scores.csv"


def run_network(run: Run, *, sets: Sequence[HeldOut], places: Places, device: str, threads: int) -> str:
    """Train and measure a network, unless that was done; return what happened, in a few words."""
    if places.scores(run.name).exists():
        return "finished before"
    torch.set_num_threads(threads)
    started = time.perf_counter()
    store = WaveStore.open(places.store(run.plan.simulation))
    apart = int(device != "cpu")  # a process of its own makes the micrographs: one core is slower than a GPU
    trained = train(run.plan, store, places.training(run.name), device=device, imaging_workers=apart)
    model = load_model(trained.model)
    save_model(places.network(run.name), model.network.half(), model.card)
    model = load_model(places.network(run.name), device=device)
    rows = _measure(model, [_own_set(run, store), *_opened(sets, places)])
    training = run.plan.training
    steps = training.epochs * training.steps_per_epoch
    beside = {"variant": run.variant, "seed": run.seed, "structures": run.plan.simulation.structures, "steps": steps}
    seconds = {"training_seconds": trained.seconds, "seconds": time.perf_counter() - started, "device": device}
    _keep(run.name, [{**beside, **row, **seconds} for row in rows], places)
    shutil.rmtree(places.training(run.name))
    return ", ".join(f"{row['camera']} {row['dice']:.3f}" for row in rows) + f" in {seconds['seconds']:.0f} s"


def measure_shipped(*, sets: Sequence[HeldOut], places: Places, device: str, threads: int) -> str:
    """Measure the network that comes with the package on the held-out cameras, unless that was done."""
    if places.scores(SHIPPED).exists():
        return "finished before"
    torch.set_num_threads(threads)
    rows = _measure(load_model(device=device), _opened(sets, places))
    _keep(SHIPPED, [{"variant": SHIPPED, "seed": 0, **row} for row in rows], places)
    return ", ".join(f"{row['camera']} {row['dice']:.3f}" for row in rows)


def collect(places: Places) -> None:
    """Write the scores of all finished networks as one table."""
    rows: list[Mapping[str, Any]] = []
    for path in sorted(places.root.glob("networks/*/scores.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    write_csv(places.root / "results.csv", rows)


def _keep(name: str, rows: Sequence[Mapping[str, Any]], places: Places) -> None:
    places.network(name).mkdir(parents=True, exist_ok=True)
    write_csv(places.scores(name), rows)


class _Set(NamedTuple):
    """A named set of micrographs: some structures of a store under an imaging."""

    name: str
    store: WaveStore
    imaging: ImagingRecipe
    indices: list[int]
    images: int


def _own_set(run: Run, store: WaveStore) -> _Set:
    """Test structures of a run's own store, as it was trained to see them."""
    split = run.plan.split
    indices = [int(index) for index in store.splits(validation=split.validation, test=split.test)["test"]]
    return _Set(OWN, store, run.plan.imaging, indices, 4 * len(indices))


def _opened(sets: Sequence[HeldOut], places: Places) -> list[_Set]:
    stores = {one.simulation.identity: WaveStore.open(places.store(one.simulation)) for one in sets}
    return [
        _Set(one.name, stores[one.simulation.identity], one.imaging, list(range(one.simulation.structures)), one.images)
        for one in sets
    ]


def _measure(model: Model, sets: Sequence[_Set]) -> list[dict[str, Any]]:
    rows = []
    for one in sets:
        imaging = one.imaging.model_copy(update={"patches_per_field": 1})
        seed = evaluation_seed(one.store, imaging)
        made = Acquisition(one.store, imaging, indices=one.indices, seed=seed, in_turn=True)
        scores = measure_segmenter(model, EvaluationSet(made, one.images, again=False))
        rows.append({"camera": one.name, "images": one.images, **{name: scores[name] for name in SCORES}})
    return rows
