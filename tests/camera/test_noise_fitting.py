"""Noise and scan that are fitted to simulated scans are those that were put in, and change as their grey values do."""

from math import pi

import numpy as np
import pytest
import torch

from passband.camera.fitted_noise import FittedNoise, KnownScan
from passband.camera.noise_fitting import fit_noise
from passband.camera.scan_path import scan_path
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner
from passband.electron import ELEMENTARY_CHARGE
from passband.recipe import PassbandError

SIDE = 256  # pixels
DWELL = 1e-5  # s
GAIN, OFFSET = 7.0, 100.0  # grey values per electron, and of none


def columns(side=SIDE, width=2.5, spacing=16.0, brightest=0.05):
    """Columns on a square lattice, Gaussians of standard deviation `width` pixels, as fractions of the beam (y, x)."""
    away = (torch.arange(side) % spacing).double()
    away = torch.minimum(away, spacing - away)
    line = torch.exp(-0.5 * (away / width) ** 2)
    return (brightest * line[:, None] * line[None, :]).float()


def frames(count=3, *, electrons=2000.0, side=SIDE, width=2.5, first=0, **values):
    """Scans in grey values, 8 counted electrons a pixel on average where the beam has 2000."""
    scanner = Scanner(dwell_time=DWELL, beam_current=electrons * ELEMENTARY_CHARGE / DWELL, rotation=0.3, **values)
    seeds = range(first, first + count)
    paths = [scan_path(scanner, (side, side), pixel_size=1.0, rng=np.random.default_rng(seed)) for seed in seeds]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    ideal = columns(side, width).expand(count, -1, -1)
    seen = scan_frames(ideal, paths, pixel_size=1.0, generators=generators)
    return [GAIN * frame.image.double().numpy() + OFFSET for frame in seen]


def holds(estimate, truth):
    return estimate.interval[0] <= truth <= estimate.interval[1]


@pytest.mark.parametrize("amplifier", [0.0, 1.5])
def test_gain_dose_and_read_noise_are_found(amplifier):
    images = frames(4, jitter=0.2, amplifier_noise=amplifier)
    found = fit_noise(images, KnownScan(pixel_size=0.2, offset=OFFSET))
    electrons = np.mean([(one.mean() - OFFSET) / GAIN for one in images])
    assert found.gain.value == pytest.approx(GAIN, rel=0.06)
    assert found.dose.value == pytest.approx(electrons / 0.04, rel=0.06)
    assert holds(found.gain, GAIN)
    if amplifier:
        assert found.read_noise.value == pytest.approx(amplifier, rel=0.15)
    else:
        assert found.read_noise.value is None or found.read_noise.value < 0.6
        assert found.read_noise.value is not None or found.read_noise.limits[1] < 1.2


def test_detectors_that_count_unequally_have_fewer_effective_electrons():
    # variance 2·λ for λ electrons: as of half as many that count twice
    found = fit_noise(frames(4, excess_noise=1.0), KnownScan(offset=OFFSET))
    assert found.gain.value == pytest.approx(2.0 * GAIN, rel=0.08)


def test_scaling_changes_gain_and_offset_and_nothing_else():
    images = frames(2, jitter=0.3, amplifier_noise=1.0)
    one = fit_noise(images, KnownScan(pixel_size=0.2, offset=OFFSET))
    other = fit_noise([3.0 * image - 50.0 for image in images], KnownScan(pixel_size=0.2, offset=3.0 * OFFSET - 50.0))
    assert other.gain.value == pytest.approx(3.0 * one.gain.value, rel=1e-6)
    for name, before in one.estimates():
        after = getattr(other, name)
        if name != "gain" and before.value is not None:
            assert (after.value, *after.interval) == pytest.approx(
                (before.value, *before.interval), rel=1e-4, abs=1e-5
            ), name
    assert (other.contrast, other.noise) == pytest.approx((3.0 * one.contrast, 3.0 * one.noise))


def test_without_an_offset_dose_and_read_noise_have_limits_that_hold():
    images = frames(3, amplifier_noise=1.0)
    found = fit_noise(images, KnownScan(pixel_size=0.2))
    electrons = np.mean([(one.mean() - OFFSET) / GAIN for one in images]) / 0.04
    assert found.dose.value is None
    assert found.read_noise.value is None
    assert found.dose.limits[0] < electrons < found.dose.limits[1]
    assert found.read_noise.limits[0] == 0.0
    assert found.read_noise.limits[1] > 1.0
    assert "offset" in found.dose.note
    assert found.contamination.value is None
    # neither gain nor what needs no offset is lost
    assert found.gain == fit_noise(images, KnownScan(pixel_size=0.2, offset=OFFSET)).gain


@pytest.mark.parametrize("seed", [0, 10])
def test_jitter_is_found_and_its_absence_is_not_called_jitter(seed):
    found = fit_noise(frames(4, first=seed, jitter=0.3)).row_jitter_px
    assert found.value == pytest.approx(0.3, rel=0.25)
    assert found.interval[0] < found.value < found.interval[1]
    still = fit_noise(frames(2, first=seed, jitter=0.0)).row_jitter_px
    assert still.value is None or still.value < 0.08


