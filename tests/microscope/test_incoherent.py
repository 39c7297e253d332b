"""No electron is lost: images add up to the beam, and what the wave does not hold lands where rays land."""

from math import pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import fourier_resample, spatial_frequencies
from passband.microscope.imaging import form_images
from passband.microscope.incoherent import RESOLUTION, IncoherentPart, add_incoherent, incoherent_part
from passband.microscope.multislice import exit_waves
from passband.microscope.phase_polynomial import evaluate, phase_coefficients
from passband.recipe import PassbandError
from passband.specimen.sampling import SceneDistribution, sample_scene

FIELD, CAMERA = 51.2, (64, 64)  # Å; pixels of 0.8 Å
SCENE = sample_scene(
    SceneDistribution(field=FIELD, materials=("Au",), particles=1, diameter=28.0, film_thickness=20.0, border="inside"),
    seed=3,
    index=0,
)
HEIGHT = float(SCENE.atoms.cell[2, 2])
PARTICLE = SCENE.atoms[SCENE.particle_of >= 0].get_positions()


def gold(pixel_size: float) -> Tensor:
    """Exit wave (1, y, x) of a gold particle on carbon."""
    pixels = round(FIELD / pixel_size)
    return exit_waves(SCENE.atoms, energy=300e3, shape=(pixels, pixels), pixel_size=FIELD / pixels, phonons=0)


@pytest.fixture(scope="module")
def coarse() -> Tensor:
    return gold(0.4)


def part_of(wave: Tensor) -> IncoherentPart:
    return incoherent_part(torch.fft.fft2(wave), pixel_size=FIELD / wave.shape[-1])


def plain(wave: Tensor, conditions: Conditions) -> Tensor:
    return form_images(wave[None], [conditions], pixel_size=FIELD / wave.shape[-1], output_shape=CAMERA)


def whole(wave: Tensor, conditions: Conditions) -> Tensor:
    return add_incoherent(plain(wave, conditions), [part_of(wave)], [conditions])


def focused(c10: float, **fields: object) -> Conditions:
    """Conditions whose C10 is counted from the middle of the particle."""
    offset = float(PARTICLE[:, 2].mean()) - HEIGHT
    aberrations = {"C10": c10 + offset, **fields.pop("aberrations", {})}  # type: ignore[dict-item]
    return Conditions.model_validate({"energy": 300e3, "aberrations": aberrations, **fields})


