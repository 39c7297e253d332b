"""Signals, without any label, of whether a micrograph is out of a network's distribution.

Network side: doubt of its (temperature-scaled) probabilities, disagreement over the eight symmetries of the square and
between several networks, distance of its deepest features from those of calibration micrographs. Image side: distance
of the power spectrum from theirs. Each signal is larger where there is more to doubt.
"""

from collections.abc import Sequence
from math import e, log
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from passband.patches.resampling import resample_to_pixel
from passband.patches.standardising import check_image, standardised
from passband.patches.symmetry import dihedral, dihedral_inverse
from passband.performance.subspace import Subspace
from passband.recipe import PassbandError, Recipe
from passband.segmentation.model import Model

Array = NDArray[np.float64]

SYMMETRIES = 8
BINS = 24  # of the spectrum, up to the Nyquist frequency of the network's pixels
BELOW = 0.9  # probability under which a pixel counts as unsure
FLOOR = 1e-4  # of the standardised power spectrum (white noise is 1): what is below it is nothing
#: What each signal is, in words for a reason.
SIGNALS = {
    "entropy": "doubt of the network (entropy, nats per pixel)",
    "unsure_area": "share of pixels whose class has a probability below 0.9",
    "expected_loss": "loss that the network expects of itself",
    "symmetry_disagreement": "disagreement of the network with itself when the image is turned (nats per pixel)",
    "ensemble_disagreement": "disagreement between networks (nats per pixel)",
    "feature_distance": "distance of what the network sees from the calibration micrographs",
    "spectrum_distance": "distance of the power spectrum from the calibration micrographs'",
    "spectrum_residual": "part of the power spectrum that calibration micrographs do not explain (decades)",
}


class SignalReference(Recipe):
    """Statistics of in-distribution micrographs: what a network and its spectra show where all is as in training.

    Attributes
    ----------
    temperature
        That logits are divided by, so that probabilities mean frequencies (Guo et al., arXiv 1706.04599).
    features
        Of the mean deepest features; None for a network that shows none.
    spectrum
        Of the spectrum profiles.
    """

    temperature: float = Field(default=1.0, gt=0.0)
    features: Subspace | None = None
    spectrum: Subspace | None = None


UNKNOWN = SignalReference()


class AugmentedPredictions(NamedTuple):
    """Predictions for n images of one shape under test-time augmentation."""

    logits: Tensor  # (symmetries, n, classes, y, x), turned back
    features: Array | None  # (n, d), mean over places and symmetries


def augmented_predictions(
    model: Model, images: ArrayLike | Tensor, *, symmetries: int = SYMMETRIES, batch: int = 16
) -> AugmentedPredictions:
    """Logits under the symmetries of the square, and the mean rectified features of the deepest level.

    Parameters
    ----------
    model
        Any network; features are those that its architecture names, where it does.
    images
        (n, y, x), standardised, at the network's pixel size.
    symmetries
        How many to compute, 1 to 8.
    batch
        Images at once.
    """
    stack = torch.as_tensor(np.asarray(images, dtype=np.float32))[:, None]
    logits, features = [], []
    for start in range(0, len(stack), batch):
        part = stack[start : start + batch].to(model.device)
        turned = [_forward(model, dihedral(part, element)) for element in range(symmetries)]
        logits.append(torch.stack([dihedral(out, dihedral_inverse(k)).cpu() for k, (out, _) in enumerate(turned)]))
        deep = [found for _, found in turned if found is not None]
        features += [torch.stack(deep).mean(dim=0).double().cpu().numpy()] if deep else []
    return AugmentedPredictions(torch.cat(logits, dim=1), np.concatenate(features) if features else None)


@torch.inference_mode()
def _forward(model: Model, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """Logits, and features (n, d) where the network shows them."""
    found: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
        found.append(F.relu(output).mean(dim=(-2, -1)))

    deepest = model.card.architecture.features(model.network)
    hook = deepest.register_forward_hook(keep) if deepest is not None else None
    try:
        out: Tensor = model.network(images.contiguous(memory_format=torch.channels_last)).float()
    finally:
        if hook is not None:
            hook.remove()
    return out, found[0] if found else None


def spectrum_profile(image: ArrayLike) -> Array:
    """Logarithm (base 10) of the power of an image (y, x) on `BINS` rings up to Nyquist; white noise gives 0.

    The image is standardised and multiplied by a Hann window, so gain and offset do not matter.
    """
    values = standardised(np.asarray(image)).astype(np.float64)
    window = np.hanning(values.shape[0] + 2)[1:-1, None] * np.hanning(values.shape[1] + 2)[None, 1:-1]
    power = np.abs(np.fft.rfft2(values * window)) ** 2 / (window**2).sum()
    q = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1])[None, :])
    ring = np.minimum((q * 2.0 * BINS).astype(int), BINS)  # the corners beyond Nyquist fall into one more
    counts = np.bincount(ring.ravel(), minlength=BINS + 1)[:BINS]
    sums = np.bincount(ring.ravel(), weights=power.ravel(), minlength=BINS + 1)[:BINS]
    means = np.interp(np.arange(BINS), np.flatnonzero(counts), sums[counts > 0] / counts[counts > 0])
    profile: Array = np.log10(np.maximum(means, FLOOR))
    return profile


