import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps
from PIL import Image, ImageFont
from scipy.ndimage import binary_erosion

from passband.files.reading import read_micrograph
from passband.files.writing import _font_file, _shown, write_image_tiff, write_mask_tiff, write_overlay_png
from passband.recipe import PassbandError

MASK = (np.indices((40, 60)).sum(axis=0) % 7 == 0).astype(np.uint8)


@settings(max_examples=25)
@given(st.floats(1e-2, 1e5), st.floats(1e-2, 1e5))
def test_a_mask_reads_back_with_the_same_pixel_size(
    tmp_path_factory: pytest.TempPathFactory, y: float, x: float
) -> None:
    path = tmp_path_factory.mktemp("mask") / "a.mask.tif"
    write_mask_tiff(path, MASK, (y, x))
    back = read_micrograph(path)
    np.testing.assert_array_equal(back.array, MASK)
    assert back.array.dtype == np.uint8
    assert back.pixel_size == (y, x)


def test_imagej_finds_the_pixel_size_in_its_own_tags(tmp_path: Path) -> None:
    write_mask_tiff(tmp_path / "m.tif", MASK, (0.5, 0.776))
    with tifffile.TiffFile(tmp_path / "m.tif") as tiff:
        assert tiff.is_imagej
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["unit"] == "nm"
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert denominator / numerator == pytest.approx(0.0776, rel=1e-6)  # nm per pixel along x
        numerator, denominator = tiff.pages[0].tags["YResolution"].value
        assert denominator / numerator == pytest.approx(0.05, rel=1e-6)


def test_without_a_pixel_size_none_is_invented(tmp_path: Path) -> None:
    write_mask_tiff(tmp_path / "m.tif", MASK > 0)
    assert read_micrograph(tmp_path / "m.tif").pixel_size is None


def test_an_image_keeps_its_values_as_float32(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(size=(9, 11))
    write_image_tiff(tmp_path / "p.tif", image, (2.0, 3.0))
    back = read_micrograph(tmp_path / "p.tif")
    assert back.array.dtype == np.float32
    np.testing.assert_array_equal(back.array, image.astype(np.float32))
    assert back.pixel_size == (2.0, 3.0)


@pytest.mark.parametrize(
    "mask", [np.zeros((2, 3, 4), int), np.full((2, 2), 256), np.full((2, 2), -1), np.zeros((2, 2), float)]
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path: Path, mask: np.ndarray) -> None:
    with pytest.raises(PassbandError, match=r"must be \(y, x\) of integers from 0 to 255"):
        write_mask_tiff(tmp_path / "m.tif", mask)
    assert not list(tmp_path.iterdir())


def test_a_pixel_size_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match="two finite numbers above 0"):
        write_mask_tiff(tmp_path / "m.tif", MASK, (0.0, 1.0))


