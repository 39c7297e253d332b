"""What the shipped networks are for is read from their cards."""

import pytest
from tests.fixtures.models import card

from passband.dataset.imaging import Imaging
from passband.segmentation.catalogue import catalogue, recorded_pixels, summary
from passband.segmentation.shipped import DEFAULT, shipped_models


def test_every_shipped_network_is_told_with_its_mode_pixels_and_materials():
    told = {one.name: one for one in catalogue()}
    assert list(told) == shipped_models()
    assert [one.name for one in told.values() if one.default] == [DEFAULT]
    gold, many = told["au_hrtem"], told["hrtem_particles"]
    assert (gold.mode, gold.task, gold.energy_kV, gold.materials) == ("TEM", "particle", (300.0, 300.0), ("Au",))
    assert many.energy_kV == (80.0, 300.0)
    assert {"Au", "CdSe", "Fe3O4"} < set(many.materials)
    assert gold.pixel_size_A == pytest.approx((0.7 / 2.3, 0.992), abs=1e-3)


def test_recorded_pixels_are_those_before_resampling():
    """Rejects a range that multiplies by the oversampling, and one that begins with coarser pixels than were given."""
    for oversampling, pixels in (({"uniform": [0.5, 2.0]}, (0.35, 1.0)), (1.0, (0.7, 0.9)), (0.9, (0.7, 1.0))):
        imaging = Imaging.model_validate(
            {"pixel_size": {"uniform": [0.7, 0.9]}, "patch": 32, "camera": {"oversampling": oversampling}}
        )
        assert recorded_pixels(card(), imaging) == pytest.approx(pixels)


def test_a_card_that_says_little_is_told_as_far_as_it_goes():
    told = summary("mine", card())
    assert told == ("mine", "TEM", "particle", (0.8, 0.8), None, (), False)
