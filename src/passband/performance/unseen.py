"""Structures that a network has not seen, to measure it on: what its training held back, or others altogether."""

from collections.abc import Sequence
from pathlib import Path

from passband.dataset.store import WaveStore, split_structures
from passband.documents import naming, parse_json, read_document
from passband.experiment.experiment import Split
from passband.experiment.plan import load_plan
from passband.experiment.plan_files import shipped_plans
from passband.experiment.study import CONFIG
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard

#: Parts of the held-out structures that a network may be measured on.
PARTS = ("validation", "test", "both")


def training_split(card: ModelCard, folder: Path, plan: str | None = None) -> Split | None:
    """Return the fractions of the structures that the training of a model held back; None where nothing says.

    They are those of a plan, where one is named; else of the plan that was trained, which is beside the folder of the
    model; else of the shipped plan of the model's name.
    """
    if plan is not None:
        return load_plan(plan).split
    config = folder.parent / CONFIG
    if config.is_file():
        with naming(config):
            content = parse_json(read_document(config))
        if isinstance(content, dict) and "split" in content:
            return Split.model_validate(content["split"])
    return load_plan(card.name).split if card.name in shipped_plans() else None


def unseen_structures(card: ModelCard, store: WaveStore, split: Split | None, part: str = "both") -> Sequence[int]:
    """Structures of a store that a network has not seen: those held back, or all where the structures are others.

    Specimens and seed make the structures: a store of the same on other pixels or at another energy has the same atoms.

    Raises
    ------
    PassbandError
        It holds structures of the training and nothing says what was held back, or none that was is in it.
    """
    recipe = store.recipe.model_dump(mode="json")
    made_of = "specimens" if "specimens" in recipe else "scene"
    if any(recipe[name] != card.simulation.get(name) for name in (made_of, "seed")):
        return range(len(store))
    if split is None:
        raise PassbandError(
            f"{store.directory} holds what {card.name} was trained on, and nothing says which structures were held "
            "back; name the plan of the training with --plan"
        )
    known = int(str(card.simulation["structures"]))
    parts = split_structures(known, seed=recipe["seed"], validation=split.validation, test=split.test)
    wanted = PARTS[:2] if part == "both" else (part,)
    held_back = sorted(int(index) for name in wanted for index in parts[name] if index < len(store))
    if not held_back:
        raise PassbandError(
            f"none of the structures held back from {card.name} is in {store.directory}; simulate all {known} of its "
            "plan, or some with another seed"
        )
    return held_back
