"""Columns that an image resolves stay where they are; what shares a maximum is one; a shoulder is none."""

import numpy as np
import pytest

from passband.dataset.resolved_columns import resolved_columns

SIDES, SHAPE = (20.0, 26.0), (200, 325)  # pixels of 0.1 Å by 0.08 Å
WIDTH = 0.55  # Å, standard deviation of the image of a column


def image_of(places, heights=None):
    """Gaussians on a periodic field, pixel 0 at the origin."""
    y, x = (np.arange(size) * side / size for size, side in zip(SHAPE, SIDES, strict=True))
    image = np.zeros(SHAPE)
    for (down, across), height in zip(places, np.ones(len(places)) if heights is None else heights, strict=True):
        away = [
            (one - middle + side / 2) % side - side / 2
            for one, middle, side in zip((y, x), (down, across), SIDES, strict=True)
        ]
        image += height * np.exp(-0.5 * (away[0][:, None] ** 2 + away[1][None, :] ** 2) / WIDTH**2)
    return image


def resolved(places, heights=None):
    places = np.asarray(places)
    found = resolved_columns(places, image_of(places, heights), sides=SIDES)
    return found[np.lexsort(found.T[::-1])]


def test_resolved_columns_stay_where_they_are():
    # rejects places of maxima in their stead, and y and x exchanged
    places = np.array([[3.03, 4.0], [3.03, 6.21], [11.0, 20.0], [13.17, 21.0]])
    np.testing.assert_array_equal(resolved(places), places)


@pytest.mark.parametrize("across", [12.0, 0.1])  # in the middle, and over the border
def test_two_that_share_a_maximum_are_one_at_it(across):
    # 0.6 Å apart: each within 0.4 Å of the maximum
    found = resolved([[9.97, across - 0.3], [9.97, across + 0.3]])
    assert found.shape == (1, 2)
    np.testing.assert_allclose(found[0], [9.97, across], atol=0.01)


def test_two_further_apart_that_the_image_does_not_resolve_are_one_at_the_maximum():
    # 1.0 Å apart, neither within 0.4 Å of the maximum between them
    found = resolved([[9.97, 11.5], [9.97, 12.5], [4.0, 4.0]])
    np.testing.assert_allclose(found, [[4.0, 4.0], [9.97, 12.0]], atol=0.01)


def test_a_shoulder_is_not_asked_for_and_its_neighbour_stays():
    bright, weak = [8.0, 8.0], [8.0, 9.0]
    np.testing.assert_array_equal(resolved([bright, weak], [1.0, 0.15]), [bright])
    np.testing.assert_array_equal(resolved([bright, [8.0, 10.5]], [1.0, 0.15]), [bright, [8.0, 10.5]])


def test_the_field_goes_on_across_its_borders():
    # rejects maxima sought without wrapping: rows and columns at the border, and places written beyond it
    places = np.array([[0.02, 13.0], [10.0, 25.98], [19.97, 3.0]])
    np.testing.assert_array_equal(resolved(places), places)
    beyond = places + np.array([[20.0, 0.0], [0.0, -26.0], [-20.0, 26.0]])
    assert len(resolved_columns(beyond, image_of(places), sides=SIDES)) == 3


def test_a_maximum_without_columns_and_columns_without_an_image():
    # an amorphous layer is bright where no column of the lattice is
    lattice = np.array([[5.0, 5.0]])
    np.testing.assert_array_equal(resolved_columns(lattice, image_of([[5.0, 5.0], [15.0, 15.0]]), sides=SIDES), lattice)
    assert resolved_columns(lattice, np.zeros(SHAPE), sides=SIDES).shape == (0, 2)
    assert resolved_columns(np.empty((0, 2)), image_of(lattice), sides=SIDES).shape == (0, 2)
