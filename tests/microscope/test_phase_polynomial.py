"""The polynomial form of χ against its polar form."""

import math

import pytest
import torch

from passband.microscope.aberrations import COEFFICIENTS, TERMS, phase_aberration, phase_gradient_squared
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.phase_polynomial import evaluate, gradient_squared, phase_coefficients

SHAPE, PIXEL, LENGTH = (24, 32), 0.2, 0.0197


def on_grid(function, coefficients):
    angles = [torch.fft.fftfreq(size, PIXEL, dtype=torch.float64) * LENGTH for size in SHAPE]
    return function(phase_coefficients(coefficients, LENGTH), angles[1], angles[0]).T


@pytest.mark.parametrize("term", TERMS, ids=[term.symbol for term in TERMS])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_each_term_is_its_polar_form(term, angle):
    coefficients = {term.symbol: 1e4} | ({term.angle: angle} if term.angle else {})
    q, azimuth = spatial_frequencies(SHAPE, PIXEL, dtype=torch.float64)
    polar = phase_aberration(q, azimuth, coefficients, LENGTH)
    torch.testing.assert_close(on_grid(evaluate, coefficients), polar, rtol=0.0, atol=1e-12 * float(polar.abs().max()))
    slope = phase_gradient_squared(q, azimuth, coefficients, LENGTH)
    torch.testing.assert_close(
        on_grid(gradient_squared, coefficients), slope, rtol=0.0, atol=1e-12 * float(slope.abs().max())
    )


def test_all_terms_add_up():
    coefficients = {name: 0.1 * i if name.startswith("phi") else 10.0 ** (i / 5) for i, name in enumerate(COEFFICIENTS)}
    q, azimuth = spatial_frequencies(SHAPE, PIXEL, dtype=torch.float64)
    polar = phase_aberration(q, azimuth, coefficients, LENGTH)
    torch.testing.assert_close(on_grid(evaluate, coefficients), polar, rtol=0.0, atol=1e-12 * float(polar.abs().max()))
    assert math.isclose(float(on_grid(evaluate, coefficients)[0, 0]), 0.0, abs_tol=1e-12)
