"""Rings of known conditions, drawn as noise through a transfer function, are read back; what has none is refused."""

from math import pi
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations, phase_aberration
from passband.microscope.conditions import Conditions
from passband.microscope.form_factors import scattering_factor
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.rings.fitting import FitRecipe, fit_image
from passband.microscope.rings.result import Fit, Refusal
from passband.microscope.transfer import contrast_transfer, temporal_envelope
from passband.recipe import PassbandError

Image = NDArray[np.float64]
PIXEL, SIDE = 0.5, 192
QUICK = FitRecipe(largest_c10=700.0, largest_c12=120.0)
DRIFT_AZIMUTH = pi / 6.0
LAYERS = (-12.5, -7.5, -2.5, 2.5, 7.5, 12.5)  # Å, of a film of 30 Å


def film(
    seed: int = 0, *, pixel: float = PIXEL, absorption: float = 0.0, drift: float = 0.0, mtf: float = 1.0, **lens: float
) -> Image:
    """White noise in layers, scattered as by carbon, through the transfer of a lens; the oracle is `contrast_transfer`.

    The specimen moves by the `drift` in Å at 30° to the x axis, and the camera passes `mtf` at its Nyquist frequency.
    It is the middle of a field twice as wide, as no micrograph is periodic.
    Atoms whose wave is 1 + (i cos w − sin w)·ε, w = arcsin of the `absorption`, are seen with sin(χ − w).
    """
    rng = np.random.default_rng(seed)
    q, azimuth = spatial_frequencies((2 * SIDE, 2 * SIDE), pixel, dtype=torch.float64)
    spectrum = np.zeros(q.shape, dtype=np.complex128)
    for depth in LAYERS:
        transfer = transfer_of({**lens, "C10": lens.get("C10", 0.0) + depth}, absorption, q, azimuth)
        spectrum += np.fft.fft2(rng.normal(size=q.shape)) * transfer
    spectrum *= scattering_factor(6, q.numpy()) / 2.5
    spectrum *= np.sinc(drift * q.numpy() * np.cos(azimuth.numpy() - DRIFT_AZIMUTH))
    scattered = np.fft.ifft2(spectrum).real
    image = np.fft.fft2(1.0 + scattered + 0.3 * scattered.std() * rng.normal(size=q.shape))
    seen = np.fft.ifft2(image / (1.0 + (1.0 / mtf - 1.0) * (2.0 * pixel * q.numpy()) ** 2)).real
    return np.asarray(seen[SIDE // 2 : -SIDE // 2, SIDE // 2 : -SIDE // 2])


def transfer_of(lens: dict[str, float], absorption: float, q: torch.Tensor, azimuth: torch.Tensor) -> Image:
    """Transfer of one layer; of atoms that absorb, dephased by w."""
    conditions = Conditions(aberrations=Aberrations(**lens), focal_spread=10.0)
    if not absorption:
        return contrast_transfer(q, azimuth, conditions).numpy()
    chi = phase_aberration(q, azimuth, conditions.aberrations.nonzero(), wavelength(300e3)).numpy()
    dephased = (1j * np.sqrt(1.0 - absorption**2) - absorption) * np.exp(-1j * chi)
    return np.asarray(dephased.real * temporal_envelope(q, 10.0, wavelength(300e3)).numpy())


def fitted(image: Image, pixel: Any = PIXEL, **settings: Any) -> Fit:
    settings = {"recipe": QUICK, "cs": 0.0, **settings}
    found = fit_image(image, pixel_size=pixel, energy=300e3, **settings)
    assert isinstance(found, Fit), found
    return found


def refused(image: Image, pixel: float = PIXEL, **settings: Any) -> str:
    settings = {"recipe": QUICK, "cs": 0.0, **settings}
    found = fit_image(image, pixel_size=pixel, energy=300e3, **settings)
    assert isinstance(found, Refusal), found
    assert (found.energy, found.pixel_size) == (300e3, (pixel, pixel))
    return found.reason


@pytest.fixture(scope="module")
def astigmatic() -> tuple[Image, Fit]:
    image = film(C10=-400.0, C12=60.0, phi12=0.5)
    return image, fitted(image)


def inside(value: float, interval: tuple[float, float], times: float = 2.0) -> bool:
    """Whether an interval, made `times` as wide, holds the value: 4 standard errors of a 95 % interval."""
    middle, half = 0.5 * (interval[0] + interval[1]), 0.5 * (interval[1] - interval[0])
    return abs(value - middle) <= times * half


def test_a_known_transfer_is_read_back(astigmatic: tuple[Image, Fit]) -> None:
    _, found = astigmatic
    assert inside(-400.0, found.c10_interval)
    assert inside(60.0, found.c12_interval)
    assert inside(0.5, found.phi12_interval)
    assert inside(np.log(10.0), tuple(np.log(found.effective_envelope_interval)))  # type: ignore[arg-type]
    assert 0.2 < found.c10_interval[1] - found.c10_interval[0] < 20.0
    assert found.c10_interval[0] < found.c10 < found.c10_interval[1]


def test_both_signs_are_reported_where_rings_cannot_tell(astigmatic: tuple[Image, Fit]) -> None:
    _, found = astigmatic
    assert found.sign_ambiguous
    (other,) = found.alternatives
    assert other == pytest.approx((-found.c10, found.c12, (found.phi12 + pi / 2) % pi, 0.0, 0.0))
    image = film(1, C10=400.0, C12=60.0, phi12=0.5)
    over = fitted(image)
    assert over.c10 == pytest.approx(-400.0, abs=5.0)
    assert over.alternatives[0].phi12 == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("c10", [-300.0, 300.0])
def test_spherical_aberration_decides_the_sign(c10: float) -> None:
    found = fitted(film(2, C10=c10, C30=3e5), cs=3e5)
    assert inside(c10, found.c10_interval)
    assert not found.sign_ambiguous
    assert found.alternatives == ()
    assert found.conditions().aberrations.C30 == 3e5


@pytest.mark.parametrize("c10", [-300.0, 300.0])
def test_absorption_that_is_known_moves_no_focus_and_tells_its_sign(c10: float) -> None:
    # w = 0.2 at q = 0.5 Å⁻¹ is as much phase as w/(πλq²) = 13 Å of focus
    image = film(2, C10=c10, absorption=0.2)
    found = fitted(image, recipe=QUICK.model_copy(update={"amplitude_contrast": 0.2}))
    assert inside(c10, found.c10_interval)
    assert not found.sign_ambiguous


def test_absorption_of_a_few_percent_that_nobody_gave_moves_no_focus() -> None:
    # taken to be 0 it moves the focus by w/(πλq²), 2 Å at 0.8 Å⁻¹
    image = film(2, C10=-300.0, absorption=0.08)
    found, fixed = fitted(image), fitted(image, recipe=QUICK.model_copy(update={"amplitude_contrast": 0.0}))
    assert abs(found.c10 + 300.0) < 1.0
    assert abs(fixed.c10 + 300.0) > 1.5
    low, high = found.amplitude_contrast_interval
    assert low < 0.08 < high


@pytest.mark.parametrize("length", [1.0, 2.0])
def test_drift_is_found_and_moves_neither_focus_nor_astigmatism(length: float) -> None:
    found = fitted(film(5, C10=-400.0, C12=60.0, phi12=2.2, drift=length))
    assert found.drift_interval[0] < length < found.drift_interval[1] < length + 0.2
    assert found.drift_azimuth == pytest.approx(DRIFT_AZIMUTH, abs=0.1)
    assert abs(found.c10 + 400.0) < 8.0
    assert inside(60.0, found.c12_interval)


def test_a_blurred_camera_moves_no_focus_and_its_blur_is_no_known_spread() -> None:
    # rejects a model in which the envelope is all that can damp: 24 Å (18 to 31)
    found = fitted(film(6, C10=-400.0, mtf=0.05))
    assert inside(-400.0, found.c10_interval)
    assert found.effective_envelope_interval[0] < 10.0 < found.effective_envelope_interval[1]


# --- spherical aberration


@pytest.mark.parametrize(("cs", "reported"), [(1.2e7, 1.2e7), (0.85e7, 0.85e7), (0.0, 0.0)])
def test_cs_that_nobody_gave_is_read_from_the_rings(cs: float, reported: float) -> None:
    # 0.85 mm is no lens of the list; taken to be 0 the focus of 1.2 mm would be wrong by 300 Å
    found = fitted(film(7, C10=-500.0, C30=cs), cs=None)
    assert found.cs == pytest.approx(reported, abs=1.5e5)
    assert found.cs_interval[0] - 1e5 <= cs <= found.cs_interval[1] + 1e5
    assert abs(found.c10 + 500.0) < 10.0
    assert inside(-500.0, found.c10_interval, 1.5)
    assert not found.cs_known
    assert "Cs was not given" in found.notes[0]
    assert found.sign_ambiguous == (cs == 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_rings_finer_than_the_bins_of_a_spectrum_say_nothing_of_cs(seed: int) -> None:
    """From 0.65 Å⁻¹ on they are: a fit that takes noise there for rings has Cs wrong by 0.05 mm and C10 by 20 Å."""
    found = fitted(film(seed, C10=-500.0, C30=2.7e7), cs=None)
    assert abs(found.c10 + 500.0) < 8.0
    assert found.cs == pytest.approx(2.7e7, abs=1e5)
    assert inside(-500.0, found.c10_interval)


def test_a_cs_between_those_of_lenses_fits_as_far_as_one_of_them_would() -> None:
    # rejects the confidence of an interval as what fits: a listed Cs fits up to a likelihood ratio of 400
    image = film(7, C10=-500.0, C30=0.85e7)
    usual, narrow = (
        fitted(image, cs=None, recipe=QUICK.model_copy(update={"confidence": level})) for level in (0.95, 0.5)
    )
    assert narrow.c10_interval == usual.c10_interval
    assert narrow.cs_interval == usual.cs_interval


def test_every_cs_that_fits_is_told_with_its_focus() -> None:
    # to 0.3 Å⁻¹ a millimetre is ½πλ³Cs q⁴ = 1 rad, which 120 Å of focus make up for
    coarse = FitRecipe(largest_c10=4000.0, largest_c12=400.0, band=(0.05, 0.3))
    found = fitted(film(8, pixel=1.6, C10=-2500.0, C30=1.2e7), 1.6, cs=None, recipe=coarse)
    tried = {found.cs, *(one.cs for one in found.alternatives)}
    assert tried >= {1e7, 1.2e7}
    assert found.c10_interval[0] < -2500.0 < found.c10_interval[1]
    for lens in found.alternatives:
        if lens.c10 < 0.0:
            assert found.c10_interval[0] < lens.c10 < found.c10_interval[1]
    foci = [one.c10 for one in sorted((one for one in found.alternatives if one.c10 < 0.0), key=lambda one: one.cs)]
    assert foci == sorted(foci, reverse=True)  # more Cs is more underfocus


@pytest.mark.parametrize(("true", "given"), [(1.2e7, 0.0), (1.2e7, 1.0e7), (0.0, 1.2e7)])
def test_a_given_cs_that_rings_contradict_is_said_to_be_wrong(true: float, given: float) -> None:
    image = film(9, C10=-500.0, C30=true)
    found = fit_image(image, pixel_size=PIXEL, energy=300e3, cs=given, recipe=QUICK)
    words = found.reason if isinstance(found, Refusal) else " ".join(found.notes)
    assert f"the rings fit Cs = {true / 1e7:.3g} mm better" in words
    assert words.endswith("nm")
    if isinstance(found, Fit):
        assert any(lens.cs == true and lens.worse_by < 0.0 for lens in found.alternatives)


def test_a_slightly_wrong_cs_fits_and_is_contradicted() -> None:
    # rejects a comparison after refusals alone: 0.1 mm leaves no misfit, but a focus that is wrong by 5 nm
    found = fitted(film(9, C10=-500.0, C30=1.2e7), cs=1.1e7)
    assert abs(found.c10 + 500.0) > 30.0
    assert found.notes[0].startswith("Cs = 1.1 mm was given, but the rings fit Cs = 1.2 mm better")
    assert (found.cs, found.cs_known) == (1.1e7, True)
    assert any(
        lens.cs == 1.2e7 and lens.worse_by < -12.0 and abs(lens.c10 + 500.0) < 10.0 for lens in found.alternatives
    )


def test_a_corrected_lens_whose_cs_nobody_gave_leaves_the_sign_open() -> None:
    # −15 µm with overfocus and 15 µm with underfocus are one spectrum
    found = fitted(film(2, C10=140.0, C30=-1.5e5), cs=None)
    assert found.sign_ambiguous
    assert found.alternatives[0].c10 == pytest.approx(-found.c10, abs=0.5)
    assert found.alternatives[0].cs == pytest.approx(-found.cs, abs=2e3)


def test_a_given_cs_that_is_right_is_not_doubted() -> None:
    found = fitted(film(9, C10=-500.0, C30=1.2e7), cs=1.2e7)
    assert (found.notes, found.cs_known, found.cs_interval) == ((), True, (1.2e7, 1.2e7))


def test_a_quarter_turn_of_the_image_turns_the_astigmatism(astigmatic: tuple[Image, Fit]) -> None:
    image, found = astigmatic
    turned = fitted(np.rot90(image).copy())
    assert turned.c10 == pytest.approx(found.c10, abs=1.0)
    assert turned.c12 == pytest.approx(found.c12, abs=1.5)
    assert turned.phi12 == pytest.approx((found.phi12 + pi / 2) % pi, abs=0.03)


def test_a_mirrored_image_mirrors_the_azimuth(astigmatic: tuple[Image, Fit]) -> None:
    image, found = astigmatic
    mirrored = fitted(image[::-1].copy())
    assert mirrored.phi12 == pytest.approx(pi - found.phi12, abs=0.03)


def test_pixels_twice_as_large_mean_four_times_the_focus(astigmatic: tuple[Image, Fit]) -> None:
    # λ C10 q² is all that rings know of either; the form factor and the focal spread only shape the envelope
    image, found = astigmatic
    coarse = fitted(image, 2.0 * PIXEL, recipe=FitRecipe(largest_c10=2800.0, largest_c12=480.0))
    assert coarse.c10 == pytest.approx(4.0 * found.c10, rel=0.01)
    assert coarse.c12 == pytest.approx(4.0 * found.c12, rel=0.1)


def test_brightness_and_unit_of_the_image_do_not_matter(astigmatic: tuple[Image, Fit]) -> None:
    image, found = astigmatic
    before = image.copy()
    scaled = fitted(np.asarray(5e3 * image - 100.0, dtype=np.float32))
    assert scaled.c10 == pytest.approx(found.c10, abs=1e-2)
    np.testing.assert_array_equal(image, before)


def test_spots_of_a_crystal_do_not_move_the_rings(astigmatic: tuple[Image, Fit]) -> None:
    image, found = astigmatic
    y, x = np.mgrid[:SIDE, :SIDE] * PIXEL
    fringes = np.cos(2.0 * pi * x / 2.35) + np.cos(2.0 * pi * (0.5 * x + 0.87 * y) / 2.35)
    spotted = fitted(image + 2.0 * image.std() * fringes)
    assert spotted.c10 == pytest.approx(found.c10, abs=2.0)


def test_conditions_carry_what_was_fitted(astigmatic: tuple[Image, Fit]) -> None:
    _, found = astigmatic
    conditions = found.conditions()
    assert conditions.aberrations == Aberrations(C10=found.c10, C12=found.c12, phi12=found.phi12)
    assert conditions.energy == 300e3
    assert conditions.focal_spread == Conditions().focal_spread  # what damps the rings is none


def test_a_wider_confidence_is_a_wider_interval(astigmatic: tuple[Image, Fit]) -> None:
    image, found = astigmatic
    wide = fitted(image, recipe=QUICK.model_copy(update={"confidence": 0.999}))
    ratio = np.diff(wide.c10_interval)[0] / np.diff(found.c10_interval)[0]
    assert ratio == pytest.approx(3.2905 / 1.95996, rel=1e-3)  # quantiles of the normal distribution


def test_round_rings_have_any_azimuth() -> None:
    found = fitted(film(3, C10=-400.0))
    assert found.c12_interval[0] == 0.0
    assert found.phi12_interval == (0.0, pi)


NOTHING = {
    "noise": np.random.default_rng(0).poisson(25.0, (SIDE, SIDE)).astype(float),
    "lattice": np.random.default_rng(1).poisson(
        25.0 * (1.0 + 0.3 * np.cos(2.0 * pi * np.arange(SIDE) * PIXEL / 2.04) * np.ones((SIDE, 1)))
    ),
}


@pytest.mark.parametrize("image", NOTHING.values(), ids=NOTHING.keys())
def test_what_has_no_rings_is_refused(image: Image) -> None:
    assert "no Thon rings" in refused(image)


def test_pixels_too_coarse_for_a_ring_are_refused() -> None:
    # 1/√(λ·200 Å) = 0.5 Å⁻¹ is the first zero; pixels of 1.5 Å end at 0.33 Å⁻¹
    image = film(4, pixel=1.5, C10=-200.0)
    reason = refused(image, 1.5, recipe=FitRecipe())
    assert "rings" in reason or "ring" in reason


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.ones((128, 128)), "constant"),
        (np.random.default_rng(0).normal(size=(32, 128)), "32 × 128 pixels are too few"),
    ],
)
def test_images_that_cannot_hold_rings_are_refused(image: Image, said: str) -> None:
    assert said in refused(image)


