"""How well textures tell materials apart before anything else is done: whose nearest crop is of the same material."""

import time

import numpy as np
from numpy.typing import NDArray

from passband.zero_shot.crops import CropPlaces, Crops
from passband.zero_shot.lattice_scale import texture_scale
from passband.zero_shot.textures.embeddings import find_texture
from studies.zero_shot.benchmark import LabelledImage

CROPS = 30  # of each material, at most
WHOLE = 0.9  # of a crop in its material
GRID = 256  # cells of the longest side, that crops are placed on
SEED = 0


def retrieved(shown: LabelledImage, textures: tuple[str, ...]) -> list[dict[str, str | float]]:
    """Share of crops of an image, for each texture, whose nearest other crop is of the same material.

    Features are compared as they are, by their Euclidean distance; crops that overlap are not compared. Each material
    counts the same, however large it is, and those with a single whole crop count not at all.
    """
    side = min(texture_scale(shown.image).window, *shown.image.shape)
    step = max(1, max(shown.labels.shape) // GRID)
    labels = shown.labels[step // 2 :: step, step // 2 :: step] + 1
    found = CropPlaces.of(labels, shown.labels.shape, side=side, whole=WHOLE)
    places = found.sample(CROPS, generator=np.random.default_rng(SEED))
    whole = places.inside >= WHOLE - 1e-9
    places = Crops(places.corners[whole], places.mask[whole], places.inside[whole], side)
    crops = places.cut(shown.image)
    rows: list[dict[str, str | float]] = []
    for name in textures:
        started = time.process_time()
        features = find_texture(name).embed(crops, shown.pixel_size)
        spent = time.process_time() - started
        share = nearest_of_own(features, places)
        if np.isfinite(share):
            rows.append({"texture": name, "retrieval": share, "ms_per_crop": 1e3 * spent / len(crops)})
    return rows


def nearest_of_own(features: NDArray[np.float32], places: Crops) -> float:
    """Share of crops whose nearest other one that does not overlap is of their mask; the mean over masks."""
    squared = np.square(features).sum(1, dtype=np.float64)
    distance = squared[:, None] + squared - 2.0 * features.astype(np.float64) @ features.T
    overlapping = np.abs(places.corners[:, None] - places.corners).max(2) < places.side
    distance[overlapping] = np.inf
    alike = places.mask[:, None] == places.mask
    asked = (alike & ~overlapping).any(1)  # a crop without a partner has no right answer
    right = places.mask[distance.argmin(1)] == places.mask
    shares = [right[asked & (places.mask == one)].mean() for one in np.unique(places.mask[asked])]
    return float(np.mean(shares)) if len(shares) > 1 else float("nan")
