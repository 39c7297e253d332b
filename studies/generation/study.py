"""What the study of generated micrographs trains, as one value read from a plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from passband.generation.ada import AdaptiveAugmentation, Group
from passband.generation.dcgan_training import DCGANTraining
from passband.generation.image_training import ImageTraining
from passband.generation.stylegan2_training import StyleGAN2Training
from passband.recipe import Recipe
from studies.plans import read_study_plan

DEFAULT: tuple[Group, ...] = ("blit", "geometric")


class Micrographs(Recipe):
    """Simulated micrographs to learn from, and others to be judged by.

    Attributes
    ----------
    plan
        Of passband, that is simulated.
    structures
        Of it; the last quarter is held out.
    dose
        e⁻/Å², higher than the plan's, so that crops of few pixels show what is in them.
    size
        Pixels of a side.
    held_out
        Micrographs of the held-out structures, by which all are judged.
    seed
        Of what is drawn for each micrograph.
    """

    plan: str = "demo"
    structures: int = Field(default=64, ge=8)
    dose: float = Field(default=5e3, gt=0.0)
    size: int = 64
    held_out: int = Field(default=1000, ge=8)
    seed: int = 1


class Segmenting(Recipe):
    """Whether a segmenter of particles that has few labelled micrographs gains by samples.

    Attributes
    ----------
    labelled
        Micrographs with a mask, the first of those that generators learned from.
    samples
        Generated micrographs, which the segmenter of these labels itself.
    changes
        To the plan of the micrographs, as on the command line: its network and its training.
    """

    labelled: int = Field(default=20, ge=2)
    samples: int = Field(default=400, ge=1)
    changes: tuple[str, ...] = ()


class StudyPlan(Recipe):
    """The whole study.

    Attributes
    ----------
    threads
        Of each process.
    micrographs
        As above.
    training
        StyleGAN2 as it is trained each time, but for its augmentation and its seed.
    dcgan
        DCGAN as it is trained beside, without augmentation; None leaves it out.
    images
        How many micrographs are learned from; all but the last question are asked of the first number.
    seeds
        Of trainings with and without augmentation; the first are those of the other questions.
    segmenting
        Segmenters beside, one for each seed of the trainings with augmentation; None leaves them out.
    groups
        Of augmentation, each alone.
    group_seeds, image_seeds
        How many seeds each group, and each number of micrographs, is trained with.
    """

    threads: int = Field(default=1, ge=1)
    micrographs: Micrographs = Micrographs()
    training: StyleGAN2Training = StyleGAN2Training()
    dcgan: DCGANTraining | None = None
    segmenting: Segmenting | None = None
    images: tuple[int, ...] = (200, 1000, 3000)
    seeds: tuple[int, ...] = (1, 2, 3)
    groups: tuple[Group, ...] = ("blit", "geometric", "colour", "noise", "cutout")
    group_seeds: int = Field(default=1, ge=1)
    image_seeds: int = Field(default=1, ge=1)


class Task(NamedTuple):
    """One training: groups of augmentation (none: without), number of micrographs, seed, kind of network."""

    groups: tuple[Group, ...]
    images: int
    seed: int
    network: Literal["stylegan2", "dcgan"] = "stylegan2"

    @property
    def what(self) -> str:
        """Its groups, or the network that has none."""
        return "dcgan" if self.network == "dcgan" else "+".join(self.groups) or "none"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.what}-{self.images}-{self.seed}"

    def recipe(self, plan: StudyPlan) -> ImageTraining:
        """Return the training."""
        if self.network == "dcgan":
            assert plan.dcgan is not None
            return plan.dcgan.model_copy(update={"seed": self.seed})
        usual = plan.training.augmentation or AdaptiveAugmentation()
        augmentation = usual.model_copy(update={"groups": self.groups}) if self.groups else None
        return plan.training.model_copy(update={"augmentation": augmentation, "seed": self.seed})


def tasks(plan: StudyPlan) -> Iterator[Task]:
    """All trainings, each once; those that compare most come first."""
    first, *others = plan.images
    wanted = [Task(groups, first, seed) for seed in plan.seeds for groups in (DEFAULT, ())]
    if plan.dcgan is not None:
        wanted += [Task((), first, seed, "dcgan") for seed in plan.seeds]
        wanted += [Task((), count, seed, "dcgan") for seed in plan.seeds[: plan.image_seeds] for count in others]
    wanted += [Task((group,), first, seed) for seed in plan.seeds[: plan.group_seeds] for group in plan.groups]
    wanted += [
        Task(groups, count, seed)
        for seed in plan.seeds[: plan.image_seeds]
        for count in others
        for groups in (DEFAULT, ())
    ]
    return iter(dict.fromkeys(wanted))


def read_study(file: Path) -> StudyPlan:
    """Read a plan of the study; raises PlanError where it is not accepted."""
    return read_study_plan(StudyPlan, file)
