"""Positions of drawn columns against their truth and against the Cramér–Rao bound."""

import numpy as np
import pytest
from tests.description.column_scenes import cramer_rao, draw, square

from passband.description.background import make_background
from passband.description.noise_of_fit import estimate_variance
from passband.description.refinement import ColumnFit, Refinement, refine

SIGMA = 2.0


def started(places, rng, *, off=0.5, sigma=1.7):
    return np.column_stack([places + rng.normal(0.0, off, places.shape), np.full(len(places), sigma)])


def jittered(count, spacing, rng):
    return square(count, spacing) + rng.normal(0.0, 0.6, (count * count, 2))


def test_columns_without_noise_come_out_exactly():
    rng = np.random.default_rng(0)
    places, heights = jittered(5, 10.0, rng), rng.uniform(50.0, 400.0, 25)
    image = draw((54, 54), places, heights, SIGMA, background=30.0, gradient=(0.5, -0.3))
    fit = refine(image, started(places, rng), refinement=Refinement(steps=30))
    assert np.abs(fit.parameters[:, :2] - places).max() < 2e-3  # windows end at 3.6 σ, where 0.15 % is cut off
    assert fit.parameters[:, 2] == pytest.approx(heights, rel=0.01)
    assert np.exp(fit.parameters[:, 3]) == pytest.approx(SIGMA, rel=0.01)


@pytest.mark.parametrize(
    ("height", "background", "noise"), [(400, 20, "estimated"), (400, 20, "poisson"), (60, 300, "estimated")]
)
def test_errors_are_those_of_the_bound_and_of_the_estimate(height, background, noise):
    """Rejects fits that weigh all pixels alike at low background, take flanks for their own, or misjudge errors."""
    rng = np.random.default_rng(1)
    ratios, pulls = [], []
    for _ in range(4):
        places = jittered(8, 9.0, rng)
        image = draw((74, 74), places, height, SIGMA, background=background)
        fit = refine(rng.poisson(image).astype(float), started(places, rng), refinement=Refinement(noise=noise))
        inside = ((places > 6) & (places < 67)).all(axis=1)
        error = (fit.parameters[:, :2] - places)[inside]
        ratios.append(error / cramer_rao((74, 74), places, height, SIGMA, image)[inside])
        pulls.append(error / fit.errors[inside, :2])
    # 4 × about 40 columns × 2: the spread itself is known to 4 %, so that 1.15 is four of these away from 1
    assert 0.88 < np.std(np.concatenate(ratios)) < 1.15
    assert 0.85 < np.std(np.concatenate(pulls)) < 1.15


def test_uniform_weights_are_worse_where_noise_is_that_of_electrons():
    rng = np.random.default_rng(2)
    places = jittered(12, 9.0, rng)
    image = draw((110, 110), places, 400.0, SIGMA, background=5.0)
    counted, start = rng.poisson(image).astype(float), started(places, rng)
    spread = {
        noise: float(np.std(refine(counted, start, refinement=Refinement(noise=noise)).parameters[:, :2] - places))
        for noise in ("gaussian", "poisson", "estimated")
    }
    assert spread["gaussian"] > 1.08 * spread["poisson"]
    assert spread["estimated"] == pytest.approx(spread["poisson"], rel=0.05)


def test_pairs_that_overlap_are_not_drawn_together():
    """A fit of each column alone pulls two that are 2 σ apart together by 0.3 pixels and more."""
    rng = np.random.default_rng(3)
    middle = square(6, 22.0)
    turn = rng.uniform(0.0, np.pi, len(middle))
    half = SIGMA * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places = np.concatenate([middle + half, middle - half])
    image = draw((134, 134), places, 800.0, SIGMA, background=20.0)
    fit = refine(rng.poisson(image).astype(float), started(places, rng, off=0.2))
    found = fit.parameters[:, :2]
    apart = np.hypot(*(found[:36] - found[36:]).T)
    assert abs(float(np.mean(apart)) - 2.0 * SIGMA) < 0.02
    ratio = (found - places) / cramer_rao((134, 134), places, 800.0, SIGMA, image)
    assert np.std(ratio) < 1.2


def test_a_slope_moves_no_column():
    """Rejects a constant background: 8 a pixel under a height of 100 would move σ = 2 by more than 0.05 pixels."""
    places = square(5, 10.0)
    image = draw((54, 54), places, 100.0, SIGMA, background=200.0, gradient=(0.0, 8.0))
    fit = refine(image, started(places, np.random.default_rng(4)), refinement=Refinement(steps=30))
    assert np.abs(fit.parameters[:, :2] - places).max() < 0.01


def test_pixels_that_are_no_numbers_count_for_nothing():
    places = square(5, 10.0)
    image = draw((54, 54), places, 100.0, SIGMA, background=20.0)
    image[20:23, 10:30] = np.nan
    fit = refine(image, started(places, np.random.default_rng(5)), refinement=Refinement(steps=30))
    assert np.abs(fit.parameters[:, :2] - places).max() < 5e-3
    assert np.isfinite(fit.errors).all()


