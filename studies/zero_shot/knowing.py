"""The supervised booster in the study: it has seen other simulated images of a group, with the materials named."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from passband.recipe import PassbandError
from passband.zero_shot.known_materials import KnownMaterials, learn_materials
from studies.zero_shot.benchmark import ImageRecipe, LabelledImage, OneMaterialError, labelled_image

LEARNED = 6  # images of each group
OTHER = 1_000_000  # added to the seed of a group for them
WIDTH = 20.0  # Å, of a crop: some five periods
_KNOWN: dict[tuple[str, ...], KnownMaterials] = {}  # by group: its images have them in common


def known_materials(recipe: ImageRecipe, work: Path) -> KnownMaterials:
    """Learn the materials of the group of an image from other images of it; those of one material are left out.

    Raises
    ------
    PassbandError
        No image shows two materials.
    """
    key = recipe.group, recipe.simulation.identity, recipe.imaging.identity, str(work)
    if key not in _KNOWN:
        _KNOWN[key] = _learned(recipe, work)
    return _KNOWN[key]


def _learned(recipe: ImageRecipe, work: Path) -> KnownMaterials:
    shown: list[LabelledImage] = []
    for one in training_recipes(recipe):
        try:
            shown.append(labelled_image(one, work))
        except OneMaterialError:
            continue
    if not shown:
        raise PassbandError(
            f"no image that is learned from for {recipe.group} shows two materials; choose another seed"
        )
    names = tuple(sorted({name for one in shown for name in one.materials}))
    places = (np.array([names.index(name) for name in one.materials], dtype=np.int64) for one in shown)
    numbered = [(one.image, place[one.labels]) for one, place in zip(shown, places, strict=True)]
    return learn_materials(numbered, names, pixel_size=shown[0].pixel_size, width=WIDTH)


def training_recipes(recipe: ImageRecipe) -> list[ImageRecipe]:
    """Return recipes of images like this one, of specimens, settings and electrons of other seeds."""
    simulation = recipe.simulation.model_copy(update={"structures": LEARNED, "seed": recipe.simulation.seed + OTHER})
    return [
        replace(
            recipe,
            name=f"{recipe.group}_known_{number:02d}",
            index=number,
            seed=recipe.seed + OTHER,
            simulation=simulation,
        )
        for number in range(LEARNED)
    ]
