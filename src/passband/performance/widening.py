"""Settings to measure a network under: as it was trained, and beyond, one quantity or many at a time.

A network is measured inside and outside of its training conditions. Inside, settings are those of the training.
Outside, each quantity is drawn from a wider distribution with a probability of its own for the data set, so that some
settings leave the training in one quantity and others in several.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from passband.distribution import LogUniform, Scalar, Uniform, limits, sample
from passband.microscope.aberrations import COEFFICIENTS, LARGEST
from passband.microscope.conditions import AnyConditions, ConditionDistribution, Conditions
from passband.recipe import PassbandError

#: Probability that a quantity is drawn from the wider distribution, one of these for each data set.
PROBABILITIES = (0.0, 0.0, 0.3, 0.7)
STRETCH = 2.5  # of the half width about the centre, at least `LEAST`
DECADES = 4.0  # a dose is widened by this factor either way
#: Å (C10 …) or rad; half width that a wider distribution has at least.
LEAST = {"C10": 300.0, "C12": 50.0, "C21": 1500.0, "C23": 1500.0, "C30": 5e5}
SPREADS = {"focal_spread": 25.0, "angular_spread": 3e-4}  # Å, rad: that much more at least


def widened(trained: AnyConditions) -> ConditionDistribution:
    """Distribution around that of a training, wider in defocus, aberrations to third order, coherence and dose.

    Energy, aperture and detector stay, for the exit waves and the camera are given. Azimuths of aberrations that the
    training lacked cover the whole turn.
    """
    whole = bounding_distribution(trained)
    lens = dict(whole.aberrations)
    for symbol, least in LEAST.items():
        magnitude = symbol not in ("C10", "C30")
        lens[symbol] = _stretched(lens.get(symbol, 0.0), least, lowest=0.0 if magnitude else None, symbol=symbol)
        if magnitude:
            half = np.pi / int(symbol[2])
            lens[f"phi{symbol[1:]}"] = Uniform(uniform=(-float(half), float(half)))
    spreads = {name: _stretched(getattr(whole, name), least, lowest=0.0) for name, least in SPREADS.items()}
    lens = {symbol: lens[symbol] for symbol in COEFFICIENTS if symbol in lens}
    fields: dict[str, Any] = {"aberrations": lens, "dose": _wider_dose(whole.dose), **spreads}
    return whole.model_copy(update=fields)


def bounding_distribution(trained: AnyConditions) -> ConditionDistribution:
    """Smallest distribution of independent quantities that holds all members of a mixture; a distribution as it is.

    Noise-free members are left out of the dose; aperture and detector are those of the first.
    """
    members = trained.members
    if len(members) == 1:
        return members[0]
    symbols = {symbol for member in members for symbol in member.aberrations}
    lens = {
        symbol: _around([member.aberrations.get(symbol, 0.0) for member in members])
        for symbol in COEFFICIENTS
        if symbol in symbols
    }
    fields: dict[str, Any] = {
        name: _around([getattr(member, name) for member in members])
        for name in ("energy", "focal_spread", "angular_spread", "readout_noise")
    }
    doses = [member.dose for member in members if member.dose is not None]
    fields["dose"] = _around(doses) if doses else None
    return members[0].model_copy(update={**fields, "aberrations": lens})


def _around(scalars: Sequence[Scalar]) -> Scalar:
    """Everything between the smallest and the largest value of several scalars."""
    pairs = [limits(scalar) for scalar in scalars]
    low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
    return Uniform(uniform=(low, high)) if low < high else low


def _stretched(scalar: Scalar, least: float, *, lowest: float | None = None, symbol: str = "") -> Uniform:
    low, high = limits(scalar)
    middle, half = 0.5 * (low + high), max(0.5 * STRETCH * (high - low), least)
    bottom, top = middle - half, middle + half
    if symbol:
        largest = LARGEST[int(symbol[1])]
        bottom, top = max(bottom, -largest), min(top, largest)
    return Uniform(uniform=(bottom if lowest is None else max(lowest, bottom), top))


def _wider_dose(dose: Scalar | None) -> LogUniform | None:
    if dose is None:
        return None
    low, high = limits(dose)
    return LogUniform(log_uniform=(max(low, 1e-3) / DECADES, high * DECADES))


def draw_settings(trained: AnyConditions, wider: AnyConditions, n: int, *, seed: int) -> list[Conditions]:
    """Draw n settings: setting k depends on the seed and on k alone.

    Raises
    ------
    PassbandError
        The two distributions differ in energy or detector.
    """
    near, far = bounding_distribution(trained), bounding_distribution(wider)
    if limits(near.energy) != limits(far.energy) or near.mtf != far.mtf:
        raise PassbandError(
            f"energy={limits(far.energy)} eV of the wider conditions is not the training's {limits(near.energy)} eV, "
            "or the detector differs; calibrate with those of the exit waves"
        )
    return [_setting(trained, wider, np.random.default_rng(np.random.SeedSequence([seed, k]))) for k in range(n)]


def _setting(trained: AnyConditions, wider: AnyConditions, rng: np.random.Generator) -> Conditions:
    """One setting: each quantity, an aberration with its azimuth, from one of the two distributions."""
    share = PROBABILITIES[int(rng.integers(len(PROBABILITIES)))]
    near, far = (one.sample(1, rng)[0] for one in (trained, wider))
    symbols = [name for name in COEFFICIENTS if not name.startswith("phi")]
    lens: dict[str, float] = {}
    for symbol in symbols:
        source = far if rng.random() < share else near
        for name in (symbol, f"phi{symbol[1:]}"):
            if value := getattr(source.aberrations, name, 0.0):
                lens[name] = value
    fields = {name: (far if rng.random() < share else near) for name in ("focal_spread", "angular_spread", "dose")}
    chosen = {name: getattr(source, name) for name, source in fields.items()}
    return Conditions.model_validate({**near.model_dump(), **chosen, "aberrations": lens})


def trained_range(given: AnyConditions) -> Mapping[str, tuple[float, float]]:
    """Smallest and largest value of each quantity of a training, Å, rad and e⁻/Å²; a dose only where there is noise."""
    trained = bounding_distribution(given)
    lens = {symbol: limits(trained.aberrations.get(symbol, 0.0)) for symbol in LEAST}
    spreads = {name: limits(getattr(trained, name)) for name in SPREADS}
    dose = {} if trained.dose is None else {"dose": limits(trained.dose)}
    return {**lens, **spreads, **dose}


def camera_pixels(pixel_size: Scalar, rng: np.random.Generator, *, finest: float, coarsest: float) -> float:
    """Draw a camera pixel in Å: as trained half of the time, else up to a quarter finer or coarser."""
    low, high = limits(pixel_size)
    drawn = sample(pixel_size, rng) if rng.random() < 0.5 else rng.uniform(0.75 * low, 1.25 * high)
    return float(np.clip(drawn, finest, coarsest))
