"""What a campaign will take, computed from its plan: runs, micrographs, memory of a worker, disk and inodes.

Nothing is simulated, trained or written. Memory is that of a worker with one thread on a CPU; on a GPU all of it but
the program is the GPU's. Trainings that stop early make fewer micrographs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from passband.campaign.grid import CampaignPlan
from passband.campaign.trainings import training_folder
from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.layout import store_size
from passband.dataset.memory import BUDGET, MICROGRAPHS
from passband.dataset.simulation import COMPLEX
from passband.distribution import limits
from passband.experiment.evaluation import BATCH
from passband.experiment.experiment import Experiment
from passband.segmentation.footprint import TrainingFootprint, training_footprint

PROGRAM = 450_000_000  # bytes of Python, torch, Dask and oneDNN in a worker; measured: 390 to 460 MB
IMAGING = 20  # waves of one plane that come and go while an image is formed, beside the wave's own copy
MICROGRAPH = 5  # bytes of a pixel of a kept micrograph and its mask
RUN_FILES = 5  # .lock, config, cost, metrics, the folder itself
TRAINING_FILES = 9  # .lock, config, history, recipe, cost, trained, models, measured, the folder itself
MODEL_FILES = 3  # weights, card and their folder
CAMPAIGN_FILES = 7  # campaign.json, .lock, workers.log, stores, trainings, runs, the folder itself
ROW = 120  # bytes of a row in metrics.parquet or in a history, tables' own parts aside
TABLE = 4_000  # bytes of a table of few rows
TEXTS = 16_000  # bytes of a run's small files and of what Parquet needs beside its rows


@dataclass(frozen=True)
class StoreEstimate:
    """What one store is used for, and what it takes.

    Attributes
    ----------
    name
        As in the plan; "" is what networks are trained on.
    identity
        Name of its folder.
    structures
        In the store.
    runs, trainings, networks
        Runs that use it; trainings on it; the networks that are trained.
    waves
        Bytes of its waves, were all of them in memory.
    disk, inodes
        Bytes and files of the store.
    """

    name: str
    identity: str
    structures: int
    runs: int
    trainings: int
    networks: int
    waves: int
    disk: int
    inodes: int


@dataclass(frozen=True)
class WorkerMemory:
    """Peak memory of one worker in the run that takes most, in bytes.

    Attributes
    ----------
    program
        Python, torch and what they load.
    waves, micrographs
        Kept of the stores, within one budget.
    imaging
        Work space of an image, and fields that several patches are still to be cut from.
    networks
        Weights, gradients, the optimiser's memory and copies.
    step
        Activations and the batch, or the checkpoint while it is written.
    """

    program: int
    waves: int
    micrographs: int
    imaging: int
    networks: int
    step: int

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.program + self.waves + self.micrographs + self.imaging + self.networks + self.step


@dataclass(frozen=True)
class PlanEstimate:
    """What a campaign takes.

    Attributes
    ----------
    name
        Of the plan.
    stores
        One for each simulation.
    runs, trainings, networks
        In all; runs that differ in what they measure share a training.
    training_images, fields
        Micrographs that networks learn from, and the fields that are imaged for them.
    measured_images
        Micrographs made for validations and evaluations; those that memory does not hold are made at every pass.
    worker
        Memory of one worker.
    workers
        How many there are to be.
    run_disk, run_inodes
        Bytes and files of the folder of the campaign without its stores. The bytes include what each worker's present
        run removes when it is finished; the files do not.
    """

    name: str
    stores: tuple[StoreEstimate, ...]
    runs: int
    trainings: int
    networks: int
    training_images: int
    fields: int
    measured_images: int
    worker: WorkerMemory
    workers: int
    run_disk: int
    run_inodes: int

    @property
    def memory(self) -> int:
        """Bytes of all workers."""
        return max(1, self.workers) * self.worker.total

    @property
    def disk(self) -> int:
        """Bytes of stores and runs."""
        return self.run_disk + sum(one.disk for one in self.stores)

    @property
    def inodes(self) -> int:
        """Files and folders of stores and runs."""
        return self.run_inodes + sum(one.inodes for one in self.stores)


def estimate(plan: CampaignPlan, *, workers: int = 1, budget: int = BUDGET) -> PlanEstimate:
    """Estimate what a plan takes on so many workers, each with a `budget` in bytes for waves and micrographs."""
    runs = plan.experiments()
    trainings = _trainings(runs)
    footprints = _Footprints()
    passing = max(_passing_disk(one, footprints.of(one)) for one in trainings)
    return PlanEstimate(
        name=plan.name,
        stores=tuple(_store(name, simulation, runs) for name, simulation in plan.simulations().items()),
        runs=len(runs),
        trainings=len(trainings),
        networks=sum(len(one.seeds) for one in trainings),
        training_images=sum(_steps(one) * one.training.batch_size for one in trainings),
        fields=sum(ceil(_steps(one) / one.imaging.patches_per_field) * one.training.batch_size for one in trainings),
        measured_images=sum(_validation_images(one, budget) for one in trainings)
        + sum(_evaluation_images(one, budget) for one in runs),
        worker=max((worker_memory(one, footprints.of(one), budget) for one in runs), key=lambda one: one.total),
        workers=workers,
        run_disk=sum(_training_disk(one, footprints.of(one)) for one in trainings)
        + sum(_run_disk(one) for one in runs)
        + workers * passing,
        run_inodes=CAMPAIGN_FILES
        + sum(_training_inodes(one) for one in trainings)
        + sum(RUN_FILES + len(one.evaluations) for one in runs),
    )


def _trainings(runs: Iterable[Experiment]) -> list[Experiment]:
    """One run for each training: runs that differ in what they measure share theirs, see `campaign.trainings`."""
    folders = {training_folder(one, Path("never there")): one for one in runs}
    return list(folders.values())


def worker_memory(run: Experiment, footprint: TrainingFootprint, budget: int = BUDGET) -> WorkerMemory:
    """Peak memory of one worker in a run, in bytes."""
    kept, _ = _kept_sets(run, budget)
    waves = sum(count * simulation.recorded_memory for simulation, count in _imaged(run))
    largest = max((simulation for simulation, _ in _imaged(run)), key=lambda one: one.recorded_memory)
    fields = run.training.batch_size * 4 * _field_pixels(run) ** 2 if run.imaging.patches_per_field > 1 else 0
    work = 2 * largest.recorded_memory + IMAGING * COMPLEX * largest.imaged_pixels**2
    return WorkerMemory(
        program=PROGRAM,
        waves=min(waves, budget - kept),
        micrographs=kept,
        imaging=work + fields,
        networks=footprint.resident,
        step=footprint.peak - footprint.resident,
    )


def _steps(run: Experiment) -> int:
    return run.training.epochs * run.training.steps_per_epoch


def _field_pixels(run: Experiment) -> int:
    finest = limits(run.imaging.pixel_size)[0]
    extent = run.simulation.extent
    return min(round(extent / run.simulation.finest_pixel), round(extent / finest))


def _imaged(run: Experiment) -> Iterable[tuple[SimulationRecipe, int]]:
    """Return the simulations of a run, and how many structures of each are imaged: all, as splits leave none out."""
    return [(simulation, simulation.structures) for simulation in (run.simulation, *run.others.values())]


def _kept_sets(run: Experiment, budget: int) -> tuple[int, int]:
    """Bytes of micrographs that memory keeps of the one set that is in use, and how many micrographs these are."""
    size = max(size for size in range(1, min(BATCH, run.images) + 1) if run.images % size == 0)
    batch = size * run.imaging.patch**2 * MICROGRAPH
    batches = min(run.images // size, int(budget * MICROGRAPHS) // batch)
    return batches * batch, batches * size


def _validation_images(run: Experiment, budget: int) -> int:
    """Micrographs of a set that is gone through for every epoch: those that are kept once, others at every pass."""
    kept = _kept_sets(run, budget)[1]
    return kept + (run.images - kept) * _passes(run)


def _evaluation_images(run: Experiment, budget: int) -> int:
    return len(run.evaluations) * (_validation_images(run, budget) if run.curves else run.images)


def _run_disk(run: Experiment) -> int:
    rows = len(run.seeds) * len(run.evaluations) * (_passes(run) if run.curves else 1)
    return len(run.to_json()) + 2 * ROW * rows + TABLE * (1 + len(run.evaluations))  # in the run, and as measured


def _training_disk(run: Experiment, footprint: TrainingFootprint) -> int:
    epochs = _passes(run) if run.curves and run.keep_epochs else 0
    history = ROW * _passes(run) * (1 + len(run.seeds))
    return (1 + epochs) * len(run.seeds) * footprint.weights + history + TEXTS


def _passing_disk(run: Experiment, footprint: TrainingFootprint) -> int:
    """Bytes that a run needs for a while: its checkpoint, and the weights of epochs that are not kept."""
    epochs = _passes(run) if run.curves and not run.keep_epochs else 0
    return footprint.checkpoint + epochs * len(run.seeds) * footprint.weights


def _passes(run: Experiment) -> int:
    return ceil(run.training.epochs / run.training.validate_every)


def _training_inodes(run: Experiment) -> int:
    seeds = len(run.seeds)
    epochs = 1 + _passes(run) * (1 + seeds) if run.curves and run.keep_epochs else 0
    return TRAINING_FILES + MODEL_FILES * seeds + epochs


class _Footprints:
    """Footprints of runs, one computation for all that differ in conditions and seeds alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], TrainingFootprint] = {}

    def of(self, run: Experiment) -> TrainingFootprint:
        training = run.training.model_copy(update={"seed": 0})
        key = (run.network.identity, run.loss.identity, training.identity, run.imaging.patch, len(run.seeds))
        if key not in self._known:
            self._known[key] = training_footprint(
                run.network, run.loss, training, patch=run.imaging.patch, count=len(run.seeds)
            )
        return self._known[key]


def _store(name: str, simulation: SimulationRecipe, runs: Iterable[Experiment]) -> StoreEstimate:
    trained = _trainings(one for one in runs if one.simulation == simulation)
    used = [one for one in runs if simulation in (one.simulation, *one.others.values())]
    size = store_size(simulation)
    return StoreEstimate(
        name=name,
        identity=simulation.identity,
        structures=simulation.structures,
        runs=len(used),
        trainings=len(trained),
        networks=sum(len(one.seeds) for one in trained),
        waves=simulation.structures * simulation.recorded_memory,
        disk=size.disk,
        inodes=size.inodes,
    )