@pytest.mark.parametrize(
    ("shape", "size"), [((600, 700), (700, 600)), ((201, 100), (300, 603)), ((512, 512), (512, 512))]
)
def test_an_overlay_has_whole_pixels(tmp_path: Path, shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(size=shape)
    mask = np.zeros(shape, np.uint8)
    mask[20:60, 20:50] = 1
    write_overlay_png(tmp_path / "o.png", image, mask, (0.776, 0.776))
    with Image.open(tmp_path / "o.png") as picture:
        assert picture.size == size


def test_an_overlay_outlines_the_mask_and_leaves_the_rest_grey(tmp_path: Path) -> None:
    mask = np.zeros((600, 600), np.uint8)
    mask[100:200, 300:400] = 1
    write_overlay_png(tmp_path / "o.png", np.zeros((600, 600)), mask)
    picture = np.asarray(Image.open(tmp_path / "o.png")).astype(int)
    coloured = np.ptp(picture, axis=-1) > 0
    np.testing.assert_array_equal(coloured, mask > 0)
    assert tuple(picture[100, 350]) == (255, 176, 0)
    assert tuple(picture[150, 350]) != (255, 176, 0)


def test_the_outline_is_as_wide_as_asked_and_leaves_out_the_edge_of_the_image(tmp_path: Path) -> None:
    """2048 pixels: 4 wide, as by four erosions with a square; the mask reaches three edges of the image."""
    mask = np.zeros((2048, 700), np.uint8)
    mask[:1300, 100:] = 2
    mask[1400:1405, 200:205] = 1  # smaller than two outlines: outline all over
    write_overlay_png(tmp_path / "o.png", np.zeros(mask.shape), mask)
    picture = np.asarray(Image.open(tmp_path / "o.png"))
    inner = binary_erosion(mask > 0, np.ones((3, 3)), iterations=4, border_value=1)
    np.testing.assert_array_equal((picture == (255, 176, 0)).all(axis=-1), (mask > 0) & ~inner)


def test_the_grey_of_an_overlay_spans_the_quantiles_and_the_tint_keeps_it(tmp_path: Path) -> None:
    """A ramp of 10,000 levels far from 0: black below 0.5 %, white above 99.5 %, even between; also in integers."""
    ramp = np.tile(np.linspace(0, 9999, 600), (600, 1)) + 1e6
    mask = np.zeros(ramp.shape, np.uint8)
    mask[300:] = 1
    expected = 255 * np.clip((ramp[0] - 1e6 - 49.995) / (0.99 * 9999), 0, 1)
    for image in (ramp, np.rint(ramp).astype(np.uint32)):
        write_overlay_png(tmp_path / "o.png", image, mask)
        picture = np.asarray(Image.open(tmp_path / "o.png")).astype(float)
        np.testing.assert_allclose(picture[100], np.stack([expected] * 3, axis=-1), atol=1.0)
        tinted = 0.78 * expected[10:-10, None] + 0.22 * np.array([255, 176, 0])
        np.testing.assert_allclose(picture[400, 10:-10], tinted, atol=1.5)


def test_an_overlay_of_several_bands_is_a_whole_file_that_says_whose_it_is(tmp_path: Path) -> None:
    """Rejects rows left out, and a file without its mark; the height is no multiple of what is painted at once."""
    ramp = np.add.outer(np.arange(700.0), np.arange(600.0))
    write_overlay_png(tmp_path / "o.png", ramp, np.zeros(ramp.shape, np.uint8))
    with Image.open(tmp_path / "o.png") as found:
        found.verify()
    with Image.open(tmp_path / "o.png") as found:
        assert found.info["Software"] == "passband"
        picture = np.asarray(found)
    assert picture.shape == (700, 600, 3)
    assert (np.diff(picture.astype(int), axis=0) >= 0).all()


@pytest.mark.parametrize("mask_type", [np.bool_, np.uint8])
@pytest.mark.parametrize("doubt", [None, np.full((1024, 1024), 0.2, np.float32)])
def test_an_overlay_needs_little_more_memory_than_its_picture(
    tmp_path: Path, mask_type: type[np.generic], doubt: np.ndarray | None
) -> None:
    """Three bytes a pixel are the picture; copies would be 24 of it in float64, 16 of two masks, 4 of the doubt."""
    image = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    mask = (image > 0).astype(mask_type)
    tracemalloc.start()
    write_overlay_png(tmp_path / "o.png", image, mask, (1.0, 1.0), error_probability=doubt)
    peak = tracemalloc.get_traced_memory()[1] / image.size
    tracemalloc.stop()
    assert peak < 14


@pytest.mark.parametrize("mask_type", [np.uint8, np.int16, np.int64, np.float32])
def test_classes_beyond_the_colours_have_the_last_one_in_any_type(mask_type: type[np.generic]) -> None:
    """Rejects a limit in the mask's own type, in which 255 classes or -1 are something else."""
    classes = np.array([[0, 1, 2, 3, 120]]).astype(mask_type)
    np.testing.assert_array_equal(_shown(classes, 2), [[0, 1, 2, 2, 2]])
    np.testing.assert_array_equal(_shown(classes, 300), classes)
    if mask_type is not np.uint8:
        np.testing.assert_array_equal(_shown(-classes, 2), np.zeros_like(classes))


def test_the_scale_bar_is_as_long_as_it_says(tmp_path: Path) -> None:
    # 600 px of 1 Å: a quarter of the field is 15 nm, so the bar is 10 nm = 100 px
    write_overlay_png(tmp_path / "o.png", np.zeros((600, 600)), np.zeros((600, 600)), (1.0, 1.0))
    picture = np.asarray(Image.open(tmp_path / "o.png").convert("L"))
    white = picture == 255
    runs = [max(map(len, "".join("#" if cell else " " for cell in row).split()), default=0) for row in white]
    assert max(runs) == 100


def test_an_overlay_of_two_shapes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match="of one shape"):
        write_overlay_png(tmp_path / "o.png", np.zeros((4, 5)), np.zeros((5, 4)))
    with pytest.raises(PassbandError, match=r"error probability \(5, 4\) must be of one shape"):
        write_overlay_png(tmp_path / "o.png", np.zeros((4, 5)), np.zeros((4, 5)), error_probability=np.zeros((5, 4)))


