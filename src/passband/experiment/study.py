"""A single study: train and evaluate, from its plan and its store. Each may be stopped; the same call continues.

The plan becomes an experiment (`Plan.experiment`), which `experiment.training` trains and `experiment.evaluation`
measures, as they do for the experiments of a campaign.
"""

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.devices import resolve_device
from passband.differences import differences
from passband.distribution import limits
from passband.documents import json_text, parse_json, read_document
from passband.durable import write_atomically
from passband.experiment.evaluation import evaluation_set, measure_segmenter
from passband.experiment.plan import Plan, load_plan
from passband.experiment.session import simulated_session, wants_session
from passband.experiment.training import BesideTraining, save_networks, train_networks
from passband.microscope.conditions import validate_conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric
from passband.microscope.instruments.choice import validate_distribution
from passband.microscope.instruments.instrument import SettingDistribution
from passband.progress import ProgressCallback
from passband.recipe import PassbandError
from passband.segmentation.model import load_model
from passband.segmentation.segmenter import Segmenter
from passband.training import History, TrainingError

#: Of a trained study: its plan.
CONFIG = "config.json"
#: Parts of a plan that the weights of its network depend on, beside the training's own recipe.
DECISIVE = ("simulation", "imaging", "network", "loss", "split")


class TrainedStudy(NamedTuple):
    """Where the trained network of a study is, and how it came about."""

    model: Path
    history: History
    epochs: int
    seconds: float


def train(
    plan: Plan | str | PathLike[str],
    store: WaveStore | str | PathLike[str],
    directory: str | PathLike[str],
    *,
    device: str = "cpu",
    imaging_workers: int = 0,
    progress: ProgressCallback | None = None,
) -> TrainedStudy:
    """Train the network of a plan on its store, and save it with its card in `directory/model`.

    Stopped, the same call goes on from the last epoch that was finished.

    Parameters
    ----------
    plan
        Network, loss, training, and the conditions that it is trained under; or its file, or the name of a shipped one.
    store
        Exit waves of the plan's structures, as `simulate` returns them; or their folder.
    directory
        Of the run: new, or one that holds an unfinished run of this plan.
    device
        "cpu" or "cuda".
    imaging_workers
        Processes that make the micrographs, on the CPU, where the device is faster than one of them; 0 makes them in
        this process, on the device, whose noise is another. A run goes on with the kind that it began with.
    progress
        Called with steps done, steps in all and a note.

    Returns
    -------
    TrainedStudy
        `model`, the folder of the trained network, its `history`, and how many `epochs` and `seconds` it took.

    Raises
    ------
    TrainingError
        The directory holds a run of another plan, or an unfinished one whose micrographs were made on a device of
        another kind; or the training diverged.
    PassbandError
        The store holds other waves than the plan's.
    """
    plan, store = _opened(plan, store)
    experiment, directory, device = plan.experiment(), Path(directory), resolve_device(device)
    _refuse_other_study(directory, plan)
    imaging = BesideTraining(thread=not imaging_workers, workers=imaging_workers)
    trained = train_networks(experiment, store, directory, device=device, progress=progress, imaging=imaging)
    write_atomically(directory / CONFIG, json_text(plan.model_dump(mode="json"), indent=1).encode())
    save_networks(experiment, trained, [directory / "model"])
    if wants_session(plan):
        simulated_session(plan, store).save(directory / "model")
    history = trained.history
    return TrainedStudy(directory / "model", history, int(history.rows[-1]["epoch"]), history.seconds)


def _opened(plan: Any, store: Any) -> tuple[Plan, WaveStore]:
    """Return a plan and its store, read where they are named.

    Waves that are not the plan's are refused: nothing would say which of them were held back.
    """
    plan = load_plan(Path(plan)) if isinstance(plan, str | PathLike) else plan
    store = WaveStore.open(Path(store)) if isinstance(store, str | PathLike) else store
    if not isinstance(plan, Plan) or not isinstance(store, WaveStore):
        given = f"{type(plan).__name__} and {type(store).__name__}"
        raise PassbandError(f"{given} are no plan and its store; give a Plan and a WaveStore, or their files, in turn")
    if store.recipe != plan.simulation:
        there, now = (one.model_dump(mode="json") for one in (store.recipe, plan.simulation))
        keys = differences(there, now, prefix="simulation.")
        raise PassbandError(f"{store.directory} holds waves of another recipe ({keys}); simulate those of the plan")
    return plan, store


