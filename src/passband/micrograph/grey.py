"""From a picture to a grey image: what counts as grey, and where a data bar was burned in."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError

_COLOURED = 16 / 255  # of the type's range: JPEG moves the channels of a grey pixel apart by a few levels
_MOST_COLOURED = 0.02  # a coloured scale bar or label covers less of an image than this
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_BAR_FLAT = 0.45  # of a row in one single value, which noise in an image never reaches
_BAR_ROWS = 12


def to_grey(array: NDArray[Any], error: Callable[[str], PassbandError]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return a colour picture (y, x, channel) as (y, x) of the same type, and how that was done.

    Equal channels are taken as they are. A few coloured pixels (a scale bar) become their luminance, which the notes say.

    Raises
    ------
    PassbandError
        The one that `error` makes, where more than 2 % of the pixels have a colour, or part of the picture is transparent.
    """
    colours, alpha = _split(array)
    if alpha is not None and int(alpha.min()) != int(alpha.max()):
        raise error("is partly transparent, a painted or colour picture; save the micrograph itself as a grey TIFF")
    spread = np.ptp(colours.astype(np.float64), axis=-1)
    if not spread.any():
        return np.ascontiguousarray(colours[..., 0]), (f"{array.shape[-1]} equal channels read as one grey",)
    full = np.iinfo(array.dtype).max if array.dtype.kind in "iu" else float(np.nanmax(np.abs(colours))) or 1.0
    coloured = float(np.mean(spread > _COLOURED * full))
    if coloured > _MOST_COLOURED:
        raise error(f"is a colour picture ({coloured:.0%} of its pixels are not grey), not a micrograph; save it as grey first")
    grey = colours @ _LUMINANCE
    grey = np.rint(grey).astype(array.dtype) if array.dtype.kind in "iu" else grey.astype(array.dtype)
    return grey, (f"colour on {coloured:.2%} of the pixels (a label?) turned into luminance",)


def _split(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    channels = array.shape[-1]
    if channels in (2, 4):
        return array[..., : channels - 1], array[..., -1]
    return array, None


def data_bar_rows(array: NDArray[Any]) -> int:
    """Rows of a burned-in data bar at the bottom of an image (y, x), or 0.

    A bar is a run of rows up to the last one, each with nearly half its pixels of the bar's one background value.
    """
    if array.dtype.kind not in "iu" or array.shape[0] < 4 * _BAR_ROWS:
        return 0
    values, counts = np.unique(array[-_BAR_ROWS:], return_counts=True)
    if counts.max() < _BAR_FLAT * array[-_BAR_ROWS:].size:
        return 0
    flat = np.mean(array == values[counts.argmax()], axis=1) > _BAR_FLAT
    other = np.flatnonzero(~flat)
    rows = array.shape[0] - 1 - int(other[-1]) if other.size else 0
    return rows if _BAR_ROWS <= rows <= array.shape[0] // 2 else 0
