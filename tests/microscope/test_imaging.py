"""Images from waves: the weak-phase limit, focal nodes, batches, output grids and agreement with abTEM."""

import math
import warnings

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations, phase_aberration
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import fourier_resample, spatial_frequencies
from passband.microscope.imaging import enough_focal_nodes, focal_nodes_and_weights, form_images
from passband.recipe import PassbandError

SHAPE, PIXEL, ENERGY = (48, 64), 0.2, 300e3
LENS = Aberrations(
    C10=-80.0, C12=20.0, phi12=0.3, C21=2000.0, phi21=1.0, C23=1500.0, phi23=0.2, C30=2.5e5
)  # fmt: skip


def band_limited_wave(shape=SHAPE, strength=0.5, seed=0, limit=2.0 / 3.0):
    """exp(i·strength·noise), without frequencies above `limit` of Nyquist."""
    generator = torch.Generator().manual_seed(seed)
    phase = strength * torch.randn(shape, generator=generator, dtype=torch.float64)
    q, _ = spatial_frequencies(shape, PIXEL, dtype=torch.float64)
    spectrum = torch.fft.fft2(torch.polar(torch.ones_like(phase), phase)) * (q < limit * 0.5 / PIXEL)
    return torch.fft.ifft2(spectrum)


def finer(wave, factor=4):
    """The same wave on a grid `factor` times finer, where its square does not alias."""
    places = [np.fft.fftfreq(size, 1.0 / size).round().astype(int) for size in wave.shape]
    spectrum = torch.zeros([factor * size for size in wave.shape], dtype=wave.dtype)
    spectrum[np.ix_(*places)] = torch.fft.fft2(wave, norm="forward")
    return torch.fft.ifft2(spectrum, norm="forward")


def plain_image(wave, conditions, defoci, weights, *, shape=None):
    """The formula as it stands: χ at every node, one transform each, on a grid four times finer."""
    fine = finer(wave)
    q, azimuth = spatial_frequencies(tuple(fine.shape), PIXEL / 4, dtype=torch.float64)
    length = wavelength(conditions.energy)
    inside = torch.ones_like(q) if conditions.aperture is None else (q * length <= conditions.aperture).double()
    total = torch.zeros(fine.shape, dtype=torch.float64)
    for defocus, weight in zip(defoci, weights, strict=True):
        chi = phase_aberration(q, azimuth, conditions.aberrations.nonzero(), length)
        chi = chi + math.pi * length * defocus * q**2
        spectrum = torch.fft.fft2(fine) * inside * torch.polar(torch.ones_like(q), -chi)
        total += weight * torch.fft.ifft2(spectrum).abs().square()
    return fourier_resample(total, shape or tuple(wave.shape))


# --- the formula


@pytest.mark.parametrize("aperture", [None, 15e-3])
@pytest.mark.parametrize("limit", [0.4, 2.0 / 3.0, 2.0])
@pytest.mark.parametrize("shape", [SHAPE, (45, 63), (64, 31)])
def test_image_is_the_formula_at_every_node(aperture, limit, shape):
    wave = band_limited_wave(shape, limit=limit)
    conditions = Conditions(aberrations=LENS, focal_spread=10.0, aperture=aperture)
    nodes = focal_nodes_and_weights(10.0, 5)
    image = form_images(wave[None, None], [conditions], pixel_size=PIXEL, focal_nodes=5)[0]
    torch.testing.assert_close(image, plain_image(wave, conditions, *nodes), rtol=1e-10, atol=1e-10)


def test_weak_phase_object_shows_the_contrast_transfer_function():
    # I − 1 = 2 sin χ · E_t · φ for ψ = 1 + iφ, to order φ² = 1e-8
    period, amplitude = 8, 1e-4
    x = torch.arange(SHAPE[1], dtype=torch.float64)
    phase = amplitude * torch.cos(2.0 * math.pi * x / period).expand(SHAPE)
    wave = torch.complex(torch.ones_like(phase), phase)
    conditions = Conditions(aberrations=Aberrations(C10=-300.0, C30=2.5e5), focal_spread=40.0)
    q, length = 1.0 / (period * PIXEL), wavelength(ENERGY)
    chi = 2.0 * math.pi / length * (0.5 * (length * q) ** 2 * -300.0 + 0.25 * (length * q) ** 4 * 2.5e5)
    envelope = math.exp(-0.5 * (math.pi * length * 40.0 * q**2) ** 2)
    assert envelope < 0.8  # or it would not be tested
    image = form_images(wave[None, None], [conditions], pixel_size=PIXEL, focal_nodes=9)[0]
    expected = 1.0 + 2.0 * math.sin(chi) * envelope * phase
    torch.testing.assert_close(image, expected, rtol=0.0, atol=1e-7)


