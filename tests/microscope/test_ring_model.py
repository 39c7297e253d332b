"""Derivatives of the ring model are those that automatic differentiation finds."""

import numpy as np
import pytest
import torch
from torch import Tensor

from passband.microscope.power_spectrum import averaged_periodogram, gather, usable_bins
from passband.microscope.ring_model import DEPTH, LENS, SCATTERING, THICKNESS, RingModel, Setting, ring_model
from passband.microscope.ring_model import with_derivatives as found_derivatives

BAND = (0.1, 0.9)


@pytest.fixture(scope="module")
def model() -> RingModel:
    noise = np.random.default_rng(0).normal(size=(128, 128))
    periodogram = averaged_periodogram(noise, pixel_size=(0.5, 0.4))
    cells = gather(periodogram, usable_bins(periodogram, BAND))
    return ring_model(cells, Setting(0.0197, 3e5, 0.07, 6, BAND))


def parameters(model: RingModel, *, scattering: float = 0.0) -> Tensor:
    """Parameters away from every symmetry: a lens, a film and a background."""
    values = model.centre + 0.3 * torch.randn(len(model.centre), generator=torch.Generator().manual_seed(1))
    values[:LENS] = torch.tensor([-400.0, 50.0, -30.0])
    values[SCATTERING] += scattering
    return values.double()


@pytest.mark.parametrize("rings", [True, False])
@pytest.mark.parametrize("scattering", [0.0, 40.0, -40.0], ids=["usual", "held at the most", "held at the least"])
def test_derivatives_are_those_of_automatic_differentiation(model: RingModel, rings: bool, scattering: float) -> None:
    """Every cell gets a copy of the parameters of its own, so that one backward pass gives the whole Jacobian."""
    here = parameters(model, scattering=scattering)
    copies = here.expand(len(model.power), -1).clone().requires_grad_(True)
    logarithm = model.expected(copies, rings=rings)
    (expected,) = torch.autograd.grad(logarithm.sum(), copies)
    value, jacobian = found_derivatives(model, here, rings=rings)
    torch.testing.assert_close(value, logarithm.detach(), rtol=1e-12, atol=1e-12)
    scale = expected.abs().amax(dim=0).clamp(min=1e-9)
    torch.testing.assert_close(jacobian / scale, expected / scale, rtol=0.0, atol=1e-9)
    moves = jacobian.abs().amax(dim=0) > 0
    assert bool(moves[[0, 1, 2, THICKNESS, DEPTH]].all()) == rings
