"""What cannot be simulated or imaged, told from the recipes alone, before anything is computed or allocated.

The bounds are those of the largest machines: what a workstation of 512 GB does is allowed, however long it takes.
"""

from collections.abc import Iterator
from math import pi
from typing import TYPE_CHECKING

from ase.formula import Formula

from passband.distribution import limits
from passband.specimen.sampling import SceneDistribution
from passband.specimen.support import number_density

if TYPE_CHECKING:
    from passband.dataset.acquisition import Imaging
    from passband.dataset.simulation import Simulation

MOST_PIXELS = 65_536  # along a side of a multislice: 34 GB a plane
MOST_ATOMS = 1e9
MOST_SLICES = 100_000
MOST_MEMORY = 2e12  # bytes of one structure's waves while they are computed
MOST_DISK = 1e15  # bytes of a store
COMPLEX = 8  # bytes
PLANES = 12  # planes of complex numbers that a multislice works in, beside the waves that it has finished
DENSEST = 0.2  # atoms/Å³ of a crystal; diamond has 0.18


def simulation_problems(recipe: "Simulation") -> Iterator[str]:
    """Say what makes a simulation impossible, one line each; nothing if it can be done."""
    yield from _size_problems(recipe)
    yield from _displacement_problems(recipe)


def _size_problems(recipe: "Simulation") -> Iterator[str]:
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
    memory = simulation_memory(recipe)
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


def simulation_memory(recipe: "Simulation") -> float:
    """Bytes that a process needs for the waves of one structure, and for the planes that it computes them in."""
    return (recipe.stored_waves + PLANES) * COMPLEX * float(recipe.pixels) ** 2


def height(scene: SceneDistribution) -> float:
    """Return the greatest height of a scene in Å: film, particle and margins, as if nothing were embedded."""
    return _largest(scene) + limits(scene.film_thickness)[1] + 2.0 * scene.margin


def atoms_at_most(scene: SceneDistribution) -> float:
    """Estimate the atoms of the fullest scene from above: of the densest crystal, and all of the film."""
    film = number_density(scene.film_symbol, scene.film_density) * limits(scene.film_thickness)[1] * scene.field**2
    one = DENSEST * pi / 6.0 * limits(scene.diameter)[1] ** 2 * _largest(scene)
    return film + max(0.0, limits(scene.particles)[1]) * one


def _largest(scene: SceneDistribution) -> float:
    return limits(scene.diameter)[1] * (max(1.0, limits(scene.aspect)[1]) if "rod" in scene.shapes else 1.0)


def elements(scene: SceneDistribution) -> tuple[set[str], set[str]]:
    """Return the elements of a scene's film, and of its particles."""
    film = set(Formula(scene.film_symbol).count())
    return film, {symbol for name in scene.materials for symbol in scene.crystal(name).symbols}


def _displacement_problems(recipe: "Simulation") -> Iterator[str]:
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


def imaging_problems(recipe: "Simulation", imaging: "Imaging", *, name: str = "conditions") -> Iterator[str]:
    """Say why micrographs cannot be taken of the waves of a simulation, one line each; `name` is of the conditions."""
    field = recipe.scene.field
    low, high = limits(imaging.pixel_size)
    if low <= 0.0 or field / low > recipe.stored_pixels + 0.5:
        yield (
            f"camera pixel_size={low:g} Å is finer than the stored waves' {recipe.stored_sampling:g} Å; "
            "use coarser camera pixels, or a smaller stored_pixel_size"
        )
    elif round(field / high) < imaging.patch:
        yield (
            f"patch={imaging.patch} pixels of {high:g} Å is wider than the field of {field:g} Å; "
            f"use a patch of at most {round(field / high)}"
        )
    if imaging.band is not None and low > 0.0 and imaging.band < 0.5 / low:
        yield (
            f"band={imaging.band:g} Å⁻¹ is below the {0.5 / low:.3g} Å⁻¹ that camera pixels of {low:g} Å see; "
            "make it larger, or leave it out"
        )
    for member in imaging.conditions.members:
        energies = limits(member.energy)
        if energies != (recipe.energy,) * 2:
            found = " to ".join(f"{energy:g} eV" for energy in dict.fromkeys(energies))
            yield (
                f"{name} have energy={found} and the exit waves {recipe.energy:g} eV; "
                f"write energy={recipe.energy:g} in the conditions"
            )
        if member.dose is None and limits(member.readout_noise)[1] > 0.0:
            noise = limits(member.readout_noise)[1]
            yield f"{name} have readout_noise={noise:g} e⁻ and no dose, which gives it a scale; give a dose"
