import numpy as np
import pytest

from passband.files.micrograph import Micrograph
from passband.recipe import PassbandError


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 4)])
def test_a_micrograph_is_y_x(shape: tuple[int, ...]) -> None:
    with pytest.raises(PassbandError, match=r"must be \(y, x\)"):
        Micrograph(np.zeros(shape))


@pytest.mark.parametrize("pixel_size", [(0.0, 1.0), (-1.0, 1.0), (1.0, float("nan")), (1.0, float("inf"))])
def test_a_pixel_has_a_size(pixel_size: tuple[float, float]) -> None:
    with pytest.raises(PassbandError, match="finite and above 0"):
        Micrograph(np.zeros((2, 2)), pixel_size=pixel_size)


def test_a_pixel_size_that_is_needed_and_not_known_says_what_to_do() -> None:
    """Rejects a bare TypeError further on, where a PNG that says no pixel size is resampled."""
    picture = Micrograph(np.zeros((2, 2)), provenance={"path": "x.png"})
    with pytest.raises(PassbandError, match=r"^x\.png does not say its pixel size; give it in Å, .*pixel_size=0\.5"):
        _ = picture.known_pixel_size
    assert Micrograph(np.zeros((2, 2)), pixel_size=(1.0, 2.0)).known_pixel_size == (1.0, 2.0)


def test_one_number_is_the_side_of_square_pixels() -> None:
    micrograph = Micrograph([[1, 2], [3, 4]], 0.5)  # type: ignore[arg-type]
    assert (micrograph.known_pixel_size, micrograph.array.shape) == ((0.5, 0.5), (2, 2))
    with pytest.raises(PassbandError, match="must be finite and above 0"):
        Micrograph([[1, 2], [3, 4]], -0.5)  # type: ignore[arg-type]
