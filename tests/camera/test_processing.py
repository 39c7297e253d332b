"""What people do to recorded images: each step does what it says, on its values alone, the same every time."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from scipy import stats

from passband.camera.filters import gaussian_filtered, locally_normalised, median_filtered, sharpened
from passband.camera.processing import BOUNDS, Processing, ProcessingDistribution, processed
from passband.camera.scale_bar import ScaleBar
from passband.distribution import limits
from passband.recipe import PassbandError

SHARES = [name for name in ProcessingDistribution.model_fields if name.endswith("_share")]
EVERYTHING = Processing(
    median=True,
    gaussian=0.7,
    sharpening=0.5,
    local_contrast=0.3,
    clipped_dark=0.01,
    clipped_bright=0.02,
    gamma=1.2,
    eight_bit=True,
    scale_bar=ScaleBar(label="5 nm", boxed=True),
    jpeg_quality=80,
    jpeg_grid=(3, 5),
)


def micrograph(side: int = 96, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    noise = torch.randn((side, side), generator=torch.Generator().manual_seed(0), dtype=dtype)
    return 5.0 + noise + torch.linspace(0.0, 2.0, side, dtype=dtype)


def test_nothing_is_done_by_default() -> None:
    image = micrograph()
    assert torch.equal(processed(image, Processing()), image)
    assert ProcessingDistribution().sample(np.random.default_rng(0)) == Processing()


def test_clipping_makes_that_fraction_of_the_pixels_black_and_white() -> None:
    image = micrograph(100)
    result = processed(image, Processing(clipped_dark=0.05, clipped_bright=0.02))
    # the pixel that sets each end has it too
    assert int((result == result.min()).sum()) == 501
    assert int((result == result.max()).sum()) == 201
    inside = (result > result.min()) & (result < result.max())
    torch.testing.assert_close(result[inside], image[inside])


def test_gamma_acts_between_black_and_white() -> None:
    image = micrograph()
    low, high = image.min(), image.max()
    expected = low + (high - low) * ((image - low) / (high - low)) ** 0.7
    torch.testing.assert_close(processed(image, Processing(gamma=0.7)), expected)


def test_gamma_follows_the_clipping() -> None:
    image = micrograph()
    clipped = processed(image, Processing(clipped_dark=0.1, clipped_bright=0.1))
    both = processed(image, Processing(clipped_dark=0.1, clipped_bright=0.1, gamma=1.4))
    torch.testing.assert_close(both, processed(clipped, Processing(gamma=1.4)), rtol=1e-4, atol=1e-4)


def test_eight_bits_are_256_levels_from_black_to_white() -> None:
    image = micrograph(256)
    result = processed(image, Processing(eight_bit=True))
    levels = np.unique(result.numpy())
    assert 200 < len(levels) <= 256
    step = float(image.max() - image.min()) / 255
    assert float((result - image).abs().max()) <= 0.5001 * step
    assert float((result - image).abs().max()) > 0.4 * step


def test_jpeg_is_that_of_the_codec() -> None:
    image = (micrograph(64) * 20.0).round().clamp(0, 255)
    image[0, 0], image[0, 1] = 0.0, 255.0  # so that grey levels are values
    file = io.BytesIO()
    Image.fromarray(image.numpy().astype(np.uint8)).save(file, "JPEG", quality=50)
    expected = np.asarray(Image.open(file), dtype=np.float32)
    np.testing.assert_allclose(processed(image, Processing(jpeg_quality=50)), expected, atol=1e-3)
    assert float(np.abs(expected - image.numpy()).mean()) > 2.0


def test_the_blocks_of_a_jpeg_begin_before_the_image() -> None:
    """At quality 1 the means of blocks are left of a slope: steps lie where the grid says, on each axis its own."""
    image = torch.linspace(0.0, 255.0, 64)[:, None] + torch.linspace(0.0, 255.0, 64)[None, :]
    result = processed(image, Processing(jpeg_quality=1, jpeg_grid=(3, 6)))
    for axis, offset in ((0, 3), (1, 6)):
        steps = result.diff(dim=axis).abs().sum(dim=1 - axis)
        assert {(int(place) + 1 + offset) % 8 for place in steps.topk(6).indices} == {0}


def test_filters_are_applied_in_the_order_of_the_docstring() -> None:
    image = micrograph()
    expected = locally_normalised(sharpened(gaussian_filtered(median_filtered(image), 0.7), 0.5), 0.3)
    filters = Processing(median=True, gaussian=0.7, sharpening=0.5, local_contrast=0.3)
    assert torch.equal(processed(image, filters), expected)


def test_a_scale_bar_has_the_extremes_of_the_clipped_image_and_goes_through_the_jpeg() -> None:
    image = micrograph(128)
    bar = ScaleBar(corner="top left", length=0.3, thickness=0.05)
    clipped = processed(image, Processing(clipped_bright=0.02))
    burned = processed(image, Processing(clipped_bright=0.02, scale_bar=bar))
    assert bool((burned[4:10, 4:42] == clipped.max()).all())
    assert torch.equal(burned[20:], clipped[20:])
    saved = processed(image, Processing(clipped_bright=0.02, scale_bar=bar, jpeg_quality=40))
    assert float((saved[4:10, 4:42] - clipped.max()).abs().max()) > 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_input_stays_and_equal_arguments_give_equal_values(dtype: torch.dtype) -> None:
    image = micrograph(dtype=dtype)
    before = image.clone()
    first = processed(image, EVERYTHING)
    assert torch.equal(image, before)
    assert first.dtype == torch.float32
    assert first.shape == image.shape
    assert torch.equal(first, processed(image, EVERYTHING))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5)])
def test_tiny_images_are_processed(shape: tuple[int, int]) -> None:
    image = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    result = processed(image, EVERYTHING)
    assert result.shape == shape
    assert bool(torch.isfinite(result).all())


def test_an_even_image_stays_even() -> None:
    even = torch.full((32, 32), 2.0)
    torch.testing.assert_close(processed(even, EVERYTHING), even)


def test_a_stack_is_refused() -> None:
    with pytest.raises(PassbandError, match=r"shape \(2, 8, 8\) is not \(y, x\); process one image at a time"):
        processed(torch.zeros(2, 8, 8), Processing())


@pytest.mark.parametrize(
    ("recipe", "values", "message"),
    [
        (Processing, {"gamma": 0.0}, "gamma=0 is outside 0.1 to 10; choose a value in this range"),
        (Processing, {"clipped_dark": 2.0}, "clipped_dark=2 is outside 0 to 0.4"),
        (Processing, {"jpeg_quality": 101}, "jpeg_quality=101 is outside 1 to 100"),
        (Processing, {"jpeg_grid": (0, 8)}, "jpeg_grid"),
        (ProcessingDistribution, {"gaussian": {"uniform": [0.0, 30.0]}}, "gaussian=30 is outside 0 to 20"),
        (ProcessingDistribution, {"scale_bar_length": 1.5}, "scale_bar_length=1.5 is outside 0.01 to 0.9"),
        (ProcessingDistribution, {"jpeg_share": 20.0}, "jpeg_share"),
    ],
)
def test_impossible_values_are_refused(recipe: type, values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(**values)


def test_shares_are_the_fractions_of_the_images() -> None:
    shares = dict(zip(SHARES, np.linspace(0.1, 0.9, len(SHARES)), strict=True))
    distribution = ProcessingDistribution(**shares)
    rng = np.random.default_rng(0)
    neutral = Processing()
    happened = dict.fromkeys(SHARES, 0)
    for _ in range(2000):
        one = distribution.sample(rng)
        for name in SHARES:
            field = {"jpeg": "jpeg_quality", "clipping": "clipped_dark"}.get(step := name.removesuffix("_share"), step)
            happened[name] += getattr(one, field) != getattr(neutral, field)
    for name, share in shares.items():  # 1 in 10,000 for each of them, if the shares are right
        assert stats.binomtest(happened[name], 2000, share).pvalue > 1e-4, name


def test_strengths_are_drawn_from_their_distributions() -> None:
    distribution = ProcessingDistribution(**dict.fromkeys(SHARES, 1.0))
    rng = np.random.default_rng(1)
    drawn = [distribution.sample(rng) for _ in range(500)]
    for name in ("gaussian", "sharpening", "local_contrast", "clipped_dark", "clipped_bright", "gamma", "jpeg_quality"):
        low, high = limits(getattr(distribution, name))
        values = np.array([getattr(one, name) for one in drawn])
        assert low - 0.5 * (name == "jpeg_quality") <= values.min() < low + 0.1 * (high - low), name
        assert high - 0.1 * (high - low) < values.max() <= high + 0.5 * (name == "jpeg_quality"), name
    bars = [one.scale_bar for one in drawn if one.scale_bar]
    assert len({(bar.corner, bar.bright, bar.boxed, bar.label) for bar in bars}) == 4 * 2 * 2 * 5
    assert {one.jpeg_grid for one in drawn} == {(y, x) for y in range(8) for x in range(8)}


def test_the_tails_of_a_normal_distribution_stay_possible() -> None:
    """Limits look at ± 3 standard deviations; one draw in 370 lies beyond."""
    distribution = ProcessingDistribution(gaussian_share=1.0, gaussian={"normal": [3.0, 1.0]})
    rng = np.random.default_rng(2)
    values = np.array([distribution.sample(rng).gaussian for _ in range(3000)])
    assert values.min() == BOUNDS["gaussian"][0]


def test_the_share_of_one_step_moves_no_other() -> None:
    every = ProcessingDistribution(**dict.fromkeys(SHARES, 0.5))
    for name in SHARES:
        field = {"jpeg": "jpeg_quality"}.get(step := name.removesuffix("_share"), step)
        left_out = {field, "jpeg_grid"} if step == "jpeg" else {field}
        if step == "clipping":
            left_out = {"clipped_dark", "clipped_bright"}
        other = every.model_copy(update={name: 1.0})
        for seed in range(20):
            one, two = (each.sample(np.random.default_rng(seed)) for each in (every, other))
            assert one.model_dump(exclude=left_out) == two.model_dump(exclude=left_out), name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_does_the_same() -> None:
    image = micrograph()
    result = processed(image.cuda(), EVERYTHING)
    assert result.device.type == "cuda"
    # a grey value between two levels may be rounded the other way, and the JPEG spreads it over its block
    difference = (result.cpu() - processed(image, EVERYTHING)).abs()
    assert float(difference.mean()) < 0.02 * float(image.std())
