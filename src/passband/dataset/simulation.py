"""What is simulated, as one value, and what cannot be: told before anything is computed or allocated.

The bounds are those of the largest machines: what a workstation of 512 GB does is allowed, however long it takes.
"""

from collections.abc import Iterator
from math import pi
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from ase.formula import Formula
from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from passband.dataset.beam_path import SIMULATIONS, ArrayLayout, Layout, SimulationRecipe
from passband.dataset.physics import WAVES, WavesVersion
from passband.distribution import Choice, limits, sample
from passband.electron import check_energy, wavelength
from passband.microscope.incoherent import part_bytes
from passband.microscope.potential import CUTOFF
from passband.recipe import PassbandError
from passband.specimen.sampling import SceneDistribution
from passband.specimen.support import number_density

MOST_PIXELS = 65_536  # along a side of a multislice: 34 GB a plane
MOST_ATOMS = 1e9
MOST_SLICES = 100_000
MOST_MEMORY = 2e12  # bytes of one structure's waves while they are computed
MOST_DISK = 1e15  # bytes of a store
COMPLEX = 8  # bytes
PLANES = 12  # planes of complex numbers that a multislice works in, beside the waves that it has finished
DENSEST = 0.2  # atoms/Å³ of a crystal; diamond has 0.18
TRUTH_SHARE = 0.2  # masks, labels and atoms, as a share of one wave; measured: gold plan 0.2, small CdSe stores less
ROW = {
    "structure": "int64",
    "particles": "int32",
    "atoms": "int64",
    "height": "float64",
    "focus_offset": "float64",
    "transmitted": "float64",
    "mask_fraction": "float64",
    "parameters": "string",
}
ATOMS = {"x": "float32", "y": "float32", "z": "float32", "number": "uint8", "particle": "int32"}


