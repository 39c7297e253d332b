"""Whether a generator copies: the nearest training image of each sample, in pixels and in features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from passband.generation.crops import Images, TrainingCrops
from passband.recipe import PassbandError

Floats = NDArray[np.float64]
Features = Callable[[Tensor], Tensor]
"""Features (n, d) of images (n, 1, y, x)."""

COMPARED_AT = 64  # pixels of a side; larger images are reduced to it first
PROBES = 128  # training images that are compared with all others
RARE = 0.01  # of the training images are as near to another one as a sample must be to be called a copy
MANY = 0.05  # of the samples: more are worth a warning
AT_ONCE = 512  # pairs of images whose spectra are multiplied together
RULE = (
    f"a copy is nearer to a training image than {1 - RARE:.0%} of the training images are to another one, in pixels "
    "(correlation of the middle under shifts, flips and turns by 90°) or in features"
)


@dataclass(frozen=True)
class NearCopies:
    """The nearest training image of each sample.

    Attributes
    ----------
    nearest
        (n,) number of the training image that looks most alike, pixel by pixel.
    correlation
        (n,) of the middle quarter of the sample with it, under the best shift, flip and turn.
    most
        Correlation that 1 % of the training images have with another one that does not overlap them.
    distance, least
        The same in features: smaller is nearer; empty and NaN without features.
    """

    nearest: NDArray[np.int64]
    correlation: Floats
    most: float
    distance: Floats
    least: float

    @property
    def copies(self) -> NDArray[np.bool_]:
        """Which samples are near copies; see `RULE`."""
        near = self.correlation > self.most
        return near | (self.distance < self.least) if self.distance.size else near

    @property
    def share(self) -> float:
        """Of the samples that are near copies; about 1 to 2 % are by chance."""
        return float(self.copies.mean())

    @property
    def warning(self) -> str:
        """One line where more than 5 % of the samples are near copies, else nothing."""
        count = int(self.copies.sum())
        if self.share <= MANY or count < 2:
            return ""
        return (
            f"{count} of {len(self.copies)} samples are near copies of training images ({RULE}); "
            "give more micrographs, train less, or leave augmentation on"
        )


def near_copies(
    samples: Images, crops: TrainingCrops, *, features: Features | None = None, device: str = "cpu"
) -> NearCopies:
    """Find the nearest training image of each sample, and how near training images are to one another.

    Parameters
    ----------
    samples
        (n, size, size), −1 to 1 as the crops.
    crops
        What the generator was trained on.
    features
        Of images for the second measure; none leaves it out.
    device
        Where to compute.

    Raises
    ------
    PassbandError
        Samples are of another size than the crops.
    """
    if samples.shape[1:] != crops.images.shape[1:]:
        raise PassbandError(f"samples of {samples.shape[1:]} pixels are not of the crops' {crops.images.shape[1:]}")
    training, drawn = (_reduced(torch.from_numpy(one).to(device)) for one in (crops.images, samples))
    probes = np.unique(np.linspace(0, len(training) - 1, min(PROBES, len(training))).round().astype(np.int64))
    apart = torch.from_numpy(_apart(crops, probes)).to(device)
    ours = correlations(drawn, training)
    theirs = torch.where(apart, correlations(training[probes], training), -1.0).amax(1)
    most = _quantile(theirs[apart.any(1)], 1.0 - RARE)
    distance, least = np.zeros(0), float("nan")
    if features is not None:
        distance = _distances(features, drawn, training).amin(1).double().cpu().numpy()
        far = torch.where(apart, _distances(features, training[probes], training), torch.inf).amin(1)
        least = _quantile(far[apart.any(1)], RARE)
    return NearCopies(ours.argmax(1).cpu().numpy(), ours.amax(1).double().cpu().numpy(), most, distance, least)


def correlations(samples: Tensor, images: Tensor) -> Tensor:
    """Return the best normalised correlation (m, n) of the middle of each sample with any place of each image.

    The middle has half the side of a sample; it is turned and flipped in all eight ways. Samples (m, s, s) and images
    (n, s, s) have one size.
    """
    side = samples.shape[-1]
    half, start = side // 2, side // 4
    middles = _eight(samples[:, start : start + half, start : start + half])  # (8, m, half, half)
    middles = middles - middles.mean((2, 3), keepdim=True)
    middles = middles / middles.flatten(2).norm(dim=2).clamp_min(1e-12)[..., None, None]
    padded = torch.fft.rfft2(F.pad(middles, (0, side - half, 0, side - half))).conj()
    spectra, spread = torch.fft.rfft2(images), _spread(images, half)
    best = torch.empty(len(samples), len(images), device=images.device)
    for start in range(0, len(images), max(1, AT_ONCE // len(samples))):
        here = slice(start, start + max(1, AT_ONCE // len(samples)))
        found = [
            (torch.fft.irfft2(one[:, None] * spectra[here], s=(side, side))[..., : side - half + 1, : side - half + 1]
             / spread[here]).amax((2, 3))
            for one in padded
        ]  # fmt: skip
        best[:, here] = torch.stack(found).amax(0)
    return best


def _spread(images: Tensor, half: int) -> Tensor:
    """Root of the summed squares of each window of `half` pixels a side about its mean, (n, places, places)."""
    stack = images[:, None].double()
    mean, square = F.avg_pool2d(stack, half, 1), F.avg_pool2d(stack.square(), half, 1)
    return ((square - mean.square()).clamp_min(0.0).sqrt() * half).clamp_min(1e-6)[:, 0].float()


def _eight(images: Tensor) -> Tensor:
    """All turns and flips of images (n, s, s), (8, n, s, s)."""
    turned = [torch.rot90(images, quarter, (1, 2)) for quarter in range(4)]
    return torch.stack([*turned, *(one.flip(2) for one in turned)])


def _distances(features: Features, samples: Tensor, images: Tensor) -> Tensor:
    """Distances (m, n) of samples in any of their eight orientations from images."""
    there = features(images[:, None])
    return torch.stack([torch.cdist(features(one[:, None]), there) for one in _eight(samples)]).amin(0)


def _reduced(images: Tensor) -> Tensor:
    if images.shape[-1] <= COMPARED_AT:
        return images
    shape = (COMPARED_AT, COMPARED_AT)
    return F.interpolate(images[:, None], size=shape, mode="bicubic", antialias=True, align_corners=False)[:, 0]


def _apart(crops: TrainingCrops, probes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each training image (columns) shows nothing of a probe (rows)."""
    size = crops.images.shape[-1]
    other = crops.micrograph[probes][:, None] != crops.micrograph[None]
    far = (np.abs(crops.corner[probes][:, None] - crops.corner[None]) >= size).any(2)
    return np.asarray(other | far)


def _quantile(values: Tensor, part: float) -> float:
    return float(values.double().quantile(part)) if len(values) else float("nan")
