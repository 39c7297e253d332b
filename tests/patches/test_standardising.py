"""Mean 0 and standard deviation 1, whatever the gain and the offset; arrays and tensors alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passband.patches.standardising import standardised, standardised_tensor
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


@pytest.mark.parametrize("shape", [(16, 17), (128, 128)])
def test_a_tensor_is_standardised_as_an_array(shape: tuple[int, int]) -> None:
    """Rejects the sample's standard deviation (n − 1) and sums in single precision: offset 1000, spread 1."""
    image = torch.from_numpy(np.random.default_rng(5).normal(1000.0, 1.0, shape).astype(np.float32))
    found = standardised_tensor(image)
    assert found.dtype == torch.float32
    # both round to float32 at the end: 2⁻²⁴ of values below 8
    np.testing.assert_allclose(found.numpy(), standardised(image.numpy()), rtol=0, atol=8 * 2**-23)


def test_an_even_tensor_becomes_zero() -> None:
    assert not standardised_tensor(torch.full((7, 9), 0.3)).any()
