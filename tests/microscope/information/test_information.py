"""Golden values: the project's specification of optics and information, section 3 (300 kV, Δ = 10 Å, qmax 2.5 Å⁻¹)."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from passband.distribution import Normal, Uniform
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.microscope.information import information as module
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.information import Comparison, compare_information, transfer_information
from passband.microscope.information.metric import Metric
from passband.microscope.information.overlaps import OVERLAPS
from passband.recipe import PassbandError

COARSE = {"radial_points": 400, "azimuths": 24}


def lens(**coefficients: float) -> Conditions:
    return Conditions(energy=300e3, focal_spread=10.0, aberrations=Aberrations(**coefficients))


def metric(**choices: object) -> Metric:
    return Metric.model_validate(choices)


A = lens(C10=-80.0, C12=20.0, phi12=0.3, C21=2000.0, phi21=1.0, C23=1500.0, phi23=0.2, C30=2.5e5)
B = lens(C10=60.0, C30=-1e5)

ROUND = {
    (-50.0, 0.0): (0.53744, 0.38983, 0.63661, 0.50000),
    (-100.0, 0.0): (0.56666, 0.42256, 0.63661, 0.50000),
    (-250.0, 0.0): (0.59240, 0.45110, 0.63662, 0.50000),
    (-80.0, 2.5e5): (0.66048, 0.54908, 0.76081, 0.69559),
    (79.0, 2.5e5): (0.55559, 0.40991, 0.63411, 0.49603),
    (-25.0, 2.5e5): (0.33694, 0.17486, 0.48916, 0.30164),
}


@pytest.mark.parametrize(
    ("column", "weight", "power"), [(0, "radial", 1), (1, "radial", 2), (2, "area", 1), (3, "area", 2)]
)
def test_information_has_its_golden_values(column: int, weight: str, power: int) -> None:
    found = transfer_information([lens(C10=x, C30=y) for x, y in ROUND], metric=metric(weight=weight, power=power))
    np.testing.assert_allclose(found.numpy(), [row[column] for row in ROUND.values()], atol=1e-5)


@pytest.mark.parametrize(
    ("c10", "against", "c30", "radial", "area"),
    [
        (-100.0, 100.0, 0.0, 1.0, 1.0),
        (-100.0, 50.0, 0.0, 0.85296, 0.84883),
        (-100.0, -50.0, 0.0, 0.85296, 0.84883),
        (-100.0, -250.0, 0.0, 0.81363, 0.81175),
        (-50.0, 250.0, 0.0, 0.79485, 0.81638),
        (-80.0, 80.0, 2.5e5, 0.89768, 0.88033),
        (-80.0, -250.0, 2.5e5, 0.82999, 0.84047),
    ],
)
def test_overlap_has_its_golden_values(c10: float, against: float, c30: float, radial: float, area: float) -> None:
    pair = [lens(C10=c10, C30=c30)], [lens(C10=against, C30=c30)]
    assert compare_information(*pair).sigma.item() == pytest.approx(radial, abs=1e-5)
    assert compare_information(*pair, metric=metric(weight="area")).sigma.item() == pytest.approx(area, abs=1e-5)


def test_difference_has_its_golden_values_and_sign() -> None:
    found = compare_information([lens(C10=-100.0), lens(C10=-50.0)], [lens(C10=-50.0), lens(C10=250.0)]).delta_epsilon
    assert found[0, 0].item() == pytest.approx(-0.02921, abs=1e-5)
    assert found[1, 1].item() == pytest.approx(0.05496, abs=1e-5)


@pytest.mark.parametrize(
    ("odd", "golden"), [("naive", (0.5706, 0.5436, 0.9120, -0.0269)), ("exact", (0.5846, 0.5436, 0.9370, -0.0410))]
)
@pytest.mark.parametrize("grid", [{"radial_points": 4000, "azimuths": 180}, {}])
def test_lenses_that_are_not_round_have_their_golden_values(
    odd: str, golden: tuple[float, ...], grid: dict[str, int]
) -> None:
    found = compare_information([A], [B], metric=metric(odd=odd, **grid))
    assert [part.item() for part in found] == pytest.approx(golden, abs=1e-4)


def test_envelope_integral_has_its_golden_value() -> None:
    from passband.microscope.information.polar import PolarLenses, polar_grid

    one = PolarLenses([ConditionSet(conditions=(lens(C10=-100.0),))], odd="exact")
    grid = polar_grid([one], qmax=2.5, radial_points=None, azimuths=None)
    assert len(grid.q) >= 4000
    assert len(grid.azimuths) == 1
    assert one.steady_envelope(grid.q).mean().item() * 2.5 == pytest.approx(1.370549, abs=1e-6)


def second_formula(
    items: list[Conditions], choices: Metric
) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
    """|T|, E and w on the same polar grid by way of `contrast_transfer`, all at once."""
    from passband.electron import wavelength
    from passband.microscope.transfer import aperture_function, contrast_transfer, spatial_envelope, temporal_envelope

    points, turns = choices.radial_points or 0, choices.azimuths or 0
    radii = (torch.arange(points, dtype=torch.float64) + 0.5) * choices.qmax / points
    q, azimuth = torch.meshgrid(radii, torch.arange(turns, dtype=torch.float64) * 2 * math.pi / turns, indexing="ij")
    envelopes = []
    for one in items:
        length = wavelength(one.energy)
        damping = spatial_envelope(q, azimuth, one.aberrations.nonzero(), one.angular_spread, length)
        envelopes.append(
            damping * temporal_envelope(q, one.focal_spread, length) * aperture_function(q, one.aperture, length)
        )
    weight = q if choices.weight == "area" else torch.ones_like(q)
    return [contrast_transfer(q, azimuth, one, odd=choices.odd) for one in items], envelopes, weight


MIXED = [
    Conditions(energy=300e3, focal_spread=10.0, angular_spread=1e-4, aberrations=A.aberrations),
    Conditions(energy=80e3, focal_spread=25.0, aperture=0.05, aberrations=B.aberrations),
    Conditions(
        energy=200e3, focal_spread=6.0, aberrations=Aberrations(C10=-120.0, C12=30.0, C34=1e5, C41=1e6, phi41=0.3)
    ),
]


@pytest.mark.parametrize("overlap", list(OVERLAPS))
@pytest.mark.parametrize("odd", ["exact", "naive"])
@pytest.mark.parametrize(("weight", "power"), [("radial", 1), ("area", 2)])
def test_every_variant_agrees_with_a_plain_second_formula(overlap: str, odd: str, weight: str, power: int) -> None:
    choices = metric(overlap=overlap, odd=odd, weight=weight, power=power, **COARSE)
    transfers, envelopes, w = second_formula(MIXED, choices)
    found = compare_information(MIXED, MIXED, metric=choices)
    epsilon = [
        ((t.abs() ** power * w).sum() / (e**power * w).sum()).item() for t, e in zip(transfers, envelopes, strict=True)
    ]
    assert found.epsilon_training.tolist() == pytest.approx(epsilon, abs=1e-12)
    assert found.epsilon_evaluation.tolist() == pytest.approx(epsilon, abs=1e-12)
    for i, first in enumerate(transfers):
        for j, second in enumerate(transfers):
            expected = plain_overlap(first, second, w, overlap)
            assert found.sigma[i, j].item() == pytest.approx(expected, abs=1e-10)
            assert found.delta_epsilon[i, j].item() == pytest.approx(epsilon[j] - epsilon[i], abs=1e-12)


def plain_overlap(first: torch.Tensor, second: torch.Tensor, w: torch.Tensor, overlap: str) -> float:
    a, b = (first, second) if overlap == "signed_cosine" else (first.abs(), second.abs())
    if overlap == "one_minus_l1":
        a, b = a / (a * w).sum(), b / (b * w).sum()
        return 1.0 - 0.5 * ((a - b).abs() * w).sum().item()
    if overlap == "min_overlap":
        return ((torch.minimum(a, b) * w).sum() / (torch.maximum(a, b) * w).sum()).item()
    if overlap == "cosine_squares":
        a, b = a**2, b**2
    return ((a * b * w).sum() / ((a**2 * w).sum() * (b**2 * w).sum()).sqrt()).item()


LENSES = st.builds(
    lambda c10, c12, phi12, c21, c30: lens(C10=c10, C12=c12, phi12=phi12, C21=c21, C30=c30),
    st.floats(-250, 250),
    st.floats(0, 50),
    st.floats(0, 3),
    st.floats(0, 3000),
    st.floats(-5e5, 5e5),
).filter(lambda one: abs(one.aberrations.C10) > 1 or abs(one.aberrations.C30) > 1e3)


@given(LENSES, LENSES, st.sampled_from(list(OVERLAPS)), st.sampled_from(["radial", "area"]), st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_overlap_is_symmetric_information_bounded_and_difference_antisymmetric(
    first: Conditions, second: Conditions, overlap: str, weight: str, power: int
) -> None:
    choices = metric(overlap=overlap, weight=weight, power=power, **COARSE)
    there = compare_information([first, second], [first, second], metric=choices)
    assert there.epsilon_training.min() > 0.0
    assert there.epsilon_training.max() < 1.0
    assert there.sigma.max() <= 1.0
    assert there.sigma.min() >= (-1.0 if overlap == "signed_cosine" else 0.0)
    torch.testing.assert_close(there.sigma, there.sigma.T)
    torch.testing.assert_close(there.sigma.diagonal(), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(there.delta_epsilon, -there.delta_epsilon.T)


@given(LENSES, st.integers(1, 23))
@settings(max_examples=15, deadline=None)
def test_turning_the_whole_lens_changes_no_information(one: Conditions, steps: int) -> None:
    turn = steps * 2 * math.pi / 24
    turned = {name: value + turn * name.startswith("phi") for name, value in one.aberrations.model_dump().items()}
    turned = {
        name: math.remainder(value, 2 * math.pi) if name.startswith("phi") else value for name, value in turned.items()
    }
    both = transfer_information([one, lens(**turned)], metric=metric(**COARSE))
    assert both[0].item() == pytest.approx(both[1].item(), abs=1e-9)


def test_reversed_contrast_overlaps_fully_unless_signed() -> None:
    pair = [lens(C10=-100.0)], [lens(C10=100.0)]
    assert compare_information(*pair).sigma.item() == pytest.approx(1.0)
    assert compare_information(*pair, metric=metric(overlap="signed_cosine")).sigma.item() == pytest.approx(-1.0)


@pytest.mark.parametrize("overlap", list(OVERLAPS))
def test_a_lens_without_phase_transfers_nothing_and_has_no_overlap(overlap: str) -> None:
    bare, some = lens(), lens(C10=-100.0)
    found = compare_information([bare, some], [bare, some], metric=metric(overlap=overlap, **COARSE))
    assert found.epsilon_training[0].item() == 0.0
    assert found.sigma.isnan().tolist() == [[True, True], [True, False]]
    assert not found.delta_epsilon.isnan().any()


@pytest.mark.parametrize("c10", [0.0, -60.0])
def test_jitter_in_closed_form_is_the_rms_over_many_drawn_defoci(c10: float) -> None:
    normal = torch.distributions.Normal(c10, 15.0)
    quantiles = normal.icdf((torch.arange(600, dtype=torch.float64) + 0.5) / 600)  # equally likely defoci
    drawn = ConditionSet(conditions=tuple(lens(C10=float(defocus)) for defocus in quantiles))
    closed = ConditionSet(conditions=(lens(C10=c10),), defocus_jitter=15.0)
    found = compare_information([closed], [drawn], metric=metric(**COARSE))
    assert found.epsilon_training.item() == pytest.approx(found.epsilon_evaluation.item(), abs=3e-4)
    assert found.epsilon_training.item() > 0.3
    assert found.sigma.item() > 0.9999


def test_jitter_of_zero_is_the_single_condition() -> None:
    plain = compare_information([A], [B], metric=metric(**COARSE))
    wrapped = compare_information(
        [ConditionSet(conditions=(A,))], [ConditionSet(conditions=(B, B))], metric=metric(**COARSE)
    )
    for one, other in zip(plain, wrapped, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=0)


def test_a_normal_defocus_is_taken_as_jitter_and_the_rest_is_drawn() -> None:
    one = ConditionSet.drawn(
        ConditionDistribution(aberrations={"C10": Normal(normal=(-50.0, 15.0))}, focal_spread=10.0)
    )
    assert (one.defocus_jitter, len(one.conditions)) == (15.0, 1)
    assert one.conditions[0].aberrations.C10 == -50.0
    many = ConditionDistribution(aberrations={"C12": Uniform(uniform=(0.0, 50.0))}, focal_spread=10.0)
    assert len(ConditionSet.drawn(many, draws=5).conditions) == 5
    assert ConditionSet.drawn(many, draws=5) == ConditionSet.drawn(many, draws=5)


@pytest.mark.parametrize("overlap", ["cosine", "one_minus_l1", "min_overlap"])
def test_small_blocks_give_what_one_block_gives(overlap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [lens(C10=10.0 * k - 55.0, C12=3.0 * k, C21=100.0 * k) for k in range(9)]
    sets = [*items, ConditionSet(conditions=tuple(items[:4]))]
    choices = metric(overlap=overlap, **COARSE)
    whole = compare_information(sets, items, metric=choices)
    monkeypatch.setattr(module, "BLOCK", 3 * 400)
    for one, other in zip(compare_information(sets, items, metric=choices), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_single_precision_is_close_to_double() -> None:
    double = compare_information([A, B], [A, B])
    single = compare_information([A, B], [A, B], dtype=torch.float32)
    assert isinstance(single, Comparison)
    for one, other in zip(single, double, strict=True):
        assert one.dtype == torch.float64
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_the_grid_follows_the_steepest_phase() -> None:
    from passband.microscope.information.polar import PolarLenses, polar_grid

    def size(one: Conditions) -> tuple[int, int]:
        lenses = PolarLenses([ConditionSet(conditions=(one,))], odd="naive")
        grid = polar_grid([lenses], qmax=2.5, radial_points=None, azimuths=None)
        return len(grid.q), len(grid.azimuths)

    assert size(lens(C10=-80.0)) == (4000, 1)
    assert size(lens(C10=-80.0, C12=1.0)) == (4000, 36)  # half a turn of 72
    assert size(lens(C10=-80.0, C21=1.0)) == (4000, 72)
    assert size(lens(C10=-80.0, C12=60.0, C21=3000.0, C23=2000.0))[1] > 100
    assert size(lens(C30=1e7))[0] > 10_000


def test_nothing_to_compare_gives_empty_results() -> None:
    found = compare_information([], [A], metric=metric(**COARSE))
    assert found.sigma.shape == (0, 1)
    assert found.epsilon_evaluation.shape == (1,)
    assert transfer_information([]).shape == (0,)


def test_a_single_condition_and_a_signed_data_set_are_refused() -> None:
    with pytest.raises(PassbandError, match=r"write \[conditions\]"):
        transfer_information(A)  # type: ignore[arg-type]
    with pytest.raises(PassbandError, match="rms transfer has no sign"):
        compare_information([ConditionSet(conditions=(A, B))], [A], metric=metric(overlap="signed_cosine"))


@pytest.mark.parametrize(
    "wrong", [{"weight": "ring"}, {"power": 3}, {"qmax": 0.0}, {"overlap": "dot"}, {"radial_points": 2}]
)
def test_unknown_choices_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Metric.model_validate(wrong)
