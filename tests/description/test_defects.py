"""Point defects in maps and in label images: places, kinds, order, and what is refused."""

import numpy as np
import pytest

from passband.dataset.scan_masks import disc_mask
from passband.description.defects import Defects, defects_of_mask, find_defects
from passband.recipe import PassbandError

CLASSES = ("background", "vacancy", "substitution")


def maps(mask):
    """Maps (3, y, x) of a label image: 0 and 1."""
    return np.stack([(mask == number).astype(float) for number in range(3)])


def test_of_a_label_image_they_are_its_discs() -> None:
    # rejects x for y, one pixel too far, kinds that count the background, and neighbours that become one
    places = np.array([[8.0, 30.0], [30.2, 9.6], [30.2, 18.2]])
    mask = disc_mask(places, np.array([2, 1, 2]), (40, 44), radius=4.0)
    found = find_defects(maps(mask), CLASSES, (0.2, 0.3))
    assert found.names == ["substitution", "vacancy", "substitution"]
    np.testing.assert_allclose(np.stack([found.y, found.x], 1), places, atol=0.35)
    np.testing.assert_allclose(found.positions, np.stack([found.x * 0.3, found.y * 0.2], 1))
    assert found.confidence.tolist() == [1.0, 1.0, 1.0]
    assert found.counts() == {"vacancy": 1, "substitution": 2}


def test_confidence_is_the_probability_of_the_kind_and_the_threshold_of_any() -> None:
    mask = disc_mask(np.array([[20.0, 20.0]]), np.array([1]), (40, 40), radius=4.0)
    there = mask > 0
    seen = np.stack([np.where(there, 0.3, 1.0), np.where(there, 0.2, 0.0), np.where(there, 0.5, 0.0)])
    found = find_defects(seen, CLASSES, 0.2, threshold=0.6)
    assert (found.names, found.confidence.tolist()) == (["substitution"], [0.5])
    assert len(find_defects(seen, CLASSES, 0.2, threshold=0.8)) == len(find_defects(seen, CLASSES, 0.2)) == 0


def test_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PassbandError, match=r"threshold=0 is outside 0 to 1"):
        find_defects(np.zeros((3, 8, 8)), CLASSES, 0.2, threshold=0.0)
    with pytest.raises(PassbandError, match=r"must be \(classes, y, x\)"):
        find_defects(np.zeros((8, 8)), CLASSES, 0.2)
    with pytest.raises(PassbandError, match="with a name for each"):
        find_defects(np.zeros((2, 8, 8)), CLASSES, 0.2)


def test_defects_near_the_border_are_left_out_by_their_distance_in_angstrom() -> None:
    # rejects x and y exchanged, distances in pixels, and a border at the centre of the first pixel
    y, x = np.array([20.0, 5.4, 5.6, 20.0, 20.0, 20.0]), np.array([20.0, 20.0, 20.0, 2.4, 2.6, 36.6])
    about = {"classes": tuple("abcdef"), "pixel_size": (0.25, 0.5), "shape": (60, 40)}
    some = Defects(y=y, x=x, label=np.arange(6), confidence=np.ones(6), **about)
    assert some.clear_of_border(1.5).names == ["a", "c", "e"]
    assert len(some.clear_of_border(1.4)) == 6


def test_a_mask_says_where_its_defects_are() -> None:
    # rejects the number of a class taken for that of a kind, and one without a name taken for background
    mask = disc_mask(np.array([[8.0, 30.0], [30.2, 9.6]]), np.array([2, 1]), (40, 44), radius=4.0)
    found = defects_of_mask(mask, CLASSES, 0.2)
    assert (found.names, found.confidence.tolist()) == (["substitution", "vacancy"], [1.0, 1.0])
    np.testing.assert_allclose(np.stack([found.y, found.x], 1), [[8.0, 30.0], [30.2, 9.6]], atol=0.35)
    with pytest.raises(PassbandError, match="classes 0 to 2, and 2 have names"):
        defects_of_mask(mask, CLASSES[:2], 0.2)
