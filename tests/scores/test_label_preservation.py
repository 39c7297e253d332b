"""Label preservation: planted inversions and moved columns are caught, noise is not taken for either."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.scores.label_preservation import label_preservation

Array = NDArray[np.float64]


def columns(shift: tuple[float, float] = (0.0, 0.0), *, moved: int = 10_000, count: int = 2) -> Array:
    """Images (count, 64, 64) of 36 columns; those from number `moved` on stay where they are."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:64, :64]
    images = np.zeros((count, 64, 64))
    for image in images:
        for number, (i, j) in enumerate(np.argwhere(np.ones((6, 6)))):
            place = np.array([7.0, 7.0]) + 10.0 * np.array([i, j]) + rng.normal(0.0, 0.3, size=2)
            place += np.array(shift) * (number < moved)
            image += rng.uniform(0.8, 1.2) * np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / 8.0)
    return images


def noisy(images: Array, level: float = 0.15) -> Array:
    return images + np.random.default_rng(1).normal(0.0, level, size=images.shape)


def test_noise_and_other_grey_levels_keep_labels() -> None:
    found = label_preservation(columns(), noisy(300.0 * columns() + 40.0, 20.0))
    assert found.columns == 72
    assert (found.inverted, found.unrelated, found.lost) == (0.0, 0.0, 0.0)
    assert found.displaced_beyond_noise == 0.0
    assert found.displacement_px is not None
    assert found.displacement_px < 0.15
    deviation = np.abs(found.displacement) / found.error[:, None]
    assert 0.6 < np.sqrt(np.square(deviation).mean()) < 1.5  # errors are those of the displacements


def test_an_inverted_contrast_is_caught_whatever_the_offset() -> None:
    images = noisy(5.0 - columns())
    images[1] = noisy(columns())[1]
    found = label_preservation(columns(), images)
    assert found.inverted == 0.5
    assert found.unrelated == 0.0
    assert found.lost == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("shift", [(0.0, 0.6), (-0.6, 0.0)])
def test_moved_columns_are_caught_with_their_direction(shift: tuple[float, float]) -> None:
    found = label_preservation(columns(), noisy(columns(shift, moved=18), 0.05))
    assert found.displaced == pytest.approx(0.5, abs=0.03)
    assert found.displaced_beyond_noise == pytest.approx(0.5, abs=0.03)
    away = found.displacement[np.hypot(*found.displacement.T) > 0.3]
    np.testing.assert_allclose(away.mean(0), shift, atol=0.05)


def test_much_noise_displaces_and_is_told_from_what_exceeds_it() -> None:
    found = label_preservation(columns(count=4), noisy(columns(count=4), 0.5))
    assert found.displaced is not None
    assert found.displaced_beyond_noise is not None
    assert found.displaced > 0.4
    assert found.displaced_beyond_noise < 0.12


def test_an_image_of_something_else_is_unrelated_and_an_empty_one_has_no_columns() -> None:
    other = np.random.default_rng(3).normal(size=(2, 64, 64))
    assert label_preservation(columns(), other).unrelated == 1.0
    empty = label_preservation(np.zeros((1, 64, 64)), other[:1])
    assert (empty.columns, empty.displaced, empty.lost, empty.unrelated) == (0, None, None, 1.0)


def test_tensors_arrays_and_lists_are_alike() -> None:
    one, other = columns(), noisy(columns())
    arrays = label_preservation(one, other)
    tensors = label_preservation(torch.from_numpy(one)[:, None], torch.from_numpy(other)[:, None])
    lists = label_preservation(list(one), list(other))
    np.testing.assert_array_equal(arrays.displacement, tensors.displacement)
    np.testing.assert_array_equal(arrays.displacement, lists.displacement)


@pytest.mark.parametrize(
    ("one", "other"),
    [(np.zeros((2, 8, 8)), np.zeros((3, 8, 8))), ([np.zeros((8, 8))], [np.zeros((8, 9))]), ([], [])],
    ids=["count", "shape", "none"],
)
def test_what_is_no_pair_is_refused(one: object, other: object) -> None:
    with pytest.raises(PassbandError, match="one to one"):
        label_preservation(one, other)  # type: ignore[arg-type]
