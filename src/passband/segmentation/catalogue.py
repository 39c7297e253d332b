"""What each shipped network is for, from its card: microscope, task, pixels, energy, materials; and which one fits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from passband.dataset.beam_path import COARSER
from passband.dataset.beam_paths import imaging_on_card, simulation_on_card
from passband.distribution import Scalar, limits
from passband.files.micrograph import Micrograph
from passband.pixels import pixel_text
from passband.segmentation.card import ModelCard, read_card
from passband.segmentation.shipped import DEFAULT, find_model, shipped_models

ATOMS = "atoms"  # task of the networks that find columns
DEFECTS = "defects"  # and of those that tell point defects apart
_COLUMN = "column"
_ENERGY = 0.01  # relative, by which the energy of a beam may be off


class ModelSummary(NamedTuple):
    """What a network is for.

    Attributes
    ----------
    name
        That `load_model` and `--model` take.
    mode
        Of the microscope: "TEM", "STEM" or "SEM".
    task
        What it finds: "atoms", if it finds columns (`finds_columns`); "defects", if kinds of them (`finds_defects`);
        else its classes but for the background, such as "particle".
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


def finds_columns(card: ModelCard) -> bool:
    """Whether the classes of a network beside the background are columns: "column", or "metal column" and the like."""
    return all(f" {name}".endswith(f" {_COLUMN}") for name in card.classes[1:])


def finds_defects(card: ModelCard) -> bool:
    """Whether the classes of a network beside the background are kinds of point defects, by what it was trained on."""
    return card.simulation.get("truth") == "defect"


def sees_columns(card: ModelCard) -> bool:
    """Whether a network is for images of atomic columns: it finds them, or the defects among them."""
    return finds_columns(card) or finds_defects(card)


def summaries_of(task: str) -> list[ModelSummary]:
    """Return what the networks inside the package of one task are for."""
    return [one for one in catalogue() if one.task == task]


def summary(name: str, card: ModelCard) -> ModelSummary:
    """Return what a network is for, by its card."""
    low, high = recorded_pixels(card)
    return ModelSummary(
        name,
        card.mode,
        _task(card),
        (round(low, 3), round(high, 3)),
        _energies(card),
        simulation_on_card(card.simulation).materials if card.simulation else (),
        name == DEFAULT,
    )


def _task(card: ModelCard) -> str:
    if finds_defects(card):
        return DEFECTS
    return ATOMS if finds_columns(card) else ", ".join(card.classes[1:])


def recorded_pixels(card: ModelCard) -> tuple[float, float]:
    """Smallest and largest pixels, Å, of the recordings of a training, before they were resampled to its images.

    Those that are coarser than `coarsest_pixel`, of which few were drawn, are left out: verdicts put them *outside*. A
    card that says nothing of its imaging has the network's own.
    """
    if not card.imaging:
        return card.pixel_size, card.pixel_size
    low, high = imaging_on_card(card.imaging).recorded
    return low, min(high, coarsest_pixel(card))


def coarsest_pixel(card: ModelCard) -> float:
    """Coarsest pixel, Å, of a recording that a network is for."""
    return imaging_on_card(card.imaging).coarsest(card.pixel_size) if card.imaging else COARSER * card.pixel_size


def fitting_network(micrograph: Micrograph, *, task: str | None = None) -> ModelSummary | None:
    """Return the network inside the package that is for such a micrograph; None where there is none.

    One of the same microscope and beam, as far as the file says them, that was trained on pixels as coarse: finer ones
    are resampled, coarser ones lack detail. Of several, the default one, else the first.

    Parameters
    ----------
    micrograph
        What its file does not say fits any network.
    task
        Only networks of this task, such as `ATOMS`.
    """
    fitting = [one for one in catalogue() if _fits(one, micrograph) and task in (None, one.task)]
    return min(fitting, key=lambda one: not one.default, default=None)


def named_for(micrograph: Micrograph) -> str:
    """Words that name the network for a micrograph that is another's business, and the command; or nothing."""
    found = fitting_network(micrograph)
    if found is None or micrograph.mode is None:  # nobody says what kind of image it is
        return ""
    command = (
        found.task
        if found.task in (ATOMS, DEFECTS)
        else "segment"
        if found.default
        else f"segment --model {found.name}"
    )
    return f"{found.name} is for such images: passband {command}"


def misfits(micrograph: Micrograph, task: str) -> str:
    """Say why no network of a task fits a micrograph; nothing where one does."""
    found = [_misfit(one, micrograph) for one in summaries_of(task)]
    return "" if not all(found) else "; ".join(found) or f"no network inside the package is for {task}"


def _fits(network: ModelSummary, micrograph: Micrograph) -> bool:
    return not _misfit(network, micrograph)


def _misfit(network: ModelSummary, micrograph: Micrograph) -> str:
    """Say why a network does not fit a micrograph, by what its file says; nothing where it does."""
    low, high = network.energy_kV or (0.0, float("inf"))
    kilovolts = low if micrograph.energy is None else micrograph.energy / 1e3
    pixel = max(micrograph.pixel_size or (0.0,))
    if micrograph.mode not in (None, network.mode):
        return f"{network.name} is for {network.mode} images, and the file says {micrograph.mode}"
    if pixel > network.pixel_size_A[1]:
        coarsest = pixel_text(network.pixel_size_A[1])
        return f"{network.name} is for pixels up to {coarsest}, and these have {pixel_text(pixel)}"
    if not (1.0 - _ENERGY) * low <= kilovolts <= (1.0 + _ENERGY) * high:
        return f"{network.name} is for {low:g} to {high:g} kV, and the file says {kilovolts:g} kV"
    return ""


def _energies(card: ModelCard) -> tuple[float, float] | None:
    """Lowest and highest energy of the beam, kV: of the simulation, or, where it has none, of the conditions."""
    volts = _range(card.simulation, "energy") or _range(card.conditions, "energy")
    return None if volts is None else (volts[0] / 1e3, volts[1] / 1e3)


def _range(values: Any, name: str) -> tuple[float, float] | None:
    """Smallest and largest value of a quantity that a card gives as a number or a distribution; None of none."""
    found = values.get(name) if isinstance(values, Mapping) else None
    return None if found is None else limits(TypeAdapter[Scalar](Scalar).validate_python(found))
