"""One simulated structure: its scene, its exit waves, and the truth about its particles, from a recipe and a number."""

import json
from dataclasses import dataclass
from math import pi
from typing import Annotated, Any, Literal, Self

import ase
import numpy as np
import numpy.typing as npt
import torch
from pydantic import AfterValidator, Field, model_validator

from passband.dataset.feasible import simulation_problems
from passband.dataset.physics import WAVES, WavesVersion
from passband.dataset.truth import minimum_contrast_defocus, particle_labels, particle_mask, resample_mask
from passband.electron import check_energy, interaction_constant, wavelength
from passband.microscope.frequencies import fourier_resample
from passband.microscope.multislice import exit_waves
from passband.microscope.potential import CUTOFF, projected_potential
from passband.recipe import PassbandError, Recipe
from passband.specimen.sampling import Scene, SceneDistribution, sample_scene

TRUTH_PIXEL = 0.25  # Å; the truth is found on a grid at least this fine, so that an atom is more than a pixel
FOCUS_MARGIN = 30.0  # Å searched for minimum contrast beyond the first and the last atom


class Simulation(Recipe):
    """A set of simulated structures; everything that its exit waves and its truth depend on.

    Attributes
    ----------
    scene
        Distribution of structures.
    structures
        How many; structure i of any recipe that differs in this number only is the same.
    seed
        Every structure draws from its own generators, seeded by this number and its own.
    energy
        Of the beam, eV.
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

    scene: SceneDistribution
    structures: int = Field(ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    energy: Annotated[float, AfterValidator(check_energy)] = 300e3
    pixel_size: float = Field(default=0.2, gt=0.0, le=1.0)
    stored_pixel_size: float | None = Field(default=None, gt=0.0, le=2.0)
    slice_thickness: float = Field(default=2.0, gt=0.0, le=20.0)
    phonons: int = Field(default=1, ge=0, le=1000)
    displacement: float | dict[str, float] = 0.08
    mask_phase: float = Field(default=pi / 16, gt=0.0, le=pi)
    mask_blur: float = Field(default=1.6, ge=0.0, le=20.0)
    focus_reference: Literal["minimum_contrast", "centre", "exit_plane"] = "minimum_contrast"
    physics: WavesVersion = WAVES

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
        """Largest scattering angle that the waves hold, rad: λ/(3·pixel_size)."""
        return wavelength(self.energy) * 0.5 * CUTOFF * self.pixels / self.scene.field

    @property
    def stored_waves(self) -> int:
        """Waves kept of each structure: its phonon configurations, or the one of a lattice at rest."""
        return max(1, self.phonons)


@dataclass(frozen=True)
class Structure:
    """What is stored of one structure.

    Attributes
    ----------
    waves
        Exit waves, complex64 `(phonons, y, x)`; vacuum is 1.
    mask
        Whether a pixel shows a particle, bool `(y, x)`.
    labels
        Which one: k + 1 for particle k, uint16 `(y, x)`.
    row
        Scalars of the scene; `focus_offset` is the C10 in Å of the focus reference, counted from the exit plane,
        `transmitted` the intensity that the waves hold, 1 if no electron has left their band.
    atoms
        Columns `x`, `y`, `z` in Å, `number` and `particle` of the particles' atoms.
    """

    waves: npt.NDArray[np.complex64]
    mask: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.uint16]
    row: dict[str, Any]
    atoms: dict[str, npt.NDArray[Any]]


def simulate_structure(recipe: Simulation, index: int, *, device: torch.device | str | None = None) -> Structure:
    """Structure `index` of a recipe: the same one whatever else is simulated, in any order.

    Raises
    ------
    PassbandError
        The exit wave is not finite.
    """
    scene = sample_scene(recipe.scene, seed=recipe.seed, index=index)
    particles = scene.atoms[scene.particle_of >= 0]
    rng = np.random.default_rng(np.random.SeedSequence([recipe.seed, index, 1]))
    waves = _stored(recipe, _exit_waves(recipe, scene.atoms, recipe.phonons, rng, device))
    if not np.isfinite(waves).all():
        raise PassbandError(f"structure {index} gives an exit wave with NaN or infinite pixels; check its recipe")
    mask = _mask(recipe, particles)
    positions, particle_of = particles.get_positions(), scene.particle_of[scene.particle_of >= 0]
    labels = particle_labels(mask, positions, particle_of, pixel_size=recipe.stored_sampling)
    row = {
        "structure": index,
        "particles": int(particle_of.max() + 1) if len(particle_of) else 0,
        "atoms": len(scene.atoms),
        "height": float(scene.atoms.cell[2, 2]),
        "focus_offset": _focus_offset(recipe, scene, particles, device),
        "transmitted": float(np.mean(np.abs(waves) ** 2, dtype=np.float64)),
        "mask_fraction": float(mask.mean()),
        "parameters": json.dumps(scene.parameters, sort_keys=True),
    }
    atoms = {
        **{axis: positions[:, k].astype(np.float32) for k, axis in enumerate("xyz")},
        "number": particles.get_atomic_numbers().astype(np.uint8),
        "particle": particle_of.astype(np.int32),
    }
    return Structure(waves=waves, mask=mask, labels=labels, row=row, atoms=atoms)


def _exit_waves(
    recipe: Simulation,
    atoms: ase.Atoms,
    phonons: int,
    rng: np.random.Generator,
    device: torch.device | str | None,
) -> torch.Tensor:
    return exit_waves(
        atoms,
        energy=recipe.energy,
        shape=(recipe.pixels, recipe.pixels),
        pixel_size=recipe.scene.field / recipe.pixels,
        slice_thickness=recipe.slice_thickness,
        phonons=phonons,
        displacement=recipe.displacement,
        rng=rng,
        device=device,
    )


def _stored(recipe: Simulation, waves: torch.Tensor) -> npt.NDArray[np.complex64]:
    cropped = fourier_resample(waves, (recipe.stored_pixels, recipe.stored_pixels))
    return np.ascontiguousarray(cropped.cpu().numpy().astype(np.complex64))


def particles_phase(recipe: Simulation, particles: ase.Atoms) -> tuple[npt.NDArray[np.float64], float]:
    """Projected phase σ·ΣV in rad of the particles' atoms, and the pixel size in Å of the grid that it is on."""
    pixels = max(recipe.pixels, round(recipe.scene.field / TRUTH_PIXEL))
    pixel_size = recipe.scene.field / pixels
    if not len(particles):
        return np.zeros((pixels, pixels)), pixel_size
    height = float(particles.cell[2, 2])
    potential = projected_potential(
        particles.get_positions(),
        particles.get_atomic_numbers(),
        shape=(pixels, pixels),
        pixel_size=pixel_size,
        slice_edges=np.array([0.0, height]),
    )
    return interaction_constant(recipe.energy) * potential.sum(dim=0).double().cpu().numpy(), pixel_size