def _drawn(folder: Path, image: np.ndarray, mask: np.ndarray, doubt: np.ndarray | None) -> np.ndarray:
    write_overlay_png(folder / "o.png", image, mask, error_probability=doubt)
    return np.asarray(Image.open(folder / "o.png")).astype(float)


def test_doubt_reddens_an_overlay_as_it_does_a_figure(tmp_path: Path) -> None:
    """Rejects another scale, another red, a map that is turned, shifted or of one band alone, and red over outlines."""
    rng = np.random.default_rng(0)
    image, mask = rng.normal(size=(600, 520)), np.zeros((600, 520), np.uint8)
    mask[200:500, 100:400] = 1
    doubt = (rng.integers(0, 20, (60, 52)) / 32).repeat(10, axis=0).repeat(10, axis=1).astype(np.float32)
    red = colormaps["Reds"](doubt / 0.5)[..., :3] * 255
    opacity = np.minimum(1.6 * doubt, 0.6)[..., None]
    tint = 0.22 * (mask > 0)[..., None]
    grey = _drawn(tmp_path, image, np.zeros_like(mask), None)
    expected = (1 - tint) * ((1 - opacity) * grey + opacity * red) + tint * np.array([255, 176, 0])
    outline = (mask > 0) & ~binary_erosion(mask > 0, np.ones((3, 3)))
    expected[outline] = (255, 176, 0)
    np.testing.assert_allclose(_drawn(tmp_path, image, mask, doubt), expected, atol=1.5)


def test_what_is_sure_is_drawn_as_without_a_map(tmp_path: Path) -> None:
    """Rejects a veil over the whole picture; 1.5 % is less than the first step of the red."""
    image, mask = np.random.default_rng(0).normal(size=(530, 600)), np.zeros((530, 600), np.uint8)
    mask[100:200, 300:400] = 1
    doubt = np.full(image.shape, 0.015, np.float32)
    write_overlay_png(tmp_path / "none.png", image, mask)
    write_overlay_png(tmp_path / "sure.png", image, mask, error_probability=doubt)
    assert (tmp_path / "sure.png").read_bytes() == (tmp_path / "none.png").read_bytes()
    doubt[300, 50] = 0.1
    reddened = (_drawn(tmp_path, image, mask, doubt) != _drawn(tmp_path, image, mask, None)).any(axis=-1)
    np.testing.assert_array_equal(np.argwhere(reddened), [(300, 50)])


def test_the_doubt_of_a_small_image_is_enlarged_with_it(tmp_path: Path) -> None:
    """Rejects a map that stays small in a corner: 100 pixels are drawn as 600, so one is 6 × 6."""
    image = np.random.default_rng(0).normal(size=(60, 100))
    doubt = np.zeros(image.shape, np.float32)
    doubt[20, 70] = 0.5
    coloured = np.ptp(_drawn(tmp_path, image, np.zeros(image.shape), doubt), axis=-1) > 0
    assert coloured[120:126, 420:426].all()
    assert coloured.sum() == 36


def test_image_and_mask_can_be_told_under_any_doubt(tmp_path: Path) -> None:
    """Rejects an opaque red: at least 40 % of the contrast is left, and the tint shifts the colour by 20 levels."""
    image, mask = np.tile(np.linspace(0, 1, 520), (520, 1)), np.zeros((520, 520), np.uint8)
    mask[:260] = 1
    picture = _drawn(tmp_path, image, mask, np.ones(image.shape, np.float32))
    assert (np.ptp(picture[400], axis=0) >= 0.4 * 254).all()
    assert (np.abs(picture[100] - picture[400]).max(axis=-1) > 20).all()


def test_more_classes_than_127_have_their_own_colours(tmp_path: Path) -> None:
    """Rejects an index of 16 bits, in which the later ones are drawn as the first."""
    classes = np.arange(200, dtype=np.uint8).repeat(600).reshape(200, 600).repeat(3, axis=0)
    colours = [(number, 255 - number, 90) for number in range(1, 200)]
    write_overlay_png(tmp_path / "o.png", np.zeros(classes.shape), classes, colours=colours)
    picture = np.asarray(Image.open(tmp_path / "o.png"))
    np.testing.assert_array_equal(picture[3::3, 300], colours)


def test_the_label_of_a_scale_bar_has_the_sign_of_micrometres() -> None:
    """Rejects a font that draws a box for µ, as Pillow's own does."""
    font = ImageFont.truetype(_font_file(), 30)
    drawn, missing = (bytes(font.getmask(one)) for one in ("µ", "\uffff"))
    assert drawn != missing