def uncertainty_signals(logits: Tensor, temperature: float = 1.0) -> dict[str, Array]:
    """Signals of the probabilities alone, from logits (members, n, classes, y, x); each (n,).

    `entropy` is that of the members' mean; `disagreement` the entropy of the mean minus the mean entropy, the mutual
    information between class and member, which is 0 where all say the same (Houlsby et al., arXiv 1112.5745);
    `expected_loss` the loss on the scale of arXiv 2512.09067 if each class were true as often as is claimed.
    """
    members = (logits / temperature).softmax(dim=2)
    mean = members.mean(dim=0)  # (n, classes, y, x)
    whole = _entropy(mean, dim=1).mean(dim=(-2, -1))
    each = _entropy(members, dim=2).mean(dim=(0, -2, -1))
    twice = -(mean * mean.log_softmax(dim=1)).sum(dim=1).mean(dim=(-2, -1)) - log(1.0 + (mean.shape[1] - 1) / e)
    unsure = (mean.amax(dim=1) < BELOW).double().mean(dim=(-2, -1))
    found = {"entropy": whole, "unsure_area": unsure, "expected_loss": twice, "disagreement": whole - each}
    return {name: np.maximum(values.double().numpy(), 0.0) for name, values in found.items()}


def _entropy(probabilities: Tensor, *, dim: int) -> Tensor:
    entropy: Tensor = torch.special.entr(probabilities).sum(dim=dim)
    return entropy


def signals_of(
    model: Model,
    images: Sequence[ArrayLike],
    *,
    reference: SignalReference = UNKNOWN,
    others: Sequence[Model] = (),
    symmetries: int = SYMMETRIES,
) -> list[dict[str, float]]:
    """Signals of many images that are at the network's pixel size already, each taken as a whole.

    Parameters
    ----------
    model
        The network in question.
    images
        (y, x) each; standardised here one by one. Images of one shape are computed together.
    reference
        On the network's card; without its features or its spectrum the distances are left out.
    others
        Further networks, trained alike with other seeds; they add `ensemble_disagreement`.
    symmetries
        Of the square that are looked at; with 1 there is no `symmetry_disagreement`.

    Raises
    ------
    PassbandError
        An image is not a finite 2-D one.
    """
    ready = [standardised(check_image(image)) for image in images]
    rows: list[dict[str, float]] = [{} for _ in ready]
    for shape in dict.fromkeys(image.shape for image in ready):
        where = [index for index, image in enumerate(ready) if image.shape == shape]
        stack = np.stack([ready[index] for index in where])
        columns = _signals(model, stack, reference=reference, others=others, symmetries=symmetries)
        for place, index in enumerate(where):
            rows[index] = {name: float(values[place]) for name, values in columns.items()}
    return rows


def _signals(
    model: Model, stack: NDArray[np.float32], *, reference: SignalReference, others: Sequence[Model], symmetries: int
) -> dict[str, Array]:
    seen = augmented_predictions(model, stack, symmetries=symmetries)
    found = uncertainty_signals(seen.logits, reference.temperature)
    columns = {name: found[name] for name in ("entropy", "unsure_area", "expected_loss")}
    if symmetries > 1:
        columns["symmetry_disagreement"] = found["disagreement"]
    if others:
        members = [seen.logits[:1], *(augmented_predictions(other, stack, symmetries=1).logits for other in others)]
        columns["ensemble_disagreement"] = uncertainty_signals(torch.cat(members), reference.temperature)[
            "disagreement"
        ]
    return columns | distances(seen.features, np.stack([spectrum_profile(image) for image in stack]), reference)


def distances(features: Array | None, profiles: Array, reference: SignalReference) -> dict[str, Array]:
    """Distances of features (n, d) and spectrum profiles (n, bins) from the reference, as far as it knows them."""
    columns = {}
    if features is not None and reference.features is not None:
        columns["feature_distance"] = reference.features.distances(features)
    if reference.spectrum is not None:
        columns["spectrum_distance"] = reference.spectrum.distances(profiles)
        columns["spectrum_residual"] = reference.spectrum.residuals(profiles)
    return columns


def signals(
    model: Model,
    image: ArrayLike,
    pixel_size: float | tuple[float, float],
    *,
    reference: SignalReference = UNKNOWN,
    others: Sequence[Model] = (),
    side: int = 128,
    most: int = 9,
) -> dict[str, float]:
    """Signals of one micrograph: the median over up to `most` squares of `side` pixels spread over it.

    Squares, because the table holds the signals of squares of this size; standardised by the whole micrograph, as
    the network sees them when it segments.

    Parameters
    ----------
    image
        (y, x), any real type.
    pixel_size
        Å, one number or (y, x); the image is resampled to the network's.
    reference, others
        As in `signals_of`.

    Raises
    ------
    PassbandError
        The image is not a finite 2-D one, or is smaller than 16 pixels at the network's pixel size.
    """
    model.check_size(check_image(image).shape, pixel_size)
    ready = standardised(resample_to_pixel(image, pixel_size, model.card.pixel_size))
    stack = squares(ready, side=side, most=most, stride=model.card.architecture.stride)
    columns = _signals(model, stack, reference=reference, others=others, symmetries=SYMMETRIES)
    return {name: float(np.median(values)) for name, values in columns.items()}


def whole_side(side: int, *, stride: int) -> int:
    """Largest multiple of the network's coarsest pixel that fits: padding is something that it was not trained on."""
    return max(side // stride * stride, min(side, stride))


def squares(image: NDArray[np.float32], *, side: int, most: int, stride: int) -> NDArray[np.float32]:
    """Squares (n, side, side) of an image (y, x) on an even grid, at most `most`; its own side where it is shorter."""
    if side < 1 or most < 1:
        raise PassbandError(f"side={side}, most={most}: both must be at least 1")
    extent = whole_side(min(side, *image.shape), stride=stride)
    counts = [max(1, length // extent) for length in image.shape]
    while counts[0] * counts[1] > most:
        counts[counts.index(max(counts))] -= 1
    corners = [
        np.linspace(0, length - extent, n).round().astype(int) for length, n in zip(image.shape, counts, strict=True)
    ]
    return np.stack([image[y : y + extent, x : x + extent] for y in corners[0] for x in corners[1]])