def _mask(recipe: Simulation, particles: ase.Atoms) -> npt.NDArray[np.bool_]:
    phase, pixel_size = particles_phase(recipe, particles)
    mask = particle_mask(phase, pixel_size=pixel_size, threshold=recipe.mask_phase, blur=recipe.mask_blur)
    return resample_mask(mask, (recipe.stored_pixels, recipe.stored_pixels))


def _focus_offset(recipe: Simulation, scene: Scene, particles: ase.Atoms, device: torch.device | str | None) -> float:
    """C10 in Å, counted from the exit plane, of the plane that the recipe calls in focus; never above 0 by much.

    A field without particles is focused on the middle of its atoms.
    """
    if recipe.focus_reference == "exit_plane" or not len(scene.atoms):
        return 0.0
    height = float(scene.atoms.cell[2, 2])
    z = (particles if len(particles) else scene.atoms).get_positions()[:, 2]
    if recipe.focus_reference == "centre" or not len(particles):
        return round(float(z.mean()) - height, 3)
    rng = np.random.default_rng(0)  # a lattice at rest draws nothing
    wave = _exit_waves(recipe, particles, 0, rng, device)
    wave = fourier_resample(wave, (recipe.stored_pixels, recipe.stored_pixels))[0]
    search = (float(z.min()) - height - FOCUS_MARGIN, float(z.max()) - height + FOCUS_MARGIN)
    search = (round(search[0]), round(search[1]))
    return minimum_contrast_defocus(wave, pixel_size=recipe.stored_sampling, energy=recipe.energy, search=search)
