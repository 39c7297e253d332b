"""One micrograph through a segmenter, as `passband segment` does it."""

from os import PathLike
from pathlib import Path

from numpy.typing import ArrayLike

from passband.files.micrograph import Micrograph
from passband.recipe import PassbandError
from passband.segmentation.model import load_model
from passband.segmentation.segmenter import Segmentation, Segmenter
from passband.segmentation.shipped import find_model
from passband.segmentation.specks import SPECK, without_specks


def segment(
    image: Micrograph | ArrayLike,
    segmenter: Segmenter | str | PathLike[str] | None = None,
    *,
    pixel_size: float | tuple[float, float] | None = None,
    symmetries: int = 1,
    minimum_area_nm2: float = SPECK,
) -> Segmentation:
    """Label every pixel of a micrograph.

    Parameters
    ----------
    image
        A micrograph, or an array (y, x) whose `pixel_size` is given.
    segmenter
        Anything that segments, such as a loaded model; or the folder or the name of a model; None is the shipped one.
    pixel_size
        Å, one number or (y, x); of a micrograph, instead of what its file says.
    symmetries
        How many of the square's eight symmetries to average over: 1 is fastest, 8 the steadiest.
    minimum_area_nm2
        Smaller regions become background; nm².

    Raises
    ------
    PassbandError
        The pixel size is unknown, there is no such model, or the segmenter cannot look at the image.

    Examples
    --------
    >>> import numpy as np
    >>> found = segment(np.random.default_rng(0).normal(size=(64, 64)), pixel_size=0.8)
    >>> found.labels.shape, found.classes
    ((64, 64), ('background', 'particle'))
    """
    array = image.array if isinstance(image, Micrograph) else image
    if pixel_size is None:
        if not isinstance(image, Micrograph):
            raise PassbandError("an array does not say its pixel size; give it in Å, for example pixel_size=0.5")
        pixel_size = image.known_pixel_size
    if segmenter is None or isinstance(segmenter, str | PathLike):
        segmenter = load_model(find_model(None if segmenter is None else str(Path(segmenter))))
    return without_specks(
        segmenter.segment(array, pixel_size, symmetries=symmetries), minimum_area_nm2=minimum_area_nm2
    )
