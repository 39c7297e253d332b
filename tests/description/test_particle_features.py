"""Features of drawn particles: fringes stand out, faults draw reflections out, and nothing depends on grey units."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from passband.description.particle_features import FEATURES, particle_features
from passband.recipe import PassbandError

STEP = 0.5  # Å


def drawn(*, fringes: float = 0.0, jump: float = 0.0, angle: float = 0.0, noise: float = 0.3, seed: int = 0):
    """A disc of 36 Å with fringes of 3.5 Å whose phase changes by `jump` across its middle, on noise; its labels."""
    y, x = (np.mgrid[:160, :160] - 80.0) * STEP
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    inside = np.hypot(y, x) < 18.0
    shift = np.where(across > 0.0, jump, 0.0)
    wave = np.cos(2.0 * np.pi * along / 3.5 + shift)
    image = np.random.default_rng(seed).normal(10.0, noise, (160, 160)) - inside * (0.5 - fringes * wave)
    return image, inside.astype(int)


def features(image: np.ndarray, labels: np.ndarray, step: float | tuple[float, float] = STEP) -> dict[str, float]:
    (values,) = particle_features(image, labels, step).values
    return dict(zip(FEATURES, values.tolist(), strict=True))


def test_fringes_stand_out_of_their_annulus() -> None:
    # rejects a maximum of the plain power, which noise of low frequency has
    without, with_them = features(*drawn()), features(*drawn(fringes=0.3))
    assert without["peak"] < 4.0
    assert with_them["peak"] > 8.0
    sharper = features(*drawn(fringes=0.3, noise=0.03))
    assert sharper["spectrum_centre"] == pytest.approx(1.0 / 3.5, abs=0.02)
    assert sharper["spectrum_deviation"] > sharper["spectrum_mean"]


def test_spectra_are_those_of_white_noise_and_of_smooth_one() -> None:
    # rejects a spectrum that grows with the particle, and a peak of the power where all power is high
    image, labels = drawn()
    assert features(image, labels)["spectrum_mean"] == pytest.approx(1.0, abs=0.1)
    smooth = gaussian_filter(np.random.default_rng(1).normal(size=image.shape), 1.0)
    found = features(smooth, labels)
    assert found["peak"] < 4.0
    assert found["spectrum_centre"] < 0.3


def test_a_fault_draws_the_reflection_out() -> None:
    whole = features(*drawn(fringes=0.5, noise=0.05))
    faulted = features(*drawn(fringes=0.5, noise=0.05, jump=np.pi))
    assert whole["streak"] < 1.2
    assert faulted["streak"] > 1.3 * whole["streak"]


def test_the_reflections_that_a_fault_leaves_do_not_hide_the_others() -> None:
    # rejects the length of the strongest reflection alone: that of planes that cross the fault unbroken
    faulted, labels = drawn(fringes=0.4, noise=0.05, jump=np.pi)
    y, _ = (np.mgrid[:160, :160] - 80.0) * STEP
    image = faulted + 0.6 * labels * np.cos(2.0 * np.pi * y / 2.7)
    assert features(image, labels)["streak"] > 1.3
    whole, _ = drawn(fringes=0.4, noise=0.05)
    assert features(whole + 0.6 * labels * np.cos(2.0 * np.pi * y / 2.7), labels)["streak"] < 1.2


def test_grey_values_count_in_deviations_of_the_background() -> None:
    image, labels = drawn(fringes=0.3)
    found = features(image, labels)
    assert found["grey_mean"] == pytest.approx(-0.5 / 0.3, abs=0.1)
    assert features(5.0 * image - 100.0, labels) == pytest.approx(found, rel=1e-9)
    assert found["grey_deviation"] == pytest.approx(np.sqrt(1.0 + 0.5 * (0.3 / 0.3) ** 2), abs=0.08)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_turned_or_moved_particle_is_the_same(turn: int) -> None:
    image, labels = drawn(fringes=0.3, jump=1.0, angle=0.4)
    found = features(image, labels)
    assert features(np.rot90(image, turn), np.rot90(labels, turn)) == pytest.approx(found, rel=1e-6)
    assert features(np.roll(image, 20, 1), np.roll(labels, 20, 1)) == pytest.approx(found, rel=1e-6)


def test_frequencies_are_those_of_oblong_pixels() -> None:
    image, labels = drawn(fringes=0.5, noise=0.02)
    coarse = features(image[::2], labels[::2], (2.0 * STEP, STEP))
    assert coarse["spectrum_centre"] == pytest.approx(features(image, labels)["spectrum_centre"], abs=0.02)


def test_small_particles_are_left_out_and_the_others_named() -> None:
    image, labels = drawn()
    labels = 7 * labels
    labels[:20, :20] = 3  # 10 Å square
    found = particle_features(image, labels, STEP)
    assert found.label.tolist() == [7]
    nothing = particle_features(image, np.zeros_like(labels), STEP)
    assert nothing.values.shape == (0, len(FEATURES))
    alone = particle_features(np.full((80, 80), 2.0), np.ones((80, 80), dtype=int), STEP)
    assert np.isfinite(alone.values).all()


def test_images_that_cannot_be() -> None:
    image, labels = drawn()
    with pytest.raises(PassbandError, match="must be of one shape"):
        particle_features(image[:-1], labels, STEP)
    with pytest.raises(PassbandError, match="NaN or infinity"):
        particle_features(np.where(labels, np.nan, image), labels, STEP)
    with pytest.raises(PassbandError, match=r"pixels of 2 Å show no fringes"):
        particle_features(image, labels, 2.0)
