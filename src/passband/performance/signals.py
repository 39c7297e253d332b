"""Signals, without any label, of how far a network can be right on a micrograph.

Network side: uncertainty of its (temperature-scaled) probabilities, its disagreement with itself when the image is
turned, the area of its mask, distance of its deepest features from those of in-distribution micrographs. Image side:
distance of the power spectrum from theirs, and the noise of the camera. Each is one entry of `SIGNALS`. Error area and
loss of a micrograph are predicted from all of them (`performance.image_error`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from passband.entries import Entries
from passband.performance.observation import Observation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes
    ----------
    name
        Of its column in a table and in JSON.
    kind
        What it is: an uncertainty of the "network", which its error rises with; a property of the "mask"; a distance of
        its "features" or of the "spectrum", which says how much a prediction means; or of the
        "camera", which an error may rise or fall with.
    words
        What it is, in a reason.
    label
        The same, short, on the axis of a figure.
    measure
        Its values (n,) for an observation of n images; None where the observation lacks what it needs.
    """

    name: str
    kind: Literal["network", "mask", "features", "spectrum", "camera"]
    words: str
    label: str
    measure: Callable[[Observation], Array | None]


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
            "expected_error_area",
            kind="network",
            words="share of wrong pixels that the network expects of itself",
            label="error area it expects",
            measure=lambda seen: seen.uncertainty.get("expected_error_area"),
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
            measure=lambda seen: seen.uncertainty.get("disagreement"),
        ),
        Signal(
            "predicted_area",
            kind="mask",
            words="share of the image that is not background",
            label="area of the mask",
            measure=lambda seen: seen.uncertainty.get("predicted_area"),
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
        Signal(
            "noise_correlation",
            kind="camera",
            words="length over which the noise is correlated (standard deviation, pixels of the network)",
            label="correlated noise",
            measure=lambda seen: seen.noise.get("noise_correlation"),
        ),
        Signal(
            "noise_share",
            kind="camera",
            words="noise over contrast, at most (standard deviations)",
            label="noise",
            measure=lambda seen: seen.noise.get("noise_share"),
        ),
    ),
)


def signal_values(observation: Observation) -> dict[str, Array]:
    """Values (n,) of every signal that an observation of n images has what it needs for."""
    found = {signal.name: signal.measure(observation) for signal in SIGNALS.values()}
    return {name: values for name, values in found.items() if values is not None}
