"""What the shipped networks are for is read from their cards."""

import numpy as np
import pytest
from tests.fixtures.column_networks import SCAN
from tests.fixtures.models import card

from passband.files.micrograph import Micrograph
from passband.segmentation.catalogue import (
    ATOMS,
    catalogue,
    coarsest_pixel,
    finds_columns,
    fitting_network,
    misfits,
    named_for,
    recorded_pixels,
    summary,
)
from passband.segmentation.shipped import DEFAULT, shipped_models


def test_every_shipped_network_is_told_with_its_mode_pixels_and_materials():
    told = {one.name: one for one in catalogue()}
    assert list(told) == shipped_models()
    assert [one.name for one in told.values() if one.default] == [DEFAULT]
    gold, many = told["au_hrtem"], told["hrtem_particles"]
    assert (gold.mode, gold.task, gold.energy_kV, gold.materials) == ("TEM", "particle", (300.0, 300.0), ("Au",))
    assert many.energy_kV == (80.0, 300.0)
    assert {"Au", "CdSe", "Fe3O4"} < set(many.materials)
    # cameras of the training have 0.7 (0.65) to 2.3 of their pixels on one of the network, which has 0.794 Å
    assert gold.pixel_size_A == pytest.approx((0.7 / 2.3, 0.794 / 0.7), abs=1e-3)
    assert many.pixel_size_A == pytest.approx((0.7 / 2.3, 0.794 / 0.65), abs=1e-3)


def test_recorded_pixels_are_those_before_resampling():
    """Rejects a range that multiplies by the oversampling, and one that begins with coarser pixels than were given."""
    for oversampling, pixels in (({"uniform": [0.5, 2.0]}, (0.35, 1.6)), (1.0, (0.7, 0.9)), (0.9, (0.7, 1.0))):
        imaging = {"pixel_size": {"uniform": [0.7, 0.9]}, "patch": 32, "camera": {"oversampling": oversampling}}
        assert recorded_pixels(card(imaging=imaging)) == pytest.approx(pixels)


def test_a_network_is_for_pixels_as_coarse_as_its_training_enlarged():
    """Rejects a limit of a quarter more than the network's pixel, which calls what it learned from outside."""
    for camera, coarsest in ((None, 1.0), ({"oversampling": 2.0}, 1.0), ({"oversampling": 0.5}, 1.6)):
        imaging = {"pixel_size": 0.8, "patch": 32} | ({"camera": camera} if camera else {})
        assert coarsest_pixel(card(imaging=imaging)) == pytest.approx(coarsest)


def test_a_card_that_says_little_is_told_as_far_as_it_goes():
    told = summary("mine", card())
    assert told == ("mine", "TEM", "particle", (0.8, 0.8), None, (), False)


def test_a_network_that_finds_columns_is_told_by_its_classes():
    """Rejects a card of a scan read as one of a simulation in the TEM."""
    told = summary("spots", card().model_copy(update={**SCAN, "name": "spots"}))
    assert (told.mode, told.task, told.energy_kV) == ("STEM", "atoms", (60.0, 300.0))
    assert told.pixel_size_A == (
        0.04,
        0.4,
    )  # the steps of the plan, coarser than the network's 0.25 by more than a quarter
    several = ("background", "metal column", "chalcogen column")
    assert finds_columns(card().model_copy(update={"classes": several}))
    for classes in (("background", "particle"), ("background", "column", "particle"), ("background", "columnar")):
        assert not finds_columns(card().model_copy(update={"classes": classes}))


def image(mode=None, pixel_size=0.8, energy=None):
    return Micrograph(np.zeros((4, 4)), pixel_size=pixel_size, energy=energy, mode=mode)


def test_the_network_for_an_image_is_of_its_microscope_its_beam_and_its_pixels():
    for facts, name in (
        ({}, DEFAULT),
        ({"mode": "TEM", "energy": 300e3}, DEFAULT),
        ({"mode": "TEM", "energy": 80e3}, "hrtem_particles"),
        ({"mode": "TEM", "energy": 60e3}, None),
        ({"pixel_size": 0.01}, DEFAULT),
        ({"pixel_size": 1.1}, DEFAULT),
        ({"pixel_size": 1.2}, "hrtem_particles"),
        ({"pixel_size": 1.3}, None),
        ({"mode": "SEM"}, None),
    ):
        found = fitting_network(image(**facts))
        assert (found.name if found else None) == name, facts
    assert fitting_network(image(), task="atoms") is None


def test_why_no_network_fits_is_said_of_each():
    assert misfits(image("TEM", 0.3), ATOMS) == "haadf_atoms is for STEM images, and the file says TEM"
    assert misfits(image("STEM", 0.5), ATOMS) == "haadf_atoms is for pixels up to 0.4 Å, and these have 0.5 Å"
    assert misfits(image("STEM", 0.2, 20e3), ATOMS).endswith(" kV, and the file says 20 kV")
    assert misfits(image("STEM", 0.2), ATOMS) == ""
    assert misfits(image(), "nothing") == "no network inside the package is for nothing"


def test_words_for_an_image_that_is_anothers_business(shipped_columns: str):
    assert named_for(image("STEM", 0.2)) == "spots is for such images: passband atoms"
    assert named_for(image(None, 0.2)) == ""
    assert named_for(image("TEM", 0.2)) == ""


def test_words_that_name_the_command():
    assert named_for(image("TEM", energy=300e3)) == "au_hrtem is for such images: passband segment"
    assert named_for(image("TEM", energy=80e3)) == (
        "hrtem_particles is for such images: passband segment --model hrtem_particles"
    )
