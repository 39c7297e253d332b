"""Whether an image looks like those that a network was trained on, or is of another session: a realism score of it.

A network of defects that was trained for one session may detect nothing on another day's images, and says so with
confidence. So features of its training's images are kept beside it, and the kernel distance of an image from them is
compared with that of images which the training could have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from passband.durable import write_atomically
from passband.patches.standardising import standardised
from passband.recipe import PassbandError
from passband.scores.extractor import Extractor
from passband.scores.extractors import DEFAULT, find_extractor
from passband.scores.kernel_distance import kernel_distance

FILE = "session.safetensors"  # beside weights and card
SIDE, TILES = 64, 9  # pixels of a crop, and crops of an image at most
FEWEST = 2  # crops of an image that a distance is told of
FEWEST_IMAGES = 8  # of a training
MOST_FEATURES = 512  # crops that are kept
USUAL = 0.95  # quantile of the distances of the training's own images; their standard deviation is added
SCATTER = 0.05  # by which distances of nine crops of one session scatter


@dataclass(frozen=True, eq=False)
class SessionReference:
    """Features of the images of a training, and how far from them its other images are.

    Attributes
    ----------
    features
        (n, d), of crops.
    limit
        Kernel distance from which on an image is another session's.
    extractor
        Identity of the extractor that they are of.
    """

    features: NDArray[np.float64]
    limit: float
    extractor: str

    @classmethod
    def of_images(cls, images: Sequence[ArrayLike], extractor: Extractor | None = None) -> Self:
        """Return that of images (y, x) of a training at the pixels of the network; half of them set the limit.

        Raises
        ------
        PassbandError
            There are fewer than eight images that two crops of 64 pixels fit in.
        """
        made = extractor or find_extractor(DEFAULT)
        crops = [tiles for image in images if len(tiles := session_crops(image)) >= FEWEST]
        if len(crops) < FEWEST_IMAGES:
            raise PassbandError(
                f"{len(crops)} images of two crops of {SIDE} pixels are too few to tell a session by; "
                f"{FEWEST_IMAGES} at least"
            )
        seen = [made.features(tiles).astype(np.float64) for tiles in crops]
        features = np.concatenate(seen[::2])[:MOST_FEATURES]
        distances = [kernel_distance(features, one) for one in seen[1::2]]
        limit = float(np.quantile(distances, USUAL)) + float(np.std(distances)) + SCATTER
        return cls(features, limit, made.identity)

    def distance(self, image: ArrayLike, extractor: Extractor | None = None) -> float | None:
        """Kernel distance of an image (y, x) at the pixels of the network; None of one that is too small to tell.

        Raises
        ------
        PassbandError
            The features are of another extractor than that of this version.
        """
        made = extractor or find_extractor(DEFAULT)
        if made.identity != self.extractor:
            raise PassbandError(f"{FILE} holds features of another encoder than this version's; train the network anew")
        crops = session_crops(image)
        if len(crops) < FEWEST:
            return None
        return kernel_distance(self.features, made.features(crops).astype(np.float64))

    def save(self, folder: str | Path) -> None:
        """Write it beside the weights of a network."""
        tensors = {"features": self.features.astype(np.float32), "limit": np.array([self.limit])}
        write_atomically(Path(folder) / FILE, save(tensors, metadata={"extractor": self.extractor}))

    @classmethod
    def load(cls, folder: str | Path) -> Self | None:
        """Read that of a network; None where it has none.

        Raises
        ------
        PassbandError
            The file is damaged.
        """
        path = Path(folder) / FILE
        if not path.exists():
            return None
        try:
            content = path.read_bytes()
            tensors = load(content)
            extractor = _metadata(content)["extractor"]
            return cls(tensors["features"].astype(np.float64), float(tensors["limit"][0]), extractor)
        except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
            raise PassbandError(f"{path} is damaged ({type(error).__name__}); copy the model again") from error


def session_crops(image: ArrayLike) -> NDArray[np.float32]:
    """Standardised crops (n, 64, 64) of an image (y, x), spread evenly over it, nine at most; of a smaller one none."""
    array = np.asarray(image)
    counts = [min(3, side // SIDE) for side in array.shape]
    starts = [
        np.linspace(0, side - SIDE, count).round().astype(int) for side, count in zip(array.shape, counts, strict=True)
    ]
    crops = [standardised(array[top : top + SIDE, left : left + SIDE]) for top in starts[0] for left in starts[1]]
    return np.stack(crops) if crops else np.empty((0, SIDE, SIDE), np.float32)


def _metadata(content: bytes) -> dict[str, str]:
    """Metadata of a safetensors file: the header is JSON behind eight bytes of its length."""
    from passband.documents import parse_json

    length = int.from_bytes(content[:8], "little")
    header = parse_json(content[8 : 8 + length])
    found: dict[str, str] = header["__metadata__"]
    return found
