import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from passband.electron import wavelength
from passband.microscope.aberrations import (
    ALIASES,
    COEFFICIENTS,
    TERMS,
    Aberrations,
    phase_aberration,
    phase_gradient_squared,
    resolve_name,
    stack_aberrations,
)
from passband.microscope.frequencies import spatial_frequencies
from passband.recipe import PassbandError

LENGTH = wavelength(300e3)
# Å: each gives some radians at 1 Å⁻¹
SIZES = {1: 120.0, 2: 3e3, 3: 3e5, 4: 2e7, 5: 1e9}


def full_lens(seed: int = 0) -> Aberrations:
    rng = np.random.default_rng(seed)
    values = {}
    for term in TERMS:
        values[term.symbol] = float(rng.uniform(-1, 1)) * SIZES[term.order]
        if term.angle:
            values[term.angle] = float(rng.uniform(-3, 3))
    return Aberrations(**values)


@pytest.fixture(scope="module")
def grid() -> tuple[torch.Tensor, torch.Tensor]:
    return spatial_frequencies((32, 30), 0.35, dtype=torch.float64)


@pytest.fixture
def double_abtem():
    abtem = pytest.importorskip("abtem")
    with abtem.config.set({"precision": "float64"}):
        yield abtem


@pytest.mark.parametrize("symbol", [*(term.symbol for term in TERMS), "all"])
def test_phase_agrees_with_abtem(symbol: str, grid: tuple[torch.Tensor, torch.Tensor], double_abtem) -> None:
    lens = full_lens().model_dump()
    if symbol != "all":
        lens = {name: value for name, value in lens.items() if name[-2:] == symbol[-2:]}
    q, azimuth = grid
    oracle = double_abtem.transfer.Aberrations(energy=300e3, aberration_coefficients=lens)
    chi = phase_aberration(q, azimuth, lens, oracle.wavelength)  # theirs, for other constants of nature
    expected = oracle._evaluate_from_angular_grid((q * oracle.wavelength).numpy(), azimuth.numpy())
    assert chi.abs().max() > 0.5
    np.testing.assert_allclose(np.exp(-1j * chi.numpy()), expected, atol=1e-9)


def test_terms_and_names_reach_fifth_order() -> None:
    symbols = ["C10", "C12", "C21", "C23", "C30", "C32", "C34", "C41", "C43", "C45", "C50", "C52", "C54", "C56"]
    assert [term.symbol for term in TERMS] == symbols
    assert set(COEFFICIENTS) == set(Aberrations.model_fields)


def test_gradient_agrees_with_automatic_differentiation(grid: tuple[torch.Tensor, torch.Tensor]) -> None:
    q = grid[0].flatten()[1:].clone().requires_grad_()
    azimuth = grid[1].flatten()[1:].clone().requires_grad_()
    coefficients = full_lens(1).nonzero()
    chi = phase_aberration(q, azimuth, coefficients, LENGTH)
    along_q, along_azimuth = torch.autograd.grad(chi.sum(), (q, azimuth))
    expected = (along_q / LENGTH) ** 2 + (along_azimuth / (q * LENGTH)) ** 2
    torch.testing.assert_close(phase_gradient_squared(q, azimuth, coefficients, LENGTH), expected.detach())


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 2.0), st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_turning_every_azimuth_turns_the_phase(turn: float, phi12: float, magnitude: float, phi23: float) -> None:
    q = torch.full((36,), magnitude, dtype=torch.float64)
    azimuth = torch.arange(36, dtype=torch.float64) * (2 * math.pi / 36)
    lens = {"C10": -50.0, "C12": 40.0, "phi12": phi12, "C23": 2e3, "phi23": phi23, "C41": 1e7, "phi41": 0.1}
    turned = {name: value + turn if name.startswith("phi") else value for name, value in lens.items()}
    there = phase_aberration(q, azimuth + turn, turned, LENGTH)
    torch.testing.assert_close(there, phase_aberration(q, azimuth, lens, LENGTH), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_phase_is_even_without_odd_aberrations_and_odd_with_only_them(seed: int) -> None:
    lens = full_lens(seed).model_dump()
    rng = np.random.default_rng(seed)
    q = torch.as_tensor(rng.uniform(0.1, 1.5, 50))
    azimuth = torch.as_tensor(rng.uniform(-math.pi, math.pi, 50))
    for parity, sign in ((1, 1.0), (0, -1.0)):
        kept = {name: value for name, value in lens.items() if int(name[-2]) % 2 == parity}
        here = phase_aberration(q, azimuth, kept, LENGTH)
        there = phase_aberration(q, azimuth + math.pi, kept, LENGTH)
        torch.testing.assert_close(there, sign * here, rtol=1e-9, atol=1e-9)


def test_a_batch_is_its_lenses_one_by_one_bit_for_bit(grid: tuple[torch.Tensor, torch.Tensor]) -> None:
    q, azimuth = (part.float() for part in grid)
    lenses = [full_lens(seed) for seed in range(3)] + [Aberrations(C10=-80.0)]
    together = phase_aberration(q, azimuth, stack_aberrations(lenses), LENGTH)
    assert together.shape == (4, *q.shape)
    assert together.dtype == torch.float32
    for one, lens in zip(together, lenses, strict=True):
        alone = phase_aberration(q, azimuth, stack_aberrations([lens]), LENGTH)[0]
        assert torch.equal(one, alone)


def test_underfocus_is_positive() -> None:
    assert Aberrations.with_aliases(defocus=100.0).C10 == -100.0
    assert Aberrations.with_aliases(defocus=-100.0, cs=1e5).C10 == 100.0
    assert math.copysign(1.0, Aberrations.with_aliases(defocus=0.0).C10) == 1.0


def test_aliases_are_those_of_abtem(double_abtem) -> None:
    theirs = double_abtem.transfer.polar_aliases
    shared = {name: symbol for name, symbol in theirs.items() if name in ALIASES}
    assert len(shared) >= 15
    assert {name: ALIASES[name][0] for name in shared} == shared
    signs = {name: sign for name, (_, sign) in ALIASES.items()}
    assert signs == dict.fromkeys(ALIASES, 1.0) | {"defocus": -1.0}


def test_an_everyday_name_and_its_symbol_together_are_refused() -> None:
    with pytest.raises(PassbandError, match="C30 a second time"):
        Aberrations.with_aliases(Cs=1.0, C30=2.0)


@pytest.mark.parametrize(
    ("wrong", "suggestion"),
    [("C33", "'C3[024]'"), ("Cz", "'Cs'"), ("defocuss", "'defocus'"), ("astigmatsm", "'astigmatism'")],
)
def test_a_misspelt_name_is_answered_with_a_near_one(wrong: str, suggestion: str) -> None:
    with pytest.raises(PassbandError, match=f"did you mean .*{suggestion}"):
        resolve_name(wrong)


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"C30": 2.5e12}, "1 mm = 1e7"),
        ({"C10": -2e6}, "coefficients are in Å"),
        ({"phi12": 30.0}, "phi12=0.5236"),
        ({"C12": float("nan")}, "finite"),
        ({"C13": 1.0}, "Extra inputs"),
    ],
)
def test_values_that_no_lens_has_are_refused(values: dict[str, float], cure: str) -> None:
    with pytest.raises(ValidationError, match=cure):
        Aberrations(**values)


def test_round_and_nonzero_tell_the_lens() -> None:
    assert Aberrations(C10=1.0, C30=2.0, C50=3.0).round
    assert not Aberrations(C34=1.0).round
    assert Aberrations(C12=5.0, phi12=0.3, phi23=1.0).nonzero() == {"C12": 5.0, "phi12": 0.3}
