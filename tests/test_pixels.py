"""One number or two, in Å; what is no pixel size is refused in one line."""

import numpy as np
import pytest
import torch

from passband.pixels import pixel_pair
from passband.recipe import PassbandError

NO_SIZES = [1j, object(), np.array(1j), torch.tensor(-0.5), float, np.ones((2, 2))]
ARRAYS = [np.array(0.5), torch.tensor(0.5), torch.tensor([0.5, 0.5]), (torch.tensor(0.5), np.float64(0.5))]


@pytest.mark.parametrize("size", [0.5, np.float32(0.5), (0.5, 0.5), [0.5, 0.5], np.array([0.5, 0.5]), *ARRAYS])
def test_one_number_is_a_square_pixel(size: object) -> None:
    """Rejects a bare TypeError for a tensor or an array without axes, which cannot be iterated."""
    pair = pixel_pair(size)  # type: ignore[arg-type]
    assert pair == (0.5, 0.5)
    assert all(type(side) is float for side in pair)


def test_the_order_is_y_x() -> None:
    assert pixel_pair((1, 2)) == (1.0, 2.0)


@pytest.mark.parametrize(
    "size",
    [0.0, -1.0, float("nan"), float("inf"), (1.0,), (1.0, 2.0, 3.0), (1.0, 0.0), (1.0, None), "0.5", "ab", *NO_SIZES],
)
def test_what_is_no_size_is_refused_with_its_value(size: object) -> None:
    with pytest.raises(PassbandError, match=r"must be one or two positive lengths in Å, such as 0\.776"):
        pixel_pair(size)  # type: ignore[arg-type]


def test_an_unknown_size_says_what_to_do() -> None:
    """Rejects the bare TypeError of a micrograph whose file does not say its pixel size."""
    with pytest.raises(PassbandError, match=r"^pixel_size=None: the pixel size is not known; give it in Å"):
        pixel_pair(None)
