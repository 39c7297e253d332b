"""Detectors of defects that training images make, measured on labelled images of sessions."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from passband.description.defects import defects_of_mask, find_defects
from passband.experiment.labelled_images import LabelledImages
from passband.experiment.labelled_training import train_labelled
from passband.experiment.plan import load_plan
from passband.generation.translation import Translation
from passband.scores.defects import defect_scores
from passband.segmentation.model import Model, load_model
from studies.realism.arms import Imitation
from studies.realism.images import Imaged, Images
from studies.realism.study import StudyPlan

Row = dict[str, Any]
THRESHOLD = 0.5  # of every detector: short trainings are not sure of themselves


def detector(plan: StudyPlan, made: Imitation, seed: int, folder: Path) -> Model:
    """Train a detector on images and masks; stopped, the same call goes on."""
    changes = (f"imaging.pixel_size={plan.pixel_size}", f"training.seed={seed}", *plan.detector)
    recipe = load_plan("wse2_defects", changes)
    labelled = LabelledImages.of_arrays(list(made.images), list(made.masks), plan.pixel_size)
    return load_model(train_labelled(recipe, labelled, folder).model)


def translated_back(translation: Translation, pixel_size: float) -> Callable[[Images], Images]:
    """Return what brings an image of the session to the domain of the simulation."""
    return lambda image: translation.apply(image, pixel_size, reverse=True)


def measured(
    model: Model, tested: Imaged, pixel_size: float, before: Callable[[Images], Images] | None = None
) -> Iterator[Row]:
    """Yield true, found and matched defects of each class of each image; near the border none counts."""
    classes = model.card.classes
    for number, (image, mask) in enumerate(zip(tested.images, tested.masks, strict=True)):
        seen = image if before is None else before(image)
        probabilities = model.segment(seen, pixel_size).probabilities
        assert probabilities is not None
        found = find_defects(probabilities, classes, pixel_size, threshold=THRESHOLD)
        scores = defect_scores(found, defects_of_mask(mask, classes, pixel_size))
        for name, one in zip(found.classes, scores, strict=True):
            yield {"image": number, "class": name, **one._asdict()}


def f1(rows: Sequence[Row]) -> float:
    """F1 over all classes and images of some rows; 0 where nothing was found."""
    both = sum(row["true"] + row["found"] for row in rows)
    return 2.0 * sum(row["matched"] for row in rows) / both if both else float("nan")