def regions() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels in the middle of the particle, and pixels of bare film."""
    y, x = (axis * FIELD / CAMERA[0] for axis in np.mgrid[: CAMERA[0], : CAMERA[1]])
    centre = PARTICLE[:, :2].mean(axis=0)
    away = [np.abs(axis - middle) for axis, middle in ((x, centre[0]), (y, centre[1]))]
    distance = np.hypot(*(np.minimum(one, FIELD - one) for one in away))
    return distance < 9.0, distance > 20.0


def contrast(image: Tensor) -> float:
    """Mean of the particle less that of the film, in standard deviations of the film."""
    inside, film = regions()
    values = image.numpy()
    return float((values[inside].mean() - values[film].mean()) / values[film].std())


@settings(max_examples=12, deadline=None)
@given(
    c10=st.floats(-800.0, 800.0),
    c30=st.floats(-1e7, 1e7),
    c21=st.floats(0.0, 3000.0),
    spread=st.sampled_from([0.0, 1e-4, 5e-4]),
)
def test_without_an_aperture_every_electron_reaches_the_camera(
    coarse: Tensor, c10: float, c30: float, c21: float, spread: float
) -> None:
    conditions = focused(c10, aberrations={"C30": c30, "C21": c21}, angular_spread=spread, focal_spread=15.0)
    assert float(plain(coarse, conditions).mean()) < 0.9975
    assert float(whole(coarse, conditions).double().mean()) == pytest.approx(1.0, abs=1e-6)  # float32 sums


@pytest.mark.parametrize("aperture", [8e-3, 13e-3])
def test_behind_an_aperture_what_passes_it_is_there(coarse: Tensor, aperture: float) -> None:
    conditions = focused(-400.0, aberrations={"C30": -5e6}, angular_spread=4e-4, aperture=aperture)
    q, _ = spatial_frequencies((128, 128), 0.4, dtype=torch.float64)
    power = (torch.fft.fft2(coarse[0], norm="forward").abs() ** 2).double()
    passing = float(power[q * wavelength(300e3) <= aperture].sum())
    assert float(plain(coarse, conditions).mean()) < passing - 4e-4  # the envelope took some
    assert float(whole(coarse, conditions).mean()) == pytest.approx(passing, abs=1e-4)


def test_with_an_ideal_lens_the_missing_electrons_are_where_they_were_lost(coarse: Tensor) -> None:
    ideal = Conditions(energy=300e3)
    added = (whole(coarse, ideal) - plain(coarse, ideal))[0].numpy()
    fine = fourier_resample(coarse[0], (256, 256)).numpy()
    lost = gaussian_filter(1.0 - np.abs(fine.astype(np.complex128)) ** 2, RESOLUTION / 0.2, mode="wrap", truncate=6.0)
    np.testing.assert_allclose(added, lost[::4, ::4], atol=0.01 * lost.max())
    inside, film = regions()
    assert added[inside].mean() > 5.0 * abs(added[film].mean())


def test_a_wave_on_the_coarsest_pixels_that_hold_it_has_the_same_part(coarse: Tensor) -> None:
    tight, full = part_of(fourier_resample(coarse, (86, 86))), part_of(coarse)
    assert tight.transmitted == pytest.approx(full.transmitted, abs=1e-6)
    torch.testing.assert_close(tight.maps, full.maps, atol=1e-6, rtol=0.0)


def point_source(field: float, pixels: int) -> IncoherentPart:
    """One in ten electrons lost at the middle of a field, beyond 0.8 Å⁻¹."""
    image = torch.zeros((pixels, pixels), dtype=torch.float64)
    image[pixels // 2, pixels // 2] = 0.1 * pixels**2
    spectrum = torch.fft.rfft2(image, norm="forward")
    kept = torch.cat((spectrum[: pixels // 2], spectrum[-(pixels // 2 - 1) :]))[:, : pixels // 2]
    maps = torch.stack([kept, *[torch.zeros_like(kept)] * 5])
    return IncoherentPart(maps, (field, field), np.array([0.9, 0.9]), 0.8)


def landed(aberrations: Aberrations) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Image of the source, and x and y in Å from it."""
    image = torch.full((1, 255, 255), 0.9, dtype=torch.float64)
    conditions = Conditions(energy=300e3, aberrations=aberrations)
    added = (add_incoherent(image, [point_source(400.0, 255)], [conditions])[0] - 0.9).numpy()
    y, x = ((axis - 127) * 400.0 / 255 for axis in np.mgrid[:255, :255])
    return added, x, y


def test_rays_out_of_focus_land_on_a_ring_and_beyond() -> None:
    image, x, y = landed(Aberrations(C10=4000.0))
    radius = np.hypot(x, y)
    ring = 4000.0 * 0.8 * wavelength(300e3)  # 63 Å: C10 times the smallest angle
    assert abs(image[radius < 0.85 * ring].sum()) < 0.02 * image.sum()
    assert image[(radius > 0.95 * ring) & (radius < 1.6 * ring)].sum() > 0.4 * image.sum()
    assert abs(float((image * x).sum())) < 0.2 * ring * image.sum()


def test_coma_moves_rays_to_the_side_to_which_it_moves_a_wave() -> None:
    c21 = 40000.0
    image, x, y = landed(Aberrations(C21=c21, phi21=0.5))
    shift = np.array([(image * axis).sum() / image.sum() for axis in (x, y)])
    side = shift @ np.array([np.cos(0.5), np.sin(0.5)])
    assert side > 2 / 3 * c21 * (0.8 * wavelength(300e3)) ** 2  # 2/3·C21·α² on average over azimuths, of the least α
    assert abs(shift @ np.array([-np.sin(0.5), np.cos(0.5)])) < 0.2 * side
    assert packet_shift(c21) > 0.0


