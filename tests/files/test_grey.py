"""What counts as a grey image, what becomes of a few coloured pixels, and where a data bar begins."""

import numpy as np
import pytest

from passband.files.grey import NotGreyError, data_bar_rows, to_grey

SHAPE = (60, 80)


def picture(dtype: str = "uint8", channels: int = 3) -> np.ndarray:
    levels = np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype)
    return np.repeat(levels[..., None], channels, axis=-1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_coloured_label_becomes_its_luminance(dtype: str) -> None:
    array = picture(dtype)
    full = np.iinfo(dtype).max if dtype != "float32" else 200
    array[3, 4:7] = [[full, 0, 0], [0, full, 0], [0, 0, full]]
    grey, (note,) = to_grey(array)
    assert grey.dtype == array.dtype
    # ITU-R BT.709
    assert grey[3, 4:7] == pytest.approx(
        np.array([0.2126, 0.7152, 0.0722]) * full, abs=0.5 if dtype != "float32" else 1e-3
    )
    untouched = np.ones(SHAPE, bool)
    untouched[3, 4:7] = False
    np.testing.assert_array_equal(grey[untouched], array[untouched, 0])
    assert note == "colour on 0.06% of the pixels (a label?) turned into luminance"  # 3 of 4,800


@pytest.mark.parametrize(("pixels", "said"), [(96, None), (97, "2% of its pixels")])
def test_up_to_two_per_cent_may_be_coloured(pixels: int, said: str | None) -> None:
    array = picture()
    array.reshape(-1, 3)[:pixels] = (250, 10, 10)
    if said is None:
        assert "2.00%" in to_grey(array)[1][0]
    else:
        with pytest.raises(NotGreyError, match=said):
            to_grey(array)


@pytest.mark.parametrize(("apart", "coloured"), [(16, False), (17, True)])
def test_levels_that_compression_moves_apart_are_no_colour(apart: int, coloured: bool) -> None:
    array = picture()
    array[..., 1] += apart  # everywhere
    if coloured:
        with pytest.raises(NotGreyError, match="100% of its pixels"):
            to_grey(array)
    else:
        grey, _ = to_grey(array)
        np.testing.assert_array_equal(grey, np.rint(array @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8))


@pytest.mark.parametrize(("channels", "said"), [(2, "grey with alpha"), (4, "3 equal channels read as one grey")])
def test_an_even_alpha_is_dropped_and_an_uneven_one_is_refused(channels: int, said: str) -> None:
    array = picture(channels=channels)
    array[..., -1] = 255
    grey, notes = to_grey(array)
    np.testing.assert_array_equal(grey, array[..., 0])
    assert notes == (f"{said}, its opaque alpha left out",)
    array[0, 0, -1] = 254
    with pytest.raises(NotGreyError, match="partly transparent"):
        to_grey(array)


def test_the_last_channel_counts_too_and_the_picture_is_not_edited() -> None:
    array = picture()
    array[5, 5, 2] += 40
    before = array.copy()
    grey, _ = to_grey(array)
    assert grey[5, 5] == round(float(array[5, 5] @ np.array([0.2126, 0.7152, 0.0722])))
    np.testing.assert_array_equal(array, before)


def barred(rows: int, *, below: int = 0, height: int = 96, flat: float = 1.0) -> np.ndarray:
    """An image with a bar of black with white text, `flat` of it pure, `below` rows above its lower edge."""
    rng = np.random.default_rng(1)
    image = rng.integers(20, 200, (height, 100)).astype(np.uint8)
    if rows:
        bar = np.where(rng.random((rows, 100)) < 0.1, 255, 0).astype(np.uint8)
        bar[:, : round(100 * (1.0 - flat))] = 77
        bar[0, -1], bar[0, -2] = 255, 0
        image[height - below - rows : height - below] = bar
    return image


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (barred(0), 0),
        (barred(12), 12),
        (barred(11), 0),  # too low for text
        (barred(20), 20),
        (barred(20, below=4), 24),
        (barred(20, below=5), 0),
        (barred(20, flat=0.75), 20),
        (barred(20, flat=0.65), 0),
        (barred(48), 48),
        (barred(49), 0),  # more than half
        (barred(12, height=48), 12),
        (barred(12, height=47), 0),
        (barred(20).astype(np.float32), 0),
        (np.where(barred(20) == 255, 0, barred(20)), 0),  # no text
    ],
)
def test_a_bar_is_found_where_there_is_one(image: np.ndarray, found: int) -> None:
    assert data_bar_rows(image) == found


def test_vacuum_that_fades_out_and_masks_have_no_bar() -> None:
    fading = barred(20)
    edge = fading[75]
    edge[:40] = 0  # four tenths of the row above are black already
    assert data_bar_rows(fading) == 0
    few = barred(20)
    few[:76] = few[:76] % 15 + 20  # fifteen greys and no more
    assert data_bar_rows(few) == 0
    few[0, 0] = 180
    assert data_bar_rows(few) == 20
