"""The camera: scale, noise statistics, blur and reproducibility."""

from typing import get_args

import pytest
import torch

from passband.camera.camera import Camera, Kernel
from passband.camera.recording import Patch, exposed, exposed_field, record, recorded_patch
from passband.microscope.conditions import MTF, Conditions
from passband.microscope.detector import electron_counts
from passband.recipe import PassbandError


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_vacuum_stays_at_one_with_the_noise_of_counted_electrons():
    # relative noise 1/√(dose · pixel²); 256² pixels give the mean to noise/256 and the variance to √2/256 = 0.6 %
    dose, pixel_size = 400.0, 0.2
    image = record(torch.ones(1, 256, 256), [Conditions(dose=dose)], pixel_size=pixel_size, generator=seeded())
    electrons = dose * pixel_size**2
    assert float(image.mean()) == pytest.approx(1.0, abs=5.0 / (256.0 * electrons**0.5))
    assert float(image.var()) == pytest.approx(1.0 / electrons, rel=0.03)
    counts = image * electrons
    torch.testing.assert_close(counts, counts.round(), rtol=0.0, atol=1e-4)


def test_a_noisy_signal_of_few_electrons_keeps_their_mean_and_variance():
    # an expansion that is cut off at zero has 6 % too much and 19 % too little; 512² pixels give both to 0.2 and 0.3 %
    image = record(
        torch.ones(1, 512, 512),
        [Conditions(dose=12.0)],
        pixel_size=1.0,
        generator=seeded(),
        camera=Camera(excess_noise=10.0),
    )
    assert float(image.mean()) == pytest.approx(1.0, abs=0.01)
    assert float(image.var()) == pytest.approx(11.0 / 12.0, rel=0.015)


@pytest.mark.parametrize("excess", [0.0, 0.5, 1.0])
def test_electrons_are_drawn_as_they_were_where_their_signal_varies_little(excess: float):
    # plans that passband comes with have an excess noise of 0 to 1, and their images keep their bytes
    image, camera = torch.ones(1, 32, 32), Camera(excess_noise=excess)
    for dose, few in ((11.9, True), (12.0, False)):
        made = record(image, [Conditions(dose=dose)], pixel_size=1.0, generator=seeded(), camera=camera)
        drawn = electron_counts(image[0] * dose, excess_noise=excess, few=few, generator=seeded())
        assert torch.equal(made[0], drawn / dose)


@pytest.mark.parametrize("pixel_size", [0.5, 1.0, 1.6])
def test_readout_noise_adds_its_variance_in_electrons_of_a_pixel(pixel_size):
    conditions = [Conditions(dose=100.0, readout_noise=8.0)]
    image = record(torch.ones(1, 256, 256), conditions, pixel_size=pixel_size, generator=seeded())
    electrons = 100.0 * pixel_size**2
    assert float(image.var()) == pytest.approx((electrons + 8.0**2) / electrons**2, rel=0.03)


def test_noise_follows_the_image_not_its_mean():
    image = torch.cat((torch.full((128, 256), 0.25), torch.full((128, 256), 1.75)))[None]
    noisy = record(image, [Conditions(dose=200.0)], pixel_size=1.0, generator=seeded())[0]
    assert float(noisy[128:].var() / noisy[:128].var()) == pytest.approx(7.0, rel=0.06)


def test_no_dose_is_no_noise_and_a_new_tensor():
    image = torch.rand(1, 16, 16)
    recorded = record(image, [Conditions()], pixel_size=0.5, generator=seeded())
    assert torch.equal(recorded, image)
    recorded.zero_()
    assert image.any()


def test_the_generator_alone_decides():
    image, conditions = torch.rand(2, 16, 16), [Conditions(dose=50.0), Conditions(dose=500.0)]
    before = image.clone()
    first = record(image, conditions, pixel_size=0.5, generator=seeded(1))
    torch.rand(10)  # the global state must not matter
    assert torch.equal(first, record(image, conditions, pixel_size=0.5, generator=seeded(1)))
    assert not torch.equal(first, record(image, conditions, pixel_size=0.5, generator=seeded(2)))
    assert torch.equal(image, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype):
    image = torch.ones(1, 8, 8, dtype=dtype)
    conditions = [Conditions(dose=50.0, readout_noise=1.0, mtf=MTF(half_at=0.5))]
    assert record(image, conditions, pixel_size=0.5, generator=seeded()).dtype == dtype