def test_angular_spread_damps_a_weak_grating_by_its_envelope():
    period, spread, c10 = 8, 1e-3, -300.0
    x = torch.arange(SHAPE[1], dtype=torch.float64)
    phase = 1e-4 * torch.cos(2.0 * math.pi * x / period).expand(SHAPE)
    wave = torch.complex(torch.ones_like(phase), phase)[None, None]
    q = 1.0 / (period * PIXEL)
    damping = math.exp(-0.5 * spread**2 * (2.0 * math.pi * c10 * q) ** 2)  # ∂χ/∂α = 2π C10 q
    assert 0.45 < damping < 0.55  # where a factor in the exponent tells most
    lens = Aberrations(C10=c10)
    images = form_images(
        wave, [Conditions(aberrations=lens), Conditions(aberrations=lens, angular_spread=spread)], pixel_size=PIXEL
    )
    assert float(images[0].max()) > 1.0 + 1.5e-4  # the lens shows the grating
    torch.testing.assert_close(images[1] - 1.0, damping * (images[0] - 1.0), rtol=0.0, atol=1e-7)


def test_vacuum_has_intensity_one():
    conditions = Conditions(aberrations=LENS, focal_spread=10.0, angular_spread=1e-4, aperture=20e-3)
    wave = torch.ones((1, 2, *SHAPE), dtype=torch.complex64)
    torch.testing.assert_close(form_images(wave, [conditions], pixel_size=PIXEL), torch.ones((1, *SHAPE)))


def test_phonons_add_up_incoherently():
    waves = torch.stack([band_limited_wave(seed=seed) for seed in range(3)])
    conditions = [Conditions(aberrations=LENS)]
    single = [form_images(wave[None, None], conditions, pixel_size=PIXEL)[0] for wave in waves]
    torch.testing.assert_close(form_images(waves[None], conditions, pixel_size=PIXEL)[0], sum(single) / 3.0)
    assert not torch.allclose(single[0], single[1], atol=0.01)


def test_defocus_is_free_propagation():
    from passband.microscope.multislice import propagate

    wave = band_limited_wave(limit=0.4)
    moved = propagate(wave, 120.0, energy=ENERGY, pixel_size=PIXEL).abs().square()
    image = form_images(wave[None, None], [Conditions(aberrations=Aberrations(C10=120.0))], pixel_size=PIXEL)[0]
    torch.testing.assert_close(image, moved)


# --- squaring


def test_fringes_finer_than_the_pixels_are_dropped_and_not_folded():
    # two beams at ±20 of 64 pixels interfere at 40, which 64 pixels would show as 24
    x = 2.0 * math.pi * torch.arange(64, dtype=torch.float64) / 64
    beams = torch.polar(torch.ones_like(x), 20 * x) + torch.polar(torch.ones_like(x), -20 * x)
    for wave in (beams.expand(64, 64), beams[:, None].expand(64, 64), beams[:, None] * beams):
        image = form_images(wave[None, None].contiguous(), [Conditions()], pixel_size=PIXEL)[0]
        torch.testing.assert_close(image, torch.full((64, 64), float(wave.abs().square().mean()), dtype=torch.float64))
    fine = form_images(beams.expand(1, 1, 64, 64), [Conditions()], pixel_size=PIXEL, output_shape=(64, 96))[0]
    expected = 2.0 + 2.0 * torch.cos(2.0 * math.pi * 40 * torch.arange(96, dtype=torch.float64) / 96)
    torch.testing.assert_close(fine, expected.expand(64, 96))


@pytest.mark.parametrize("limit", [0.5, 2.0 / 3.0, 1.0, 2.0])
@pytest.mark.parametrize("output_shape", [None, (20, 64), (31, 17), (100, 90)])
def test_mean_of_the_image_is_the_power_of_the_wave(limit, output_shape):
    waves = torch.stack([band_limited_wave((48, 50), seed=seed, limit=limit) for seed in range(2)])
    conditions = [Conditions(aberrations=LENS, focal_spread=8.0)]
    image = form_images(waves[None], conditions, pixel_size=PIXEL, focal_nodes=3, output_shape=output_shape)
    assert float(image.mean()) == pytest.approx(float(waves.abs().square().mean()), rel=1e-12)


def test_single_precision_squares_as_double_does():
    wave = band_limited_wave((96, 80))[None, None]
    exact = form_images(wave, [Conditions(aberrations=LENS)], pixel_size=PIXEL)
    single = form_images(wave.to(torch.complex64), [Conditions(aberrations=LENS)], pixel_size=PIXEL)
    torch.testing.assert_close(single.double(), exact, rtol=0.0, atol=2e-5)


