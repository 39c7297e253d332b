"""A trained network with its card: kept in a folder, it labels every pixel of any micrograph.

A model is a directory of two files, `weights.safetensors` and `card.json`. Nothing in it is a pickle, so opening a
stranger's model runs none of the stranger's code.
"""

import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from passband.devices import resolve_device
from passband.patches.resampling import resample, resample_to_pixel
from passband.patches.standardising import check_image, standardised_channels
from passband.patches.symmetry import dihedral, dihedral_inverse, turned, turned_pair, upright
from passband.patches.tiling import PATCH, TILE_STEP, predict_tiled
from passband.pixels import pixel_pair, pixel_text
from passband.segmentation.card import ModelCard, read_card
from passband.segmentation.saving import load_network, save_network
from passband.segmentation.segmenter import Segmentation, most_probable
from passband.segmentation.shipped import find_model
from passband.segmentation.weights import ModelError

SMALLEST = 16  # pixels at the network's pixel size; fewer show no particle in its surroundings
LARGEST = 2**26  # pixels an image may be enlarged to; a coarse pixel size would otherwise fill the memory


class Model:
    """A network ready to predict, and its card."""

    def __init__(self, network: nn.Module, card: ModelCard, *, device: torch.device | str | None = None) -> None:
        self.device = torch.device(device or "cpu")
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network: nn.Module = network.eval()
        self.card = card
        self._prepare, self.look = card.architecture.in_tiles(self.network)
        self.tile_step = math.lcm(TILE_STEP, card.architecture.stride)
        self.tiles_at_once = 1 if self.device.type == "cpu" else 4  # the caches of a CPU are left by more than one

    def predict(
        self,
        image: ArrayLike,
        pixel_size: float | tuple[float, float],
        *,
        symmetries: int = 1,
        patch: int = PATCH,
        overlap: int = 128,
    ) -> NDArray[np.float32]:
        """Probability of every class at every pixel of a micrograph.

        The image is resampled to the pixel size of the card, each channel standardised (and prepared, where the
        architecture says so) as a whole, predicted in seamless tiles, and the probabilities are resampled back. It is
        turned `upright` for that and its answer turned back, so that a turned or mirrored image has the turned or
        mirrored answer.

        Parameters
        ----------
        image
            (y, x), any real type; (channels, y, x) for a network of several channels.
        pixel_size
            Å, one number or (y, x).
        symmetries
            How many of the square's eight symmetries to average over: 1 is fastest, 8 the steadiest.
        patch, overlap
            Of the tiles, see `patches.tiling.predict_tiled`.

        Returns
        -------
        NDArray
            (classes, y, x), float32; sums to 1 at every pixel.

        Raises
        ------
        PassbandError
            The image is not finite, has not the network's channels, is too small or too large, or the pixel size is
            not positive.
        """
        array = check_image(image, channels=self.card.architecture.channels)
        if not 1 <= symmetries <= 8:
            raise ModelError(f"symmetries={symmetries} is outside 1 to 8; the square has eight")
        element, size = upright(array), pixel_pair(pixel_size)
        lying = turned(array, element)
        ready = self.at_network(lying, turned_pair(size, element))

        def probabilities(tiles: Tensor) -> Tensor:
            return self._probabilities(tiles, symmetries)

        predicted = self.map_tiles(ready, probabilities, patch=patch, overlap=overlap)
        at_image = back_to_image(predicted, (lying.shape[-2], lying.shape[-1]))
        return turned(at_image, dihedral_inverse(element))

    def at_network(self, image: ArrayLike, pixel_size: float | tuple[float, float]) -> NDArray[np.float32]:
        """Return a micrograph at the network's pixel size, each channel standardised; errors as `predict`."""
        array = check_image(image, channels=self.card.architecture.channels)
        self.check_size(array.shape[-2:], pixel_size)
        return standardised_channels(resample_to_pixel(array, pixel_size, self.card.pixel_size))

    def map_tiles(
        self,
        ready: NDArray[np.float32],
        function: Callable[[Tensor], Tensor],
        *,
        patch: int = PATCH,
        overlap: int = 128,
    ) -> NDArray[np.float32]:
        """Apply a function of tiles to a micrograph from `at_network`.

        Parameters
        ----------
        ready
            (y, x) or (channels, y, x).
        function
            Takes tiles (n, channels, p, q) of the `prepared` image on the network's device, gives maps (n, m, p, q);
            `look` gives logits.
        patch, overlap
            As in `predict`.

        Returns
        -------
        NDArray
            (m, y, x), float32.

        Raises
        ------
        ModelError
            Some of it is NaN or infinite.
        """

        def maps(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                out: NDArray[np.float32] = function(torch.from_numpy(tiles).to(self.device)).cpu().numpy()
            return out

        found = predict_tiled(
            maps, self.prepared(ready), patch=patch, overlap=overlap, step=self.tile_step, batch=self.tiles_at_once
        )
        if not np.isfinite(found).all():
            raise ModelError(f"the network {self.card.name} gives NaN on this image; copy it again, or train anew")
        return found

    @torch.inference_mode()
    def prepared(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a whole image, (y, x) or (channels, y, x), as the tiles that the network looks at are cut from."""
        planes = torch.from_numpy(image if image.ndim == 3 else image[None]).to(self.device)
        ready: NDArray[np.float32] = self._prepare(planes[None])[0].cpu().numpy()
        return ready.reshape(image.shape)

    def segment(
        self, image: ArrayLike, pixel_size: float | tuple[float, float], *, symmetries: int = 1
    ) -> Segmentation:
        """Most probable class at every pixel, with the probabilities; arguments and errors as `predict`."""
        probabilities = self.predict(image, pixel_size, symmetries=symmetries)
        labels = most_probable(probabilities)
        return Segmentation(labels, self.card.classes, pixel_pair(pixel_size), probabilities)

    def check_size(self, shape: tuple[int, ...], pixel_size: float | tuple[float, float]) -> None:
        """Refuse an image that would be too small or too large at the network's pixel size, before it is resampled.

        Raises
        ------
        ModelError
            Fewer than 16 pixels along one side, or more than memory should hold.
        """
        target = self.card.pixel_size
        sides = [max(1.0, n * size / target) for n, size in zip(shape, pixel_pair(pixel_size), strict=True)]
        said = (
            f"image of {shape[0]} × {shape[1]} pixels of {pixel_text(pixel_size)} is {sides[0]:.6g} × {sides[1]:.6g} "
            f"pixels of {pixel_text(target)}, too "
        )
        cure = "check the pixel size (in Å) or take a"
        if min(round(min(side, LARGEST)) for side in sides) < SMALLEST:
            raise ModelError(f"{said}small for the network, which needs {SMALLEST}; {cure} larger field")
        if sides[0] * sides[1] > max(LARGEST, 4 * math.prod(shape)):
            raise ModelError(f"{said}large to be resampled to, {LARGEST} pixels at most; {cure} smaller field")

    def _probabilities(self, tiles: Tensor, symmetries: int) -> Tensor:
        total: Tensor | None = None
        for element in range(symmetries):
            seen = dihedral(tiles, element).contiguous(memory_format=torch.channels_last)
            out = dihedral(self.look(seen).float().softmax(dim=1), dihedral_inverse(element))
            total = out if total is None else total + out
        assert total is not None
        return total / symmetries


def back_to_image(probabilities: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample probabilities (classes, y, x) to the pixels of the image; they sum to 1 and none is negative."""
    if probabilities.shape[1:] == shape:
        return probabilities
    out = resample(probabilities, shape)
    np.clip(out, 0.0, 1.0, out=out)
    out /= out.sum(axis=0, keepdims=True)
    return out


def save_model(directory: str | Path, network: nn.Module, card: ModelCard) -> ModelCard:
    """Write a network and its card; returns the card with the hash of the weights.

    Raises
    ------
    ModelError
        The weights do not fit the card's architecture, or the directory cannot be written.
    """
    return save_network(directory, network, card.architecture, card)


def load_model(model: str | PathLike[str] | None = None, *, device: torch.device | str | None = None) -> Model:
    """Read a model.

    Parameters
    ----------
    model
        Folder of a model or of the run that trained it, or the name of one that comes with passband; None is the
        default one, for gold nanoparticles in HRTEM.
    device
        Of the network, such as "cuda"; the CPU by default.

    Raises
    ------
    PassbandError
        There is no such model, one of its two files is missing, or the device is not here.
    ModelError
        A file is no safetensors or no card, was altered since it was saved, or card and weights do not fit.

    Examples
    --------
    >>> load_model("au_hrtem").card.classes
    ('background', 'particle')
    """
    directory = find_model(model)
    device = resolve_device(device) if isinstance(device, str) else device
    card = read_card(directory)
    network = load_network(directory, card.architecture, card.weights_sha256)
    return Model(network, card, device=device)
