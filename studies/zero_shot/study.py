"""What the study of segmentation without training measures, as one value read from a plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from passband.experiment.overrides import apply_override
from passband.experiment.plan_files import PlanError
from passband.recipe import Recipe
from passband.validation import error_lines
from passband.zero_shot.booster import Booster
from studies.plans import read_study_plan
from studies.zero_shot.benchmark import ImageRecipe, SetName, recipes

DEFAULT = "default"


class Variant(Recipe):
    """Rules of the booster.

    Attributes
    ----------
    name
        In tables.
    materials
        Whether the booster is given the number of materials that an image shows, estimates it, or knows the materials
        of the image's group from other images of it (`knowing.py`).
    changes
        To the rules that it has by default, such as `"merging.crops=5"`.
    pixels
        In place of masks that are merged: whether pixels are grouped by the texture about them (`pixels.py`).
    """

    name: str = DEFAULT
    materials: Literal["given", "estimated", "known"] = "given"
    changes: tuple[str, ...] = ()
    pixels: bool = False

    def rules(self, materials: int) -> Booster:
        """Return the rules for an image of so many materials."""
        raw: dict[str, Any] = {"merging": {"materials": materials}} if self.materials == "given" else {}
        for change in self.changes:
            apply_override(raw, change)
        try:
            return Booster.model_validate(raw)
        except ValidationError as error:
            raise PlanError(*(f"{self.name}: {line}" for line in error_lines(error))) from error


class Compared(Recipe):
    """Masks of one proposer; `images` of them, taken from all classes in turns, or all."""

    proposer: str
    images: int | None = Field(default=None, ge=1)


class Prompted(Compared):
    """Points in each material; one after the other where the mask is most wrong, up to `most` of them."""

    most: int = Field(default=1, ge=1, le=20)


class Ablations(Compared):
    """Variants of the booster on the same masks."""

    variants: tuple[Variant, ...] = ()


class Retrieval(Recipe):
    """Textures that are asked which crops of the true materials are alike, without proposals and without the booster.

    Attributes
    ----------
    proposer
        "truth": where crops are taken.
    images
        As in `Compared`.
    textures
        Names of textures.
    """

    proposer: Literal["truth"] = "truth"
    images: int | None = Field(default=None, ge=1)
    textures: tuple[str, ...] = ()


class Conditions(Compared):
    """Changes to how the images were taken, by name."""

    changes: dict[str, tuple[str, ...]] = Field(default={})


class StudyPlan(Recipe):
    """The whole study.

    Attributes
    ----------
    threads
        Of each process.
    grid
        Cells of the longest side, on which masks are compared with the truth.
    seed, resamples
        Of the bootstrap.
    benchmark
        What is measured on the benchmark: proposals, after removal, after merging with the number of materials given.
    prompts
        Likewise, by points.
    retrieval, ablations, conditions
        On the set for tuning.
    """

    threads: int = Field(default=1, ge=1)
    grid: int = Field(default=512, ge=64)
    seed: int = 0
    resamples: int = Field(default=2000, ge=100)
    benchmark: tuple[Compared, ...] = ()
    prompts: Prompted | None = None
    retrieval: Retrieval | None = None
    ablations: Ablations | None = None
    conditions: Conditions | None = None


class Task(NamedTuple):
    """One image and what is done to it."""

    part: str
    condition: str
    recipe: ImageRecipe
    compared: Compared | Retrieval
    grid: int

    @property
    def identity(self) -> str:
        """Of its result, as the name of a file."""
        image = f"{self.recipe.name}-{self.recipe.identity}"
        return f"{self.part}-{image}-{self.compared.identity}-{self.grid}"


def read_study(file: Path) -> StudyPlan:
    """Read a plan of the study; raises PlanError where it is not accepted."""
    return read_study_plan(StudyPlan, file)


def tasks(plan: StudyPlan) -> Iterator[Task]:
    """All that is to be measured: images of every group in turns, so that a part of a run has all of them."""
    for compared in plan.benchmark:
        yield from _tasks(plan, "benchmark", compared, "benchmark")
    if plan.retrieval is not None:
        yield from _tasks(plan, "retrieval", plan.retrieval, "tuning")
    if plan.ablations is not None:
        yield from _tasks(plan, "ablations", plan.ablations, "tuning")
    if plan.prompts is not None:
        yield from _tasks(plan, "prompts", plan.prompts, "benchmark")
    if plan.conditions is not None:
        plain = Compared(proposer=plan.conditions.proposer, images=plan.conditions.images)
        for name, changes in plan.conditions.changes.items():
            yield from _tasks(plan, "conditions", plain, "tuning", condition=name, changes=changes)


def _tasks(
    plan: StudyPlan,
    part: str,
    compared: Compared | Retrieval,
    which: SetName,
    *,
    condition: str = "",
    changes: tuple[str, ...] = (),
) -> Iterator[Task]:
    chosen = sorted(recipes(which, changes), key=lambda one: (one.index, one.group))
    for recipe in chosen[: compared.images]:
        yield Task(part, condition, recipe, compared, plan.grid)