def _refuse_other_images(segmenter: Segmenter, plan: Plan) -> None:
    """Refuse a segmenter whose classes or channels are not those of the plan's micrographs."""
    card, known = segmenter.card, plan.simulation.classes
    if len(card.classes) != len(known):
        cure = "measure it on a plan with its classes"
        raise PassbandError(f"{card.name} tells {list(card.classes)} apart, and the plan's truth {list(known)}; {cure}")
    channels = getattr(getattr(card, "architecture", None), "channels", plan.imaging.channels)
    if channels != plan.imaging.channels:
        raise PassbandError(
            f"{card.name} takes images of {channels} channels, and the plan's have {plan.imaging.channels}; "
            "measure it on a plan with as many"
        )


def _refuse_other_study(directory: Path, plan: Plan) -> None:
    """Say in which keys the plan of the study in a directory differs, where its network would be another one."""
    try:
        found = Plan.model_validate(parse_json(read_document(directory / CONFIG)))
    except (OSError, ValueError):  # none is there, or it is damaged: the training itself says what does not fit
        return
    parts = [name for name in DECISIVE if getattr(found, name).identity != getattr(plan, name).identity]
    if parts:
        there, now = (one.model_dump(mode="json", include=set(parts)) for one in (found, plan))
        cure = "use another directory, or remove this one to start afresh"
        keys = differences(there, now)
        raise TrainingError(f"{directory} holds a training with other values: {', '.join(parts)} ({keys}); {cure}")


def evaluate(
    segmenter: Segmenter | str | PathLike[str],
    plan: Plan | str | PathLike[str],
    store: WaveStore | str | PathLike[str],
    *,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
) -> list[dict[str, Any]]:
    """Measure a network, or any other segmenter, on the test structures of a plan.

    Parameters
    ----------
    segmenter
        Anything that segments, such as a loaded model; or the folder or the name of a model, as `load_model` takes it.
    plan
        Whose split says which structures are tested, and whose named conditions under which; or its file or its name.
    store
        Exit waves of the plan's structures, or their folder.
    device
        That micrographs are formed on.
    progress
        Called with conditions done, conditions in all and a note.

    Returns
    -------
    list of dict
        One row per named condition: `condition`, `images`, the scores of `evaluation.measure_segmenter`; `epsilon`,
        `sigma` and `delta_epsilon`, which compare the condition with the one on the card up to the Nyquist frequency of
        the camera; and `trained`, whether it is that one, with the camera of `plan.imaging`.

    Raises
    ------
    PassbandError
        The store holds other waves than the plan's, or the segmenter has other classes or channels.
    ModelError
        The network gives NaN.
    """
    plan, store = _opened(plan, store)
    device = resolve_device(device)
    if isinstance(segmenter, str | PathLike):
        segmenter = load_model(segmenter, device=device)
    _refuse_other_images(segmenter, plan)
    experiment = plan.experiment()
    total = len(experiment.evaluations)
    rows = []
    for number, evaluation in enumerate(experiment.evaluations):
        if progress is not None:
            progress(number, total, note=evaluation.name)
        micrographs = evaluation_set(experiment, evaluation, store, device=device)
        scores = measure_segmenter(segmenter, micrographs)
        rows.append({"condition": evaluation.name, "images": micrographs.count, **scores})
    if progress is not None:
        progress(total, total, note="")
    trained = trained_conditions(segmenter, plan)
    information = information_rows(plan, trained)
    for named, row, columns in zip(plan.validation, rows, information, strict=True):
        own_camera = named.camera is None or named.camera == plan.imaging.camera
        row.update(columns, trained=own_camera and named.conditions == trained)
    return rows


def trained_conditions(segmenter: Segmenter, plan: Plan) -> SettingDistribution:
    """Conditions on the card of a network; those of the plan where the card has none."""
    given = getattr(segmenter.card, "conditions", None)
    return validate_distribution(given) if given else plan.imaging.conditions


def information_rows(plan: Plan, trained: SettingDistribution) -> list[dict[str, float]]:
    """ε of each named condition, and its σ and Δε to the trained one, up to the camera's Nyquist frequency.

    Nothing for a scanning microscope, which has no such transfer.
    """
    if not isinstance(plan.imaging, Imaging):
        return [{} for _ in plan.validation]
    metric = Metric(qmax=nyquist(plan))
    sets = [ConditionSet.drawn(validate_conditions(named.conditions)) for named in plan.validation]
    compared = compare_information([ConditionSet.drawn(validate_conditions(trained))], sets, metric=metric)
    columns = zip(
        compared.epsilon_evaluation.tolist(),
        compared.sigma[0].tolist(),
        compared.delta_epsilon[0].tolist(),
        strict=True,
    )
    return [{"epsilon": e, "sigma": s, "delta_epsilon": d} for e, s, d in columns]


def nyquist(plan: Plan) -> float:
    """Largest spatial frequency in Å⁻¹ that the finest camera pixel of a plan records."""
    return 0.5 / limits(plan.imaging.pixel_size)[0]
