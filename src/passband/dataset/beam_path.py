"""The two recipes of simulated data, what is simulated and how it is recorded, whatever the microscope.

A wave of a broad beam and the columns that a scan passes over are simulated once and recorded for ever. A kind of them
is a subclass with a field `kind`, registered here; the kinds of a simulation and of its imaging go together.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy.typing as npt

from passband.distribution import Scalar
from passband.kinds import Kinds
from passband.microscope.instruments.instrument import SettingDistribution
from passband.recipe import PassbandError, Recipe

K = TypeVar("K", bound=Recipe)

COARSER = 1.25  # times the pixel of a network


class ArrayLayout(NamedTuple):
    """One array of a store: of each structure its shape, the names of its axes, its type, and whether it is packed."""

    shape: tuple[int, ...]
    axes: tuple[str, ...]
    dtype: str
    fill: Any
    packed: bool

    @property
    def chunk(self) -> str:
        """Path of the one chunk of a structure, below that of the structure."""
        return "/".join("0" for _ in self.shape)


class Layout(NamedTuple):
    """What a store holds of each structure.

    Attributes
    ----------
    arrays
        By name.
    row
        Columns of the table of structures: names and Arrow types.
    points
        Columns of the points of each structure, likewise.
    disk
        Bytes of a structure, by experience where they are compressed.
    """

    arrays: dict[str, ArrayLayout]
    row: dict[str, str]
    points: dict[str, str]
    disk: float


@dataclass(frozen=True)
class SimulatedStructure:
    """What is stored of one structure.

    Attributes
    ----------
    arrays
        By the names of `Layout.arrays`.
    row
        Scalars, and `parameters` of the specimen as JSON.
    atoms
        Points, by the names of `Layout.points`; those of one thing have one length.
    """

    arrays: dict[str, npt.NDArray[Any]]
    row: dict[str, Any]
    atoms: dict[str, npt.NDArray[Any]]


class SimulationRecipe(Recipe, ABC):
    """A set of simulated structures; everything that what is stored of them depends on.

    Attributes
    ----------
    FORMAT, WHAT, PHYSICS
        What the store says of itself, what it holds in words, and the version of what is simulated now.
    kind
        Of the beam path, left out of the JSON of the oldest.
    structures
        How many; structure i of any recipe that differs in this number only is the same.
    seed
        Every structure draws from its own generators, seeded by this number and its own.
    """

    FORMAT: ClassVar[str]
    WHAT: ClassVar[str]
    PHYSICS: ClassVar[int]

    kind: str
    structures: int
    seed: int

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """What the pixels of the masks mean, by their number."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """What the store holds."""

    @property
    @abstractmethod
    def energies(self) -> tuple[float, ...]:
        """Energies of the beam that structures may have, eV, ascending; none where any will do."""

    @property
    @abstractmethod
    def extent(self) -> float:
        """Side of the field, Å; of fields of several sides about the shorter one."""

    @property
    @abstractmethod
    def finest_pixel(self) -> float:
        """Å, that micrographs can have."""

    @property
    @abstractmethod
    def imaged_pixels(self) -> int:
        """Pixels along the side of the field, of the planes that an image is made in."""

    @property
    @abstractmethod
    def memory(self) -> float:
        """Bytes that a process needs to simulate one structure."""

    @property
    @abstractmethod
    def recorded_memory(self) -> int:
        """Bytes of memory of one structure that is being recorded."""

    @property
    @abstractmethod
    def materials(self) -> tuple[str, ...]:
        """What structures may consist of."""

    def energy_of(self, index: int) -> float | None:
        """Energy of the beam of structure `index`, eV; None where any will do."""
        return None


class ImagingRecipe(Recipe, ABC):
    """How micrographs are taken of stored structures.

    Attributes
    ----------
    PHYSICS
        Version of what is recorded now.
    kind
        Of the beam path, left out of the JSON of the oldest.
    conditions
        Distribution of the settings.
    pixel_size
        Of the image that a network sees, Å; it may vary.
    patch
        Side of the square image, in pixels.
    patches_per_field
        Patches of one imaged field while a network learns, in that many consecutive batches.
    physics
        Version of what is computed, see `passband.dataset.physics`; never written by hand.
    """

    #: Of a micrograph: it is grey.
    channels: ClassVar[int] = 1
    PHYSICS: ClassVar[int]

    kind: str
    conditions: Any
    pixel_size: Scalar
    patch: int
    patches_per_field: int
    camera: Any
    physics: int

    @property
    @abstractmethod
    def recorded(self) -> tuple[float, float]:
        """Smallest and largest pixels, Å, that are recorded, before they are resampled to those of the image."""

    @property
    def measured_pixel(self) -> Scalar:
        """Distribution of the pixels, Å, of images that networks are measured on."""
        return self.pixel_size

    @property
    def finest(self) -> float:
        """Finest pixel, Å, that these micrographs may have beside what the store allows."""
        return 0.0

    def coarsest(self, pixel_size: float) -> float:
        """Return the coarsest recorded pixel, Å, that a network which sees pixels of a size in Å is for.

        Coarser ones than its own by more than a quarter lack detail, unless it was trained on such.
        """
        return COARSER * pixel_size

    def at_pixel(self, pixel_size: float, patch: int) -> Self:
        """Return the imaging with recorded pixels of one size, Å, that are not resampled, and a patch of them."""
        return self.model_copy(update={"pixel_size": pixel_size, "patch": patch})

    @abstractmethod
    def problems(self, recipe: SimulationRecipe, *, name: str = "conditions") -> Iterator[str]:
        """Say why micrographs cannot be taken of a simulation, one line each; `name` is of the conditions."""

    def usable(self, recipe: SimulationRecipe, indices: Sequence[int]) -> list[int]:
        """Return those structures that the conditions allow, in their order."""
        return list(indices)

    def under(self, conditions: SettingDistribution, camera: Any) -> "ImagingRecipe":
        """Return the imaging under other conditions, and with another camera where one is given."""
        return self.model_copy(update={"conditions": conditions, "camera": self.camera if camera is None else camera})


#: Every kind of simulation, and of imaging; plans, cards and stores of before there were several do not say theirs. A
#: beam path in files of its own is named here, so that it is known wherever a simulation or an imaging is named.
SIMULATIONS: Kinds[SimulationRecipe] = Kinds(
    "simulation",
    default="tem",
    elsewhere={"tem": "passband.dataset.simulation", "scan": "passband.dataset.scan_simulation"},
)
IMAGINGS: Kinds[ImagingRecipe] = Kinds(
    "imaging",
    default="tem",
    elsewhere={"tem": "passband.dataset.imaging", "scan": "passband.dataset.scan_imaging"},
)


def other_kind(recipe: SimulationRecipe, imaging: ImagingRecipe) -> str:
    """Say that a simulation and an imaging are of two kinds."""
    both = f"simulation.kind={recipe.kind!r} and imaging.kind={imaging.kind!r}"
    return f"{both} are two beam paths; give both the same kind"


def of_kind(value: SimulationRecipe | ImagingRecipe, kind: type[K]) -> K:
    """Return a recipe that is of one beam path.

    Raises
    ------
    PassbandError
        It is of another.
    """
    if not isinstance(value, kind):
        wanted = kind.model_fields["kind"].default
        raise PassbandError(f"kind={value.kind!r} of a plan does not do here; use a plan of kind={wanted!r}")
    return value
