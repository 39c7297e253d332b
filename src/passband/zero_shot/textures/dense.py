"""Texture at every pixel: crops about a grid of pixels, embedded, and features between them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.zero_shot.crops import cut_crops, normalised
from passband.zero_shot.lattice_scale import texture_scale
from passband.zero_shot.textures.embeddings import find_texture

AT_ONCE = 2**22  # pixels of crops that are held at once
FINER = 4  # steps of a grid in a crop


class PixelTextures(NamedTuple):
    """Features on a grid of pixels.

    Attributes
    ----------
    features
        float32 (rows, columns, m).
    y, x
        Pixels (rows,) and (columns,) that the grid has; crops at the border are centred as near to them as they fit.
    side
        Of the crops, pixels.
    """

    features: NDArray[np.float32]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    side: int

    def spread(self, values: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
        """Give every pixel of an image (y, x) what the nearest point of the grid has: values (rows, columns)."""
        rows, columns = (
            np.abs(np.arange(length)[:, None] - places).argmin(1)
            for length, places in zip(shape, (self.y, self.x), strict=True)
        )
        found: NDArray[np.int64] = values[rows[:, None], columns]
        return found


def embed_pixels(
    image: NDArray[np.float32],
    *,
    texture: str = "radial+intensity",
    side: int | None = None,
    step: int | None = None,
    pixel_size: float | None = None,
) -> PixelTextures:
    """Embed the surroundings of pixels; the result takes 4 bytes for each feature of each point of the grid.

    Parameters
    ----------
    image
        (y, x), in any units.
    texture
        One of `TEXTURES`, or a folder with an encoder.
    side
        Of the crops, pixels; by default some periods of the lattice, as `texture_scale` finds them.
    step
        Pixels from one point of the grid to the next; by default a quarter of a crop.
    pixel_size
        Å; for textures that need it.

    Raises
    ------
    PassbandError
        The texture is unknown or lacks its pixel size, the image is smaller than a crop or not finite, or `step` is
        below 1.
    """
    chosen = find_texture(texture)
    if not np.isfinite(image).all():
        raise PassbandError("the image has pixels that are NaN or infinite; replace them first")
    side = min(texture_scale(image).window, *image.shape) if side is None else side
    if not 2 <= side <= min(image.shape):
        raise PassbandError(
            f"side={side} is not from 2 to {min(image.shape)}, the pixels of the image's shorter side; give another"
        )
    step = max(1, side // FINER) if step is None else step
    if step < 1:
        raise PassbandError(f"step={step} is not a positive number of pixels; write 1 for every pixel")
    normal = normalised(image)
    y, x = (np.arange((length - 1) % step // 2, length, step) for length in image.shape)
    first = [np.clip(one - side // 2, 0, length - side) for one, length in zip((y, x), image.shape, strict=True)]
    corners = np.stack(np.meshgrid(*first, indexing="ij"), axis=-1).reshape(-1, 2)
    parts = np.array_split(corners, -(-len(corners) * side**2 // AT_ONCE))
    features = [chosen.embed(cut_crops(normal, part, side), pixel_size) for part in parts]
    return PixelTextures(np.concatenate(features).reshape(len(y), len(x), -1), y, x, side)
