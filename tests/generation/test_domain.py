"""Domains of any sizes, depths and pixel sizes; crops of them; and what is odd about two of them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.generation.lattices import lattices, recorded

from passband.files.writing import write_image_tiff
from passband.generation.domain import Domain, Levels, read_domain
from passband.generation.paired_crops import PairedCrops
from passband.generation.translation_domains import ready_domains
from passband.recipe import PassbandError

PRISTINE = lattices(3, 48)
SIMULATED = Domain.of_arrays("simulated", PRISTINE, 0.2)
REAL = Domain.of_arrays("real", [recorded(image, seed) for seed, image in enumerate(lattices(4, 56, 1))], 0.2)


def noisy(domain: Domain, deviation: float) -> Domain:
    rng = np.random.default_rng(0)
    images = [image + deviation * rng.standard_normal(image.shape) for image in domain.images]
    return Domain.of_arrays(domain.name, images, 0.2)


def test_levels_do_not_depend_on_gain_offset_or_depth() -> None:
    image = recorded(PRISTINE[0], 0)
    scaled = Levels.of(image).scaled(image)
    other = image.astype(np.float64) * 7.5 - 1000.0
    np.testing.assert_allclose(Levels.of(other).scaled(other), scaled, atol=1e-5)
    assert np.quantile(scaled, [0.001, 0.999]) == pytest.approx([-0.8, 0.8], abs=0.05)
    np.testing.assert_allclose(Levels.of(image).restored(scaled), image, rtol=1e-5, atol=1e-3)


def test_an_even_image_is_not_blown_up() -> None:
    even = np.full((8, 8), 1000.1)
    assert np.abs(Levels.of(even).scaled(even)).max() < 1e-3


def test_noise_is_that_of_the_image_whatever_is_on_it() -> None:
    # rejects a plain standard deviation, and a filter of another gain
    assert SIMULATED.noise() < 0.02
    scaled = [0.1 / Levels.of(image).gain for image in noisy(SIMULATED, 0.1).images]
    assert noisy(SIMULATED, 0.1).noise() == pytest.approx(float(np.median(scaled)), rel=0.1)


def test_crops_are_the_same_for_the_same_step_and_differ_otherwise() -> None:
    crops = PairedCrops(SIMULATED, REAL, size=32, seed=1, symmetries="mirrors")
    first, again, next_one = crops(5, 4), crops(5, 4), crops(6, 4)
    assert first.simulated.shape == first.real.shape == (4, 1, 32, 32)
    assert first.weights is None
    assert (first.real == again.real).all()
    assert (first.real != next_one.real).any()
    held = list(crops.held(6, 4, 1))
    assert len(held) == 2
    assert (held[0].real != crops(0, 4).real).any()


def test_rows_of_real_crops_stay_rows() -> None:
    # rejects quarter turns, which turn the jitter of rows into one of columns
    rows = np.repeat(np.random.default_rng(0).standard_normal(64)[:, None], 64, axis=1)
    real = Domain.of_arrays("real", [rows], 0.2)
    crops = PairedCrops(SIMULATED, real, size=16, seed=0, symmetries="mirrors")(0, 32).real
    assert float(crops.std(dim=-1).max()) < 1e-6
    turned = PairedCrops(SIMULATED, real, size=16, seed=0, symmetries="square")(0, 32).real
    assert float(turned.std(dim=-1).max()) > 0.1


def test_masks_are_cut_with_their_images() -> None:
    masked = Domain.of_arrays("simulated", PRISTINE, 0.2, masks=PRISTINE > 0.5)
    batch = PairedCrops(masked, REAL, size=32, seed=3, symmetries="square")(0, 8)
    assert batch.weights is not None
    for image, mask in zip(batch.simulated, batch.weights, strict=True):
        assert float(image[mask > 0].min()) > float(image[mask == 0].max()) - 0.1


def test_domains_come_to_the_pixel_size_of_the_real_set() -> None:
    coarse = Domain.of_arrays("simulated", PRISTINE, 0.4)
    ready = ready_domains(coarse, REAL, size=32, batch=2)
    assert ready.simulated.images[0].shape == (96, 96)
    assert ready.real.images[0] is REAL.images[0]
    assert any("3 simulated images" in line and "0.2 Å" in line for line in ready.remarks)


def test_the_most_common_pixel_size_decides_in_a_mixed_set() -> None:
    images = [*REAL.images, REAL.images[0][:40]]
    sizes = ((0.2, 0.2),) * 4 + ((0.4, 0.4),)
    mixed = Domain("real", tuple(images), sizes, tuple("abcde"))
    ready = ready_domains(SIMULATED, mixed, size=32, batch=2)
    assert ready.real.pixel_size == pytest.approx(0.2)
    assert ready.real.images[4].shape == (80, 112)


def test_small_images_are_left_out_and_none_left_is_refused() -> None:
    real = Domain.of_arrays("real", [*REAL.images, REAL.images[0][:20]], 0.2)
    ready = ready_domains(SIMULATED, real, size=32, batch=2)
    assert len(ready.real.images) == 4
    assert any("left out: smaller than a crop of 32" in line for line in ready.remarks)
    with pytest.raises(PassbandError, match=r"64 pixels fits in none of the 3 simulated images.*48 × 48.*--size"):
        ready_domains(SIMULATED, REAL, size=64, batch=2)


def test_equal_sets_are_refused_and_shared_images_told() -> None:
    with pytest.raises(PassbandError, match="all 3 simulated images are among the real ones"):
        ready_domains(SIMULATED, Domain.of_arrays("real", PRISTINE, 0.2), size=32, batch=2)
    some = Domain.of_arrays("real", [PRISTINE[0], *REAL.images], 0.2)
    assert "1 images are in both sets" in " ".join(ready_domains(SIMULATED, some, size=32, batch=2).remarks)


def test_swapped_domains_are_noticed() -> None:
    swapped = ready_domains(REAL, noisy(SIMULATED, 0.01), size=32, batch=2).remarks
    assert any("swapped" in line for line in swapped)
    assert not any("swapped" in line for line in ready_domains(SIMULATED, REAL, size=32, batch=2).remarks)


def test_one_real_image_few_images_and_mixed_depths_are_told() -> None:
    one = Domain.of_arrays("real", REAL.images[:1], 0.2)
    assert any("one real image" in line for line in ready_domains(SIMULATED, one, size=32, batch=2).remarks)
    mixed = Domain.of_arrays("real", [REAL.images[0].astype(np.uint8), REAL.images[1]], 0.2)
    said = " ".join(ready_domains(SIMULATED, mixed, size=32, batch=8).remarks)
    assert "several depths (uint16, uint8)" in said
    assert "3 simulated images are fewer than a batch of 8" in said


def test_files_folders_and_stacks_are_read(tmp_path: Path) -> None:
    write_image_tiff(tmp_path / "a.tif", PRISTINE[0], (0.2, 0.2))
    write_image_tiff(tmp_path / "b.tif", PRISTINE[1][:40], (0.3, 0.3))
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([REAL.images[0]] * 3), imagej=True)
    domain = read_domain("real", [tmp_path / "a.tif", tmp_path / "b.tif"])
    assert [image.shape for image in domain.images] == [(48, 48), (40, 48)]
    assert domain.pixel_sizes == ((0.2, 0.2), (0.3, 0.3))
    assert len(read_domain("real", [tmp_path], pixel_size=0.2).images) == 5
    (tmp_path / "empty").mkdir()
    with pytest.raises(PassbandError, match="empty holds no micrograph"):
        read_domain("real", [tmp_path / "empty"])
    with pytest.raises(PassbandError, match="does not say its pixel size"):
        read_domain("real", [tmp_path / "stack.tif"])


def test_bad_arrays_are_named() -> None:
    with pytest.raises(PassbandError, match="the real set holds no image"):
        Domain.of_arrays("real", [], 0.2)
    with pytest.raises(PassbandError, match=r"real image 1: .*NaN"):
        Domain.of_arrays("real", [REAL.images[0], np.full((8, 8), np.nan)], 0.2)
    with pytest.raises(PassbandError, match="masks of the simulated set"):
        Domain.of_arrays("simulated", PRISTINE, 0.2, masks=PRISTINE[:, :10])
