"""Latents and rings against time, by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde
from tests.description.sheets import flake, stone_wales

from passband.latent.motion import atom_paths, density_course, latent_course, ring_course
from passband.recipe import PassbandError


def test_quartiles_are_those_of_each_frame() -> None:
    frame = np.array([7, 3, 7, 3, 7, 3, 7, 7])
    value = np.array([1.0, 10.0, 2.0, 20.0, 3.0, 60.0, 4.0, 5.0])
    found = latent_course(frame, value)
    assert found.frames.tolist() == [3, 7]
    assert found.atoms.tolist() == [3, 5]
    assert found.median.tolist() == [20.0, 3.0]
    assert (found.low[1], found.high[1]) == (2.0, 4.0)


def test_densities_are_those_of_scipy_under_one_bandwidth() -> None:
    # rejects a bandwidth of each frame, one of all frames' spread together, and densities over all atoms
    rng = np.random.default_rng(0)
    frame = np.repeat([0, 1], [200, 300])
    value = np.concatenate([rng.normal(0.0, 1.0, 200), rng.normal(8.0, 0.5, 300)])
    found = density_course(frame, value)
    inner = np.sqrt((value[:200].var() + value[200:].var()) / 2.0)
    assert found.bandwidth == pytest.approx(inner * 250.0**-0.2)
    for row, part in enumerate((value[:200], value[200:])):
        kernel = gaussian_kde(part, bw_method=found.bandwidth / part.std(ddof=1))
        np.testing.assert_allclose(found.density[row], kernel(found.grid), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(np.trapezoid(found.density, found.grid, axis=1), 1.0, atol=2e-3)


def test_an_angle_has_no_end() -> None:
    # rejects kernels that stop at the end of the period, and angles that are not folded into it
    period = 2.0 * np.pi / 3.0
    angle = np.array([0.01, -0.01, 0.01 + 2.0 * period, 0.5])
    found = density_course(np.zeros(4, dtype=int), angle, period=period, bandwidth=0.2)
    assert found.grid[0] == 0.0
    assert found.grid[-1] < period
    assert found.density.mean() * period == pytest.approx(1.0, abs=1e-6)
    turned = density_course(np.zeros(4, dtype=int), angle + 50 * period / 200, period=period, bandwidth=0.2)
    np.testing.assert_allclose(np.roll(found.density[0], 50), turned.density[0], atol=1e-6)


def test_many_atoms_are_added_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    value = np.random.default_rng(1).normal(size=100)
    whole = density_course(np.zeros(100, dtype=int), value)
    monkeypatch.setattr("passband.latent.motion._AT_ONCE", 200 * 7)
    np.testing.assert_allclose(density_course(np.zeros(100, dtype=int), value).density, whole.density, rtol=1e-12)


def test_paths_follow_time_and_leave_out_those_seen_once() -> None:
    frame, track = np.array([2, 0, 1, 0, 1, 5]), np.array([4, 4, 4, 9, -1, -1])
    latents = np.arange(12.0).reshape(6, 2)
    (found,) = atom_paths(frame, track, latents)
    assert found.track == 4
    assert found.frames.tolist() == [0, 1, 2]
    assert found.latents.tolist() == [[2.0, 3.0], [4.0, 5.0], [0.0, 1.0]]
    assert len(atom_paths(frame, track, latents[:, 0], least=1)) == 2
    assert atom_paths(frame, np.full(6, -1), latents) == []


def test_rings_are_those_of_each_frame() -> None:
    perfect, (turned, _) = flake(10, 10), stone_wales(10, 10)
    order = np.random.default_rng(0).permutation(len(perfect) + len(turned))
    frame = np.repeat([0, 1], [len(perfect), len(turned)])[order]
    found = ring_course(frame, np.concatenate([perfect, turned])[order])
    assert found.frames.tolist() == [0, 1]
    assert found.counts[5].tolist() == [0, 2]
    assert found.counts[7].tolist() == [0, 2]
    assert found.counts[6][0] == found.counts[6][1] + 4
    assert found.holes.tolist() == [0, 0]
    members = found.membership[frame == 1].tolist()
    assert members.count("5-7-7") == 2  # the turned bond
    assert [members.count(one) for one in ("5-6-7", "5-6-6", "6-6-7")] == [4, 4, 6]
    assert not any("5" in one or "7" in one for one in found.membership[frame == 0])


def test_an_atom_beside_a_hole_is_told() -> None:
    places = flake(9, 9)
    middle = int(np.argmin(np.hypot(*(places - places.mean(axis=0)).T)))
    found = ring_course(np.zeros(len(places) - 1, dtype=int), np.delete(places, middle, axis=0))
    assert found.holes.tolist() == [1]
    assert found.membership.tolist().count("6-6-hole") >= 9


@pytest.mark.parametrize(
    ("frame", "value", "said"),
    [
        ([], [], "columns of 0, 0 rows must have the same rows"),
        ([0, 1], [1.0], "columns of 2, 1 rows"),
        ([0, 1], [1.0, np.nan], "row 1 holds NaN"),
    ],
)
def test_tables_that_are_none(frame: list[int], value: list[float], said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        latent_course(frame, value)


def test_what_has_no_density_no_place_and_no_single_row() -> None:
    with pytest.raises(PassbandError, match="bandwidth=0 must be above 0"):
        density_course([0, 1, 2], [1.0, 2.0, 3.0])
    with pytest.raises(PassbandError, match=r"positions of shape \(2, 3\) must be"):
        ring_course([0, 0], np.zeros((2, 3)))
    with pytest.raises(PassbandError, match="track 4 is twice in frame 1"):
        atom_paths([0, 1, 1], [4, 4, 4], [1.0, 2.0, 3.0])
