"""How alike two sets of micrographs are: image by image of the same structures, or in what a filter bank sees."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.dataset.acquisition import Acquisition
from passband.forecast.channels import ChannelRecipe, channel_images
from passband.forecast.observer import PixelSample
from passband.recipe import PassbandError

Array = NDArray[np.float64]


class ImageCorrelation(NamedTuple):
    """Mean over structures of the correlation of two conditions' images, each (n, m).

    `signed` is that of the grey values where particles are, in [−1, 1]: reversed contrast is −1. `energy` is that of
    the maps of local energy, which neither a reversal nor a displacement by less than a window changes.
    """

    signed: Array
    energy: Array


def image_correlation(
    training: Sequence[Acquisition], evaluation: Sequence[Acquisition], *, images: int = 16
) -> ImageCorrelation:
    """Correlate the noise-free images of the same structures at the same places under every two conditions.

    The places are those of the first training.

    Raises
    ------
    PassbandError
        The acquisitions differ in store, structures or patch.
    """
    shown = {(one.store.recipe.identity, tuple(one.indices), one.imaging.patch) for one in (*training, *evaluation)}
    if len(shown) > 1:
        raise PassbandError("the acquisitions show different structures; use one store, the same indices and one patch")
    places = [training[0].row(0, k, images) for k in range(images)]
    first, second = ([_Maps.of(one, places) for one in side] for side in (training, evaluation))
    signed = np.stack([_correlations(one.grey, [other.grey for other in second]) for one in first])
    energy = np.stack([_correlations(one.energy, [other.energy for other in second]) for one in first])
    return ImageCorrelation(signed, energy)


class _Maps(NamedTuple):
    """Grey values (images, pixels) outside which no particle is, and energies (images · bands, pixels), normalised."""

    grey: Array
    energy: Array

    @classmethod
    def of(cls, acquisition: Acquisition, places: Sequence[dict[str, Any]]) -> "_Maps":
        pairs = [_noise_free(acquisition, k, place, len(places)) for k, place in enumerate(places)]
        pictures = torch.stack([image for image, _ in pairs])[:, None]
        masks = torch.stack([mask for _, mask in pairs]).flatten(1).double().cpu().numpy()
        energy = channel_images(pictures, ChannelRecipe(sign="dropped", windows=(4.0,)))
        grey = pictures.flatten(1).double().cpu().numpy()
        count = masks.sum(1, keepdims=True)
        inside = np.where(count > 0, masks, 1.0)
        centred = (grey - (grey * inside).sum(1, keepdims=True) / inside.sum(1, keepdims=True)) * inside
        coarse = energy[..., ::4, ::4]  # a step is the window's width: nothing is lost but memory
        flat = coarse.flatten(2).flatten(0, 1).double().cpu().numpy()
        return cls(_normalised(centred), _normalised(flat - flat.mean(1, keepdims=True)))


def _noise_free(acquisition: Acquisition, k: int, place: dict[str, Any], size: int) -> tuple[Tensor, Tensor]:
    """Image and mask of a place under the k-th conditions of an acquisition, before the electrons are counted."""
    row = acquisition.row(0, k, size)
    quiet = {**row["conditions"], "dose": None, "readout_noise": 0.0}
    there = {name: place[name] for name in ("structure", "pixels", "pixel_size", "top", "left")}
    return acquisition.image_from_row({**row, **there, "conditions": quiet})


def _normalised(rows: Array) -> Array:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Array = rows / np.maximum(length, 1e-12)
    return normalised


def _correlations(one: Array, others: Sequence[Array]) -> Array:
    return np.array([float((one * other).sum(1).mean()) for other in others])


def frechet_distances(training: Sequence[PixelSample], evaluation: Sequence[PixelSample]) -> Array:
    """Fréchet distance of the channels' statistics, taken for particle and background pixels apart, averaged; (n, m).

    Both classes are described by normal distributions, d² = |μ − μ′|² + tr(Σ + Σ′ − 2(ΣΣ′)^½) (Dowson & Landau,
    J. Multivariate Anal. 12 (1982) 450), after the channels are scaled to unit variance over the training's pixels.
    """
    table = np.zeros((len(training), len(evaluation)))
    for row, one in enumerate(training):
        scale = np.maximum(one.channels.std(0), 1e-9)
        for particle in (False, True):
            mean, covariance, root = _normal(one, scale, particle)
            for column, other in enumerate(evaluation):
                mean2, covariance2, _ = _normal(other, scale, particle)
                eigenvalues = np.linalg.eigvalsh(root @ covariance2 @ root)
                shared = float(np.sqrt(np.maximum(eigenvalues, 0.0)).sum())
                squared = ((mean - mean2) ** 2).sum() + np.trace(covariance + covariance2) - 2.0 * shared
                table[row, column] += 0.5 * float(np.sqrt(max(squared, 0.0)))
    return table


def _normal(sample: PixelSample, scale: Array, particle: bool) -> tuple[Array, Array, Array]:
    """Mean, covariance and its square root of one class, channels divided by `scale`."""
    chosen = sample.channels[sample.truth == particle] / scale
    if len(chosen) < 2:
        raise PassbandError(f"{len(chosen)} pixels of one class are too few for their statistics; draw more")
    covariance = np.cov(chosen, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return chosen.mean(0), covariance, root
