"""The supervised booster: a classifier of crops, trained on images of the materials that may be there.

The images are simulated ones, such as `passband simulate interfaces` makes with the specimens that one has in mind; so
a mask gets the name of its material, and a material that is in two places, or in another orientation, is one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from passband.recipe import PassbandError
from passband.zero_shot.crops import CropPlaces, normalised
from passband.zero_shot.textures.embeddings import Texture, find_texture

Array = NDArray[np.float64]

#: No intensity: it is relative to what else an image shows. Radial: the orientation of a material is not known.
TEXTURE = "radial"
CROPS = 60  # of each material in each image, at most
WHOLE = 0.9  # of a crop shows one material
FOLDS = 5  # of images, for the accuracy
FEWEST_PIXELS = 32  # along a crop, so that all have the same frequencies


@dataclass(frozen=True, eq=False)
class KnownMaterials:
    """A classifier of crops by material: a labeller for `booster.boost`.

    Attributes
    ----------
    names
        Of the materials, in the order of their numbers.
    width
        Of a crop, Å.
    accuracy
        Share of crops named rightly of images that were left out of the training, a fifth at a time; NaN where there
        was one image.
    """

    names: tuple[str, ...]
    width: float
    accuracy: float
    texture: Texture
    classifier: LinearDiscriminantAnalysis

    @property
    def materials(self) -> int:
        """How many it tells apart."""
        return len(self.names)

    def side(self, pixel_size: float | None) -> int:
        """Pixels along a crop of an image whose pixels have a size in Å.

        Raises
        ------
        PassbandError
            It is not known, or so large that a crop would have too few pixels.
        """
        if pixel_size is None:
            raise PassbandError("pixel_size=None: crops of known materials have a width in Å; give the pixel size in Å")
        side = round(self.width / pixel_size)
        if side < FEWEST_PIXELS:
            raise PassbandError(
                f"pixel_size={pixel_size:g} Å gives {side} pixels to a crop of {self.width:g} Å, {FEWEST_PIXELS} are "
                "needed; learn the materials with wider crops"
            )
        return side

    def label(self, crops: NDArray[np.float32], pixel_size: float | None) -> NDArray[np.int64]:
        """Return the number of the material (n,) of crops (n, y, x)."""
        named: NDArray[np.int64] = self.classifier.predict(self.texture.embed(crops, pixel_size)).astype(np.int64)
        return named


def learn_materials(
    images: Iterable[tuple[NDArray[np.float32], NDArray[np.int64]]],
    names: tuple[str, ...],
    *,
    pixel_size: float,
    width: float,
    texture: str = TEXTURE,
    seed: int = 0,
) -> KnownMaterials:
    """Train the classifier: Fisher's linear discriminant with shrinkage on embedded crops.

    Parameters
    ----------
    images
        Each (y, x), and the number of the material of each pixel (y, x), from 0.
    names
        Of the materials; each must be seen.
    pixel_size
        Of the images, Å.
    width
        Of crops, Å; several periods of the lattices.
    texture
        One of `TEXTURES`, or a folder with an encoder.
    seed
        Of the choice of crops.

    Raises
    ------
    PassbandError
        A material fills no crop of any image, or a crop would have too few pixels.
    """
    generator = np.random.default_rng(seed)
    chosen = find_texture(texture)
    side = KnownMaterials(names, width, float("nan"), chosen, LinearDiscriminantAnalysis()).side(pixel_size)
    features, known, source = [], [], []
    for number, (image, labels) in enumerate(images):
        normal = normalised(image)
        places = CropPlaces.of(labels[::2, ::2] + 1, normal.shape, side=side, whole=WHOLE)
        crops = places.sample(CROPS, generator=generator)
        whole = crops.inside >= WHOLE
        features.append(chosen.embed(crops.cut(normal), pixel_size)[whole])
        known.append(crops.mask[whole])
        source.append(np.full(int(whole.sum()), number))
    x, y, of = (np.concatenate(parts) for parts in (features, known, source))
    unseen = [name for number, name in enumerate(names) if not (y == number).any()]
    if unseen:
        raise PassbandError(
            f"{', '.join(unseen)} fills no crop of {width:g} Å of any image; have more images, or narrower crops"
        )
    return KnownMaterials(names, width, _held_out(x, y, of), chosen, _classifier().fit(x, y))


def _classifier() -> LinearDiscriminantAnalysis:
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _held_out(features: NDArray[np.float32], known: NDArray[np.int64], source: NDArray[np.int64]) -> float:
    """Share of crops that are named rightly by what was trained on the other images; NaN for a single image."""
    right = []
    for fold in range(min(FOLDS, int(source.max()) + 1)):
        out = source % FOLDS == fold
        if out.any() and len(np.unique(known[~out])) > 1:
            named = _classifier().fit(features[~out], known[~out]).predict(features[out])
            right.append(named == known[out])
    return float(np.concatenate(right).mean()) if right else float("nan")
