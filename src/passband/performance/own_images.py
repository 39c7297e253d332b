"""A laboratory's own images beside their masks, corrected by hand: examined, and put into a table."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from passband.camera.image_area import image_area
from passband.files.labelled import LabelledFile, read_label
from passband.files.reading import open_micrograph
from passband.performance.examination import examine
from passband.performance.image_error import ImageErrorModel
from passband.performance.own_masks import SeenImages, check_likenesses, likeness
from passband.performance.scoring import image_row
from passband.performance.signals import SIGNALS
from passband.performance.table import REMEDY, Laboratory, PerformanceError, PerformanceTable
from passband.progress import ProgressCallback
from passband.segmentation.model import Model


class Corrected(NamedTuple):
    """A table that is recalibrated by labelled images, and what the user should be warned of, a line each."""

    table: PerformanceTable
    warnings: list[str]


def with_laboratory(
    model: Model,
    table: PerformanceTable,
    files: Sequence[LabelledFile],
    *,
    pixel_size: float | None = None,
    progress: ProgressCallback | None = None,
) -> Corrected:
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
        A file cannot be read, or is no mask of its image; an image is there twice; or the masks as a whole are no
        truths, see `own_masks`.
    """
    if "error_area" not in table.images:
        raise PerformanceError(f"the card of {model.card.name} has no single images; {REMEDY} with --store first")
    rows, hashes, likenesses, images = [], [], [], SeenImages()
    for number, (path, label) in enumerate(files):
        if progress is not None:
            progress(number, len(files), note=path.name)
        micrograph = open_micrograph(path, pixel_size=pixel_size)
        hashes.append(images.add(path, micrograph.array))
        truth = read_label(label, micrograph.array.shape, classes=len(model.card.classes))
        area = image_area(micrograph.array)
        inside, truth = area.inside(micrograph.array), area.inside(truth)
        seen = examine(model, inside, micrograph.known_pixel_size, reference=table.reference)
        rows.append(image_row(seen, truth, model.card))
        likenesses.append(likeness(model, inside, seen.segmentation, truth, path.name))
    if progress is not None:
        progress(len(files), len(files), note="")
    columns = {name: tuple(row[name] for row in rows) for name in rows[0]}
    laboratory = Laboratory(files=tuple(hashes), images=columns)
    return Corrected(table.model_copy(update={"laboratory": laboratory}), check_likenesses(likenesses))


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
