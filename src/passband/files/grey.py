"""From a picture to a grey image: what counts as grey, and where a data bar was burned in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError

_COLOURED = 16 / 255  # of the range: JPEG moves the channels of a grey pixel apart by a few levels
_MOST_COLOURED = 0.02  # a coloured scale bar or label covers less of an image than this
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_BAR_FLAT = 0.7  # of a row in pure black or white
_ABOVE_BAR = 0.3  # at most this in the row above, so that empty vacuum that fades out is no bar
_BAR_ROWS = 12
_BELOW_BAR = 4  # rows of image that some microscopes leave under it
_BLOCK = 2**20  # pixels
_FEWEST_GREYS = 16  # fewer are a mask, not a micrograph


class NotGreyError(PassbandError):
    """A picture in colour, or partly transparent: no micrograph; the message goes behind the file's name."""


def to_grey(array: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return a colour picture (y, x, channel) as (y, x) of the same type, and how that was done.

    Equal channels are taken as they are. A few coloured pixels (a scale bar) become their luminance, as noted.

    Raises
    ------
    NotGreyError
        Over 2 % of the pixels have a colour or the picture is partly transparent.
    """
    colours, alpha = _split(array)
    if alpha is not None and alpha.min() != alpha.max():
        raise NotGreyError(
            "is partly transparent, a painted or colour picture; save the micrograph itself as a grey TIFF"
        )
    if all(np.array_equal(colours[..., 0], colours[..., channel]) for channel in range(1, colours.shape[-1])):
        count, alpha_too = colours.shape[-1], "" if alpha is None else ", its opaque alpha left out"
        note = f"{count} equal channels read as one grey{alpha_too}" if count > 1 else f"grey with alpha{alpha_too}"
        return np.ascontiguousarray(colours[..., 0]), (note,)
    spread = colours.max(axis=-1) - colours.min(axis=-1)
    # deep pictures seldom fill their type, so that its maximum says nothing of theirs
    full = 255.0 if array.dtype == np.uint8 else float(np.nanmax(np.abs(colours))) or 1.0
    coloured = float(np.mean(spread > _COLOURED * full))
    if coloured > _MOST_COLOURED:
        raise NotGreyError(
            f"is a colour picture ({coloured:.0%} of its pixels are not grey), not a micrograph; save it as grey first"
        )
    grey, unequal = colours[..., 0].copy(), spread != 0
    luminance = colours[unequal] @ _LUMINANCE
    grey[unequal] = np.rint(luminance) if array.dtype.kind in "iu" else luminance
    return grey, (f"colour on {coloured:.2%} of the pixels (a label?) turned into luminance",)


def _split(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    channels = array.shape[-1]
    if channels in (2, 4):
        return array[..., : channels - 1], array[..., -1]
    return array, None


def _has_greys(blocks: list[NDArray[Any]], rows: int) -> bool:
    """Whether enough grey levels occur in the first rows."""
    found: NDArray[Any] = np.unique(blocks[0][:rows])
    for block in blocks[1:]:
        if found.size >= _FEWEST_GREYS or rows <= 0:
            break
        rows -= len(blocks[0])
        found = np.union1d(found, block[: max(rows, 0)])
    return found.size >= _FEWEST_GREYS


def data_bar_rows(array: NDArray[Any]) -> int:
    """Rows of a burned-in data bar at the bottom of an image (y, x), or 0.

    A bar is a run of rows nearly all black and white, with both in it (its text), that begins abruptly and ends at the
    bottom or within a few rows of it.
    """
    if array.dtype.kind not in "iu" or array.shape[0] < 4 * _BAR_ROWS:
        return 0
    low, high = array.min(), array.max()
    step = max(1, _BLOCK // array.shape[1])  # rows at a time, so that the memory stays near that of the image
    blocks = [array[start : start + step] for start in range(0, array.shape[0], step)]
    pure = np.concatenate([np.mean((block == low) | (block == high), axis=1) for block in blocks])
    other = np.flatnonzero(pure[:-_BELOW_BAR] < _BAR_FLAT)
    if not other.size:
        return 0
    last = int(other[-1])
    bar = array[last + 1 :]
    if not _BAR_ROWS <= len(bar) <= array.shape[0] // 2 or pure[last] > _ABOVE_BAR:
        return 0
    both = bool((bar == low).any() and (bar == high).any())
    return len(bar) if both and _has_greys(blocks, last + 1) else 0
