"""Columns that move and contrast that turns are caught; noise, blur and gain are forgiven."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, shift
from tests.generation.lattices import lattice, lattices

from passband.generation.alarms import AlarmLimits, bright_columns, preservation
from passband.recipe import PassbandError

IMAGES = lattices(6, 64)
LIMITS = AlarmLimits()


def noise(seed: int, deviation: float, smoothing: float = 0.0) -> np.ndarray:
    white = np.random.default_rng(seed).standard_normal(IMAGES.shape)
    smooth = gaussian_filter(white, (0.0, smoothing, smoothing))
    return deviation * smooth / smooth.std()


def test_bright_columns_are_the_maxima_of_a_lattice() -> None:
    image = lattice(64, angle=0.0, spacing=12.0)
    found = bright_columns(image)
    assert len(found) >= 20
    assert (np.abs((found[:, 1] - 32 + 6 * np.round((found[:, 0] - 32) / 10.39)) % 12) % 11 <= 1.01).all()
    assert len(bright_columns(np.full((32, 32), 5.0))) == 0


@pytest.mark.parametrize(("deviation", "smoothing"), [(0.0, 0.0), (0.5, 0.0), (0.3, 0.8), (0.2, 1.2)])
def test_gain_blur_and_noise_raise_no_alarm(deviation: float, smoothing: float) -> None:
    # rejects a displacement that noise adds to, also noise that is correlated as behind a network
    after = [0.4 * gaussian_filter(IMAGES, (0, 1, 1)) + 3.0 + noise(seed, deviation, smoothing) for seed in (1, 2)]
    found = preservation(IMAGES, np.stack(after))
    assert found.columns > 200
    assert found.inverted == 0.0
    assert found.alarms(LIMITS) == []


def test_white_noise_on_one_translation_raises_no_alarm() -> None:
    # rejects squares of displacements to which noise adds
    found = preservation(IMAGES, IMAGES + noise(4, 0.3))
    assert found.displacement_px < 0.1


def test_inverted_contrast_is_caught_also_in_some_images() -> None:
    after = IMAGES + noise(1, 0.2)
    after[:2] = 1.0 - after[:2]
    found = preservation(IMAGES, after)
    assert found.inverted == pytest.approx(2 / 6)
    assert found.alarms(LIMITS) == ["contrast is inverted in 33% of the images (limit 10%)"]


@pytest.mark.parametrize("moved", [(0.5, 0.0), (0.0, -0.5), (2.0, 1.0)])
def test_columns_that_shift_together_are_caught_and_measured(moved: tuple[float, float]) -> None:
    after = np.stack([shift(image, moved, order=3, mode="nearest") for image in IMAGES]) + noise(1, 0.1)
    found = preservation(IMAGES, after)
    assert found.shift_px == pytest.approx(np.hypot(*moved), abs=0.08)
    (said,) = found.alarms(LIMITS)
    assert "together" in said


def test_columns_that_move_each_their_own_way_are_caught() -> None:
    # rejects the mean displacement alone, which is zero here
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:64, :64]
    after = []
    for image in IMAGES:
        fields = [gaussian_filter(rng.standard_normal((64, 64)), 8.0) for _ in range(2)]
        dy, dx = (0.5 * field / field.std() for field in fields)
        after.append(map_coordinates(image, (y + dy, x + dx), order=3, mode="nearest"))
    found = preservation(IMAGES, np.stack(after) + noise(1, 0.1))
    assert found.shift_px < 0.2
    assert found.displacement_px == pytest.approx(np.sqrt(0.5), abs=0.12)
    (said,) = found.alarms(LIMITS)
    assert "each" in said


def test_a_shift_below_the_limit_is_left_alone() -> None:
    after = np.stack([shift(image, (0.15, 0.0), order=3, mode="nearest") for image in IMAGES])
    assert preservation(IMAGES, after).alarms(LIMITS) == []


def test_given_positions_take_the_place_of_maxima() -> None:
    # columns that are dark in the pristine image are no maxima of it
    dark = 1.0 - IMAGES
    places = [bright_columns(image) for image in IMAGES]
    after = np.stack([shift(image, (0.6, 0.0), order=3, mode="nearest") for image in dark])
    found = preservation(dark, after, places)
    assert found.columns == sum(map(len, places))
    assert found.shift_px == pytest.approx(0.6, abs=0.1)
    assert found.inverted == 0.0


def test_images_without_columns_say_nothing() -> None:
    found = preservation(np.ones((2, 32, 32)), np.ones((2, 32, 32)))
    assert found.columns == 0
    assert np.isnan(found.inverted)
    assert found.alarms(LIMITS) == []


def test_other_shapes_are_refused() -> None:
    with pytest.raises(PassbandError, match="of these sides"):
        preservation(np.ones((2, 32, 32)), np.ones((2, 32, 31)))
