"""X-ray hits and dead pixels go; particles, atoms, edges, text and counted electrons stay as they are."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.outliers import without_outliers
from passband.files.reading import read_micrograph

Y, X = np.mgrid[:201, :203].astype(float)
PLACES = [(100, 100), (0, 0), (0, 150), (200, 202), (50, 0), (130, 60), (33, 180)]  # inside, at corners, at borders
SHAPES = {
    "one": [(0, 0)],
    "two": [(0, 0), (0, 1)],
    "corner": [(0, 0), (0, 1), (1, 0)],
    "diagonal": [(0, 0), (1, 1), (2, 2)],
    "four": [(0, 0), (0, 1), (1, 0), (1, 1)],
}


def _noise(seed: int = 0) -> NDArray[np.float64]:
    return np.asarray(1000 + 50 * np.random.default_rng(seed).standard_normal(Y.shape))


def _particles() -> NDArray[np.float64]:
    """Discs with sharp edges, one of them bright, a lattice in another, on noise that follows the counts."""
    image = np.full(Y.shape, 100.0)
    for y, x, radius, height in ((60, 60, 25, 150), (130, 150, 30, 80), (150, 40, 6, 400), (30, 150, 3, 300)):
        image[np.hypot(Y - y, X - x) < radius] += height
    image += 60 * np.exp(-(((Y % 7) - 3) ** 2 + ((X % 7) - 3) ** 2) / 2) * (np.hypot(Y - 130, X - 150) < 30)
    return np.random.default_rng(1).poisson(image).astype(np.float64)


BASES = {"noise": _noise(), "particles": _particles()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factor", [5, 20, 1e4, -5, -1e4])
@pytest.mark.parametrize("base", BASES)
def test_hits_of_few_pixels_are_replaced_and_nothing_else(base: str, factor: float, shape: str) -> None:
    clean = BASES[base]
    hit, truth = clean.copy(), np.zeros(clean.shape, bool)
    for index, (y, x) in enumerate(PLACES):
        for dy, dx in SHAPES[shape]:
            at = min(y + dy, Y.shape[0] - 1), min(x + dx, Y.shape[1] - 1)
            hit[at] = clean.max() * factor * (1 + 0.1 * index)
            truth[at] = True
    before = hit.copy()
    found = without_outliers(hit)
    np.testing.assert_array_equal(hit, before)
    assert found.replaced == truth.sum()
    np.testing.assert_array_equal(found.array[~truth], clean[~truth])
    assert found.array[truth].max() <= clean.max()
    assert found.array[truth].min() >= clean.min()
    assert found.extreme == pytest.approx(clean.max() * factor * 1.6)


def test_the_replacement_is_the_median_of_the_neighbours() -> None:
    image = _noise()
    image[100, 100] = 1e6
    near = np.delete(image[98:103, 98:103].ravel(), 12)
    assert without_outliers(image).array[100, 100] == np.sort(near)[11]


def test_charge_that_spilled_from_a_hit_goes_with_it() -> None:
    image = _noise()
    image[99:102, 99:102] += 4e4
    image[100, 100] = 1e6
    found = without_outliers(image)
    assert found.replaced == 9
    assert found.array.max() < 1400


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u4", "f2", "f4", "f8"])
def test_hot_and_dead_pixels_of_every_type(dtype: str) -> None:
    scale = 0.1 if dtype == "u1" else 1.0
    clean = (scale * (1000 + 20 * np.random.default_rng(2).standard_normal((96, 128)))).astype(dtype)
    hit = clean.copy()
    hit[5, 7] = 255 if dtype == "u1" else 30_000
    hit[50, 127] = 0
    found = without_outliers(hit)
    assert (found.replaced, found.array.dtype) == (2, clean.dtype)
    assert abs(float(found.array[5, 7]) - 1000 * scale) < 40 * scale
    assert abs(float(found.array[50, 127]) - 1000 * scale) < 40 * scale


def test_many_hot_pixels_of_a_camera() -> None:
    image = np.random.default_rng(3).normal(1000, 50, (1000, 1000))
    rng = np.random.default_rng(4)
    places = rng.integers(0, 1000, (300, 2))
    image[places[:, 0], places[:, 1]] = rng.uniform(3e3, 1e5, 300)
    assert without_outliers(image).replaced == len(np.unique(places, axis=0))


@pytest.mark.parametrize("counts", [0.0005, 0.05, 0.3, 1.0, 20.0])
def test_counted_electrons_stay_and_a_hit_among_them_goes(counts: float) -> None:
    image = np.random.default_rng(5).poisson(counts, (500, 500)).astype(np.uint16)
    assert without_outliers(image).replaced == 0
    image[7, 7] = 65535
    assert without_outliers(image).replaced == 1


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("height", [10, 30, 100, 1000])
def test_single_atoms_stay_however_bright(sigma: float, height: float) -> None:
    image = _noise(6)
    for y, x in np.random.default_rng(7).uniform(5, 195, (30, 2)):
        image += 50 * height * np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 2 / sigma**2)
    assert without_outliers(image).replaced == 0


def _lattice() -> NDArray[np.float64]:
    return _noise(8) + 4000 * np.exp(-(((Y % 8) - 4) ** 2 + ((X % 8) - 4) ** 2) / 2)


def _text() -> NDArray[np.float64]:
    image = 100 + np.round(_noise(9) / 50 - 20)
    image[180:184, 20:90] = 255
    image[190, 20:90] = 255  # a line of one pixel
    image[170, 25:40:2] = 255  # dots of one pixel
    image[100:140, 200] = 255
    return image


def _vacuum() -> NDArray[np.float64]:
    return np.random.default_rng(10).poisson(np.where(np.hypot(Y - 100, X - 100) < 40, 400.0, 0.2)).astype(float)


def _speckle() -> NDArray[np.float64]:
    """Single pixels that stand out all over the image: what they are is not for us to say."""
    image = _noise(11)
    image[np.random.default_rng(12).random(Y.shape) < 0.01] = 5000
    return image


STAY = {
    "lattice": _lattice(),
    "text": _text(),
    "vacuum": _vacuum(),
    "speckle": _speckle(),
    "particles": BASES["particles"],
    "mask": (np.hypot(Y - 100, X - 100) < 40).astype(np.uint8),
    "constant": np.full((64, 64), 7.0),
    "tiny": np.arange(12.0).reshape(3, 4) ** 9,
    "ramp": Y**4,
}


@pytest.mark.parametrize("name", STAY)
def test_what_an_image_may_hold_stays(name: str) -> None:
    found = without_outliers(STAY[name])
    assert found.replaced == 0
    np.testing.assert_array_equal(found.array, STAY[name])


def test_a_hit_on_an_atom_column_and_on_an_edge_goes_alone() -> None:
    for clean, places in ((_lattice(), [(60, 60), (61, 90)]), (_vacuum(), [(100, 140), (60, 100)])):
        hit = clean.copy()
        for place in places:
            hit[place] = 30 * clean.max()
        found = without_outliers(hit)
        assert found.replaced == 2
        assert {tuple(at) for at in np.argwhere(found.array != hit).tolist()} == set(places)


def test_reading_replaces_them_and_says_so(tmp_path: Path) -> None:
    image = _noise().astype(np.float32)
    np.save(tmp_path / "clean.npy", image)
    assert not any("outlier" in note for note in inspect(tmp_path / "clean.npy")["notes"])
    image[100, 100] = 1e6
    np.save(tmp_path / "one.npy", image)
    image[3, 3] = -1e7
    np.save(tmp_path / "two.npy", image)
    for name, note in (
        ("one", "1 outlier (an X-ray hit, hot or dead pixel?) up to 1e+06 replaced by the median of the pixels around"),
        (
            "two",
            "2 outliers (X-ray hits, hot or dead pixels?) up to -1e+07 replaced by the median of the pixels around",
        ),
    ):
        micrograph = read_micrograph(tmp_path / f"{name}.npy")
        assert micrograph.array.max() < 1400
        assert note in micrograph.provenance["notes"]
        described = inspect(tmp_path / f"{name}.npy")
        assert note in described["notes"]
        assert described["statistics"]["max"] == float(micrograph.array.max())
    raw = read_micrograph(tmp_path / "two.npy", keep_outliers=True)
    np.testing.assert_array_equal(raw.array, image)
    assert not any("outlier" in note for note in raw.provenance["notes"])


def test_too_many_are_left_with_a_remark(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STAY["speckle"])
    notes = inspect(tmp_path / "a.npy")["notes"]
    assert any("or more single pixels stand out, too many for X-ray hits" in note for note in notes)


def test_real_micrographs_keep_every_pixel(shared_data: Path) -> None:
    for name in ("hrtem", "atomic_stem", "stem_misc", "stem_nanoparticles/images/PtC1.jpg", "interface_haadf"):
        for path in (
            [shared_data / name] if (shared_data / name).is_file() else sorted((shared_data / name).rglob("*.*"))
        ):
            if path.suffix.lower() in {".png", ".tif", ".tiff", ".npy", ".dm3", ".dm4", ".ser", ".jpg"}:
                assert not any("outlier" in note for note in inspect(path)["notes"]), path


@pytest.mark.slow
@pytest.mark.parametrize("factor", [20, 10_000])
def test_a_hit_hardly_changes_the_mask_of_real_gold(shared_data: Path, tmp_path: Path, factor: float) -> None:
    from passband.scores.overlap import overlap_scores
    from passband.segmentation.model import load_model
    from passband.segmentation.shipped import find_model

    folder = shared_data / "hrtem/au_scott_lab"
    image = read_micrograph(folder / "au_hrtem_image.png").array.astype(np.float32)
    truth = (read_micrograph(folder / "au_hrtem_mask.png").array > 0).astype(np.uint8)
    hit = image.copy()
    hit[100, 100] = factor * image.max()
    np.save(tmp_path / "hit.npy", hit)
    model = load_model(find_model(None))
    dice = [
        float(overlap_scores(model.segment(array, 0.5).labels, truth, classes=2)["dice"][1])
        for array in (image, read_micrograph(tmp_path / "hit.npy").array)
    ]
    assert dice[0] > 0.9
    assert abs(dice[1] - dice[0]) < 2e-3