def test_noise_that_lasts_along_the_rows_counts_in_full():
    plain = fit_noise(frames(4, amplifier_noise=3.0), KnownScan(offset=OFFSET))
    lasting = fit_noise(frames(4, amplifier_noise=3.0, amplifier_time=DWELL), KnownScan(offset=OFFSET))
    assert lasting.noise_correlation.value > plain.noise_correlation.value + 0.05
    assert lasting.noise == pytest.approx(plain.noise, rel=0.1)
    assert lasting.read_noise.value == pytest.approx(3.0, rel=0.25)


def test_rising_backgrounds_are_found():
    found = fit_noise(frames(4, contamination=0.5), KnownScan(offset=OFFSET))
    # its form varies by 0.3 of it from place to place and image to image
    assert found.contamination.value == pytest.approx(0.5, rel=0.5)
    assert fit_noise(frames(4), KnownScan(offset=OFFSET)).contamination.value == pytest.approx(0.0, abs=0.03)
    ramp = np.linspace(-0.5, 0.5, SIDE)
    plain = frames(2)
    risen = [image + 80.0 * (ramp[:, None] + 0.5) for image in plain]
    signal = np.mean(plain) - OFFSET
    assert fit_noise(risen, KnownScan(offset=OFFSET)).contamination.value == pytest.approx(80.0 / signal, rel=0.08)
    tilted = [image + 40.0 * ramp[None, :] for image in frames(2)]
    flat = fit_noise(tilted)
    assert flat.fast_rise.value * flat.contrast == pytest.approx(40.0, rel=0.1)
    assert abs(flat.slow_rise.value * flat.contrast) < 4.0
    assert flat.contrast == pytest.approx(fit_noise(frames(2)).contrast, rel=0.02)


def test_clipped_pixels_do_not_change_the_gain():
    images = frames(4, electrons=4000.0)
    top = np.quantile(images[0], 0.97)
    found = fit_noise([np.minimum(image, top) for image in images])
    assert found.gain.value == pytest.approx(GAIN, rel=0.1)


def test_fine_detail_up_to_the_end_of_the_band_is_not_taken_for_noise():
    # columns of 0.5 pixels have 8 % of their amplitude at the Nyquist frequency
    found = fit_noise(frames(2, electrons=2e5, width=0.5), KnownScan(offset=OFFSET))
    assert found.gain.value is None
    assert "free of the specimen" in found.gain.note
    assert found.noise is None


def test_images_smoothed_over_pixels_tell_no_gain():
    smooth = [0.25 * (image[1:, 1:] + image[:-1, 1:] + image[1:, :-1] + image[:-1, :-1]) for image in frames(2)]
    assert fit_noise(smooth).gain.value is None


def test_rounding_is_no_noise():
    images = frames(3, electrons=4000.0)
    coarse = [np.round(image / 8.0).astype(np.uint8) for image in images]
    found = fit_noise(coarse, KnownScan(offset=OFFSET / 8.0))
    coarsest = fit_noise([np.round(image / 50.0).astype(np.uint8) for image in images])
    # rounding has a third of the variance of the noise
    assert coarsest.noise == pytest.approx(fit_noise(images).noise / 50.0, rel=0.05)
    assert found.bits == 8
    assert found.gain.value == pytest.approx(GAIN / 8.0, rel=0.06)
    assert found.noise == pytest.approx(fit_noise(images).noise / 8.0, rel=0.01)


def test_one_image_is_enough_and_more_are_surer():
    images = frames(6)
    one, all_of_them = fit_noise(images[:1]).gain, fit_noise(images).gain
    assert np.ptp(all_of_them.interval) < np.ptp(one.interval)


def test_the_same_images_say_the_same_and_are_left_alone():
    images = frames(2)
    before = [image.copy() for image in images]
    assert fit_noise(images) == fit_noise(images)
    assert all(np.array_equal(a, b) for a, b in zip(images, before, strict=True))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([], "no images"),
        ([np.ones((128, 128))], "128 × 128 from 1 to 1 tells no noise"),
        ([np.eye(40)], "40 × 40 from 0 to 1"),
        ([np.ones((4, 128, 128))], "not 2-D"),
        ([np.full((128, 128), np.nan)], "NaN"),
        ([np.eye(128, dtype=np.uint8), np.eye(128, dtype=np.uint16)], "images of uint16, uint8"),
    ],
)
def test_what_tells_nothing_is_refused(images, said):
    with pytest.raises(PassbandError, match=said):
        fit_noise(images)


def test_lattices_that_are_not_reduced_are_refused():
    with pytest.raises(ValueError, match="no pair of shortest vectors"):
        KnownScan(lattice=(1.0, pi / 3.0))


def test_what_was_fitted_is_read_again(tmp_path):
    found = fit_noise(frames(1))
    path = tmp_path / "noise.json"
    path.write_text(found.to_json())
    assert FittedNoise.read(path) == found
    path.write_text('{"mean": 1.0}')
    with pytest.raises(PassbandError, match=r"noise\.json is no noise that passband fitted, images"):
        FittedNoise.read(path)
