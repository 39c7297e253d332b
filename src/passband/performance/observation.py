"""What a network and a micrograph show without a label: predictions under test-time augmentation, and the spectrum.

The signals of `performance.signals` are computed from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import e, log
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from passband.patches.standardising import standardised
from passband.patches.symmetry import dihedral, dihedral_inverse
from passband.performance.subspace import Subspace
from passband.recipe import Recipe
from passband.segmentation.model import Model

Array = NDArray[np.float64]

SYMMETRIES = 8
BINS = 24  # of the spectrum, up to the Nyquist frequency of the network's pixels
BELOW = 0.9  # probability under which a pixel counts as unsure
FLOOR = 1e-4  # of the standardised power spectrum (white noise is 1): what is below it is nothing


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


@dataclass(frozen=True)
class Observation:
    """What n images of one shape show, with the predictions of a network for them; None is what was not computed.

    Attributes
    ----------
    reference
        Statistics of in-distribution micrographs.
    images
        (n, y, x), standardised, at the network's pixel size.
    logits
        (symmetries, n, classes, y, x), turned back.
    others
        (networks, n, classes, y, x): logits of further networks, trained alike with other seeds.
    features
        (n, d), mean over places and symmetries.
    profiles
        (n, bins), see `spectrum_profile`.
    """

    reference: SignalReference = UNKNOWN
    images: NDArray[np.float32] | None = None
    logits: Tensor | None = None
    others: Tensor | None = None
    features: Array | None = None
    profiles: Array | None = None

    @cached_property
    def uncertainty(self) -> dict[str, Array]:
        """`uncertainty_signals` of the logits under all symmetries; nothing without logits."""
        return {} if self.logits is None else uncertainty_signals(self.logits, self.reference.temperature)


def observe(
    model: Model,
    images: NDArray[np.float32],
    *,
    reference: SignalReference = UNKNOWN,
    others: Sequence[Model] = (),
    symmetries: int = SYMMETRIES,
) -> Observation:
    """Observation of images (n, y, x), standardised, at the network's pixel size; `others` are further networks."""
    seen = augmented_predictions(model, images, symmetries=symmetries)
    members = [augmented_predictions(other, images, symmetries=1).logits for other in others]
    return Observation(
        reference=reference,
        images=images,
        logits=seen.logits,
        others=torch.cat(members) if members else None,
        features=seen.features,
        profiles=np.stack([spectrum_profile(image) for image in images]),
    )


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