def test_oblong_pixels_give_the_same_place_and_width():
    places = np.array([[12.3, 6.1], [30.2, 6.4], [21.0, 15.2]])  # y in pixels twice as high
    image = draw((24, 44), places, 100.0, SIGMA, background=5.0, aspect=2.0)
    fit = refine(image, started(places, np.random.default_rng(6), off=0.2), aspect=2.0, refinement=Refinement(steps=30))
    assert np.abs(fit.parameters[:, :2] - places).max() < 5e-3
    assert np.exp(fit.parameters[:, 3]) == pytest.approx(SIGMA, rel=0.01)


@pytest.mark.parametrize("electrons", [0.2, 1.0, 40.0])
def test_variance_is_that_of_electrons_however_few(electrons):
    """Rejects the median of squares of pixels, a fifth of it at 0.2 electrons; and a mean that one blob moves."""
    model = np.full((120, 120), electrons) * np.linspace(0.5, 1.5, 120)
    residual = np.random.default_rng(8).poisson(model) - model
    residual[:12, :12] += 100.0
    variance = estimate_variance(model, residual, np.ones(model.shape, dtype=bool), ("estimated", 3), 1e-12)
    assert variance == pytest.approx(model, rel=0.25)


def test_a_scale_of_the_image_scales_heights_alone():
    rng = np.random.default_rng(7)
    places = square(5, 10.0)
    image = rng.poisson(draw((54, 54), places, 200.0, SIGMA, background=20.0)).astype(float)
    start = started(places, rng)
    one, other = refine(image, start), refine(1e-6 * image - 3.0, start)
    assert other.parameters[:, :2] == pytest.approx(one.parameters[:, :2], abs=1e-4)
    assert 1e6 * other.parameters[:, 2] == pytest.approx(one.parameters[:, 2], rel=1e-3)


def test_correlated_noise_makes_larger_errors():
    """White's estimate alone makes them 2.9 times too small. What the fit takes up is not in the residual."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(8)
    places = jittered(12, 10.0, rng)
    noise = gaussian_filter(rng.normal(size=(130, 130)), 1.0, mode="wrap")
    image = draw((130, 130), places, 100.0, SIGMA) + 5.0 * noise / noise.std()
    fit = refine(image, started(places, rng, off=0.2))
    assert 0.7 < np.std((fit.parameters[:, :2] - places) / fit.errors[:, :2]) < 2.1


def test_a_fit_goes_on_without_some_of_its_columns_to_where_a_new_one_comes():
    """Rejects neighbours that stay where a column that is gone had pushed them, and pixels that still count as its."""
    places = square(5, 9.0)
    rng = np.random.default_rng(0)
    image = rng.poisson(draw((50, 50), places, 200.0, SIGMA, background=20.0)).astype(float)
    beside = np.concatenate([places, [[14.0, 8.5]]])  # between two columns, where there is none
    fit = ColumnFit(image, started(beside, rng, off=0.1), 1.0, Refinement())
    crowded = fit.run(100)
    assert not fit.active.any()
    kept = np.arange(len(beside)) < len(places)
    fit.keep(kept)
    found, fresh = fit.run(), refine(image, started(places, rng), steps=40)
    apart = np.abs(found.parameters - fresh.parameters) / fresh.errors
    assert apart.max() < 0.1
    assert (np.abs(crowded.parameters[kept] - fresh.parameters) / fresh.errors).max() > 1.0
    assert len(found.score) == len(places)


def test_stiffness_is_the_gradient_of_the_squared_steps_between_nodes():
    background = make_background((30, 40), (10.0, 10.0))
    values = np.random.default_rng(0).normal(size=background.nodes)

    def cost(at):
        return 0.5 * sum((np.diff(at, axis=axis) ** 2).sum() for axis in (0, 1))

    gradient = np.empty_like(values)
    for place in np.ndindex(values.shape):
        step = np.zeros_like(values)
        step[place] = 0.5
        gradient[place] = cost(values + step) - cost(values - step)  # exact, for it is quadratic
    ratio = background.stiffness(values, 2.0) / gradient
    assert ratio == pytest.approx(np.full(values.shape, ratio[0, 0]))
    assert ratio[0, 0] > 0.0


@pytest.mark.parametrize("level", [0.0, 0.18, 255.0])
@pytest.mark.filterwarnings("error")
def test_where_all_pixels_are_the_same_there_is_no_column(level):
    """Rejects a variance whose square is 0, by which weights overflow: clipped images have such places."""
    fit = refine(np.full((40, 40), level), np.array([[20.0, 20.0, 1.5]]))
    assert fit.parameters[0, 2] == 0.0
    assert np.isfinite(fit.errors).all()
    assert fit.score[0] == 0.0
