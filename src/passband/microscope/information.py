"""How much of the object a micrograph's conditions transfer (ε), and how alike two conditions are (σ, Δε).

The quantities are those of "Contrast transfer functions help quantify neural network out-of-distribution
generalization in HRTEM" (Rangel DaCosta & Scott, arXiv 2512.09067). **Their equations could not be obtained: every
formula here is an inference** that reproduces the captions of their figures. So each choice is a named option of
`Metric`, and a claim should be reported under at least two of them. With T the CTF, E its envelope and

    ⟨f⟩ = ∫dφ ∫₀^qmax f · w(q) dq,   w = 1 ("radial") or q ("area"),

* ε(χ) = ⟨|T|^p⟩ / ⟨E^p⟩, in [0, 1], 0 for a lens without phase;
* σ(χ, χ′) = ⟨|T||T′|⟩ / √(⟨T²⟩⟨T′²⟩), in [0, 1], 1 when |T| ∝ |T′|, symmetric;
* Δε(χ, χ′) = ε(χ′) − ε(χ), χ being the training and χ′ the evaluation.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from passband.microscope.conditions import Conditions
from passband.microscope.polar import DataSet, PolarLenses, Transfer, polar_grid
from passband.microscope.transfer import OddTreatment
from passband.recipe import PassbandError, Recipe

BLOCK = 1 << 21  # conditions × radial points held at once: 16 MB per array in double precision

Overlap = Literal["cosine", "cosine_squares", "signed_cosine", "one_minus_l1", "min_overlap"]


class Metric(Recipe):
    """The choices in ε, σ and Δε; the defaults are those under which the golden values of the specification are given.

    Attributes
    ----------
    weight
        "radial": every |q| counts alike (w = 1); "area": every pixel of the spectrum counts alike (w = q).
    power
        p in ε, 1 or 2. (σ has its variants in `overlap`.)
    overlap
        σ as "cosine" of |T|; "cosine_squares", of T²; "signed_cosine", of T, in [−1, 1], where reversed contrast counts
        as different; "one_minus_l1", 1 − ½⟨| |T|/⟨|T|⟩ − |T′|/⟨|T′|⟩ |⟩; "min_overlap", ⟨min(|T|, |T′|)⟩ over
        ⟨max(|T|, |T′|)⟩, which is the only one to feel a difference in strength alone.
    odd
        Treatment of coma, trefoil …: see `passband.microscope.transfer.contrast_transfer`.
    qmax
        Largest spatial frequency, Å⁻¹; 2.5 is Nyquist of 0.2 Å pixels.
    radial_points, azimuths
        Of the polar grid (midpoint rule); None chooses from the steepest phase, at least 4,000 and, when a lens is not
        round, 72.
    """

    weight: Literal["radial", "area"] = "radial"
    power: Literal[1, 2] = 1
    overlap: Overlap = "cosine"
    odd: OddTreatment = "exact"
    qmax: float = Field(default=2.5, gt=0.0, le=20.0)
    radial_points: int | None = Field(default=None, ge=16, le=1_000_000)
    azimuths: int | None = Field(default=None, ge=1, le=10_000)


_DEFAULT = Metric()


class Comparison(NamedTuple):
    """ε of n trainings and m evaluations, and σ and Δε = ε′ − ε of every pair; double precision.

    σ is NaN where a CTF vanishes everywhere (C10 = C30 = 0 …): describe such a data set with its defocus jitter.
    """

    epsilon_training: Tensor  # (n,)
    epsilon_evaluation: Tensor  # (m,)
    sigma: Tensor  # (n, m)
    delta_epsilon: Tensor  # (n, m)


class _Block(NamedTuple):
    """Consecutive data sets, and which they are."""

    rows: slice
    lenses: PolarLenses


def _as_sets(items: Sequence[Conditions | DataSet]) -> list[DataSet]:
    single: object = items
    if isinstance(single, Conditions | DataSet):
        raise PassbandError(f"{type(single).__name__} was given where a list is expected; write [conditions]")
    return [item if isinstance(item, DataSet) else DataSet(conditions=(item,)) for item in items]


def _check_signed(sets: Sequence[DataSet], metric: Metric) -> None:
    averaged = any(len(one.conditions) > 1 or one.defocus_jitter > 0.0 for one in sets)
    if averaged and metric.overlap == "signed_cosine":
        cure = "use overlap='cosine'"
        raise PassbandError(f"overlap='signed_cosine' of a data set: its rms transfer has no sign; {cure}")


def _blocks(sets: Sequence[DataSet], metric: Metric, points: int, dtype: torch.dtype) -> list[_Block]:
    """Cut the data sets so that (conditions × radial points) of each block stays within `BLOCK`."""
    blocks, start, held = [], 0, 0
    for index, one in enumerate(sets):
        if index > start and (held + len(one.conditions)) * points > BLOCK:
            blocks.append(_Block(slice(start, index), PolarLenses(sets[start:index], odd=metric.odd, dtype=dtype)))
            start, held = index, 0
        held += len(one.conditions)
    return [*blocks, _Block(slice(start, len(sets)), PolarLenses(sets[start:], odd=metric.odd, dtype=dtype))]


def _feature(transfer: Transfer, overlap: Overlap) -> Tensor:
    """Return the function of T that σ compares."""
    if overlap == "signed_cosine":
        return transfer.amplitude
    return transfer.amplitude.square() if overlap == "cosine_squares" else transfer.amplitude.abs()


class _Moments(NamedTuple):
    epsilon: Tensor  # (n,)
    size: Tensor  # (n,): √⟨f²⟩ of the feature f for the cosines, ⟨f⟩ for the others; 0 for a CTF that vanishes


class _Integral:
    """⟨…⟩ on one polar grid, for blocks of data sets and one azimuth after the other; sums in double precision."""

    def __init__(self, sets: Sequence[DataSet], metric: Metric, dtype: torch.dtype) -> None:
        lenses = [block.lenses for block in _blocks(sets, metric, 512, dtype)]
        self.metric = metric
        self.grid = polar_grid(lenses, qmax=metric.qmax, radial_points=metric.radial_points, azimuths=metric.azimuths)
        weight = self.grid.q if metric.weight == "area" else torch.ones_like(self.grid.q)
        self.weight = weight / (weight.sum() * len(self.grid.azimuths))  # ⟨1⟩ = 1
        self.cosine = "cosine" in metric.overlap

    def blocks(self, sets: Sequence[DataSet]) -> list[_Block]:
        return _blocks(sets, self.metric, len(self.grid.q), self.grid.q.dtype)

    def slices(self, lenses: PolarLenses) -> Iterator[Transfer]:
        steady = lenses.steady_envelope(self.grid.q)
        for azimuth in self.grid.azimuths.tolist():
            yield lenses.along(self.grid.q, azimuth, steady)

    def moments(self, sets: Sequence[DataSet]) -> _Moments:
        """ε of each data set, and the size of its feature."""
        power = self.metric.power
        transferred, passed, size = torch.zeros((3, len(sets)), dtype=torch.float64)
        for block in self.blocks(sets):
            for transfer in self.slices(block.lenses):
                feature = _feature(transfer, self.metric.overlap)
                size[block.rows] += (feature.square() if self.cosine else feature) @ self.weight
                magnitude = transfer.amplitude.square() if power == 2 else transfer.amplitude.abs()
                transferred[block.rows] += magnitude @ self.weight
                envelope = transfer.envelope.square() if power == 2 else transfer.envelope
                passed[block.rows] += envelope @ self.weight
        return _Moments(transferred / passed, size.sqrt() if self.cosine else size)

    def overlap(
        self, training: Sequence[DataSet], evaluation: Sequence[DataSet], sizes: tuple[Tensor, Tensor]
    ) -> Tensor:
        """σ of every pair (n, m), given the sizes of the features."""
        shared = torch.zeros((len(training), len(evaluation)), dtype=torch.float64)
        relative = self.metric.overlap == "one_minus_l1"
        for first in self.blocks(training):
            for second in self.blocks(evaluation):
                for one, other in zip(self.slices(first.lenses), self.slices(second.lenses), strict=True):
                    features = _feature(one, self.metric.overlap), _feature(other, self.metric.overlap)
                    if relative:
                        features = (
                            features[0] / sizes[0][first.rows, None].to(features[0].dtype),
                            features[1] / sizes[1][second.rows, None].to(features[1].dtype),
                        )
                    shared[first.rows, second.rows] += self._common(*features)
        return self._normalised(shared, sizes)

    def _common(self, first: Tensor, second: Tensor) -> Tensor:
        """One azimuth's part of ⟨f f′⟩, or of ⟨min(f, f′)⟩; (n, m)."""
        if self.cosine:
            return (first * self.weight) @ second.T
        return torch.stack([torch.minimum(first, row) @ self.weight for row in second], dim=1)

    def _normalised(self, shared: Tensor, sizes: tuple[Tensor, Tensor]) -> Tensor:
        first, second = sizes[0][:, None], sizes[1][None, :]
        if self.cosine:
            sigma = shared / (first * second)
        elif self.metric.overlap == "one_minus_l1":
            sigma = shared  # ⟨min(p, p′)⟩ = 1 − ½⟨|p − p′|⟩ where ⟨p⟩ = ⟨p′⟩ = 1
        else:
            sigma = shared / (first + second - shared)  # ⟨max⟩ = ⟨f⟩ + ⟨f′⟩ − ⟨min⟩
        rounding = (sigma - 1.0).clamp(min=0.0, max=1e-6)
        return torch.where((first > 0) & (second > 0), sigma - rounding, torch.nan)


