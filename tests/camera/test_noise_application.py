"""Images with fitted noise tell what was fitted to real ones, keep what they show, and are the same for a seed."""

import numpy as np
import pytest
import torch
from tests.camera.test_noise_fitting import OFFSET, columns, frames

from passband.camera.fitted_noise import Estimate, FittedNoise, KnownScan
from passband.camera.noise_application import apply_noise
from passband.camera.noise_fitting import fit_noise
from passband.recipe import PassbandError

KNOWN = KnownScan(pixel_size=0.2, offset=OFFSET)


def told(value):
    return Estimate(value=value, interval=(0.9 * value, 1.1 * value))


def applied(noise, count=3, expected=None):
    image = columns() if expected is None else expected
    return [apply_noise(noise, image, pixel_size=0.2, generator=torch.Generator().manual_seed(n)) for n in range(count)]


@pytest.mark.parametrize("known", [KNOWN, KnownScan(pixel_size=0.2)])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 50.0])
def test_what_was_fitted_comes_out_again_in_any_unit_and_with_any_offset(known, scale):
    noise = fit_noise(frames(4, jitter=0.3, amplifier_noise=2.0), known)
    again = fit_noise([image.numpy() for image in applied(noise, 4, columns() * scale)], KNOWN)
    for name in ("gain", "noise_to_contrast", "contrast_electrons", "row_jitter_px"):
        before, after = getattr(noise, name), getattr(again, name)
        assert after.value == pytest.approx(before.value, rel=0.2 if name == "row_jitter_px" else 0.08), name
    assert again.read_noise.value == pytest.approx(2.0, rel=0.2)
    assert (again.mean, again.contrast) == pytest.approx((noise.mean, noise.contrast), rel=0.05)


def test_noise_that_does_not_grow_is_gaussian_and_as_strong():
    noise = FittedNoise(images=1, mean=50.0, contrast=10.0, noise=5.0, noise_to_contrast=told(0.5))
    image = applied(noise, 1)[0].double().numpy()
    signal = columns().double().numpy()
    rest = image - np.polyval(np.polyfit(signal.ravel(), image.ravel(), 1), signal)
    assert rest.std() == pytest.approx(5.0, rel=0.02)
    bright = signal > np.quantile(signal, 0.9)
    assert rest[bright].std() == pytest.approx(rest[~bright].std(), rel=0.05)


def test_more_signal_under_the_contrast_leaves_the_noise_as_it_was():
    noise = fit_noise(frames(4), KNOWN)
    hazy = fit_noise([image.numpy() for image in applied(noise, 4, columns() + 0.1)])
    assert hazy.noise_to_contrast.value == pytest.approx(noise.noise_to_contrast.value, rel=0.05)


def test_a_background_that_rises_adds_no_noise_to_what_was_seen():
    noise = fit_noise(frames(4, contamination=0.8), KNOWN)
    again = fit_noise([image.numpy() for image in applied(noise, 4)])
    # its electrons are among those that made the noise that was seen: counted twice they would add a sixth
    assert again.slow_rise.value == pytest.approx(noise.slow_rise.value, rel=0.4)
    assert again.noise_to_contrast.value == pytest.approx(noise.noise_to_contrast.value, rel=0.05)


def test_a_source_blurs_and_drift_shears():
    quiet = FittedNoise(images=1, mean=0.0, contrast=1.0, noise_to_contrast=told(0.01))
    sharp = applied(quiet, 1)[0]
    blurred = applied(quiet.model_copy(update={"source_size_A": told(1.0)}), 1)[0]
    assert float(blurred.amax()) < 0.8 * float(sharp.amax())
    drifted = applied(quiet.model_copy(update={"drift_along_px": told(0.05)}), 1)[0].numpy()
    spectra = [np.fft.fft(image.astype(float), axis=1) for image in (drifted, sharp.numpy())]
    order = 256 // 16
    turn = np.angle(spectra[0][:, order] / spectra[1][:, order])[[128 - 16, 128 + 16]]
    # the specimen moves by 0.05 pixels a row with x, so that the beam finds columns 1.6 pixels further after 32 rows
    assert abs(np.angle(np.exp(1j * (turn[1] - turn[0])))) == pytest.approx(2 * np.pi * 1.6 / 16, rel=0.1)


def test_eight_bits_are_rounded_and_clipped():
    noise = FittedNoise(images=1, bits=8, mean=200.0, contrast=40.0, noise_to_contrast=told(0.5))
    image = applied(noise, 1)[0]
    assert torch.equal(image, image.round())
    assert (float(image.amin()), float(image.amax())) == (float(image.amin().clamp(min=0.0)), 255.0)


def test_equal_seeds_give_equal_images_and_leave_the_expected_one_alone():
    noise = fit_noise(frames(1), KNOWN)
    expected = columns()
    before = expected.clone()
    first, second = applied(noise, 2, expected)
    assert torch.equal(first, applied(noise, 1, expected)[0])
    assert not torch.equal(first, second)
    assert torch.equal(expected, before)
    assert first.dtype == expected.dtype


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (torch.zeros(64, 64), "shows nothing"),
        (torch.ones(64, 64), "shows nothing"),
        (torch.ones(64, 64, dtype=torch.int64), "floating"),
        (torch.rand(2, 64, 64), "cannot be scanned"),
    ],
)
def test_expected_images_that_are_none_are_refused(image, said):
    noise = FittedNoise(images=1, mean=0.0, contrast=1.0, noise_to_contrast=told(0.5))
    with pytest.raises(PassbandError, match=said):
        applied(noise, 1, image)


def test_noise_that_was_not_told_cannot_be_applied():
    noise = FittedNoise(images=1, mean=0.0, noise_to_contrast=Estimate(note="smoothed"))
    with pytest.raises(PassbandError, match="no noise_to_contrast \\(smoothed\\)"):
        applied(noise, 1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_noise_is_the_same():
    noise = fit_noise(frames(3, jitter=0.3), KNOWN)
    expected = columns().cuda()
    seen = [
        apply_noise(noise, expected, pixel_size=0.2, generator=torch.Generator("cuda").manual_seed(n)) for n in (0, 1)
    ]
    assert seen[0].is_cuda
    again = fit_noise([image.cpu().numpy() for image in seen])
    assert again.noise_to_contrast.value == pytest.approx(noise.noise_to_contrast.value, rel=0.08)
