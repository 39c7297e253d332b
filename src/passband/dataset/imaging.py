"""How micrographs are taken of stored structures, as one value, and of which waves they cannot be taken."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from passband.camera.camera import CameraDistribution
from passband.dataset.beam_path import IMAGINGS, ImagingRecipe, SimulationRecipe, other_kind
from passband.dataset.physics import IMAGES, ImagesVersion
from passband.dataset.simulation import Simulation
from passband.distribution import Choice, Scalar, limits
from passband.microscope.conditions import AnyConditions, ConditionDistribution
from passband.microscope.contrast import ContrastDistribution


@IMAGINGS.register
class Imaging(ImagingRecipe):
    """How micrographs are taken of stored exit waves.

    Attributes
    ----------
    conditions
        Distribution of the settings, or a mixture of several; C10 counts from the store's focus reference.
    pixel_size
        Of the image at the specimen, Å; it may vary. The field is divided into the nearest whole number N of pixels,
        and the image is Fourier-resampled to N before the electrons are counted; a `camera` may count them on others.
    patch
        Side of the square, in pixels of the image, that is cut from the periodic field at a random place.
    focal_nodes
        Focal settings that an image with focal spread is summed over; None is as many as its spread and the band of its
        wave need (`imaging.enough_focal_nodes`). Too few leave fringes undamped.
    patches_per_field
        Patches that are cut from one imaged field while a network learns, in that many consecutive batches, which
        saves imaging. They share the electrons of the field, but for those of a `camera`: apart where it holds ⌈√n⌉
        patches along each side, else overlapping as little as an even spacing does. Data sets that are measured on
        (`in_turn`) take one of each.
    band
        Highest frequency of a wave that is imaged as a wave, Å⁻¹; at least the Nyquist frequency of the camera. What is
        beyond comes as part of the incoherent background (`microscope.incoherent`), so that waves of a fine multislice
        cost no more to image than coarse ones. None images all that the store holds.
    camera
        Distribution of cameras: motion, correlated noise, faults, rescaling. Each field draws its camera, each patch
        the noise, the illumination and the faults of its own. None only counts electrons, on the image's pixels.
    contrast
        Distribution of how much weaker contrast is than simulated; None leaves it as it is.
    physics
        Version of what is computed, see `passband.dataset.physics`; never written by hand.
    """

    PHYSICS: ClassVar[int] = IMAGES

    kind: Literal["tem"] = Field(default="tem", repr=False)
    conditions: AnyConditions = ConditionDistribution()
    pixel_size: Scalar
    patch: int = Field(ge=8, le=16384)
    focal_nodes: int | None = Field(default=None, ge=1, le=101)
    patches_per_field: int = Field(default=1, ge=1, le=64)
    band: float | None = Field(default=None, gt=0.0, le=100.0)
    camera: CameraDistribution | None = None
    contrast: ContrastDistribution | None = None
    physics: ImagesVersion = IMAGES

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = IMAGINGS.without_default(handler(self))
        if self.patches_per_field == 1:  # what was imaged before there was a choice keeps its identity
            values.pop("patches_per_field", None)
        for name in ("band", "camera", "contrast"):
            if getattr(self, name) is None:
                values.pop(name, None)
        return values

    @property
    def recorded(self) -> tuple[float, float]:
        """Smallest and largest pixels, Å, of the camera, before they are resampled to those of the image."""
        low, high = limits(self.pixel_size)
        finest, coarsest = limits(self.camera.oversampling) if self.camera is not None else (1.0, 1.0)
        return low / max(coarsest, 1.0), high / min(finest, 1.0)

    def coarsest(self, pixel_size: float) -> float:
        """Coarsest pixel of a camera, Å: the one that the training enlarged most, or 1.25 times the network's."""
        least = 1.0 if self.camera is None else limits(self.camera.oversampling)[0]
        return max(super().coarsest(pixel_size), pixel_size / least)

    @property
    def finest(self) -> float:
        """Finest pixel, Å: none that the band of the waves would show."""
        return 0.0 if self.band is None else 0.5 / self.band

    def problems(self, recipe: SimulationRecipe, *, name: str = "conditions") -> Iterator[str]:
        """Say why micrographs cannot be taken of a simulation, one line each; `name` is of the conditions."""
        if not isinstance(recipe, Simulation):
            yield other_kind(recipe, self)
            return
        field = recipe.scene.field
        low, high = limits(self.pixel_size)
        if low <= 0.0 or field / low > recipe.stored_pixels + 0.5:
            yield (
                f"camera pixel_size={low:g} Å is finer than the stored waves' {recipe.stored_sampling:g} Å; "
                "use coarser camera pixels, or a smaller stored_pixel_size"
            )
        elif round(field / high) < self.patch:
            yield (
                f"patch={self.patch} pixels of {high:g} Å is wider than the field of {field:g} Å; "
                f"use a patch of at most {round(field / high)}"
            )
        if self.band is not None and low > 0.0 and self.band < 0.5 / low:
            yield (
                f"band={self.band:g} Å⁻¹ is below the {0.5 / low:.3g} Å⁻¹ that camera pixels of {low:g} Å see; "
                "make it larger, or leave it out"
            )
        yield from _energy_problems(recipe, self, name)
        for member in self.conditions.members:
            if member.dose is None and limits(member.readout_noise)[1] > 0.0:
                noise = limits(member.readout_noise)[1]
                yield f"{name} have readout_noise={noise:g} e⁻ and no dose, which gives it a scale; give a dose"

    def usable(self, recipe: SimulationRecipe, indices: Sequence[int]) -> list[int]:
        """Return those structures whose exit waves have an energy that the conditions may have, in their order."""
        wanted = _energies(self.conditions.members[0])
        if set(recipe.energies) <= set(wanted):
            return list(indices)
        return [index for index in indices if recipe.energy_of(index) in wanted]


def _energy_problems(recipe: Simulation, imaging: Imaging, name: str) -> Iterator[str]:
    members = imaging.conditions.members
    for member in members:
        energies = _energies(member)
        if not energies or not set(energies) <= set(recipe.energies):
            found = " to ".join(f"{energy:g} eV" for energy in dict.fromkeys(limits(member.energy)))
            made = " and ".join(f"{energy:g}" for energy in recipe.energies)
            cure = f"{recipe.energies[0]:g}" if len(recipe.energies) == 1 else "one of them, or a choice"
            yield f"{name} have energy={found} and the exit waves {made} eV; write energy={cure} in the conditions"
    if len({_energies(member) for member in members}) > 1:
        yield f"{name} are a mixture of several energies; give all of its members the same"


def _energies(conditions: ConditionDistribution) -> tuple[float, ...]:
    """Energies that conditions may have, eV, ascending; nothing where they vary continuously."""
    energy = conditions.energy
    if isinstance(energy, Choice):
        return tuple(sorted(set(energy.choice)))
    low, high = limits(energy)
    return (low,) if low == high else ()
