"""One simulated structure: its scene, its exit waves, and the truth about its particles, from a recipe and a number."""

import json

import ase
import numpy as np
import numpy.typing as npt
import torch

from passband.dataset.beam_path import SimulatedStructure
from passband.dataset.simulation import Simulation
from passband.dataset.truth import minimum_contrast_defocus, particle_labels, particle_mask, resample_mask
from passband.electron import interaction_constant
from passband.microscope.frequencies import fourier_resample
from passband.microscope.multislice import exit_waves
from passband.microscope.potential import projected_potential
from passband.recipe import PassbandError
from passband.specimen.sampling import Scene, sample_scene

TRUTH_PIXEL = 0.25  # Å; the truth is found on a grid at least this fine, so that an atom is more than a pixel
FOCUS_MARGIN = 30.0  # Å searched for minimum contrast beyond the first and the last atom


def simulate_structure(
    recipe: Simulation, index: int, *, device: torch.device | str | None = None
) -> SimulatedStructure:
    """Structure `index` of a recipe: the same one whatever else is simulated, in any order.

    Its arrays are the exit waves, complex64 `(phonons, y, x)`, vacuum 1; the mask, whether a pixel shows a particle,
    bool `(y, x)`; and labels, k + 1 for particle k, uint16 `(y, x)`. In its row `focus_offset` is the C10 in Å of the
    focus reference, counted from the exit plane, and `transmitted` the intensity that the waves hold, 1 if no electron
    has left their band. Points are `x`, `y`, `z` in Å, `number` and `particle` of the particles' atoms.

    Raises
    ------
    PassbandError
        The exit wave is not finite.
    """
    recipe = recipe.model_copy(update={"energy": recipe.energy_of(index)})  # from here on there is one
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
    return SimulatedStructure({"waves": waves, "masks": mask, "labels": labels}, row=row, atoms=atoms)


def _exit_waves(
    recipe: Simulation,
    atoms: ase.Atoms,
    phonons: int,
    rng: np.random.Generator,
    device: torch.device | str | None,
) -> torch.Tensor:
    return exit_waves(
        atoms,
        energy=recipe.energies[0],
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
    return interaction_constant(recipe.energies[0]) * potential.sum(dim=0).double().cpu().numpy(), pixel_size


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
    return minimum_contrast_defocus(wave, pixel_size=recipe.stored_sampling, energy=recipe.energies[0], search=search)