HOSTILE = {
    "nan": (np.where(np.arange(128 * 128).reshape(128, 128) == 7, np.nan, 1.0), {}, "1 pixels of the image are NaN"),
    "stack": (np.zeros((2, 128, 128)), {}, "(2, 128, 128)"),
    "complex": (np.zeros((128, 128), complex), {}, "complex128"),
    "pixel": (np.ones((128, 128)), {"pixel_size": 0.0}, "pixel_size=0.0"),
    # rejects a fit of anything positive: a refusal for want of rings would not say that the unit is wrong
    "pixel in another unit": (np.ones((128, 128)), {"pixel_size": 1e7}, "write the side of a pixel in Å"),
    "energy in kV": (np.ones((128, 128)), {"energy": 300.0}, "energy=300e3"),
    "Cs": (np.ones((128, 128)), {"cs": 1e12}, "C30=1e+12"),
}


@pytest.mark.parametrize(("image", "changed", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_bad_input_says_what_is_wrong(image: Any, changed: dict[str, float], said: str) -> None:
    with pytest.raises(PassbandError) as error:
        fit_image(image, **{"pixel_size": PIXEL, "energy": 300e3, **changed})  # type: ignore[arg-type]
    assert said in str(error.value)


@pytest.mark.parametrize(("settings", "said"), [({"element": "Xx"}, "no chemical"), ({"band": (1.0, 0.5)}, "rise")])
def test_bad_settings_say_what_is_wrong(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FitRecipe(**settings)
