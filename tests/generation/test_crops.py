from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from passband.files.writing import write_image_tiff
from passband.generation.crops import read_crops
from passband.recipe import PassbandError


def noise(shape: tuple[int, ...], seed: int = 0, levels: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, shape)


def write(path: Path, array: np.ndarray, pixel_size: float | None = 2.0) -> Path:
    write_image_tiff(path, array, None if pixel_size is None else (pixel_size, pixel_size))
    return path


def read(*paths: Path, **options: float) -> object:
    return read_crops([str(path) for path in paths], **{"size": 32, **options})


def test_any_size_and_bit_depth_become_crops_of_one_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise((45, 70)).astype(np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", noise((33, 32), 1, 60_000).astype(np.uint16))
    tifffile.imwrite(tmp_path / "c.tif", (1e-3 * noise((64, 32), 2)).astype(np.float32))
    found = read_crops([str(tmp_path)], size=32)
    assert found.images.shape == (2 * 3 + 2 + 2, 32, 32)
    assert found.images.dtype == np.float32
    assert found.micrograph.tolist() == [0] * 6 + [1] * 2 + [2] * 2
    assert found.corner[:6].tolist() == [[y, x] for y in (0, 13) for x in (0, 19, 38)]
    for number in range(3):
        here = found.images[found.micrograph == number]
        assert np.quantile(here[:, :32], (0.001, 0.999)) == pytest.approx((-0.8, 0.8), abs=0.05)
    assert found.pixel_size is None


def test_values_go_back_to_the_units_of_the_file(tmp_path: Path) -> None:
    image = noise((32, 64)).astype(np.float32)
    found = read(write(tmp_path / "a.tif", image), write(tmp_path / "b.tif", image))
    np.testing.assert_allclose(found.in_units()[0], image[:, :32], atol=1e-3)
    np.testing.assert_allclose(found.scaled(found.in_units()), found.images, atol=1e-5)
    assert found.pixel_size == 2.0


def test_crops_keep_their_pixels_where_pixel_sizes_agree(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.tif", noise((32, 32)), size) for name, size in (("a", 2.0), ("b", 2.01))]
    found = read(*paths)
    assert np.array_equal(found.images[0], found.images[1])
    assert found.pixel_size == 2.01
    assert not any("resampled" in note for note in found.notes)


def test_mixed_pixel_sizes_become_the_coarser_one(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :96]
    fine, coarse = (np.sin(2 * np.pi * (x + y) * size / 40.0) for size in (2.0, 3.0))  # one wave of 40 Å
    paths = write(tmp_path / "a.tif", fine, 2.0), write(tmp_path / "b.tif", coarse[:64, :64], 3.0)
    found = read(*paths)
    assert found.pixel_size == 3.0
    first, second = (found.images[found.micrograph == number][0, 8:24, 8:24] for number in (0, 1))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9
    assert "a.tif: 2 Å resampled to 3 Å" in found.notes


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((2.0, 4.1), "2 Å .* and 4.1 Å .* 2-fold apart; train on each"),
        ((2.0, None), "does not say .* give --pixel-size"),
    ],
)
def test_pixel_sizes_that_do_not_go_together(sizes: tuple[float | None, ...], words: str, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.tif", noise((64, 64)), size) for number, size in enumerate(sizes)]
    with pytest.raises(PassbandError, match=words) as found:
        read(*paths)
    assert "\n" not in str(found.value)
    assert read(*paths, pixel_size=3.0).pixel_size == 3.0  # the cure


def test_micrograph_smaller_than_a_crop(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match=r"40 × 31 pixels, smaller than a crop of 32; use a smaller --size"):
        read(write(tmp_path / "a.tif", noise((31, 40))))


def test_even_micrograph(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match=r"b.tif has the value 7 everywhere; leave it out"):
        read(write(tmp_path / "a.tif", noise((32, 32))), write(tmp_path / "b.tif", np.full((32, 32), 7.0)))


def test_bright_points_on_an_even_ground_vary(tmp_path: Path) -> None:
    image = np.zeros((64, 64))
    image[20, 20] = 5.0  # 0.02 % of the pixels
    tifffile.imwrite(tmp_path / "a.tif", (image * 40).astype(np.uint8))
    found = read_crops([str(write(tmp_path / "b.tif", image + noise((64, 64), 1)))], size=32)
    assert found.images.max() > 0.5
    assert np.isfinite(found.images).all()


def test_one_crop_is_too_few_and_two_are_enough(tmp_path: Path) -> None:
    one = write(tmp_path / "a.tif", noise((32, 32)))
    with pytest.raises(PassbandError, match="gives one crop of 32 pixels, too few"):
        read(one)
    assert len(read(one, write(tmp_path / "b.tif", noise((32, 32), 1))).images) == 2


def test_grey_in_colour_is_read_and_colour_is_refused(tmp_path: Path) -> None:
    grey = noise((32, 64)).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "grey.png")
    assert len(read(tmp_path / "grey.png").images) == 2
    Image.fromarray(noise((32, 64, 3)).astype(np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(PassbandError, match="is a colour picture"):
        read(tmp_path / "colour.png")


def test_data_bar_is_cut_off(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(20, 200, (128, 64)).astype(np.uint8)
    image[96:] = 0
    image[100:120, 5:50] = 255
    tifffile.imwrite(tmp_path / "a.tif", image)
    found = read(tmp_path / "a.tif")
    assert found.corner.max() == 64
    assert any("a data bar of 32 rows cut off" in note for note in found.notes)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match="holds no micrograph"):
        read_crops([str(tmp_path)])
