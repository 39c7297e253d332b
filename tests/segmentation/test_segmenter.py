"""The one result of every segmenter: what fits together, and what does not."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.segmentation.segmenter import Segmentation, most_probable

LABELS = np.array([[0, 1], [2, 0]], np.uint8)
CLASSES = ("background", "film", "particle")


def test_foreground_is_all_that_is_not_background() -> None:
    """Rejects the probability of class 1 alone."""
    chances = np.zeros((3, 2, 2), np.float32)
    chances[:, 0, 0] = 0.5, 0.25, 0.25
    foreground = Segmentation(LABELS, CLASSES, (1.0, 1.0), chances).foreground
    assert foreground is not None
    assert (foreground[0, 0], foreground.dtype) == (0.5, np.float32)
    assert Segmentation(LABELS, CLASSES, (1.0, 1.0)).foreground is None


@pytest.mark.parametrize("classes", [2, 3, 256])
def test_most_probable_class_is_that_of_argmax_ties_included(classes) -> None:
    """Rejects the last of equal ones, a comparison with the class before alone, and numbers that overflow a byte."""
    chances = np.random.default_rng(0).integers(0, 6, (classes, 30, 40)).astype(np.float32)
    found = most_probable(chances)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, chances.argmax(axis=0))


@pytest.mark.parametrize(
    ("labels", "classes", "probabilities", "words"),
    [
        (LABELS.astype(int), CLASSES, None, r"type int64 must be \(y, x\) of uint8"),
        (LABELS[0], CLASSES, None, r"labels of shape \(2,\)"),
        (LABELS, CLASSES[:2], None, "label 2 has no name"),
        (LABELS, CLASSES[:1], None, "1 classes are not 2 to 256"),
        (LABELS, ("a",) * 257, None, "257 classes are not 2 to 256"),
        (
            LABELS,
            CLASSES,
            np.zeros((2, 2, 2)),
            r"probabilities \(2, 2, 2\) must be \(classes, y, x\), here \(3, 2, 2\)",
        ),
    ],
)
def test_results_that_do_not_fit_together(labels, classes, probabilities, words) -> None:
    with pytest.raises(PassbandError, match=words):
        Segmentation(labels, classes, (1.0, 1.0), probabilities)
