"""Phases by brightness alone, on drawn images without a lattice."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.zero_shot.brightness import brightness_phases, quiet_brightness, without_shading
from passband.zero_shot.grouping import Merging
from passband.zero_shot.lattice_scale import texture_scale
from passband.zero_shot.microstructure import find_materials

SHAPE = (330, 410)
Image = NDArray[np.float32]


def field(width: float, seed: int = 0) -> NDArray[np.float64]:
    """Gaussian random field of mean 0 and deviation 1."""
    found = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), width, mode="wrap")
    return np.asarray((found - found.mean()) / found.std())


def noise(deviation: float, seed: int = 1) -> NDArray[np.float64]:
    return deviation * np.random.default_rng(seed).standard_normal(SHAPE)


def shading() -> NDArray[np.float64]:
    """Over both phases, from −1.5 to 1.5."""
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    return np.asarray(1.2 * x - 0.8 * y * y + 0.3 * y * x)


def best_iou(found: NDArray[np.integer], truth: NDArray[np.int64]) -> list[float]:
    masks = [found == number for number in range(1, int(found.max()) + 1)]
    of = [truth == number for number in np.unique(truth)]
    return [max(float((mask & true).sum() / (mask | true).sum()) for mask in masks) for true in of]


@pytest.mark.parametrize("materials", [None, 2])
@pytest.mark.parametrize("slope", [0.0, 1.0], ids=["even", "shaded"])
@pytest.mark.parametrize("blur", [1.0, 6.0], ids=["sharp", "blurred"])
def test_two_finely_mixed_phases_in_noise_are_two(materials: int | None, slope: float, blur: float) -> None:
    """Rejects crops, which straddle boundaries; noise that is left in (0.9 of the step); shading that is left in, or
    taken away with the steps; and blurred outlines as a phase of their own."""
    truth = (field(9.0 * np.sqrt(blur)) > 0.4).astype(np.int64)
    image = gaussian_filter(1.0 * truth, blur) + slope * shading() + noise(0.9)
    found = find_materials(image, materials=materials)
    assert found.materials == 2
    assert [name for name, _ in found.stages] == ["brightness"]
    assert min(best_iou(found.labels, truth)) > 0.75
    assert found.confidence.min() >= 0.0
    assert 0.7 < found.mean_confidence <= 1.0


@pytest.mark.parametrize(
    ("varies", "seed"),
    [(0.2, 6), (0.2, 7), (0.2, 4), (0.16, 4), (0.16, 5), (0.16, 9)],
)
def test_two_phases_whose_brightness_varies_by_itself_are_two(varies: float, seed: int) -> None:
    """Rejects a limit of 4.5, as for the few crops of an image: the levels of 0.16 are 4.1 to 4.4 deviations apart, and
    those of 0.2, seed 4, 3.35 until they shift from place to place."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.standard_normal((300, 400)), 12, mode="wrap")
    labels = texture > np.quantile(texture, 0.6)
    image = gaussian_filter(1.0 * labels, 1.0)
    for width in (4, 14):
        varying = gaussian_filter(rng.standard_normal(labels.shape), width, mode="wrap")
        image += varies * varying / varying.std()
    image += 0.2 * rng.standard_normal(labels.shape)
    assert find_materials(image.astype(np.float32)).materials == 2


@pytest.mark.parametrize(
    "materials",
    [pytest.param(None, marks=pytest.mark.xfail(strict=True, reason="its calmest cells are all background")), 2],
)
def test_blurred_particles_before_an_empty_background_are_a_phase(materials: int | None) -> None:
    """Rejects the calmest cells of all: there the background is all they show. Where two are said they are found."""
    y, x = np.mgrid[:200, :200]
    truth = sum(
        (np.hypot(y - row, x - column) < 14).astype(np.int64) for row, column in ((40, 50), (120, 150), (150, 40))
    )
    image = gaussian_filter(20.0 * truth, 3.0) + noise(0.1)[:200, :200] + gaussian_filter(noise(3.0)[:200, :200], 4.0)
    found = find_materials(image, materials=materials)
    assert found.materials == 2
    assert min(best_iou(found.labels, np.asarray(truth))) > 0.75