def compare_information(
    training: Sequence[Conditions | DataSet],
    evaluation: Sequence[Conditions | DataSet],
    *,
    metric: Metric = _DEFAULT,
    dtype: torch.dtype = torch.float64,
) -> Comparison:
    """ε of n trainings and m evaluations, σ and Δε of all n × m pairs, on one grid and in bounded memory.

    Parameters
    ----------
    training, evaluation
        Single conditions or data sets.
    metric
        The variant of each quantity.
    dtype
        Of the CTFs; sums are always in double precision. float32 is about twice as fast and agrees to 1e-5.

    Raises
    ------
    PassbandError
        A single `Conditions` instead of a list, or a signed overlap of a data set.
    """
    first, second = _as_sets(training), _as_sets(evaluation)
    _check_signed([*first, *second], metric)
    if not first or not second:
        empty = torch.zeros((len(first), len(second)), dtype=torch.float64)
        return Comparison(
            transfer_information(first, metric=metric), transfer_information(second, metric=metric), empty, empty
        )
    integral = _Integral([*first, *second], metric, dtype)
    one, other = integral.moments(first), integral.moments(second)
    sigma = integral.overlap(first, second, (one.size, other.size))
    return Comparison(one.epsilon, other.epsilon, sigma, other.epsilon[None, :] - one.epsilon[:, None])


