"""Batches of a training of translations: crops of both domains, drawn at random, the same for the same step."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.generation.domain import Domain, Levels
from passband.patches.symmetry import turned

#: Elements of `passband.patches.symmetry.turned`: mirrors keep rows rows, and with them the jitter of a scan.
SYMMETRIES = {"none": (0,), "mirrors": (0, 2, 4, 6), "square": tuple(range(8))}
Symmetries = Literal["none", "mirrors", "square"]


class DomainBatch(NamedTuple):
    """Crops (n, 1, s, s) of simulated and real images, −1 to 1, and where the atoms of the simulated ones are.

    `weights` (n, 1, s, s) are 0 and above; None where nobody says.
    """

    simulated: Tensor
    real: Tensor
    weights: Tensor | None


class _DrawnCrops:
    """Draws crops of one domain, from every image as often as its area says."""

    def __init__(self, domain: Domain, size: int, symmetries: Symmetries) -> None:
        self.domain, self.size, self.elements = domain, size, SYMMETRIES[symmetries]
        self.levels = [Levels.of(image) for image in domain.images]
        areas = np.array([image.size for image in domain.images], dtype=np.float64)
        self.chances = areas / areas.sum()

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return crops (count, 1, s, s), and masks alike where there are some."""
        crops, masks = [], []
        for number in rng.choice(len(self.levels), count, p=self.chances):
            image = self.domain.images[number]
            y, x = (int(rng.integers(side - self.size + 1)) for side in image.shape)
            element = int(rng.choice(self.elements))
            place = (slice(y, y + self.size), slice(x, x + self.size))
            crops.append(turned(self.levels[number].scaled(image[place]), element))
            if self.domain.masks is not None:
                masks.append(turned(self.domain.masks[number][place].astype(np.float32), element))
        return np.stack(crops)[:, None], np.stack(masks)[:, None] if masks else None


class PairedCrops:
    """Batches of both domains; `batches(step, size)` gives the same one each time.

    Parameters
    ----------
    simulated, real
        The domains, no image smaller than the crop.
    size
        Pixels of a crop.
    seed
        Of what is drawn.
    symmetries
        Of both domains, or lattices would lie otherwise in one than in the other: "mirrors" keep the direction of the
        scan.
    """

    def __init__(self, simulated: Domain, real: Domain, *, size: int, seed: int, symmetries: Symmetries) -> None:
        self.simulated, self.real = (_DrawnCrops(domain, size, symmetries) for domain in (simulated, real))
        self.seed = seed

    def __call__(self, step: int, size: int) -> DomainBatch:
        """Return the batch of a step."""
        return self._batch(size, (0, step))

    def held(self, count: int, size: int, purpose: int) -> Iterator[DomainBatch]:
        """Yield at least `count` pairs of crops in batches that no step sees; `purpose` 1 and 2 give others."""
        return (self._batch(size, (purpose, number)) for number in range(-(-count // size)))

    def _batch(self, size: int, stream: tuple[int, int]) -> DomainBatch:
        rng = np.random.default_rng([self.seed, *stream])
        simulated, weights = self.simulated.drawn(size, rng)
        real, _ = self.real.drawn(size, rng)
        return DomainBatch(
            torch.from_numpy(simulated),
            torch.from_numpy(real),
            None if weights is None else torch.from_numpy(weights),
        )
