"""Which mask is meant: one texture inside, another beyond its boundary, whether told by brightness or by texture."""

import numpy as np
import pytest

from passband.zero_shot.proposals import Proposals
from passband.zero_shot.sam.ranking import homogeneous_places, texture_channels, texture_quality

Y, X = np.mgrid[:240, :320]
DISC = np.hypot(Y - 120, X - 160) < 50
OTHER = np.hypot(Y - 40, X - 50) < 30


def bright() -> np.ndarray:
    return 60.0 * (DISC | OTHER)


def textured() -> np.ndarray:
    """Fringes in the discs that are as bright as the noise about them."""
    fringes = 40.0 * np.sin(X * (2 * np.pi / 7.0))
    return np.where(DISC | OTHER, fringes, 0.0)


def image(drawn: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, 15.0, drawn.shape)
    return (100.0 + drawn + noise).astype(np.float32)


def proposals(*masks: np.ndarray) -> Proposals:
    return Proposals.of_masks(np.stack(masks))


@pytest.mark.parametrize("draw", [bright, textured], ids=["brightness", "texture"])
def test_the_mask_that_follows_the_texture_is_the_best(draw: object) -> None:
    part = np.hypot(Y - 120, X - 160) < 25  # homogeneous, and nothing changes at its boundary
    beyond = np.hypot(Y - 120, X - 160) < 75
    half = DISC & (X < 160)
    wrong = [part, beyond, half, np.ones_like(DISC), np.zeros_like(DISC), ~DISC]
    quality = texture_quality(proposals(DISC, *wrong), texture_channels(image(draw())))  # type: ignore[operator]
    assert quality[0] > max(quality[1:4]) + 0.1
    assert quality[4] == quality[5] == 0.0  # everything and nothing have no boundary
    assert quality[0] >= quality[6]  # one boundary, and a second disc beyond it
    assert (quality >= 0.0).all()
    assert (quality < 1.0).all()


def test_what_lies_inside_counts_too() -> None:
    core = np.hypot(Y - 120, X - 160) < 25
    channels = texture_channels(image(60.0 * (DISC & ~core) - 60.0 * core))
    ring, whole = texture_quality(proposals(DISC & ~core, DISC), channels)
    assert ring > whole + 0.02  # the boundary outside is one, but the disc holds two materials


def test_quality_depends_on_no_grid_of_the_masks() -> None:
    channels = texture_channels(image(bright()))
    fine = proposals(DISC, OTHER)
    coarse = fine.on_grid((120, 160))
    np.testing.assert_allclose(texture_quality(coarse, channels), texture_quality(fine, channels), atol=0.05)
    assert texture_quality(fine.chosen([]), channels).shape == (0,)


def test_small_and_thin_masks_have_a_quality() -> None:
    channels = texture_channels(image(bright()))
    dot = np.zeros_like(DISC)
    dot[100, 100:102] = True
    line = X == 10
    assert np.isfinite(texture_quality(proposals(dot, line), channels)).all()


def test_channels_are_of_mean_0_and_variance_1_on_a_bounded_grid() -> None:
    channels = texture_channels(np.random.default_rng(1).uniform(0, 255, (700, 1100)).astype(np.float32))
    assert channels.shape == (5, 140, 220)  # cells of 5 pixels: 1100 / 256, rounded up
    np.testing.assert_allclose(channels.mean((1, 2)), 0.0, atol=1e-4)
    np.testing.assert_allclose(channels.std((1, 2)), 1.0, atol=1e-4)
    ramp = texture_channels(np.broadcast_to(X[:, :300].astype(np.float32), (240, 300)))
    assert np.isfinite(ramp).all()
    across = np.broadcast_to(np.arange(301, dtype=np.float32), (9, 301))
    assert (texture_channels(across)[0].argmax(1) == 150).all()  # the last cell is a part, and the brightest
    odd = np.zeros((5, 9), dtype=np.float32)
    odd[4, 8] = 1.0
    assert texture_channels(odd)[0].argmax() == 5 * 9 - 1


def test_places_lie_amid_one_texture_and_are_spread_out() -> None:
    places = homogeneous_places(texture_channels(image(bright())), 100)
    assert 20 < len(places) <= 100
    rows, columns = (places * DISC.shape).astype(int).T
    inside = (DISC | OTHER)[rows, columns]
    assert DISC[rows, columns].any()
    assert OTHER[rows, columns].any()
    beside = [abs(np.hypot(Y - y, X - x) - r)[rows, columns].min() for y, x, r in ((120, 160, 50), (40, 50, 30))]
    assert min(beside) > 4  # none on a boundary
    assert len(np.unique(np.floor(places * 5), axis=0)) > 18  # of 25 parts of the image
    assert 0 < inside.sum() < len(places)
    assert len(homogeneous_places(texture_channels(image(bright())), 1)) == 1
