"""Tests of films and precipitates that are smaller than the crops in which textures are compared."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.zero_shot.scenes import Drawn, bands, draw

from passband.zero_shot.booster import Boosted, Booster, boost
from passband.zero_shot.grouping import Merging
from passband.zero_shot.proposals import Proposals

MATRIX = Drawn((12.0, 12.0))
BRIGHT = Drawn((12.0, 12.0), height=2.2, base=0.4)
WINDOW = 60  # five periods


def _boosted(labels: NDArray[np.int64], drawn: list[Drawn], materials: int | None = None) -> Boosted:
    masks = np.stack([labels == number for number in range(int(labels.max()) + 1)])
    image = draw(np.minimum(labels, len(drawn) - 1), drawn, noise=0.25)
    rules = Booster(merging=Merging(materials=materials))
    return boost(image, Proposals.of_masks(masks), window=WINDOW, rules=rules)


@pytest.mark.parametrize("materials", [None, 2])
def test_a_film_thinner_than_a_crop_is_a_material(materials: int | None) -> None:
    """Rejects what compares whole crops alone: this film of three periods would be part of what lies above it."""
    labels = bands((300, 360), [130, 166])
    found = _boosted(np.where(labels == 2, 0, labels), [MATRIX, BRIGHT], materials)
    shown = found.partition.labels
    assert found.partition.materials == 2
    assert np.mean(shown[134:162] == 2) > 0.95
    assert np.mean(shown[:126] == 1) > 0.95
    assert np.mean(shown[170:] == 1) > 0.95


def test_an_interface_that_is_a_mixture_of_both_sides_is_none() -> None:
    labels = bands((300, 360), [130, 166])
    half = Drawn((12.0, 12.0), height=1.6, base=0.2)
    assert _boosted(labels, [MATRIX, half, BRIGHT]).partition.materials == 2


def test_a_strip_of_what_is_above_it_is_none() -> None:
    """Rejects that a mask becomes a material for being narrow."""
    labels = bands((300, 360), [130, 166])
    assert _boosted(labels, [MATRIX, MATRIX, MATRIX]).partition.materials == 1


def test_small_precipitates_are_a_material_together() -> None:
    """Each is smaller than a crop, and none alone has crops enough."""
    y, x = np.mgrid[:300, :360]
    labels = np.zeros((300, 360), np.int64)
    for number, (row, column) in enumerate([(60, 60), (60, 180), (60, 300), (220, 90), (220, 230)], 1):
        labels[np.hypot(y - row, x - column) < 24] = number
    found = _boosted(labels, [MATRIX, BRIGHT])
    assert found.partition.materials == 2
    assert np.mean(found.partition.labels[labels > 0] == 2) > 0.9


def test_one_narrow_mask_of_noise_is_no_material() -> None:
    """A proposer's speck of less than a fiftieth of the image stays with what is around it, however unlike."""
    labels = np.zeros((300, 360), np.int64)
    labels[100:132, 100:132] = 1
    assert _boosted(labels, [MATRIX, BRIGHT]).partition.materials == 1
