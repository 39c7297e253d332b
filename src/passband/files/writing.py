"""Results that other programs open: TIFF with a pixel size that ImageJ understands, and an overlay to look at."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from passband.files.own_files import SOFTWARE
from passband.recipe import PassbandError

Colour = tuple[int, int, int]
#: Of the classes of an overlay from 1 on: amber, blue, magenta, orange, purple of IBM's colour-blind-safe palette.
COLOURS: tuple[Colour, ...] = ((255, 176, 0), (100, 143, 255), (220, 38, 127), (254, 97, 0), (120, 94, 240))
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


def _outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Pixels of the mask within `width` of its border, the image's edge not counted."""
    from scipy.ndimage import minimum_filter

    inner = minimum_filter(mask.view(np.uint8), size=2 * width + 1, mode="constant", cval=1)
    outline: NDArray[np.bool_] = mask & (inner == 0)
    return outline


def _painted(
    grey: NDArray[np.uint8], classes: NDArray[np.integer], colours: Sequence[Colour], width: int
) -> NDArray[np.uint8]:
    """RGB picture (y, x, 3) by a table of 256 colours for what is bare, and for each class tinted and outlined."""
    levels = np.arange(256.0)[:, None]
    parts = [levels]
    kind = np.zeros(grey.shape, dtype=np.uint16)
    for number, colour in enumerate(colours, start=1):
        paint = np.array(colour, dtype=np.float64)
        parts += [(1 - _FILL) * levels + _FILL * paint, paint]
        inside = classes == number
        kind += inside * np.uint16(2 * number - 1)
        kind += _outline(inside, width)
    table = np.rint(np.concatenate([np.broadcast_to(part, (256, 3)) for part in parts])).astype(np.uint8)
    kind <<= 8
    kind += grey
    picture = np.empty((*grey.shape, 3), dtype=np.uint8)
    for top in range(0, len(grey), _BAND):
        picture[top : top + _BAND] = table.take(kind[top : top + _BAND], axis=0)
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
) -> None:
    """Write the image (y, x) with the mask tinted and outlined; a scale bar where `pixel_size` (y, x) in Å is known.

    The picture has the image's size, or a whole multiple of it where the image is small. `colours` are those of the
    classes from 1 on; further classes have the last one.

    Raises
    ------
    PassbandError
        Image and mask are not (y, x) of one shape.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    values, classes = np.asarray(image), np.asarray(mask)
    if values.ndim != 2 or values.shape != classes.shape:
        raise PassbandError(f"image {values.shape} and mask {classes.shape} must be (y, x) of one shape")
    factor = max(1, -(-_SMALLEST_OVERLAY // max(values.shape)))
    grey = _contrast(values).repeat(factor, axis=0).repeat(factor, axis=1)
    shown = _shown(classes, len(colours))
    enlarged = shown.repeat(factor, axis=0).repeat(factor, axis=1)
    drawn = _painted(grey, enlarged, colours, max(1, max(grey.shape) // 512))
    if pixel_size is not None and drawn.shape[0] >= 48 and drawn.shape[1] >= 96:
        drawn = _draw_bar(drawn, pixel_size[1] / 10 / factor)
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    Image.fromarray(drawn).save(path, compress_level=_COMPRESSION, pnginfo=said)
