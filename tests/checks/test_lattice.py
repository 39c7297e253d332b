"""Fringes of the crystals that a network knows are no objection; those of another length are, finer ones too."""

import numpy as np
import pytest
from tests.fixtures.drawn_micrographs import PIXEL, counted, darkness, film, micrograph, particles, rule

from passband.checks.lattice import STRANGE_FRINGES, known_spacings, strangeness
from passband.checks.subject import Subject
from passband.specimen.materials import crystal
from passband.specimen.spacings import plane_spacings

LIKELY = 0.6  # natural logarithm: nearly twice as strong


def value(image: np.ndarray, pixel_size: float, **fields) -> float | None:
    return STRANGE_FRINGES.measure(Subject(rule(darkness, **fields), image, pixel_size, side=128))


@pytest.mark.parametrize("seed", range(3))
def test_fringes_of_gold_fit_a_network_for_gold(seed: int) -> None:
    for spacing in (2.355, 2.039):
        assert value(micrograph(seed, spacing=spacing), PIXEL) < 0.0
    assert value(micrograph(seed, spacing=3.5), PIXEL) > LIKELY  # soot
    assert value(micrograph(seed, spacing=3.14), PIXEL, materials=("Au", "Si")) < 0.0


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_length_that_is_wrong_by_a_factor_of_two_moves_them(factor: float) -> None:
    # rejects a check at the pixels of the network, where fringes of half the length do not exist
    image = micrograph(side=192, spacing=2.355)
    assert value(image, PIXEL) < 0.0
    assert value(image, PIXEL * factor) > LIKELY


def test_dark_particles_without_fringes_are_not_strange() -> None:
    # rejects peaks at any length, as large as the particles themselves
    rng = np.random.default_rng(0)
    image = counted(film(rng) * particles(dark=0.6, fringes=0.0), rng)
    assert value(image, PIXEL) < LIKELY


def test_noise_has_no_strange_fringes() -> None:
    rng = np.random.default_rng(0)
    values = [strangeness(rng.normal(size=(128, 128)), PIXEL, (2.355, 2.039)) for _ in range(10)]
    assert max(abs(one) for one in values if one is not None) < LIKELY


def test_nothing_is_said_without_materials_or_of_a_small_image() -> None:
    model = rule(darkness)
    assert known_spacings(model.card) == pytest.approx([2.355, 2.039, 1.442], abs=2e-3)
    model.card.simulation = {}
    assert STRANGE_FRINGES.measure(Subject(model, micrograph(), PIXEL, side=128)) is None
    assert strangeness(np.zeros((16, 16)), PIXEL, (2.355,)) is None
    assert strangeness(np.zeros((128, 128)), PIXEL, ()) == 0.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Au", [2.355, 2.039, 1.442]),  # 111, 200, 220 of a = 4.078 Å; 100 and 110 are forbidden
        ("Si", [3.135, 1.920, 1.637]),  # 111, 220, 311 of a = 5.431 Å; 200 and 222 are forbidden
        ("Fe", [2.027, 1.433]),  # 110 and 200 of a = 2.8665 Å
    ],
)
def test_spacings_follow_from_the_structure_factor(name: str, expected: list[float]) -> None:
    assert plane_spacings(crystal(name), 1.4) == pytest.approx(expected, abs=2e-3)
