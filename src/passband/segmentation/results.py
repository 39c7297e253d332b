"""What is written of a segmented image: mask, probability, overlay, table of particles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from passband.files.own_files import ENDINGS, is_marked
from passband.files.writing import COLOURS, write_image_tiff, write_mask_tiff, write_overlay_png
from passband.recipe import PassbandError
from passband.segmentation.segmenter import Segmentation
from passband.tabular import write_csv


def result_files(target: Path) -> dict[str, Path]:
    """Where the results of an image go: `target` and an ending for each.

    Raises
    ------
    PassbandError
        A file of one of these names is there and is not passband's: a mask drawn by hand, an image.
    """
    files = {kind: target.with_name(f"{target.name}{ending}") for kind, ending in ENDINGS.items()}
    for path in (files["probability"], files["mask"]):
        if path.is_file() and not is_marked(path):
            raise PassbandError(f"{path} is there and is not passband's; choose another folder with -o, or move it")
    return files


def write_results(
    segmentation: Segmentation,
    image: NDArray[Any],
    particles: Sequence[Mapping[str, Any]],
    target: Path,
    *,
    columns: Sequence[str] = (),
    error_probability: NDArray[Any] | None = None,
) -> dict[str, Path]:
    """Write what a segmenter says of an image; return the files by name.

    The mask is written last, so that its presence means that all are there.

    Parameters
    ----------
    segmentation
        Where it knows no probabilities, there is no file of them.
    image
        (y, x), below the overlay.
    particles, columns
        Rows of the table of particles, and its header where there may be none.
    target
        Folder, which is made where it is missing, and the beginning of the files' names.
    error_probability
        That the class of a pixel is wrong, (y, x): the overlay is red where the mask is doubtful, if this is known.

    Raises
    ------
    PassbandError
        A mask or an image that is not passband's has the name of one of them.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    files, foreground, size = result_files(target), segmentation.foreground, segmentation.pixel_size
    if foreground is None:
        files.pop("probability").unlink(missing_ok=True)  # of an earlier segmenter
    else:
        write_image_tiff(files["probability"], foreground, size)
    several = COLOURS if len(segmentation.classes) > 2 else COLOURS[:1]
    write_overlay_png(
        files["overlay"], image, segmentation.labels, size, colours=several, error_probability=error_probability
    )
    write_csv(files["particles"], particles, columns, digits=7, line_end="\n")
    write_mask_tiff(files["mask"], segmentation.labels, size)
    return files
