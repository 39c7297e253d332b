"""The absorption law: its integral, its fit, its limits."""

import numpy as np
import pytest
from pydantic import ValidationError

from passband.microscope.scanning.absorption import Absorption, absorbed_signal, fit_absorption
from passband.recipe import PassbandError


def test_signal_is_the_mean_of_the_law_over_the_depth():
    depth = np.linspace(0.0, 300.0, 20001)
    for coefficient in (-1e-3, 2e-3):
        expected = np.trapezoid(np.exp(-coefficient * depth), depth) / 300.0
        assert float(absorbed_signal(coefficient, 300.0)) == pytest.approx(expected, rel=1e-7)
    assert float(absorbed_signal(0.0, 300.0)) == 1.0


@pytest.mark.parametrize("coefficient", [-2e-3, 0.0, 3.3e-3])
def test_fit_finds_the_law_that_made_the_ratios(coefficient):
    thickness = np.array([20.0, 100.0, 250.0])
    found = fit_absorption(thickness, 1.4 * absorbed_signal(coefficient, thickness))
    assert found.coefficient == pytest.approx(coefficient, abs=1e-6)
    assert found.enhancement == pytest.approx(1.4, rel=1e-4)
    assert found.largest_error < 1e-4
    assert (found.thinnest, found.thickest) == (20.0, 250.0)


def test_one_thickness_gives_the_enhancement_alone():
    assert fit_absorption([30.0], [1.3])[:3] == (pytest.approx(1.3), 0.0, 0.0)


def test_fit_tells_what_the_law_cannot_describe():
    thickness, ratio = np.array([50.0, 100.0, 200.0]), np.array([1.0, 1.6, 1.0])  # channelling: first more, then less
    found = fit_absorption(thickness, ratio)
    errors = found.enhancement * absorbed_signal(found.coefficient, thickness) / ratio - 1.0
    assert found.largest_error == pytest.approx(np.abs(errors).max(), rel=1e-6)
    assert 0.15 < found.largest_error < 0.25


def test_elements_have_their_own_law():
    depth = np.array([0.0, 100.0])
    law = Absorption(coefficients={"Sr": 1e-3, "O": -1e-3}, enhancement={"Sr": 1.5, "O": 1.0}, thickest=100.0)
    assert law.weights("Sr", depth).tolist() == pytest.approx([1.5, 1.5 * np.exp(-0.1)])
    assert law.weights("O", depth).tolist() == pytest.approx([1.0, np.exp(0.1)])
    assert Absorption(coefficients=2e-3, thickest=1.0).weights("W", depth)[0] == 1.0
    with pytest.raises(PassbandError, match="absorption has no value for Ti; name every element"):
        law.weights("Ti", depth)


def test_coefficients_per_nanometre_and_unequal_lists_are_refused():
    with pytest.raises(ValidationError, match=r"an absorption of 0\.5 Å⁻¹ is beyond ±0\.1"):
        Absorption(coefficients=0.5, thickest=100.0)
    with pytest.raises(ValidationError, match="an enhancement of 0 is outside"):
        Absorption(coefficients=0.0, enhancement={"Sr": 0.0}, thickest=100.0)
    with pytest.raises(PassbandError, match="2 thicknesses and 1 ratios"):
        fit_absorption([1.0, 2.0], [1.0])
    with pytest.raises(PassbandError, match="positive ratio"):
        fit_absorption([1.0, 2.0], [1.0, 0.0])
