"""What the study of realism compares, as one value read from a plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import Field

from passband.dataset.scan_imaging import ScanImaging
from passband.generation.translation_recipe import Contrastive, CycleGAN, TranslationRecipe
from passband.generation.translation_training import TRAINING
from passband.recipe import Recipe
from passband.specimen.scanned import AnySpecimens
from passband.training import TrainingRecipe
from studies.plans import read_study_plan

#: Ways from a pristine simulation to training images; the last three learn from real images.
Arm = Literal[
    "pristine",
    "manual noise",
    "fitted physics",
    "the microscope itself",
    "contrastive",
    "cyclegan",
    "cyclegan without spectra",
]
ARMS: tuple[Arm, ...] = get_args(Arm)
#: Arms without a generator: nothing in them is trained but the detector.
WITHOUT_TRAINING: tuple[Arm, ...] = ("pristine", "manual noise", "fitted physics", "the microscope itself")
#: No arm but the most that one could reach: labelled images of the session.
CEILING: Arm = "the microscope itself"
BACK = "pristine, images translated back"


class Session(Recipe):
    """One day of a microscope that no arm knows.

    Attributes
    ----------
    name
        In tables.
    imaging
        How its images are taken.
    imitated
        Arms that imitate it with generators of their own; the others are imitated too, for they cost little.
    """

    name: str
    imaging: ScanImaging
    imitated: tuple[Arm, ...] = ()


class RealFile(Recipe):
    """A real micrograph that sets are scored against; no labels.

    Attributes
    ----------
    name
        In tables.
    file
        Below the folder of real micrographs.
    specimens
        What is simulated to look like it.
    energy
        Of its beam, eV.
    arms
        That are scored against it.
    """

    name: str
    file: str
    specimens: AnySpecimens
    energy: float
    arms: tuple[Arm, ...] = tuple(arm for arm in ARMS if arm != CEILING)


class Translations(Recipe):
    """Generators of the arms that learn: a recipe, whose method and spectra are the arm's, and their training."""

    recipe: TranslationRecipe = TranslationRecipe()
    contrastive: Contrastive = Contrastive()
    cyclegan: CycleGAN = CycleGAN()
    training: TrainingRecipe = TRAINING


class StudyPlan(Recipe):
    """The whole study.

    Attributes
    ----------
    seeds
        Of structures, generators and detectors; one repetition each.
    pixel_size
        Å, of all images.
    side
        Pixels of each image.
    simulated, real, tested
        Images of each set: pristine ones, unlabelled ones of a session, labelled ones of it.
    specimens
        What is imaged.
    pristine
        How the pristine simulations are taken.
    sessions
        The first is the one that detectors are trained for, and the second the other session.
    real_files
        Real micrographs.
    arms
        That are run.
    translation
        Generators.
    detector
        Changes to the plan `wse2_defects`, as on the command line.
    resamples
        Of the bootstrap.
    """

    seeds: tuple[int, ...] = Field(min_length=1)
    pixel_size: float = 0.2074
    side: int = Field(default=192, ge=64)
    simulated: int = Field(ge=4)
    real: int = Field(ge=4)
    tested: int = Field(ge=1)
    specimens: AnySpecimens
    pristine: ScanImaging
    sessions: tuple[Session, ...] = Field(min_length=2)
    real_files: tuple[RealFile, ...] = ()
    arms: tuple[Arm, ...] = Field(default=ARMS, min_length=1)
    translation: Translations = Translations()
    detector: tuple[str, ...] = ()
    resamples: int = Field(default=2000, ge=100)


class Task(NamedTuple):
    """One arm that imitates one domain with one seed: its images, their scores, and the detector that they train."""

    domain: str
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Of files."""
        return f"{self.domain}-{self.arm}-{self.seed}".replace(" ", "_")


def tasks(plan: StudyPlan) -> Iterator[Task]:
    """All that is to be done, seed by seed; what tells most first: physics for both sessions, and generators last."""
    first, *others = plan.sessions
    for seed in plan.seeds:
        for arm in sorted(plan.arms, key=_early):
            yield Task(first.name, arm, seed)
            for session in others:
                if arm in (*WITHOUT_TRAINING[1:], *session.imitated):
                    yield Task(session.name, arm, seed)
        if seed == plan.seeds[0]:
            yield from (Task(one.name, arm, seed) for one in plan.real_files for arm in one.arms)


def _early(arm: Arm) -> int:
    """Return the place of an arm in a run: pristine images first, for their detector is shown translated ones."""
    early: tuple[Arm, ...] = ("pristine", "fitted physics", "manual noise")
    return early.index(arm) if arm in early else len(early) + ARMS.index(arm)


def read_study(file: Path) -> StudyPlan:
    """Read a plan of the study; raises PlanError where it is not accepted."""
    return read_study_plan(StudyPlan, file)
