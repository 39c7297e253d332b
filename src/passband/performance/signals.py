"""Signals, without any label, of whether a micrograph is out of a network's distribution.

Network side: uncertainty of its (temperature-scaled) probabilities, disagreement over the eight symmetries of the
square and between several networks, distance of its deepest features from those of in-distribution micrographs. Image
side: distance of the power spectrum from theirs. Each signal is larger where more is uncertain, and is one
entry of `SIGNALS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from passband.entries import Entries
from passband.patches.resampling import resample_to_pixel
from passband.patches.standardising import check_image, standardised
from passband.performance.observation import (
    SYMMETRIES,
    UNKNOWN,
    Observation,
    SignalReference,
    observe,
    uncertainty_signals,
)
from passband.recipe import PassbandError
from passband.segmentation.model import Model

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """One signal of whether a micrograph is out of distribution.

    Attributes
    ----------
    name
        Of its column in a table and in JSON.
    kind
        What it is computed from: the probabilities of the "network", its "features", the "spectrum". Signals of two
        kinds that exceed those of every in-distribution micrograph make a verdict *outside*; one of the network's
        probabilities degrades it wherever it is improbable.
    words
        What it is, in a reason.
    label
        The same, short, on the axis of a figure.
    measure
        Its values (n,) for an observation of n images; None where the observation lacks what it needs.
    """

    name: str
    kind: Literal["network", "features", "spectrum"]
    words: str
    label: str
    measure: Callable[[Observation], Array | None]


def _symmetry_disagreement(seen: Observation) -> Array | None:
    return None if seen.logits is None or len(seen.logits) == 1 else seen.uncertainty["disagreement"]


def _ensemble_disagreement(seen: Observation) -> Array | None:
    if seen.logits is None or seen.others is None:
        return None
    members = torch.cat([seen.logits[:1], seen.others])
    return uncertainty_signals(members, seen.reference.temperature)["disagreement"]


def _feature_distance(seen: Observation) -> Array | None:
    known = seen.reference.features
    return None if known is None or seen.features is None else known.distances(seen.features)


def _spectrum_distance(seen: Observation) -> Array | None:
    known = seen.reference.spectrum
    return None if known is None or seen.profiles is None else known.distances(seen.profiles)


def _spectrum_residual(seen: Observation) -> Array | None:
    known = seen.reference.spectrum
    return None if known is None or seen.profiles is None else known.residuals(seen.profiles)


#: Every signal, in the order of columns and reasons.
SIGNALS: Entries[Signal] = Entries(
    "signal",
    (
        Signal(
            "entropy",
            kind="network",
            words="uncertainty of the network (entropy, nats per pixel)",
            label="uncertainty (entropy)",
            measure=lambda seen: seen.uncertainty.get("entropy"),
        ),
        Signal(
            "unsure_area",
            kind="network",
            words="share of pixels whose class has a probability below 0.9",
            label="unsure area",
            measure=lambda seen: seen.uncertainty.get("unsure_area"),
        ),
        Signal(
            "expected_loss",
            kind="network",
            words="loss that the network expects of itself",
            label="loss it expects",
            measure=lambda seen: seen.uncertainty.get("expected_loss"),
        ),
        Signal(
            "symmetry_disagreement",
            kind="network",
            words="disagreement of the network with itself when the image is turned (nats per pixel)",
            label="turned image differs",
            measure=_symmetry_disagreement,
        ),
        Signal(
            "ensemble_disagreement",
            kind="network",
            words="disagreement between networks (nats per pixel)",
            label="networks differ",
            measure=_ensemble_disagreement,
        ),
        Signal(
            "feature_distance",
            kind="features",
            words="distance of what the network sees from the calibration micrographs",
            label="features differ",
            measure=_feature_distance,
        ),
        Signal(
            "spectrum_distance",
            kind="spectrum",
            words="distance of the power spectrum from the calibration micrographs'",
            label="spectrum differs",
            measure=_spectrum_distance,
        ),
        Signal(
            "spectrum_residual",
            kind="spectrum",
            words="part of the power spectrum that calibration micrographs do not explain (decades)",
            label="spectrum unexplained",
            measure=_spectrum_residual,
        ),
    ),
)


def signal_values(observation: Observation) -> dict[str, Array]:
    """Values (n,) of every signal that an observation of n images has what it needs for."""
    found = {signal.name: signal.measure(observation) for signal in SIGNALS.values()}
    return {name: values for name, values in found.items() if values is not None}


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
        Of the square that are predicted; with 1 there is no `symmetry_disagreement`.

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
        seen = observe(model, stack, reference=reference, others=others, symmetries=symmetries)
        columns = signal_values(seen)
        for place, index in enumerate(where):
            rows[index] = {name: float(values[place]) for name, values in columns.items()}
    return rows


def signals(  # noqa: PLR0913
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
    columns = signal_values(observe(model, stack, reference=reference, others=others))
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
