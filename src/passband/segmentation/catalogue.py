"""What each shipped network is for: microscope, task, pixels, energy and materials, from its card."""

from typing import NamedTuple

from passband.dataset.imaging import Imaging
from passband.dataset.physics import IMAGES, WAVES
from passband.dataset.simulation import Simulation
from passband.distribution import limits
from passband.segmentation.card import ModelCard, read_card
from passband.segmentation.shipped import DEFAULT, find_model, shipped_models

COARSER = 1.25  # pixels coarser than the network's by more than this lack detail that it was trained on


class ModelSummary(NamedTuple):
    """What a network is for.

    Attributes
    ----------
    name
        That `load_model` and `--model` take.
    mode
        Of the microscope: "TEM", "STEM" or "SEM".
    task
        What it finds: its classes but for the background, such as "particle".
    pixel_size_A
        Smallest and largest pixels, Å, of the recordings that it was trained on; finer ones are resampled, and coarser
        ones lack detail.
    energy_kV
        Lowest and highest of the beam; None where the card does not say.
    materials
        That the training held.
    default
        Whether it is taken where none is named.
    """

    name: str
    mode: str
    task: str
    pixel_size_A: tuple[float, float]
    energy_kV: tuple[float, float] | None
    materials: tuple[str, ...]
    default: bool


def catalogue() -> list[ModelSummary]:
    """Return what each network inside the package is for, in the order of their names.

    Raises
    ------
    ModelError
        A card is damaged.
    """
    return [summary(name, read_card(find_model(name))) for name in shipped_models()]


def summary(name: str, card: ModelCard) -> ModelSummary:
    """Return what a network is for, by its card."""
    simulation = Simulation.model_validate({**card.simulation, "physics": WAVES}) if card.simulation else None
    imaging = Imaging.model_validate({**card.imaging, "physics": IMAGES}) if card.imaging else None
    energies = None if simulation is None else tuple(energy / 1e3 for energy in limits(simulation.energy))
    pixels = (card.pixel_size, card.pixel_size) if imaging is None else recorded_pixels(card, imaging)
    return ModelSummary(
        name,
        card.mode,
        ", ".join(card.classes[1:]),
        (round(pixels[0], 3), round(pixels[1], 3)),
        None if energies is None else (energies[0], energies[1]),
        () if simulation is None else tuple(str(one) for one in simulation.scene.materials),
        name == DEFAULT,
    )


def recorded_pixels(card: ModelCard, imaging: Imaging) -> tuple[float, float]:
    """Smallest and largest pixels, Å, of the recordings of a training, before they were resampled to its images.

    Pixels that are coarser than those of the network by a quarter are left out: verdicts put them *outside*.
    """
    low, high = limits(imaging.pixel_size)
    finest, coarsest = limits(imaging.camera.oversampling) if imaging.camera is not None else (1.0, 1.0)
    return low / max(coarsest, 1.0), min(high / min(finest, 1.0), COARSER * card.pixel_size)
