"""One micrograph through a segmenter, as `passband segment` does it."""

from os import PathLike

from numpy.typing import ArrayLike

from passband.camera.image_area import image_area
from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.segmentation.model import load_model
from passband.segmentation.segmenter import Segmentation, Segmenter, in_whole_image
from passband.segmentation.specks import SPECK, without_specks


def segment(
    micrograph: Micrograph | ArrayLike | str | PathLike[str],
    segmenter: Segmenter | str | PathLike[str] | None = None,
    *,
    pixel_size: float | str | tuple[float, float] | None = None,
    symmetries: int = 1,
    minimum_area_nm2: float = SPECK,
) -> Segmentation:
    """Label every pixel of a micrograph.

    A border of one grey level, as an alignment leaves it, is background; the segmenter sees what is inside.

    Parameters
    ----------
    micrograph
        A micrograph, the path of its file, or an array (y, x).
    segmenter
        Anything that segments, such as a loaded model; or the folder or the name of a model, as `load_model` takes it.
    pixel_size
        In Å, one number or (y, x), or a text with a unit such as "77.6pm"; replaces what a micrograph or a file says.
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
    seen = as_micrograph(micrograph, pixel_size=pixel_size)
    if segmenter is None or isinstance(segmenter, str | PathLike):
        segmenter = load_model(segmenter)
    found = segment_inside(segmenter, seen, symmetries=symmetries)
    return without_specks(found, minimum_area_nm2=minimum_area_nm2)


def segment_inside(segmenter: Segmenter, micrograph: Micrograph, *, symmetries: int = 1) -> Segmentation:
    """Segment what of a micrograph is image, see `camera.image_area`; specks stay.

    Raises
    ------
    PassbandError
        As `segment`.
    """
    area = image_area(micrograph.array)
    inside = area.inside(micrograph.array)
    return in_whole_image(segmenter.segment(inside, micrograph.known_pixel_size, symmetries=symmetries), area)