# --- focal nodes


@pytest.mark.parametrize("nodes", [2, 3, 7])
def test_nodes_have_mean_zero_the_variance_asked_for_and_weight_one(nodes):
    offsets, weights = focal_nodes_and_weights(12.0, nodes)
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ offsets == pytest.approx(0.0, abs=1e-9)
    assert weights @ offsets**2 == pytest.approx(144.0)


def test_equidistant_nodes_span_three_deviations_and_lose_only_their_tails():
    offsets, weights = focal_nodes_and_weights(10.0, 25, quadrature="equidistant")
    np.testing.assert_allclose(offsets, np.linspace(-30.0, 30.0, 25))
    assert weights @ offsets**2 == pytest.approx(100.0, rel=0.03)  # the normal distribution cut at ±3 has 0.973


@pytest.mark.parametrize("focal_spread", [5.0, 10.0, 20.0])
def test_enough_nodes_are_enough(focal_spread):
    wave = band_limited_wave()[None, None]
    conditions = [Conditions(aberrations=LENS, focal_spread=focal_spread)]
    many = form_images(wave, conditions, pixel_size=PIXEL, focal_nodes=61)
    enough = form_images(wave, conditions, pixel_size=PIXEL)
    nodes = enough_focal_nodes(focal_spread, ENERGY, 1.0 / (3.0 * PIXEL))
    fewer = form_images(wave, conditions, pixel_size=PIXEL, focal_nodes=nodes // 2)

    def error(images):
        return float((images - many).square().mean().sqrt() / many.std())

    assert error(enough) < 1e-3
    assert error(fewer) > 1e-3


@pytest.mark.parametrize("along", ["y", "x", "both"])
def test_nodes_suffice_whatever_the_direction_of_high_frequencies(along):
    # the beams at 20 of 64 pixels interfere with the direct one, damped by a factor that may err by 1e-3
    x = 2.0 * math.pi * torch.arange(64, dtype=torch.float64) / 64
    beams = 1.0 + 0.3j * torch.cos(2 * x) + 0.3j * torch.cos(20 * x)
    wave = {"x": beams.expand(64, 64), "y": beams[:, None].expand(64, 64), "both": beams[:, None] * beams}[along]
    wave = wave[None, None].contiguous()
    conditions = [Conditions(aberrations=Aberrations(C10=50.0), focal_spread=20.0)]
    chosen = form_images(wave, conditions, pixel_size=PIXEL)
    many = form_images(wave, conditions, pixel_size=PIXEL, focal_nodes=101)
    assert float((chosen - many).abs().max()) < 1e-3 * 1.6 ** (4 if along == "both" else 2)
    nodes = enough_focal_nodes(20.0, ENERGY, (math.hypot(20, 20) if along == "both" else 20) / (64 * PIXEL))
    assert torch.equal(chosen, form_images(wave, conditions, pixel_size=PIXEL, focal_nodes=nodes))  # and no more
    stopped = [conditions[0].model_copy(update={"aperture": 10 / (64 * PIXEL) * wavelength(ENERGY)})]
    fewer = enough_focal_nodes(20.0, ENERGY, 10 / (64 * PIXEL))
    assert fewer < nodes
    assert torch.equal(
        form_images(wave, stopped, pixel_size=PIXEL), form_images(wave, stopped, pixel_size=PIXEL, focal_nodes=fewer)
    )


# --- contracts


def test_batch_equals_loop_for_one_wave_and_for_many():
    waves = torch.stack([band_limited_wave(seed=seed) for seed in range(2)])[:, None]
    conditions = [
        Conditions(aberrations=LENS, focal_spread=10.0),
        Conditions(aberrations=Aberrations(C10=90.0), energy=200e3, aperture=18e-3, angular_spread=1e-4),
    ]
    together = form_images(waves, conditions, pixel_size=PIXEL)
    for index in range(2):
        alone = form_images(waves[index : index + 1], conditions[index : index + 1], pixel_size=PIXEL)
        assert torch.equal(together[index], alone[0])
    one_wave = form_images(waves[:1], conditions, pixel_size=PIXEL)
    assert torch.equal(one_wave[0], together[0])
    assert not torch.allclose(one_wave[1], together[1], atol=0.01)


ONE = Conditions(aberrations=Aberrations(C10=-80.0, C12=20.0, C30=2.5e5), focal_spread=10.0, angular_spread=1e-3)
OTHERS = {
    "C10": ONE.model_copy(update={"aberrations": Aberrations(C10=-400.0, C12=20.0, C30=2.5e5)}),
    "phi12": ONE.model_copy(update={"aberrations": Aberrations(C10=-80.0, C12=20.0, phi12=0.7, C30=2.5e5)}),
    "C30": ONE.model_copy(update={"aberrations": Aberrations(C10=-80.0, C12=20.0, C30=-2.5e5)}),
    "energy": ONE.model_copy(update={"energy": 200e3}),
    "focal spread": ONE.model_copy(update={"focal_spread": 30.0}),
    "angular spread": ONE.model_copy(update={"angular_spread": 3e-4}),
    "aperture": ONE.model_copy(update={"aperture": 12e-3}),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_conditions_that_follow_each_other_share_nothing_that_differs(other):
    wave = band_limited_wave()[None, None]
    together = form_images(wave, [ONE, other, ONE], pixel_size=PIXEL)
    first, second = (form_images(wave, [one], pixel_size=PIXEL)[0] for one in (ONE, other))
    for image, expected in zip(together, (first, second, first), strict=True):
        assert torch.equal(image, expected)
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(("dtype", "real"), [(torch.complex64, torch.float32), (torch.complex128, torch.float64)])
def test_dtype_is_kept_and_the_waves_untouched(dtype, real):
    wave = band_limited_wave().to(dtype)[None, None]
    before = wave.clone()
    images = form_images(wave, [Conditions(focal_spread=5.0), Conditions(aperture=0.01)], pixel_size=PIXEL)
    assert images.dtype == real
    assert torch.equal(wave, before)


def test_waves_may_come_as_spectra():
    wave = band_limited_wave()[None, None]
    conditions = [Conditions(aberrations=LENS, focal_spread=5.0)]
    torch.testing.assert_close(
        form_images(torch.fft.fft2(wave), conditions, pixel_size=PIXEL, space="fourier"),
        form_images(wave, conditions, pixel_size=PIXEL),
    )


@pytest.mark.parametrize("limit", [0.4, 2.0 / 3.0, 2.0])
@pytest.mark.parametrize("shape", [(24, 32), (23, 31), (24, 31), (48, 40), SHAPE, (60, 64), (101, 129), (8, 200)])
def test_output_shape_is_the_exact_image_on_those_pixels(shape, limit):
    wave, conditions = band_limited_wave(limit=limit), Conditions(aberrations=LENS)
    images = form_images(wave[None, None], [conditions], pixel_size=PIXEL, output_shape=shape)
    expected = plain_image(wave, conditions, [0.0], [1.0], shape=shape)
    torch.testing.assert_close(images[0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("waves", "count", "nodes", "message"),
    [
        (torch.ones(1, 1, 8, 8), 1, None, "give complex waves"),
        (torch.ones(8, 8, dtype=torch.complex64), 1, None, "give complex waves"),
        (torch.ones(1, 0, 8, 8, dtype=torch.complex64), 1, None, "give complex waves"),
        (torch.ones(2, 1, 8, 8, dtype=torch.complex64), 3, None, "2 waves and 3 conditions"),
        (torch.ones(1, 1, 8, 8, dtype=torch.complex64), 1, 0, "focal_nodes=0 leaves nothing"),
    ],
)
def test_bad_input_is_one_clear_line(waves, count, nodes, message):
    with pytest.raises(PassbandError, match=message):
        form_images(waves, [Conditions(focal_spread=5.0)] * count, pixel_size=PIXEL, focal_nodes=nodes)


# --- oracle


def test_images_through_25_focal_nodes_are_those_of_abtem():
    wave = band_limited_wave((64, 64))
    conditions = Conditions(aberrations=LENS, focal_spread=10.0)
    offsets, weights = focal_nodes_and_weights(10.0, 25, quadrature="equidistant")
    lens = {name: value for name, value in LENS.nonzero().items() if name != "C10"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, from its import and from dask
        abtem = pytest.importorskip("abtem")
        settings = {"diagnostics.progress_bar": False, "dask.lazy": False, "precision": "float64", "fft": "numpy"}
        with abtem.config.set(settings):
            theirs = abtem.Waves(finer(wave, 2).numpy().T.copy(), energy=ENERGY, sampling=PIXEL / 2)
            expected = sum(
                weight * theirs.apply_ctf(C10=LENS.C10 + offset, **lens).intensity().array.T
                for offset, weight in zip(offsets, weights, strict=True)
            )
    ours = form_images(
        wave[None, None], [conditions], pixel_size=PIXEL, focal_nodes=25, quadrature="equidistant"
    )[0].numpy()  # fmt: skip
    expected = fourier_resample(torch.from_numpy(expected), (64, 64)).numpy()
    assert np.linalg.norm(ours - expected) / np.linalg.norm(expected - 1.0) < 1e-6  # 1e-4 asked for
