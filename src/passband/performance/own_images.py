"""A laboratory's own images beside their masks, corrected by hand: found, examined, and put into a table."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.files.listing import find_images
from passband.files.reading import open_micrograph, read_micrograph
from passband.performance.examination import examine
from passband.performance.image_error import ImageErrorModel
from passband.performance.laboratory import FEWEST
from passband.performance.scoring import image_row
from passband.performance.signals import SIGNALS
from passband.performance.table import REMEDY, Laboratory, PerformanceError, PerformanceTable
from passband.progress import ProgressCallback
from passband.recipe import PassbandError
from passband.segmentation.model import Model

#: What may stand behind the name of an image in the name of its mask.
ENDINGS = (".mask", ".label", ".labels", "_mask", "_label", "_labels", "")
MOST_VALUES = 256  # in a mask; a picture has more
GREY_VALUES = 16  # in a mask of two classes; an image of 8 bits, or a mask that went through JPEG, has more


class LabelledFile(NamedTuple):
    """Paths of an image and of its mask."""

    image: Path
    label: Path


def labelled_files(images: Path, labels: Path) -> list[LabelledFile]:
    """Return the images of a folder that have a mask in another, or in the same.

    The mask of `IMAGE.png` is `IMAGE.png`, `IMAGE.mask.tif`, `IMAGE.label.png`, `IMAGE_mask.png` or the like.

    Raises
    ------
    PassbandError
        One of the folders is none, or there are fewer than 5 images with a mask.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise PassbandError(f"{folder} is no folder; name the folder of the images and that of their masks")
    by_name = {path.name[: -len(path.suffix)]: path for path in sorted(labels.iterdir()) if path.suffix}
    found = []
    for path in find_images([str(images)]):
        names = [f"{path.stem}{ending}" for ending in ENDINGS]
        label = next((by_name[name] for name in names if name in by_name and by_name[name] != path), None)
        if label is not None:
            found.append(LabelledFile(path, label))
    if len(found) < FEWEST:
        raise PassbandError(
            f"{len(found)} images of {images} have a mask in {labels}, and {FEWEST} or more are needed; the mask of "
            "IMAGE.png is called IMAGE.png or IMAGE.mask.png"
        )
    return found


def read_label(path: Path, shape: tuple[int, ...], *, classes: int) -> NDArray[np.int64]:
    """Return the true classes (y, x) of an image of this shape: of two, all that is not 0 is the other.

    Raises
    ------
    PassbandError
        It is of another shape, is a picture and no mask, or has more classes than the network.
    """
    array = read_micrograph(path, keep_outliers=True).array
    if array.shape != shape:
        raise PassbandError(f"{path} has {array.shape} pixels and its image {shape}; they must be of one shape")
    values = np.unique(array)
    if len(values) > (GREY_VALUES if classes == 2 else MOST_VALUES):
        raise PassbandError(f"{path} has {len(values)} grey levels, so it is no mask; write one as PNG or TIFF")
    if classes == 2:
        return np.asarray(array != 0, dtype=np.int64)
    if values.max() >= classes or values.min() < 0 or (values != np.round(values)).any():
        raise PassbandError(f"{path} has pixels of {values.max():g}, and the network knows classes 0 to {classes - 1}")
    return np.asarray(array, dtype=np.int64)


def with_laboratory(
    model: Model,
    table: PerformanceTable,
    files: Sequence[LabelledFile],
    *,
    pixel_size: float | None = None,
    progress: ProgressCallback | None = None,
) -> PerformanceTable:
    """Table of a network that is recalibrated by labelled images; those of an earlier time are replaced.

    Parameters
    ----------
    model
        The network.
    table
        On its card.
    files
        Of `labelled_files`.
    pixel_size
        Å; replaces what the files say.
    progress
        Called with images done, images in all and a note.

    Raises
    ------
    PerformanceError
        The table has no single images.
    PassbandError
        A file cannot be read, or is no mask of its image.
    """
    if "error_area" not in table.images:
        raise PerformanceError(f"the card of {model.card.name} has no single images; {REMEDY} with --store first")
    rows, hashes = [], []
    for number, (path, label) in enumerate(files):
        if progress is not None:
            progress(number, len(files), note=path.name)
        micrograph = open_micrograph(path, pixel_size=pixel_size)
        truth = read_label(label, micrograph.array.shape, classes=len(model.card.classes))
        seen = examine(model, micrograph.array, micrograph.known_pixel_size, reference=table.reference)
        rows.append(image_row(seen, truth, model.card))
        hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
    if progress is not None:
        progress(len(files), len(files), note="")
    columns = {name: tuple(row[name] for row in rows) for name in rows[0]}
    return table.model_copy(update={"laboratory": Laboratory(files=tuple(hashes), images=columns)})


def left_out(images: ImageErrorModel, *, level: float) -> list[dict[str, float]]:
    """Return the error area of each image of the laboratory, and its prediction from the others alone."""
    own = images.table.laboratory
    assert own is not None
    rows = []
    for out in range(len(own.files)):
        kept = [k for k in range(len(own.files)) if k != out]
        fewer = Laboratory(
            files=tuple(own.files[k] for k in kept),
            images={name: tuple(values[k] for k in kept) for name, values in own.images.items()},
        )
        others = replace(images, table=images.table.model_copy(update={"laboratory": fewer}))
        signals = {name: values[out] for name, values in own.images.items() if name in SIGNALS}
        predicted = others.predict(signals, level=level)["error_area"]
        rows.append({"error_area": own.images["error_area"][out], **predicted._asdict()})
    return rows