def test_three_phases_are_three_and_the_first_is_the_largest() -> None:
    truth = np.digitize(field(14.0), [-0.3, 1.0])
    found = find_materials(np.array([0.0, 2.0, 1.0])[truth] + noise(0.3))
    assert found.materials == 3
    assert min(best_iou(found.labels, truth)) > 0.7
    assert (np.diff(np.bincount(found.labels.ravel(), minlength=4)[1:]) < 0).all()


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(noise(1.0), id="noise"),
        pytest.param(3.0 * shading() + noise(1.0), id="shading"),
        pytest.param(field(15.0) + noise(0.5), id="a brightness that varies by itself"),
        pytest.param(field(15.0) + noise(0.02), id="the same with hardly any noise"),
        pytest.param(np.linspace(0, 9, SHAPE[1]) * np.ones(SHAPE) + noise(0.01), id="a slope with hardly any noise"),
        pytest.param(np.zeros(SHAPE), id="nothing"),
    ],
)
def test_what_keeps_to_no_levels_is_one_material(image: NDArray[np.float64]) -> None:
    """Rejects a limit that counts in the deviations of the noise, which are small here: halves of anything pass it."""
    seen = image.astype(np.float32)
    assert brightness_phases(seen, texture_scale(seen), Merging()) is None
    assert brightness_phases(seen, texture_scale(seen), Merging(materials=2)) is None
    assert find_materials(seen).materials <= 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", [48, 64])
def test_a_blot_of_noise_in_a_small_image_is_no_phase(side: int, seed: int) -> None:
    """Rejects levels of any size: of some hundred cells the extremes lie apart by chance."""
    image = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    assert brightness_phases(image, texture_scale(image), Merging()) is None


@pytest.mark.parametrize("materials", [None, 2])
def test_textures_of_one_brightness_are_still_told_apart(materials: int | None) -> None:
    """Rejects brightness as all there is, and brightness beside texture, whose chance makes a third material."""
    truth = np.where(np.arange(SHAPE[0])[:, None] > 150, 1, 0) * np.ones(SHAPE, np.int64)
    for seed in range(3):
        found = find_materials(np.where(truth == 1, 1.4 * field(1.8, seed), noise(1.0, 9 + seed)), materials=materials)
        assert found.materials == 2
        assert min(best_iou(found.labels, truth)) > 0.9


def test_noise_goes_and_steps_stay() -> None:
    truth = (field(25.0) > 0.0).astype(np.int64)
    image = (truth + noise(0.5)).astype(np.float32)
    scale = texture_scale(image)
    quiet = quiet_brightness(image, scale)
    cells = truth[1::2, 1::2][: quiet.shape[0], : quiet.shape[1]]
    inside = [gaussian_filter(1.0 * (cells == number), 3) > 0.99 for number in (0, 1)]
    step = quiet[inside[1]].mean() - quiet[inside[0]].mean()
    assert step == pytest.approx(1.0 / 0.25, rel=0.2)  # in deviations of the mean of 2 × 2 pixels
    assert max(quiet[one].std() for one in inside) < 0.25


def test_shading_goes_where_steps_are_larger_than_it() -> None:
    """Rejects a fit to values, or by plain least squares, which takes part of the steps for shading."""
    y, x = np.mgrid[-1:1:60j, -1:1:70j]
    shade = 0.5 * x - 0.4 * x * y + 0.3 * y**3
    steps = np.where(x + 0.2 * y > 0.3, 3.0, 0.0) + np.where(y > 0.5, 2.0, 0.0)
    left = without_shading(steps + shade) - steps
    assert np.ptp(left) < 0.05 * np.ptp(shade)


def test_brightness_still_counts_where_it_keeps_to_no_levels_but_two_materials_are_said() -> None:
    """Rejects texture alone for them: these phases vary by a third of their step, and have one texture."""
    truth = (field(14.0) > 0.2).astype(np.int64)
    image = gaussian_filter(1.0 * truth, 1.0) + 0.24 * field(4.0, 7) + 0.24 * field(14.0, 8) + noise(0.2)
    seen = image.astype(np.float32)
    assert brightness_phases(seen, texture_scale(seen), Merging(materials=2)) is None
    found = find_materials(seen, materials=2)
    assert found.materials == 2
    assert abs(truth[found.labels == 1].mean() - truth[found.labels == 2].mean()) > 0.3
