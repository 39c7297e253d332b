import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.files.micrograph import Micrograph
from passband.patches.standardising import standardised
from passband.recipe import PassbandError


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e4))
def test_standardising_forgets_gain_and_offset(offset: float, gain: float) -> None:
    image = np.random.default_rng(3).normal(size=(16, 17))
    expected = standardised(image)
    assert expected.dtype == np.float32
    assert abs(expected.mean(dtype=np.float64)) < 1e-6
    assert expected.std(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    # float64 keeps offset / gain · 2⁻⁵² of the values, and the result is rounded to 2⁻²⁴
    np.testing.assert_allclose(standardised(gain * image + offset), expected, atol=2e-6 + 1e-15 * abs(offset) / gain)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float16, np.float64, ">u2"])
def test_standardising_takes_every_type_and_leaves_it_alone(dtype: str) -> None:
    image = np.arange(12).reshape(3, 4).astype(dtype)
    before = image.copy()
    assert standardised(image).std() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("value", [0.0, 0.1, 255.0, 1e30])
def test_a_constant_image_gives_zeros_not_amplified_rounding(value: float) -> None:
    assert not standardised(np.full((7, 9), value)).any()


def test_nan_and_infinity_are_counted() -> None:
    image = np.zeros((4, 5))
    image[0, 0], image[1, 1] = np.nan, np.inf
    with pytest.raises(PassbandError, match=r"2 of 20 pixels are NaN or infinite; replace"):
        standardised(image)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 4)])
def test_a_micrograph_is_y_x(shape: tuple[int, ...]) -> None:
    with pytest.raises(PassbandError, match=r"must be \(y, x\)"):
        Micrograph(np.zeros(shape))


@pytest.mark.parametrize("pixel_size", [(0.0, 1.0), (-1.0, 1.0), (1.0, float("nan")), (1.0, float("inf"))])
def test_a_pixel_has_a_size(pixel_size: tuple[float, float]) -> None:
    with pytest.raises(PassbandError, match="finite and above 0"):
        Micrograph(np.zeros((2, 2)), pixel_size=pixel_size)
