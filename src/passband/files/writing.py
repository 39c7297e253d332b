"""Results that other programs open: TIFF with a pixel size that ImageJ understands, and an overlay to look at."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tifffile
from numpy.typing import NDArray

from passband.files.own_files import SOFTWARE
from passband.recipe import PassbandError

Colour = tuple[int, int, int]
Value = TypeVar("Value", bound=np.generic)
#: Of the classes of an overlay from 1 on: amber, blue, magenta, orange, purple of IBM's colour-blind-safe palette.
COLOURS: tuple[Colour, ...] = ((255, 176, 0), (100, 143, 255), (220, 38, 127), (254, 97, 0), (120, 94, 240))
#: Probability of an error from which a picture is reddest, in figures too: as of a coin's toss between two classes.
MOST_DOUBT = 0.5
#: From no doubt to the most; ColorBrewer's Reds, as in figures.
_REDS = ("fff5f0", "fee0d2", "fcbba1", "fc9272", "fb6a4a", "ef3b2c", "cb181d", "a50f15", "67000d")
_DOUBT_LEVELS = 16  # that an overlay tells apart
_FILL = 0.22
_PERCENTILES = (0.5, 99.5)
_SMALLEST_OVERLAY = 512  # pixels: smaller images are enlarged by a whole factor
_BAND = 256  # rows that are converted at once, so that no copy of the image in float64 is made
_COMPRESSION = 1  # of zlib, 1 to 9: noise shrinks little at any level, and the usual 6 takes four times as long


def _write(path: str | Path, array: NDArray[Any], pixel_size: tuple[float, float] | None) -> None:
    options: dict[str, Any] = {"metadata": {"axes": "YX"}}
    if pixel_size is not None:
        y, x = (float(side) for side in pixel_size)
        if not all(np.isfinite(side) and side > 0 for side in (y, x)):
            raise PassbandError(f"pixel_size={pixel_size} Å must be two finite numbers above 0, (y, x)")
        options["resolution"] = (10.0 / x, 10.0 / y)  # pixels per nm
        # the resolution tag is a ratio of two 32-bit integers; the text keeps every digit
        options["metadata"] |= {"unit": "nm", "pixel_size_angstrom": f"{y!r} {x!r}"}
    tifffile.imwrite(path, array, imagej=True, software=SOFTWARE, **options)


def write_mask_tiff(path: str | Path, mask: NDArray[Any], pixel_size: tuple[float, float] | None = None) -> None:
    """Write a mask (y, x) as uint8 TIFF; `pixel_size` is (y, x) in Å and reads back the same.

    Raises
    ------
    PassbandError
        The mask is not (y, x) or has values outside 0 to 255.
    """
    values = np.asarray(mask)
    if values.ndim != 2 or values.dtype.kind not in "biu" or (values.size and (values.min() < 0 or values.max() > 255)):
        raise PassbandError(
            f"mask of shape {values.shape} and type {values.dtype} must be (y, x) of integers from 0 to 255"
        )
    _write(path, values.astype(np.uint8), pixel_size)


def write_image_tiff(path: str | Path, image: NDArray[Any], pixel_size: tuple[float, float] | None = None) -> None:
    """Write an image (y, x) as float32 TIFF; `pixel_size` is (y, x) in Å and reads back the same.

    Raises
    ------
    PassbandError
        The image is not (y, x) or is complex.
    """
    values = np.asarray(image)
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise PassbandError(f"image of shape {values.shape} and type {values.dtype} must be (y, x) of real numbers")
    _write(path, values.astype(np.float32), pixel_size)


def _contrast(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey levels of an image (y, x) between its 0.5 and 99.5 % quantiles; medium grey for a constant one."""
    low, high = (float(value) for value in np.percentile(image, _PERCENTILES))
    grey = np.full(image.shape, 128, np.uint8)
    if high > low:
        for top in range(0, len(image), _BAND):
            level = (image[top : top + _BAND].astype(np.float64) - low) * (255.0 / (high - low))
            grey[top : top + _BAND] = np.rint(level.clip(0.0, 255.0))
    return grey


def _enlarged(array: NDArray[Value], factor: int) -> NDArray[Value]:
    return array if factor == 1 else array.repeat(factor, axis=0).repeat(factor, axis=1)


def _outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Pixels of the mask within `width` of its border, the image's edge not counted."""
    from scipy.ndimage import minimum_filter

    inner = minimum_filter(mask.view(np.uint8), size=2 * width + 1, mode="constant", cval=1)
    outline: NDArray[np.bool_] = mask & (inner == 0)
    return outline


def doubt_opacity(error_probability: NDArray[Any]) -> NDArray[Any]:
    """Of the red over a micrograph, by the probability of an error; fringes still show through the most of it."""
    return (1.6 * error_probability).clip(0.0, 0.6)


def _colour_table(colours: Sequence[Colour], doubt_levels: int) -> NDArray[np.uint8]:
    """RGB (level of doubt from 0, kind, grey level, 3); kinds are bare, and each class tinted and outlined.

    Outlines are never reddened, and the tint lies over the red, so that the mask can be told under any doubt.
    """
    doubt = np.linspace(0.0, MOST_DOUBT, _DOUBT_LEVELS + 1)[: doubt_levels + 1, None, None]
    reds = np.array([list(bytes.fromhex(red)) for red in _REDS], dtype=np.float64)
    known = np.linspace(0.0, MOST_DOUBT, len(reds))
    red = np.stack([np.interp(doubt, known, channel) for channel in reds.T], axis=-1)
    opacity = doubt_opacity(doubt)[..., None]
    bare = (1 - opacity) * np.arange(256.0)[:, None] + opacity * red  # (level, 1, grey level, 3)
    kinds = [bare]
    for colour in colours:
        paint = np.array(colour, dtype=np.float64)
        kinds += [(1 - _FILL) * bare + _FILL * paint, np.broadcast_to(paint, bare.shape)]
    return np.asarray(np.rint(np.concatenate(kinds, axis=1)), dtype=np.uint8)


