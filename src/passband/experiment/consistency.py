"""One check of a study's recipes against each other, before anything is simulated, trained or allocated.

Every plan, of a study or of a campaign, from a file or in Python, goes through `problems` when it is made. What only
the machine can tell (whether its memory will do) is an estimate of `campaign run --dry-run`, not a refusal.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from passband.dataset.beam_path import ImagingRecipe, SimulationRecipe
from passband.dataset.store import split_sizes
from passband.experiment.experiment import Split
from passband.microscope.instruments.instrument import SettingDistribution
from passband.recipe import PassbandError
from passband.segmentation.architecture import Architecture
from passband.segmentation.losses import LossRecipe
from passband.training import TrainingRecipe
from passband.training.history import RENAMED

SCORES = ("training_loss", "paper_loss", "accuracy", "dice", "iou")
RISING = ("accuracy", "dice", "iou")  # scores that grow as networks get better
MOST_STEPS = 10**9
MOST_BATCH = 2e12  # bytes of the activations of one step
MOST_IMAGES = 10**7  # micrographs of one evaluation


class Study(NamedTuple):
    """What has to fit together.

    Attributes
    ----------
    simulation, imaging, network, loss, training
        As in a plan.
    split
        Likewise; None where nothing is trained.
    evaluated
        Names and conditions that are measured on.
    monitored
        Names of the sets that may stop the training.
    together
        Networks that are trained at once.
    scores
        Names that `training.monitor` may have beside `SCORES`.
    others
        Simulations of other structures that the same conditions are measured on, by name.
    """

    simulation: SimulationRecipe
    imaging: ImagingRecipe
    network: Architecture
    loss: LossRecipe
    training: TrainingRecipe
    split: Split | None
    evaluated: Sequence[tuple[str, SettingDistribution]]
    monitored: Sequence[str]
    together: int = 1
    scores: Sequence[str] = ()
    others: Mapping[str, SimulationRecipe] = MappingProxyType({})


def check(study: Study) -> None:
    """Refuse recipes that cannot work together.

    Raises
    ------
    PassbandError
        One line for each reason: the value, the rule and the cure.
    """
    found = list(dict.fromkeys(problems(study)))
    if found:
        raise PassbandError(*found)


def problems(study: Study) -> Iterator[str]:
    """Say why recipes cannot work together, one line each."""
    yield from study.imaging.problems(study.simulation, name="imaging.conditions")
    for name, conditions in study.evaluated:
        imaging = study.imaging.model_copy(update={"conditions": conditions})
        yield from imaging.problems(study.simulation, name=f"conditions {name!r}")
        for place, simulation in study.others.items():
            found = imaging.problems(simulation, name=f"conditions {name!r}")
            yield from (f"others.{place}: {line}" for line in found)
    yield from _network_problems(study)
    yield from _training_problems(study)
    if study.split is None:
        return
    try:
        split_sizes(study.simulation.structures, study.split.validation, study.split.test)
    except PassbandError as error:
        yield str(error)


def _network_problems(study: Study) -> Iterator[str]:
    network, weights = study.network, study.loss.class_weights
    channels, classes = study.imaging.channels, study.simulation.classes
    if network.channels != channels:
        yield f"network.channels={network.channels} and a micrograph has {channels}; write network.channels={channels}"
    if network.classes != len(classes):
        yield (
            f"network.classes={network.classes} and masks have {len(classes)}, {' and '.join(classes)}; "
            f"write network.classes={len(classes)}"
        )
    if weights is not None and len(weights) != network.classes:
        yield (
            f"loss.class_weights={list(weights)} has {len(weights)} numbers and the network {network.classes} classes; "
            "give one for each"
        )
    deepest = study.training.batch_size * (-(-study.imaging.patch // network.stride)) ** 2
    if deepest < 2:
        yield (
            f"training.batch_size=1 of patches of {study.imaging.patch} pixels leaves one pixel at the deepest level, "
            f"which cannot be normalised; use a batch of 2, or patches of more than {network.stride} pixels"
        )


def _training_problems(study: Study) -> Iterator[str]:
    training = study.training
    steps = training.epochs * training.steps_per_epoch
    if steps > MOST_STEPS:
        yield f"training of {steps:.3g} steps (epochs × steps_per_epoch) never ends; make at most {MOST_STEPS:.0e}"
    memory = study.together * step_bytes(study.network, training.batch_size, study.imaging.patch)
    if memory > MOST_BATCH:
        yield (
            f"training.batch_size={training.batch_size} of patches of {study.imaging.patch}² pixels takes "
            f"{memory / 1e9:,.0f} GB a step; {MOST_BATCH / 1e9:,.0f} GB is the bound, so make batch or patches smaller"
        )
    known = (*SCORES, *study.scores)
    if training.monitor in RENAMED:
        yield f"training.monitor={training.monitor!r} is called {RENAMED[training.monitor]!r} now; write that"
    elif training.monitor not in known:
        yield f"training.monitor={training.monitor!r} is no score; choose one of {', '.join(known)}"
    elif training.is_monitored and training.monitor.split(".")[0] in RISING:
        yield (
            f"training.monitor={training.monitor!r} grows as a network gets better and the smallest is kept; "
            "choose training_loss or paper_loss"
        )
    if training.monitor_set is not None and training.monitor_set not in study.monitored:
        yield (
            f"training.monitor_set={training.monitor_set!r} is no validation set; "
            f"choose one of {', '.join(study.monitored)}, or leave it out"
        )


def step_bytes(network: Architecture, batch: int, patch: int) -> float:
    """Bytes of the activations that one step cannot do without, in single precision."""
    return 4.0 * batch * network.activations(patch)