@SIMULATIONS.register
class Simulation(SimulationRecipe):
    """A set of structures in a broad beam; everything that their exit waves and their truth depend on.

    Attributes
    ----------
    scene
        Distribution of structures.
    structures
        How many; structure i of any recipe that differs in this number only is the same.
    seed
        Every structure draws from its own generators, seeded by this number and its own.
    energy
        Of the beam, eV; of several, `{ choice = [80e3, 300e3] }`, each structure has one at random.
    pixel_size
        Of the multislice calculation, Å; the field is divided into the nearest whole number of pixels.
    stored_pixel_size
        Of the exit waves that are kept, Å; None keeps them as computed. At most 1.5 times `pixel_size`: the wave of a
        multislice has nothing beyond 1/(3·pixel_size), so that pixels this coarse hold all of it; coarser ones would
        cut it, and electrons with it.
    slice_thickness
        Å.
    phonons
        Frozen-phonon configurations; 0 is a lattice at rest and stores one wave.
    displacement
        Root mean square of each atom's displacement along each axis, Å; a number, or one per element.
    mask_phase
        A pixel shows a particle where the phase of its atoms is above this, rad; see `truth.particle_mask`.
    mask_blur
        Standard deviation of the blur that smooths the particles' outlines, Å.
    focus_reference
        Where C10 = 0 is: "minimum_contrast" of the particles in vacuum (the authors' scale; one more multislice),
        "centre" of the particles' atoms (close to it, free), or "exit_plane", the bottom of the box.
    physics
        Version of what is computed, see `passband.dataset.physics`; never written by hand.
    """

    FORMAT: ClassVar[str] = "passband-wave-store"
    WHAT: ClassVar[str] = "exit waves"
    PHYSICS: ClassVar[int] = WAVES

    kind: Literal["tem"] = Field(default="tem", repr=False)
    scene: SceneDistribution
    structures: int = Field(ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    energy: Annotated[float, AfterValidator(check_energy)] | Choice = 300e3
    pixel_size: float = Field(default=0.2, gt=0.0, le=1.0)
    stored_pixel_size: float | None = Field(default=None, gt=0.0, le=2.0)
    slice_thickness: float = Field(default=2.0, gt=0.0, le=20.0)
    phonons: int = Field(default=1, ge=0, le=1000)
    displacement: float | dict[str, float] = 0.08
    mask_phase: float = Field(default=pi / 16, gt=0.0, le=pi)
    mask_blur: float = Field(default=1.6, ge=0.0, le=20.0)
    focus_reference: Literal["minimum_contrast", "centre", "exit_plane"] = "minimum_contrast"
    physics: WavesVersion = WAVES

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return SIMULATIONS.without_default(handler(self))

    @field_validator("energy")
    @classmethod
    def _check_energies(cls, energy: float | Choice) -> float | Choice:
        for one in energy.choice if isinstance(energy, Choice) else ():
            check_energy(one)
        return energy

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = list(simulation_problems(self))
        if problems:
            raise PassbandError(*problems)
        if self.stored_pixel_size is not None and self.stored_pixel_size < self.pixel_size:
            cure = "leave stored_pixel_size out, or make pixel_size smaller"
            raise PassbandError(
                f"stored_pixel_size={self.stored_pixel_size:g} Å is finer than pixel_size={self.pixel_size:g} Å; {cure}"
            )
        coarsest = self.pixel_size / CUTOFF
        if self.stored_pixel_size is not None and self.stored_pixel_size > coarsest * (1.0 + 1e-9):
            raise PassbandError(
                f"stored_pixel_size={self.stored_pixel_size:g} Å cuts the waves of pixel_size={self.pixel_size:g} Å, "
                f"and loses the electrons beyond the cut; use at most {coarsest:.3g} Å, or a coarser pixel_size"
            )
        if self.scene.field < 16 * self.stored_sampling:
            raise PassbandError(
                f"field={self.scene.field:g} Å is below 16 pixels of {self.stored_sampling:g} Å; "
                "widen the field or refine the pixels"
            )
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """What the pixels of the masks mean, by their number."""
        return ("background", "particle")

    @property
    def layout(self) -> Layout:
        """Exit waves, masks and labels, and the atoms of the particles."""
        side, plane = self.stored_pixels, ("y", "x")
        wave = (self.stored_waves, side, side)
        return Layout(
            arrays={
                "waves": ArrayLayout(wave, ("phonon", *plane), "complex64", complex(np.nan, np.nan), packed=False),
                "masks": ArrayLayout((side, side), plane, "uint8", 0, packed=True),
                "labels": ArrayLayout((side, side), plane, "uint16", 0, packed=True),
            },
            row=ROW,
            points=ATOMS,
            disk=COMPLEX * float(side) ** 2 * (self.stored_waves + TRUTH_SHARE),
        )

    @property
    def extent(self) -> float:
        """Side of the field, Å."""
        return self.scene.field

    @property
    def finest_pixel(self) -> float:
        """Å, that micrographs can have: that of the stored waves."""
        return self.stored_sampling

    @property
    def imaged_pixels(self) -> int:
        """Pixels along the side of the field, of the planes that an image is made in: those of the stored waves."""
        return self.stored_pixels

    @property
    def memory(self) -> float:
        """Bytes that a process needs for the waves of one structure, and for the planes that it computes them in."""
        return (self.stored_waves + PLANES) * COMPLEX * float(self.pixels) ** 2

    @property
    def recorded_memory(self) -> int:
        """Bytes of one structure that is imaged: the spectra of its waves, what left them, and its mask."""
        waves_and_mask = (COMPLEX * self.stored_waves + 1) * self.stored_pixels**2
        return waves_and_mask + part_bytes(self.stored_pixels, self.scene.field)

    @property
    def materials(self) -> tuple[str, ...]:
        """Materials of the particles."""
        return tuple(str(one) for one in self.scene.materials)

    @property
    def pixels(self) -> int:
        """Pixels along each side of the multislice calculation."""
        return round(self.scene.field / self.pixel_size)

    @property
    def stored_pixels(self) -> int:
        """Pixels along each side of the stored waves and masks; enough for every frequency of the multislice."""
        asked = round(self.scene.field / (self.stored_pixel_size or self.pixel_size))
        return min(self.pixels, max(asked, 2 * int(0.5 * CUTOFF * self.pixels) + 1))

    @property
    def stored_sampling(self) -> float:
        """Pixel size of the stored waves in Å: the field divided by its pixels."""
        return self.scene.field / max(1, self.stored_pixels)

    @property
    def band_angle(self) -> float:
        """Largest scattering angle that all waves hold, rad: λ/(3·pixel_size) of the shortest wavelength."""
        return wavelength(max(self.energies)) * 0.5 * CUTOFF * self.pixels / self.scene.field

    @property
    def energies(self) -> tuple[float, ...]:
        """Energies of the beam that structures may have, eV, ascending."""
        return tuple(sorted(set(self.energy.choice))) if isinstance(self.energy, Choice) else (self.energy,)

    def energy_of(self, index: int) -> float:
        """Energy of the beam of structure `index`, eV, whatever else is simulated."""
        if not isinstance(self.energy, Choice):
            return self.energy
        return sample(self.energy, np.random.default_rng(np.random.SeedSequence([self.seed, index, 2])))

    @property
    def stored_waves(self) -> int:
        """Waves kept of each structure: its phonon configurations, or the one of a lattice at rest."""
        return max(1, self.phonons)


def simulation_problems(recipe: Simulation) -> Iterator[str]:
    """Say what makes a simulation impossible, one line each; nothing if it can be done."""
    yield from _size_problems(recipe)
    yield from _displacement_problems(recipe)


def _size_problems(recipe: Simulation) -> Iterator[str]:
    field, side = recipe.scene.field, recipe.scene.field / recipe.pixel_size
    if side > MOST_PIXELS:
        memory = PLANES * COMPLEX * side * side
        yield (
            f"scene.field={field:g} Å is {side:.3g} pixels of {recipe.pixel_size:g} Å a side, {memory / 1e9:,.3g} GB "
            f"of memory; at most {MOST_PIXELS} a side are simulated, so make the field smaller (128 is 12.8 nm)"
        )
        return
    thick = height(recipe.scene)
    if thick / recipe.slice_thickness > MOST_SLICES:
        yield (
            f"a scene {thick:.3g} Å high is {thick / recipe.slice_thickness:.3g} slices of "
            f"{recipe.slice_thickness:g} Å; at most {MOST_SLICES} are computed, so make film and particles thinner"
        )
    atoms = atoms_at_most(recipe.scene)
    if atoms > MOST_ATOMS:
        yield (
            f"a field of {field:g} Å, {thick:.3g} Å high, holds up to {atoms:.2g} atoms; at most {MOST_ATOMS:.0e} are "
            "made, so make the field smaller or the film thinner"
        )
    memory = recipe.memory
    if memory > MOST_MEMORY:
        yield (
            f"{recipe.stored_waves} waves of {recipe.pixels}² pixels take {memory / 1e9:,.0f} GB of memory; "
            f"{MOST_MEMORY / 1e9:,.0f} GB is the bound, so ask for fewer phonons or coarser pixels"
        )
    disk = float(recipe.structures) * recipe.stored_waves * COMPLEX * float(recipe.stored_pixels) ** 2
    if disk > MOST_DISK:
        yield (
            f"{recipe.structures} structures take {disk / 1e12:,.0f} TB of disk; {MOST_DISK / 1e12:,.0f} TB is the "
            "bound, so simulate fewer structures or phonons"
        )


def height(scene: SceneDistribution) -> float:
    """Return the greatest height of a scene in Å: film, particle and margins, as if nothing were embedded."""
    return _largest(scene) + scene.thickest + 2.0 * scene.margin


def atoms_at_most(scene: SceneDistribution) -> float:
    """Estimate the atoms of the fullest scene from above: of the densest crystal, and all of the film."""
    film = number_density(scene.film_symbol, scene.film_density) * scene.thickest * scene.field**2
    one = DENSEST * pi / 6.0 * limits(scene.diameter)[1] ** 2 * _largest(scene)
    return film + max(0.0, limits(scene.particles)[1]) * one


def _largest(scene: SceneDistribution) -> float:
    return limits(scene.diameter)[1] * (max(1.0, limits(scene.aspect)[1]) if "rod" in scene.shapes else 1.0)


def elements(scene: SceneDistribution) -> tuple[set[str], set[str]]:
    """Return the elements of a scene's film, and of its particles."""
    film = set(Formula(scene.film_symbol).count())
    return film, {symbol for name in scene.materials for symbol in scene.crystal(name).symbols}


def _displacement_problems(recipe: Simulation) -> Iterator[str]:
    if not isinstance(recipe.displacement, dict):
        if recipe.displacement < 0.0:
            yield f"displacement={recipe.displacement:g} Å is negative; it is a root mean square, 0.08 for example"
        return
    film, particles = elements(recipe.scene)
    for symbol, value in recipe.displacement.items():
        if symbol not in film | particles:
            known = ", ".join(sorted(film | particles))
            yield f"displacement names {symbol!r}, which no scene holds; its elements are {known}"
        elif value < 0.0:
            yield f"displacement of {symbol}={value:g} Å is negative; it is a root mean square, 0.08 for example"
    bare = limits(recipe.scene.film_thickness)[1] == 0.0
    missing = sorted((particles if bare else film | particles) - set(recipe.displacement))
    if missing and recipe.phonons:
        yield f"displacement has no value for {', '.join(missing)}; name every element or give one number for all"
