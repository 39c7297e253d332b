"""Regions too small to be anything leave the mask; the others stay whole."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.specks import without_specks

CLASSES = ("background", "film", "particle")


def test_specks_go_and_particles_stay_whole():
    """Rejects areas that forget one of the two pixel sides, neighbours along edges only, and edited inputs."""
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[5:15, 5:15], mask[20, 20], mask[21, 21], mask[30:34, 30:34] = 1, 2, 2, 2
    given = Segmentation(mask, CLASSES, (5.0, 5.0))
    kept = without_specks(given, minimum_area_nm2=0.51).labels  # 0.25 nm² a pixel: the diagonal pair is 0.5 nm²
    assert np.array_equal(
        kept != 0, (mask != 0) & (np.indices(mask.shape).sum(0) != 40) & (np.indices(mask.shape).sum(0) != 42)
    )
    assert set(np.unique(kept)) == {0, 1, 2}
    assert np.array_equal(without_specks(given, minimum_area_nm2=0.5).labels, mask)
    oblong = Segmentation(mask, CLASSES, (5.0, 10.0))
    assert without_specks(oblong, minimum_area_nm2=0.51).labels[20, 20] == 2  # areas need both pixel sides
    assert mask[20, 20] == 2  # the input is untouched


@pytest.mark.parametrize("area", [-1.0, float("nan")])
def test_a_negative_area_is_refused(area):
    with pytest.raises(PassbandError, match="must be 0 or more"):
        without_specks(Segmentation(np.ones((4, 4), np.uint8), CLASSES, (5.0, 5.0)), minimum_area_nm2=area)
