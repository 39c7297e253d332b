"""What a network and a micrograph show without a label: predictions under test-time augmentation, and the spectrum.

The signals of `performance.signals` are computed from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import e, log
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.fft import rfft2
from torch import Tensor, nn
from torch.nn import functional as F

from passband.camera.noise import noise_spectrum
from passband.patches.standardising import standardised
from passband.patches.symmetry import dihedral, dihedral_inverse
from passband.performance.subspace import Subspace
from passband.recipe import Recipe
from passband.segmentation.model import Model

Array = NDArray[np.float64]

SYMMETRIES = 8
WINDOW = 128  # pixels, of the squares that a spectrum is the mean of
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
    """What n images show, with the predictions of a network for them; None is what was not computed.

    Attributes
    ----------
    reference
        Statistics of in-distribution micrographs.
    images
        (n, y, x), standardised, at the network's pixel size.
    uncertainty
        (n,) each, see `uncertainty_signals`; empty without predictions.
    noise
        (n,) each, see `noise_signals`; empty without images.
    features
        (n, d), mean over places and symmetries.
    profiles
        (n, bins), see `spectrum_profile`.
    """

    reference: SignalReference = UNKNOWN
    images: NDArray[np.float32] | None = None
    uncertainty: Mapping[str, Array] = field(default_factory=dict)
    noise: Mapping[str, Array] = field(default_factory=dict)
    features: Array | None = None
    profiles: Array | None = None


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
        turned = [logits_and_features(model, dihedral(part, element), model.network) for element in range(symmetries)]
        logits.append(torch.stack([dihedral(out, dihedral_inverse(k)).cpu() for k, (out, _) in enumerate(turned)]))
        deep = [found for _, found in turned if found is not None]
        features += [torch.stack(deep).mean(dim=0).double().cpu().numpy()] if deep else []
    return AugmentedPredictions(torch.cat(logits, dim=1), np.concatenate(features) if features else None)


@torch.inference_mode()
def logits_and_features(model: Model, images: Tensor, look: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Logits of images (n, channels, y, x) on the network's device, and features (n, d) where it shows them.

    `look` is the whole network for images, and `model.look` for tiles of prepared ones.
    """
    found: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
        found.append(F.relu(output).mean(dim=(-2, -1)))

    deepest = model.card.architecture.features(look)
    hook = deepest.register_forward_hook(keep) if deepest is not None else None
    try:
        out: Tensor = look(images.contiguous(memory_format=torch.channels_last)).float()
    finally:
        if hook is not None:
            hook.remove()
    return out, found[0] if found else None


def spectrum_profile(image: ArrayLike) -> Array:
    """Logarithm (base 10) of the power of an image (y, x) on `BINS` rings up to Nyquist; white noise gives 0.

    The mean over overlapping squares of `WINDOW` pixels that cover the image (Welch, IEEE Trans. Audio Electroacoust.
    15 (1967) 70), each standardised and multiplied by a Hann window: gain, offset and the size of the image do not
    matter.
    """
    values = np.asarray(image)
    sides = (min(WINDOW, values.shape[0]), min(WINDOW, values.shape[1]))
    starts = [_spread_evenly(length, side) for length, side in zip(values.shape, sides, strict=True)]
    window = np.hanning(sides[0] + 2)[1:-1, None] * np.hanning(sides[1] + 2)[None, 1:-1]
    mean = np.zeros((sides[0], sides[1] // 2 + 1))
    for y in starts[0]:
        stripe = np.stack([standardised(values[y : y + sides[0], x : x + sides[1]]) for x in starts[1]])
        mean += (np.abs(rfft2(stripe * window.astype(np.float32))) ** 2).sum(axis=0)
    return _rings(mean / (len(starts[0]) * len(starts[1]) * (window**2).sum()), sides)


def noise_signals(image: NDArray[np.float32]) -> dict[str, Array]:
    """Signals (1,) of the noise of one image (y, x) at the network's pixel size, see `camera.noise.noise_spectrum`.

    `noise_correlation` in pixels and `noise_share`; both 0 for an image that is even or smaller than 32 pixels.
    """
    found = noise_spectrum(image)
    return {
        "noise_correlation": np.array([0.0 if found is None else found.correlation]),
        "noise_share": np.array([0.0 if found is None else found.noise_share]),
    }


def _spread_evenly(length: int, side: int) -> NDArray[np.int64]:
    """Beginnings of the stretches of `side` pixels that cover `length` pixels and overlap by half or more."""
    count = 1 + -(-2 * (length - side) // side)
    return np.linspace(0, length - side, count).round().astype(np.int64)


def _rings(power: Array, sides: tuple[int, int]) -> Array:
    """Logarithm of the mean of a power spectrum (y, x // 2 + 1) of images of `sides` pixels on each ring."""
    q = np.hypot(np.fft.fftfreq(sides[0])[:, None], np.fft.rfftfreq(sides[1])[None, :])
    ring = np.minimum((q * 2.0 * BINS).astype(int), BINS)  # the corners beyond Nyquist fall into one more
    counts = np.bincount(ring.ravel(), minlength=BINS + 1)[:BINS]
    sums = np.bincount(ring.ravel(), weights=power.ravel(), minlength=BINS + 1)[:BINS]
    means = np.interp(np.arange(BINS), np.flatnonzero(counts), sums[counts > 0] / counts[counts > 0])
    profile: Array = np.log10(np.maximum(means, FLOOR))
    return profile


def uncertainty_maps(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return what the uncertainty of images is a mean of, (n, classes + 1, y, x).

    From logits (members, n, classes, y, x) the probabilities, mean over the members, and behind them the mean entropy
    of the members in nats.
    """
    members = (logits / temperature).softmax(dim=2)
    each = torch.special.entr(members).sum(dim=2).mean(dim=0)
    return torch.cat([members.mean(dim=0), each[:, None]], dim=1)


def uncertainty_signals(maps: Tensor, *, members: int) -> dict[str, Array]:
    """Signals of the probabilities alone, means over the pixels of `uncertainty_maps`; each (n,).

    `entropy` is that of the members' mean; `disagreement` the entropy of the mean minus the mean entropy, the mutual
    information between class and member, which is 0 where all say the same (Houlsby et al., arXiv 1112.5745), and
    left out of one member; `expected_error_area` the share of pixels that are wrong and `expected_loss` the loss on the
    scale of arXiv 2512.09067 if each class were true as often as is claimed; `predicted_area` the share of the image
    that is not background.
    """
    mean, each = maps[:, :-1], maps[:, -1].mean(dim=(-2, -1))
    whole = torch.special.entr(mean).sum(dim=1).mean(dim=(-2, -1))
    twice = -(mean * mean.log_softmax(dim=1)).sum(dim=1).mean(dim=(-2, -1)) - log(1.0 + (mean.shape[1] - 1) / e)
    surest = mean.amax(dim=1)
    found = {
        "entropy": whole,
        "unsure_area": (surest < BELOW).double().mean(dim=(-2, -1)),
        "expected_error_area": (1.0 - surest).mean(dim=(-2, -1)),
        "expected_loss": twice,
        "predicted_area": (mean[:, 1:].amax(dim=1) > mean[:, 0]).double().mean(dim=(-2, -1)),
    }
    if members > 1:
        found["disagreement"] = whole - each
    return {name: np.maximum(values.double().cpu().numpy(), 0.0) for name, values in found.items()}
