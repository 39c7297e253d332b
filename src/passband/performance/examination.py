"""One micrograph through a network, once: the mask, where it is doubtful, and what a verdict is made of."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from passband.patches.resampling import resample
from passband.patches.standardising import check_image
from passband.patches.symmetry import dihedral, dihedral_inverse, turned, turned_pair, upright
from passband.performance.observation import (
    UNKNOWN,
    Observation,
    SignalReference,
    logits_and_features,
    noise_signals,
    spectrum_profile,
    uncertainty_maps,
    uncertainty_signals,
)
from passband.performance.signals import signal_values
from passband.pixels import pixel_pair
from passband.segmentation.model import Model, back_to_image
from passband.segmentation.segmenter import Segmentation, most_probable


@dataclass(frozen=True, eq=False)
class Examination:
    """What one pass of a network over a micrograph gives.

    Attributes
    ----------
    segmentation
        As `Model.segment` gives it.
    error_probability
        That the most probable class of a pixel is not the true one, by the calibrated probabilities, (y, x).
    observation
        Of the one image, n = 1; `signal_values` of it are its signals.
    """

    segmentation: Segmentation
    error_probability: NDArray[np.float32]
    observation: Observation

    @property
    def signals(self) -> dict[str, float]:
        """Signals of the whole image, by name."""
        return {name: float(values[0]) for name, values in signal_values(self.observation).items()}


def examine(
    model: Model,
    image: ArrayLike,
    pixel_size: float | tuple[float, float],
    *,
    reference: SignalReference = UNKNOWN,
    symmetries: int = 1,
) -> Examination:
    """Predict a micrograph once and return the mask with what the network and the image show.

    Every pixel counts, those at the border too, and a turned or mirrored image gives the same numbers and the turned or
    mirrored maps, because all is computed of the `upright` image.

    Parameters
    ----------
    model
        Of one channel.
    image
        (y, x), any real type.
    pixel_size
        Å, one number or (y, x).
    reference
        On the network's card; without its features or its spectrum the distances are left out.
    symmetries
        How many of the square's eight the mask is the mean of. What a verdict is made of comes from the first alone:
        the mean over more of them told no more of the error (decision 21).

    Raises
    ------
    PassbandError
        The network cannot look at the image, see `Model.predict`.
    """
    array, size = check_image(image), pixel_pair(pixel_size)
    element = upright(array)
    lying = turned(array, element)
    ready = model.at_network(lying, turned_pair(size, element))
    features: list[Tensor] = []

    def maps(tiles: Tensor) -> Tensor:
        """Probabilities, mean over `symmetries`, and the maps of uncertainty of the first behind them."""
        logits, found = logits_and_features(model, tiles, model.look)
        if found is not None:
            features.append(found)
        total = logits.softmax(dim=1)
        for one in range(1, symmetries):
            seen, _ = logits_and_features(model, dihedral(tiles, one), model.look)
            total = total + dihedral(seen.softmax(dim=1), dihedral_inverse(one))
        return torch.cat([total / symmetries, uncertainty_maps(logits[None], reference.temperature)], dim=1)

    found = model.map_tiles(ready, maps)
    classes, shape = len(model.card.classes), (lying.shape[0], lying.shape[1])
    observation = Observation(
        reference=reference,
        images=ready[None],
        uncertainty=uncertainty_signals(torch.from_numpy(found[None, classes:]), members=1),
        features=torch.cat(features).double().mean(dim=0, keepdim=True).cpu().numpy() if features else None,
        profiles=spectrum_profile(ready)[None],
        noise=noise_signals(ready),
    )
    back = dihedral_inverse(element)
    probabilities = turned(back_to_image(found[:classes], shape), back)
    doubt = 1.0 - found[classes:-1].max(axis=0)
    labels = most_probable(probabilities)
    return Examination(
        Segmentation(labels, model.card.classes, size, probabilities),
        turned(np.clip(resample(doubt, shape), 0.0, 1.0), back),
        observation,
    )