def _doubt_levels(doubt: NDArray[Any]) -> NDArray[np.intp]:
    return np.asarray(np.rint(doubt.clip(0.0, MOST_DOUBT) * (_DOUBT_LEVELS / MOST_DOUBT)), dtype=np.intp)


def _painted(
    grey: NDArray[np.uint8],
    classes: NDArray[np.integer],
    colours: Sequence[Colour],
    width: int,
    doubt: NDArray[Any] | None,
) -> NDArray[np.uint8]:
    """RGB picture (y, x, 3), classes tinted and outlined, and reddened by the probability of an error where told."""
    kind = np.zeros(grey.shape, dtype=np.uint16)
    for number in range(1, len(colours) + 1):
        inside = classes == number
        kind += inside * np.uint16(2 * number - 1)
        kind += _outline(inside, width)
    table = _colour_table(colours, 0 if doubt is None else _DOUBT_LEVELS)
    picture = np.empty((*grey.shape, 3), dtype=np.uint8)
    for top in range(0, len(grey), _BAND):
        band = slice(top, top + _BAND)
        place = kind[band].astype(np.intp)
        if doubt is not None:
            place += _doubt_levels(doubt[band]) * table.shape[1]
        place <<= 8
        place += grey[band]
        picture[band] = table.reshape(-1, 3).take(place, axis=0)
    return picture


def _shown(classes: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """Numbers of the colours, 0 for none; masks of one byte a pixel are not copied into a wider type."""
    if classes.dtype in (np.bool_, np.uint8):
        return np.minimum(classes.view(np.uint8), np.uint8(min(count, 255)))
    return np.clip(classes.astype(np.int64), 0, count).astype(np.uint8)


def _bar_length(field: float) -> float:
    """Round length in nm (1, 2 or 5 times a power of ten) that is at most a quarter of the field."""
    power = 10.0 ** np.floor(np.log10(field / 4))
    return float(max(step * power for step in (1, 2, 5) if step * power <= field / 4))


def _font_file() -> str:
    """Return the font of matplotlib's figures, found without loading matplotlib: Pillow's own has no µ."""
    found = find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")


def _draw_bar(picture: NDArray[np.uint8], pixel_nm: float) -> NDArray[np.uint8]:
    """Return the picture with a white bar and its length in nm on a dark plate, bottom left."""
    from PIL import Image, ImageDraw, ImageFont

    rows, columns = picture.shape[:2]
    length = _bar_length(columns * pixel_nm)
    width = max(1, round(length / pixel_nm))
    size = max(11, columns // 32)
    pad, thick = size // 2, max(2, size // 5)
    image = Image.fromarray(picture)
    font = ImageFont.truetype(_font_file(), size)
    label = f"{length:g} nm" if length < 1000 else f"{length / 1000:g} µm"
    box = ImageDraw.Draw(image).textbbox((0, 0), label, font=font)
    plate = max(width, round(box[2])) + 2 * pad, size + thick + round(2.4 * pad)
    left, top = pad, rows - pad - plate[1]
    shade = Image.new("RGB", plate, (0, 0, 0))
    image.paste(Image.blend(image.crop((left, top, left + plate[0], top + plate[1])), shade, 0.6), (left, top))
    draw = ImageDraw.Draw(image)
    bar = left + (plate[0] - width) // 2, rows - pad - pad - thick
    draw.rectangle((bar[0], bar[1], bar[0] + width - 1, bar[1] + thick - 1), fill=(255, 255, 255))
    draw.text((left + plate[0] / 2, bar[1] - pad / 2), label, font=font, fill=(255, 255, 255), anchor="ms")
    return np.asarray(image)


def write_overlay_png(
    path: str | Path,
    image: NDArray[Any],
    mask: NDArray[Any],
    pixel_size: tuple[float, float] | None = None,
    *,
    colours: Sequence[Colour] = COLOURS[:1],
    error_probability: NDArray[Any] | None = None,
) -> None:
    """Write the image (y, x) with the mask tinted and outlined; a scale bar where `pixel_size` (y, x) in Å is known.

    The picture has the image's size, or a whole multiple of it where the image is small.

    Parameters
    ----------
    colours
        Those of the classes from 1 on; further classes have the last one.
    error_probability
        That the class of a pixel is wrong, (y, x): the picture is the redder, below tint and outline, up to a half.

    Raises
    ------
    PassbandError
        Image, mask and error probability are not (y, x) of one shape.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    values, classes = np.asarray(image), np.asarray(mask)
    if values.ndim != 2 or values.shape != classes.shape:
        raise PassbandError(f"image {values.shape} and mask {classes.shape} must be (y, x) of one shape")
    if error_probability is not None and error_probability.shape != values.shape:
        raise PassbandError(
            f"image {values.shape} and error probability {error_probability.shape} must be of one shape"
        )
    factor = max(1, -(-_SMALLEST_OVERLAY // max(values.shape)))
    grey = _enlarged(_contrast(values), factor)
    shown = _enlarged(_shown(classes, len(colours)), factor)
    doubt = None if error_probability is None else _enlarged(error_probability, factor)
    drawn = _painted(grey, shown, colours, max(1, max(grey.shape) // 512), doubt)
    if pixel_size is not None and drawn.shape[0] >= 48 and drawn.shape[1] >= 96:
        drawn = _draw_bar(drawn, pixel_size[1] / 10 / factor)
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    Image.fromarray(drawn).save(path, compress_level=_COMPRESSION, pnginfo=said)
