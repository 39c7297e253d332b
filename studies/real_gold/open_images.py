"""The open real micrographs of gold with masks drawn by hand, and how a mask is scored on them.

Validation only: six crops of 130² of aberration-corrected HRTEM micrographs at 300 kV (au_patches, 0.7758 Å per pixel)
and one of 201² (au_scott_lab, about 0.5 Å), with 8 bits, from published notebooks. `$PASSBAND_TEST_DATA` says where.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from skimage.io import imread

from passband.recipe import PassbandError

DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
BARE = 0.02  # share of gold below which a crop is nearly bare film
SINGLE = "au_scott_lab"
WINDOW = 8.0  # pixels, standard deviation of the Gaussian of the threshold baseline

Mask = NDArray[np.bool_]


class OpenImage(NamedTuple):
    """A micrograph, where it shows gold, and its pixel size in Å."""

    name: str
    file: Path
    image: NDArray[np.uint8]
    gold: Mask
    pixel_size: float


def open_images() -> list[OpenImage]:
    """Read the seven micrographs.

    Raises
    ------
    PassbandError
        They are not here.
    """
    folder = DATA / "hrtem"
    patches = sorted((folder / "au_patches").glob("patch_[0-9].png"))
    single = folder / SINGLE
    files = [(path.stem, path, path.with_suffix(".label.png"), 0.7758) for path in patches]
    files.append((SINGLE, single / "au_hrtem_image.png", single / "au_hrtem_mask.png", 0.5))
    if not patches or not files[-1][1].exists():
        raise PassbandError(f"{folder} has no open micrographs of gold; set PASSBAND_TEST_DATA to their folder")
    return [OpenImage(name, image, imread(image), imread(truth) > 0, size) for name, image, truth, size in files]


def count(found: Mask, image: OpenImage) -> dict[str, int]:
    """Pixels of an image, of its gold, of what was `found`, and of what was found and is gold (`right`)."""
    areas = {"pixels": found, "gold": image.gold, "found": found, "right": found & image.gold}
    return {name: int(mask.size if name == "pixels" else np.count_nonzero(mask)) for name, mask in areas.items()}


def thresholded(image: NDArray[Any]) -> Mask:
    """Baseline: where grey values vary more, in a Gaussian window, than Otsu's threshold of that variation.

    The best of six simple thresholds that were tried on the crops themselves: it knows them, the networks do not.
    """
    grey = image.astype(np.float64)
    spread = np.sqrt(gaussian_filter((grey - gaussian_filter(grey, WINDOW)) ** 2, WINDOW))
    return np.asarray(spread > threshold_otsu(spread))  # type: ignore[no-untyped-call]


def dice(rows: Iterable[Mapping[str, Any]]) -> float:
    """Dice of all pixels of some counts together; 1 where there is neither gold nor anything found."""
    listed = list(rows)
    right, both = (sum(int(row[a]) + int(row[b]) for row in listed) for a, b in (("right", "right"), ("found", "gold")))
    return right / both if both else 1.0


def false_area(rows: Iterable[Mapping[str, Any]]) -> float:
    """Share of the pixels without gold that were called gold."""
    listed = list(rows)
    wrong = sum(int(row["found"]) - int(row["right"]) for row in listed)
    return wrong / sum(int(row["pixels"]) - int(row["gold"]) for row in listed)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Scores of one network from its counts on every image.

    Returns
    -------
    dict
        `patches`, pooled Dice of the six crops; `bare`, false area on those that are nearly bare film; `film`, false
        area on the film of all six; `single`, Dice on the seventh image.
    """
    patches = [row for row in rows if row["image"] != SINGLE]
    bare = [row for row in patches if int(row["gold"]) < BARE * int(row["pixels"])]
    return {
        "patches": dice(patches),
        "bare": false_area(bare),
        "film": false_area(patches),
        "single": dice([row for row in rows if row["image"] == SINGLE]),
    }