def packet_shift(c21: float) -> float:
    """How far coma moves the image of a wave packet along +x that travels at 10 mrad."""
    place = (torch.arange(400) - 200) * 0.5
    envelope = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * 12.0**2))
    packet = torch.polar(envelope, 2 * pi * 10e-3 / wavelength(300e3) * place.expand(400, 400))
    conditions = Conditions(energy=300e3, aberrations=Aberrations(C21=c21))
    image = form_images(packet[None, None], [conditions], pixel_size=0.5)[0]
    shift = float((image.sum(dim=0) * place).sum() / image.sum())
    assert shift == pytest.approx(c21 * 10e-3**2, rel=0.1)  # ∂χ/∂α·λ/2π at azimuth 0
    return shift


def test_the_envelope_with_its_electrons_is_near_the_mean_over_illumination_angles(coarse: Tensor) -> None:
    conditions = focused(-200.0, angular_spread=4e-4)
    spectrum = torch.fft.fft2(fourier_resample(coarse[0], (192, 192)))
    length = wavelength(300e3)
    angles = torch.fft.fftfreq(192, FIELD / 192, dtype=torch.float64) * length
    polynomial = phase_coefficients(conditions.aberrations.nonzero(), length)
    rng, exact = np.random.default_rng(0), torch.zeros((192, 192))
    for tilt in rng.normal(0.0, conditions.angular_spread, (150, 2)):
        chi = evaluate(polynomial, angles + float(tilt[0]), angles + float(tilt[1])).T
        lens = torch.polar(torch.ones_like(chi), -chi).to(spectrum.dtype)
        exact += torch.fft.ifft2(spectrum * lens).abs().square() / 150
    sharp = conditions.model_copy(update={"angular_spread": 0.0})
    beyond = whole(coarse, sharp) - plain(coarse, sharp)
    wanted = fourier_resample(exact, CAMERA) + beyond[0]
    errors = [float((one[0] - wanted).std()) for one in (plain(coarse, conditions), whole(coarse, conditions))]
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.03 * float(wanted.std())
    assert contrast(whole(coarse, conditions)[0]) == pytest.approx(contrast(wanted), abs=0.03)
    assert contrast(plain(coarse, conditions)[0]) < contrast(wanted) - 0.2


def test_gold_is_as_dark_as_on_a_fine_grid(coarse: Tensor) -> None:
    conditions = focused(-100.0, focal_spread=15.0)
    wanted = contrast(whole(gold(0.1), conditions)[0])
    assert abs(contrast(whole(coarse, conditions)[0]) - wanted) < 0.05
    assert contrast(plain(coarse, conditions)[0]) < wanted - 0.1


def test_a_batch_is_its_images_one_by_one_and_inputs_stay(coarse: Tensor) -> None:
    conditions = [focused(-300.0, angular_spread=2e-4), focused(200.0)]
    images = torch.cat([plain(coarse, one) for one in conditions])
    before, part = images.clone(), part_of(coarse)
    together = add_incoherent(images, [part], conditions)
    assert torch.equal(images, before)
    assert torch.equal(together, add_incoherent(images, [part, part], conditions))
    for index, one in enumerate(conditions):
        torch.testing.assert_close(together[index], add_incoherent(images[index : index + 1], [part], [one])[0])


def test_what_does_not_fit_is_refused(coarse: Tensor) -> None:
    part = part_of(coarse)
    with pytest.raises(PassbandError, match="1 images, 1 parts and 2 conditions do not fit"):
        add_incoherent(torch.ones((1, 8, 8)), [part], [Conditions()] * 2)
    with pytest.raises(PassbandError, match=r"give complex spectra \(phonons, y, x\)"):
        incoherent_part(torch.ones((8, 8)), pixel_size=0.4)
