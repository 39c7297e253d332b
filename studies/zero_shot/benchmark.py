"""The cross-sections that segmentation without training is measured on, and a second set that choices are made by.

    python -m studies.zero_shot.benchmark WORK [--set tuning]

`benchmark.toml` and `tuning.toml` say what is in them, as changes to the plan `interfaces`: what `passband simulate
interfaces --set …` would simulate. Images are made when they are asked for and kept in a folder of work.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from scipy.ndimage import distance_transform_edt

from passband.dataset.acquisition import Acquisition
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.distribution import limits
from passband.durable import write_atomically
from passband.experiment.plan_files import PlanError, read_toml
from passband.recipe import PassbandError, Recipe
from passband.validation import error_lines
from studies.zero_shot.scan_recipes import ChangedPlan, scan_recipes

SetName = Literal["benchmark", "tuning"]

ROOM = 1.05  # times the frame is the field, so that a frame turned by a few hundredths of a radian lies inside
SLIGHT = 0.002  # of an image: a material that covers less is none that one would ask for


class OneMaterialError(PassbandError):
    """An image shows one material only."""


class ImageGroup(Recipe):
    """Some images of one kind.

    Attributes
    ----------
    name
        Of the group.
    images
        How many.
    seed
        Of specimens, settings, scans and electrons.
    patch
        Side of an image, pixels.
    pixel_size
        Å.
    changes
        To the plan, those of `passband simulate --set`.
    """

    name: str
    images: int = Field(ge=1)
    seed: int = Field(ge=0)
    patch: int = Field(ge=64)
    pixel_size: float = Field(gt=0.0)
    changes: tuple[str, ...] = ()


class ImageSet(ChangedPlan):
    """A file of images: a shipped plan with changes that all groups have, and the groups."""

    groups: tuple[ImageGroup, ...] = Field(min_length=1)


@dataclass(frozen=True)
class ImageRecipe:
    """One image of a set: number `index` of its group."""

    name: str
    group: str
    index: int
    seed: int
    simulation: ScanSimulation
    imaging: ScanImaging

    @property
    def identity(self) -> str:
        """Hash of all that the image follows from."""
        return f"{self.simulation.identity}-{self.imaging.identity}-{self.seed}-{self.index}"


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image and its truth.

    Attributes
    ----------
    name, group
        Of the image, and of its group.
    image
        float32 (y, x), of mean 0 and standard deviation 1.
    labels
        int64 (y, x): the material of each pixel, an index into `materials`, from 0.
    materials
        Those that the image shows, in alphabetical order.
    pixel_size
        Å.
    """

    name: str
    group: str
    image: NDArray[np.float32]
    labels: NDArray[np.int64]
    materials: tuple[str, ...]
    pixel_size: float

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(materials, y, x): where each is."""
        found: NDArray[np.bool_] = self.labels[None] == np.arange(len(self.materials))[:, None, None]
        return found


def read_set(file: Path, changes: Sequence[str] = ()) -> list[ImageRecipe]:
    """Read the recipes of a file of images, with changes to all of them after its own.

    Raises
    ------
    PlanError
        The file, or a plan that it makes, is not accepted.
    """
    raw = read_toml(file)
    try:
        images = ImageSet.model_validate(raw)
    except ValidationError as error:
        raise PlanError(*(f"{file.name}: {line}" for line in error_lines(error, model=ImageSet, data=raw))) from error
    return [one for group in images.groups for one in _recipes(images, group, changes)]


def recipes(which: SetName, changes: Sequence[str] = ()) -> list[ImageRecipe]:
    """Recipes of the benchmark, or of the set for tuning, with changes such as `"imaging.conditions.dose=1e3"`."""
    return read_set(Path(__file__).with_name(f"{which}.toml"), changes)


def _recipes(images: ImageSet, group: ImageGroup, more: Sequence[str]) -> list[ImageRecipe]:
    field = round(ROOM * group.patch * group.pixel_size, 1)
    size = (
        f"simulation.specimens.field=[{field},{field}]",
        f"simulation.structures={group.images}",
        f"simulation.seed={group.seed}",
        f"imaging.patch={group.patch}",
        f"imaging.frame={group.patch}",
        f"imaging.pixel_size={group.pixel_size}",
        "imaging.patches_per_field=1",
    )
    simulation, imaging = scan_recipes(images, [*size, *group.changes, *more])
    return [
        ImageRecipe(f"{group.name}_{k:02d}", group.name, k, group.seed, simulation, imaging)
        for k in range(group.images)
    ]


def labelled_image(recipe: ImageRecipe, work: Path) -> LabelledImage:
    """Make an image, or read it where the folder of work has it already; its structures are simulated for that.

    Raises
    ------
    OneMaterialError
        It shows fewer than two materials.
    """
    kept = work / "images" / f"{recipe.name}-{recipe.identity}.npz"
    if not kept.exists():
        image, labels = _imaged(recipe, work)
        buffer = BytesIO()
        np.savez_compressed(buffer, image=image, labels=labels)
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, buffer.getvalue())
    with np.load(kept) as arrays:
        image, labels = arrays["image"], arrays["labels"]
    classes = recipe.simulation.classes
    shown, counts = np.unique(labels, return_counts=True)
    seen = shown[counts >= SLIGHT * labels.size]
    if len(seen) < 2:
        raise OneMaterialError(f"{recipe.name} shows {classes[int(seen[0])]} only; choose another seed for its group")
    return LabelledImage(
        recipe.name,
        recipe.group,
        image,
        _numbered(labels, seen),
        tuple(classes[int(number)] for number in seen),
        limits(recipe.imaging.pixel_size)[0],
    )


def _imaged(recipe: ImageRecipe, work: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image, and the material of each pixel as a class of the plan; on one thread, for the same bytes everywhere."""
    store = simulate(recipe.simulation, work / "stores" / recipe.simulation.identity)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        stream = Acquisition(store, recipe.imaging, indices=[recipe.index], seed=recipe.seed)
        batch = stream.batch(recipe.index, 1)
    finally:
        torch.set_num_threads(threads)
    return batch.images[0, 0].numpy(), batch.masks[0].numpy().astype(np.uint8)


def _numbered(labels: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Labels as indices into what is seen; the pixels of a material that is hardly there go to the nearest one."""
    numbers = np.full(256, -1, dtype=np.int64)
    numbers[seen] = np.arange(len(seen))
    found: NDArray[np.int64] = numbers[labels]
    if (found < 0).any():
        nearest = distance_transform_edt(found < 0, return_distances=False, return_indices=True)
        found = found[tuple(nearest)]
    return found


def labelled_images(
    which: SetName, work: Path, *, names: Sequence[str] | None = None
) -> Iterator[tuple[ImageRecipe, LabelledImage]]:
    """Yield the images of a set, or those of some names, one after the other."""
    for recipe in recipes(which):
        if names is None or recipe.name in names:
            yield recipe, labelled_image(recipe, work)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: make all images of a set, and list them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder that stores and images are kept in")
    parser.add_argument("--set", choices=("benchmark", "tuning"), default="benchmark", dest="which")
    given = parser.parse_args(arguments)
    for recipe, image in labelled_images(given.which, given.work):
        print(recipe.name, image.image.shape, image.pixel_size, ", ".join(image.materials), flush=True)


if __name__ == "__main__":
    main()
