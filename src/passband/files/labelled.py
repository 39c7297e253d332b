"""Images beside their masks, drawn or corrected by hand, or made with them: found, and read."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.files.listing import find_images
from passband.files.reading import read_micrograph
from passband.recipe import PassbandError

#: What may stand behind the name of an image in the name of its mask.
ENDINGS = (".mask", ".label", ".labels", "_mask", "_label", "_labels", "")
#: What stands there of a simulated image that was translated.
TRANSLATED = ".translated"
NAMED = 3  # images without a mask that a message names
MOST_VALUES = 256  # in a mask; a picture has more
GREY_VALUES = 16  # in a mask of two classes; an image of 8 bits, or a mask that went through JPEG, has more


class LabelledFile(NamedTuple):
    """Paths of an image and of its mask."""

    image: Path
    label: Path


def labelled_files(images: Path, labels: Path, *, fewest: int = 1) -> list[LabelledFile]:
    """Return the images of a folder that have a mask in another, or in the same.

    The mask of `IMAGE.png` is `IMAGE.png`, `IMAGE.mask.tif`, `IMAGE.label.png`, `IMAGE_mask.png` or the like; that of
    `IMAGE.translated.tif` may be the mask of `IMAGE` too.

    Raises
    ------
    PassbandError
        One of the folders is none, or there are fewer than `fewest` images with a mask.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise PassbandError(f"{folder} is no folder; name the folder of the images and that of their masks")
    by_name = {path.name[: -len(path.suffix)]: path for path in sorted(labels.iterdir()) if path.suffix}
    found, without = [], []
    for path in find_images([str(images)]):
        names = [f"{stem}{ending}" for stem in (path.stem, path.stem.removesuffix(TRANSLATED)) for ending in ENDINGS]
        label = next((by_name[name] for name in names if name in by_name and by_name[name] != path), None)
        if label is not None:
            found.append(LabelledFile(path, label))
        else:
            without.append(path.name)
    if len(found) < fewest:
        lacking = f" (none of {', '.join(without[:NAMED])}{', …' * (len(without) > NAMED)})" if without else ""
        allowed = ", ".join(f"IMAGE{ending}.png" for ending in ENDINGS)
        raise PassbandError(
            f"{len(found)} images of {images} have a mask in {labels}{lacking}, and {fewest} or more are needed; call "
            f"the mask of IMAGE.png one of {allowed}, or the same with .tif"
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