def test_blur_damps_a_grating_by_the_mtf_and_keeps_the_mean():
    # period of 8 pixels: a quarter of the Nyquist frequency, where a Gaussian with half_at=0.5 leaves 2^(−1/4)
    x = torch.arange(32, dtype=torch.float64)
    grating = 1.0 + 0.3 * torch.cos(2.0 * torch.pi * x / 8.0).expand(32, 32)
    expected = 1.0 + 0.3 * 0.5**0.25 * torch.cos(2.0 * torch.pi * x / 8.0).expand(32, 32)
    seen = exposed(grating, Conditions(mtf=MTF(half_at=0.5)), None, pixel_size=1.0)
    torch.testing.assert_close(seen, expected)


def test_blur_comes_before_the_counting():
    # counted noise is white whatever the MTF: neighbouring pixels of a blurred vacuum are uncorrelated
    conditions = [Conditions(dose=100.0, mtf=MTF(half_at=0.2))]
    noise = record(torch.ones(1, 256, 256), conditions, pixel_size=1.0, generator=seeded())[0] - 1.0
    correlation = float((noise[:, 1:] * noise[:, :-1]).mean() / noise.var())
    assert abs(correlation) < 0.02  # 5/256


@pytest.mark.parametrize(
    ("images", "conditions", "pixel_size", "message"),
    [
        (torch.ones(2, 8, 8), [Conditions()], 0.5, r"\(2, 8, 8\) images and 1 conditions"),
        (torch.ones(8, 8), [Conditions()], 0.5, r"give \(n, y, x\) images"),
        (torch.ones(1, 8, 8), [Conditions(readout_noise=1.0)], 0.5, "without a dose has no scale"),
        (torch.ones(1, 8, 8), [Conditions()], 0.0, "pixel_size=0.0 Å is not positive"),
    ],
)
def test_bad_input_is_one_clear_line(images, conditions, pixel_size, message):
    with pytest.raises(PassbandError, match=message):
        record(images, conditions, pixel_size=pixel_size, generator=seeded())


EVERYTHING = Camera(
    drift=1.0,
    vibration=0.2,
    blur=0.3,
    gradient=0.2,
    unevenness=0.1,
    excess_noise=0.3,
    correlation=0.5,
    gain_residue=0.1,
    dark_residue=0.1,
    offset=0.1,
    saturation=0.01,
)


@pytest.mark.parametrize("kernel", get_args(Kernel))
@pytest.mark.parametrize("dose", [4000.0, 4.0, None])
def test_everything_is_made_on_the_device_of_the_image(kernel, dose):
    # a tensor without memory refuses to meet one of the CPU, as that of a GPU would
    conditions = Conditions(dose=dose, readout_noise=1.0 if dose else 0.0, mtf=MTF(half_at=0.5))
    camera = EVERYTHING.model_copy(update={"kernel": kernel})
    field = exposed_field(torch.empty((180, 180), device="meta"), conditions, camera, pixels=150, pixel_size=0.7)
    patch = Patch(top=3, left=140, side=64, pixels=150, pixel_size=0.7)
    made = recorded_patch(field, conditions, camera, patch=patch, generator=None)
    assert made.device.type == "meta"
    assert made.shape == (64, 64)
    assert made.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_records_as_a_cpu_does():
    camera = EVERYTHING.model_copy(update={"hot_pixels": 20.0, "xrays": 20.0, "kernel": "lanczos"})
    patch, conditions = Patch(top=3, left=140, side=64, pixels=150, pixel_size=0.7), Conditions(dose=400.0)
    made = []
    for device in ("cpu", "cuda", "cuda"):
        field = exposed_field(torch.ones((180, 180), device=device), conditions, camera, pixels=150, pixel_size=0.7)
        generator = torch.Generator(device).manual_seed(3)
        made.append(recorded_patch(field, conditions, camera, patch=patch, generator=generator).cpu())
    assert torch.equal(made[1], made[2])
    assert float(made[0].std()) == pytest.approx(float(made[1].std()), rel=0.3)


def test_a_patch_is_that_part_of_the_whole_image():
    # nothing random: the blur of counts alone differs, by what lies beyond the patch
    camera = Camera(correlation=0.6, drift=1.0)
    generator = seeded()
    field = torch.rand((150, 150), generator=generator, dtype=torch.float64)
    seen = exposed_field(field, Conditions(), camera, pixels=150, pixel_size=0.7)
    whole = record(field[None], [Conditions()], pixel_size=0.7, generator=generator, camera=camera)[0]
    patch = Patch(top=120, left=7, side=64, pixels=150, pixel_size=0.7)
    part = recorded_patch(seen, Conditions(), camera, patch=patch, generator=generator)
    expected = whole.roll((-120, -7), (0, 1))[:64, :64]
    torch.testing.assert_close(part, expected, atol=2e-3, rtol=0.0)
