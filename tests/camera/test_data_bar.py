"""A bar of data is text on one level across the width of an image; vacuum, borders and dark places are none."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from passband.camera.border import Border
from passband.camera.data_bar import data_bar


def specimen(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phases = gaussian_filter(rng.normal(size=(300, 400)), 6.0) > 0.0
    return np.clip(60.0 + 90.0 * phases + rng.normal(0.0, 15.0, phases.shape), 0.0, 255.0)


def barred(level: float = 0.0, ink: float = 255.0, rows: int = 24, *, seed: int = 0) -> np.ndarray:
    image, rng = specimen(seed), np.random.default_rng(9)
    image[-rows:] = level
    image[-rows + 6 : -6, 30:370] = np.where(rng.random((rows - 12, 340)) < 0.12, ink, level)
    return image


@pytest.mark.parametrize(("level", "ink"), [(0.0, 255.0), (255.0, 0.0), (128.0, 255.0)])
def test_it_is_found_whatever_its_level(level: float, ink: float) -> None:
    # rejects black bars alone
    assert data_bar(barred(level, ink)) == Border(bottom=24)


def test_it_may_be_on_top_framed_ruled_and_blurred_by_jpeg() -> None:
    # rejects a bar that ends at its first line, and one of exactly one level
    assert data_bar(barred()[::-1]) == Border(top=24)
    framed = barred()
    framed[-1], framed[-13], framed[-25] = 255.0, 255.0, 255.0
    assert data_bar(framed).bottom == 25  # with the line above it
    lossy = barred()
    lossy[-24:] += np.random.default_rng(0).normal(0.0, 3.0, (24, 400))
    assert data_bar(lossy.clip(0.0, 255.0)).bottom == 24


def test_what_has_no_text_or_no_edge_is_none() -> None:
    # rejects vacuum beside a flat or a rough film, a black border, a dark half, and an even image
    vacuum = specimen()
    vacuum[-40:] = 0.0
    assert data_bar(vacuum) == Border()
    rough = specimen()
    rough[np.arange(300)[:, None] > 262 + 8 * gaussian_filter(np.random.default_rng(1).normal(size=400), 20.0) * 9] = 0
    assert data_bar(rough) == Border()
    assert data_bar(specimen()) == data_bar(np.full((64, 64), 3.0)) == data_bar(np.eye(10)) == Border()
    half = barred(rows=150)
    assert data_bar(half) == Border()


def test_dark_vacuum_beside_a_black_bar_is_not_of_it() -> None:
    # rejects one tolerance for bars that JPEG changed and for those that have one level
    image = barred()
    image[-70:-24] = np.random.default_rng(0).poisson(4.0, (46, 400))
    assert data_bar(image).bottom == 24


def test_gain_and_offset_do_not_matter() -> None:
    assert data_bar(0.01 * barred(seed=3) - 5.0) == data_bar(barred(seed=3)) == Border(bottom=24)


def test_real_images_of_scanning_microscopes_have_one(shared_data) -> None:
    from passband.files.reading import open_micrograph

    files = [*shared_data.glob("sem_nanoporous_gold/*.tif"), *shared_data.glob("native_formats/zeiss*/*.tif")]
    if not files:
        pytest.skip("the micrographs are not here")
    for path in files:
        image = open_micrograph(path, need_pixel_size=False).array
        assert 0.04 < data_bar(image).bottom / len(image) < 0.15, path
    others = [*shared_data.glob("sem_superalloy/*/test/*.tif"), *shared_data.glob("hrtem/au_patches/patch_?.png")]
    for path in others:
        assert data_bar(open_micrograph(path, need_pixel_size=False).array) == Border(), path
