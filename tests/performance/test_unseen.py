"""A network is measured on structures that it has not seen, whatever they are stored on."""

from pathlib import Path

import pytest

from passband.dataset.simulation import Simulation
from passband.dataset.store import split_structures
from passband.experiment.experiment import Split
from passband.performance.unseen import training_split, unseen_structures
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.unet import UNetRecipe


def trained_on(recipe: Simulation) -> ModelCard:
    simulation = recipe.model_dump(mode="json")
    return ModelCard(name="demo", architecture=UNetRecipe.preset("tiny"), pixel_size=0.8, simulation=simulation)


class Listed:
    """A store as far as its structures are counted."""

    directory = Path("store")

    def __init__(self, recipe: Simulation) -> None:
        self.recipe = recipe

    def __len__(self) -> int:
        return self.recipe.structures


@pytest.mark.parametrize(
    ("changes", "structures", "unseen"),
    [
        ({}, 20, "held back"),
        ({"pixel_size": 0.3}, 20, "held back"),  # other pixels, the same atoms
        ({"energy": 80e3, "structures": 10}, 10, "held back"),
        ({"seed": 8}, 20, "all"),
    ],
)
def test_whatever_the_pixels_structures_of_the_training_are_not_measured(
    changes: dict[str, object], structures: int, unseen: str
) -> None:
    recipe = Simulation.model_validate({"scene": {}, "structures": 20, "seed": 7, "pixel_size": 0.2})
    card = trained_on(recipe)
    store = Listed(Simulation.model_validate({**recipe.model_dump(), **changes}))
    training = split_structures(20, seed=7, validation=0.2, test=0.2)["train"]
    every = range(structures)
    expected = list(every) if unseen == "all" else [index for index in every if index not in training]
    assert list(unseen_structures(card, store, Split(validation=0.2, test=0.2))) == expected


def test_a_store_without_any_structure_that_was_held_back_is_refused() -> None:
    recipe = Simulation.model_validate({"scene": {}, "structures": 20, "seed": 7})
    card = trained_on(recipe)
    first = min(
        index
        for name, part in split_structures(20, seed=7, validation=0.2, test=0.2).items()
        for index in part
        if name != "train"
    )
    with pytest.raises(PassbandError, match="none of the structures held back"):
        unseen_structures(
            card, Listed(recipe.model_copy(update={"structures": int(first)})), Split(validation=0.2, test=0.2)
        )


def test_what_was_held_back_is_said_by_the_named_plan_the_trained_one_or_the_shipped_one(tmp_path: Path) -> None:
    # rejects another order of the three, and a guess where nothing says it
    card, folder = trained_on(Simulation.model_validate({"scene": {}, "structures": 20})), tmp_path / "run" / "model"
    folder.mkdir(parents=True)
    shipped = training_split(card, folder)
    assert shipped is not None
    assert training_split(card.model_copy(update={"name": "mine"}), folder) is None
    (tmp_path / "run" / "config.json").write_text('{"split": {"validation": 0.31, "test": 0.32}}')
    assert training_split(card, folder) == Split(validation=0.31, test=0.32)
    assert training_split(card, folder, "demo") == shipped