def transfer_information(
    items: Sequence[Conditions | DataSet], *, metric: Metric = _DEFAULT, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Information transfer ε = ⟨|T|^p⟩/⟨E^p⟩ of each item, shape (n,), in [0, 1] (inferred, see the module).

    E is the whole envelope: both coherence envelopes and the aperture. NaN where nothing passes at all.

    Examples
    --------
    >>> from passband.microscope.aberrations import Aberrations
    >>> here = Conditions(energy=300e3, focal_spread=10.0, aberrations=Aberrations(C10=-80.0, C30=2.5e5))
    >>> round(transfer_information([here]).item(), 4)
    0.6605
    """
    sets = _as_sets(items)
    return _Integral(sets, metric, dtype).moments(sets).epsilon if sets else torch.zeros(0, dtype=torch.float64)


def transfer_overlap(
    training: Sequence[Conditions | DataSet],
    evaluation: Sequence[Conditions | DataSet],
    *,
    metric: Metric = _DEFAULT,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Overlap σ of every pair, shape (n, m); symmetric, 1 for |T| ∝ |T′| (inferred, see the module and `Metric`)."""
    return compare_information(training, evaluation, metric=metric, dtype=dtype).sigma


def information_difference(
    training: Sequence[Conditions | DataSet],
    evaluation: Sequence[Conditions | DataSet],
    *,
    metric: Metric = _DEFAULT,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Δε = ε(evaluation) − ε(training) of every pair, shape (n, m); antisymmetric."""
    here = transfer_information(training, metric=metric, dtype=dtype)
    return transfer_information(evaluation, metric=metric, dtype=dtype)[None, :] - here[:, None]
