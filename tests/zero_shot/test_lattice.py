"""Masks by local spectra and brightness, on drawn lattices and drawn precipitates."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.recipe import PassbandError
from passband.zero_shot.fringes import strongest_period
from passband.zero_shot.lattice import LatticeEmbedding, LatticeProposer, grown
from passband.zero_shot.lattice_features import without_slow_changes
from passband.zero_shot.lattice_scale import texture_scale
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposals import Proposals

SIDE = 256
Image = NDArray[np.float32]


def fringes(period: float, turn: float = 0.0, side: int = SIDE) -> Image:
    """Crossed fringes of mean 0."""
    y, x = np.mgrid[:side, :side] * 2 * np.pi / period
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (np.cos(along) + np.cos(across)).astype(np.float32)


def noise(deviation: float, side: int = SIDE) -> Image:
    return np.random.default_rng(3).normal(0.0, deviation, (side, side)).astype(np.float32)


@pytest.fixture(scope="module")
def film() -> tuple[Image, NDArray[np.bool_]]:
    """A film on a substrate of one brightness and another lattice, and where the film is."""
    upper = np.arange(SIDE)[:, None] < 100 + 6 * np.sin(np.arange(SIDE) / 30)
    return np.where(upper, fringes(9.0), fringes(12.0, 0.4)) + noise(0.7), upper


@pytest.fixture(scope="module")
def seen(film: tuple[Image, NDArray[np.bool_]]) -> LatticeEmbedding:
    return LatticeProposer().embed(film[0])


def best_iou(found: Proposals, truth: NDArray[np.bool_]) -> float:
    masks = found.on_grid(truth.shape).masks
    return float(max((mask & truth).sum() / (mask | truth).sum() for mask in masks))


def test_two_lattices_of_one_brightness_are_told_apart(film, seen: LatticeEmbedding) -> None:
    found = seen.everything()
    assert best_iou(found, film[1]) > 0.93
    assert best_iou(found, ~film[1]) > 0.93
    assert set(found.source) == {"lattice"}


def test_a_point_in_each_lattice_is_answered_by_its_mask_first(film, seen: LatticeEmbedding) -> None:
    for point, truth in (((40.0, 130.0), film[1]), ((200.0, 60.0), ~film[1])):
        found = seen.answer(Prompt(points=(point,)))
        assert 1 <= len(found) <= 3
        assert (np.diff(found.quality) <= 0).all()
        assert best_iou(found, truth) > 0.93
        assert all(mask[seen._cell(point)] for mask in found.masks)


def test_a_box_and_places_to_avoid_bound_a_mask(film, seen: LatticeEmbedding) -> None:
    boxed = seen.answer(Prompt(box=(130.0, 20.0, 230.0, 120.0))).on_grid((SIDE, SIDE))
    truth = np.zeros((SIDE, SIDE), dtype=bool)
    truth[130:230, 20:120] = True
    assert best_iou(boxed, truth) > 0.8
    both = seen.answer(Prompt(points=((40.0, 130.0), (200.0, 60.0))))
    assert best_iou(both, np.ones((SIDE, SIDE), dtype=bool)) > 0.8
    one = seen.answer(Prompt(points=((40.0, 130.0),), avoid=((200.0, 60.0),))).on_grid((SIDE, SIDE))
    assert not one.masks[:, 130:].any()
    with pytest.raises(PassbandError, match="outside the image"):
        seen.answer(Prompt(points=((300.0, 10.0),)))


def test_masks_do_not_depend_on_grey_levels(film, seen: LatticeEmbedding) -> None:
    image = film[0]
    deep = np.round((image - image.min()) * 6000).astype(np.uint16)
    point = Prompt(points=((40.0, 130.0),))
    same = LatticeProposer().embed(deep.astype(np.float32)).answer(point)
    assert best_iou(same.chosen([0]), seen.answer(point).on_grid((SIDE, SIDE)).masks[0]) > 0.97


def test_without_a_lattice_brightness_tells_precipitates() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    discs = [(60, 60, 30), (60, 180, 12), (180, 60, 7), (180, 180, 40), (30, 120, 5)]
    truth = [np.hypot(y - row, x - column) < radius for row, column, radius in discs]
    image = gaussian_filter(np.where(np.any(truth, axis=0), 0.0, 1.0), 0.8).astype(np.float32) + noise(0.2)
    embedding = LatticeProposer().embed(image)
    assert embedding.scale.period is None
    found = embedding.everything()
    assert best_iou(found, ~np.any(truth, axis=0)) > 0.9
    for disc, least in zip(truth, (0.9, 0.8, 0.6, 0.9, 0.5), strict=True):
        assert best_iou(found, disc) > least


def test_a_gradient_of_brightness_does_not_split_a_lattice() -> None:
    image = fringes(10.0) + noise(0.7) + np.linspace(0.0, 1.0, SIDE, dtype=np.float32)
    found = LatticeProposer().embed(image).answer(Prompt(points=((128.0, 128.0),)))
    assert found.areas[0] > 0.8


def test_slow_changes_go_and_steps_stay() -> None:
    x = np.arange(60) * np.ones((50, 1))
    field = 0.02 * x + np.where(x < 25, 0.0, 1.0) + np.random.default_rng(0).normal(0.0, 0.02, x.shape)
    found = without_slow_changes(field.astype(np.float32))
    assert np.ptp(found[:, :24]) < 0.1 * 24 * 0.02 + 0.1  # the slope alone was 0.5
    assert found[:, 30:].mean() - found[:, :20].mean() == pytest.approx(1.0, abs=0.1)
    assert abs(found.mean()) < 1e-5


def test_the_period_is_that_of_the_strongest_fringes() -> None:
    assert strongest_period(fringes(9.0) + noise(1.5)) == pytest.approx(9.0, rel=0.03)
    two = np.where(np.arange(SIDE)[:, None] < 60, fringes(7.0), 0.1 * noise(1.0))  # a thin film below vacuum
    assert strongest_period(two.astype(np.float32)) == pytest.approx(7.0, rel=0.05)
    assert strongest_period(noise(1.0)) is None
    y, x = np.mgrid[:SIDE, :SIDE]
    edge = (10.0 / (1.0 + np.exp((0.3 * x + 90 - y) / 1.5))).astype(np.float32)
    assert strongest_period(edge + noise(0.1)) is None
    assert strongest_period(np.linspace(0, 5, SIDE, dtype=np.float32) + noise(0.1)) is None
    assert texture_scale(fringes(16.0, side=512) + noise(0.5, 512)).window == pytest.approx(80, abs=8)


@pytest.mark.parametrize("seed", [20, 30, 36])
def test_noise_in_an_image_little_larger_than_a_tile_is_no_lattice(seed: int) -> None:
    """Rejects a threshold for as many tiles as are looked at: those that overlap agree on what is noise."""
    assert strongest_period(np.random.default_rng(seed).normal(size=(310, 330)).astype(np.float32)) is None


def test_a_mask_grows_to_where_its_radius_makes_no_difference() -> None:
    distance = np.full((20, 20), 10.0, dtype=np.float32)
    distance[:, :8] = np.linspace(0.0, 1.5, 8)
    distance[:, 15:] = 1.0  # alike, but not connected
    found = grown(distance, [(4, 0)])
    assert found[0].stability == pytest.approx(160 / 161)
    assert found[0].mask[:, :8].all()
    assert not found[0].mask[:, 8:].any()


def test_of_a_constant_image_there_is_at_most_one_mask() -> None:
    assert len(LatticeProposer().embed(np.full((64, 80), 7.0, dtype=np.float32)).everything()) <= 1


@pytest.mark.parametrize("shape", [(11, 400), (400, 3)])
def test_an_image_smaller_than_a_window_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(PassbandError, match=rf"{shape[0]} × {shape[1]} pixels is smaller than a window of 12 pixels"):
        LatticeProposer().embed(np.ones(shape, dtype=np.float32))


@pytest.mark.parametrize("shape", [(12, 12), (13, 300), (40, 31)])
def test_small_images_are_looked_at(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = LatticeProposer().embed(image).everything()
    assert found.shape == shape
