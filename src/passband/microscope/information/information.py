"""How much of the object a micrograph's conditions transfer (ε), and how alike two conditions are (σ, Δε).

The quantities are those of "Contrast transfer functions help quantify neural network out-of-distribution
generalization in HRTEM" (Rangel DaCosta & Scott, arXiv 2512.09067). **Their equations could not be obtained: every
formula here is an inference** that reproduces the captions of their figures. So each choice is a named option of
`Metric`, and a claim should be reported under at least two of them. With T the CTF, E its envelope and

    ⟨f⟩ = ∫dφ ∫₀^qmax f · w(q) dq,   w = 1 ("radial") or q ("area"),

* ε(χ) = ⟨|T|^p⟩ / ⟨E^p⟩, in [0, 1], 0 for a lens without phase;
* σ(χ, χ′) = ⟨|T||T′|⟩ / √(⟨T²⟩⟨T′²⟩), in [0, 1], 1 when |T| ∝ |T′|, symmetric;
* Δε(χ, χ′) = ε(χ′) − ε(χ), χ being the training and χ′ the evaluation.

`information_map` is the map of their Fig. 1.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.metric import Metric
from passband.microscope.information.overlaps import OVERLAPS, Overlap, weighted_square
from passband.microscope.information.polar import PolarLenses, Transfer, polar_grid
from passband.recipe import PassbandError

BLOCK = 1 << 21  # conditions × radial points held at once: 16 MB per array in double precision


_DEFAULT = Metric()


class Comparison(NamedTuple):
    """ε of n trainings and m evaluations, and σ and Δε = ε′ − ε of every pair; double precision.

    σ is NaN where a CTF vanishes everywhere (C10 = C30 = 0 …): describe such a condition set with its defocus jitter.
    """

    epsilon_training: Tensor  # (n,)
    epsilon_evaluation: Tensor  # (m,)
    sigma: Tensor  # (n, m)
    delta_epsilon: Tensor  # (n, m)


class _Block(NamedTuple):
    """Consecutive condition sets, and which they are."""

    rows: slice
    lenses: PolarLenses


def _as_sets(items: Sequence[Conditions | ConditionSet]) -> list[ConditionSet]:
    single: object = items
    if isinstance(single, Conditions | ConditionSet):
        raise PassbandError(f"{type(single).__name__} was given where a list is expected; write [conditions]")
    return [item if isinstance(item, ConditionSet) else ConditionSet(conditions=(item,)) for item in items]


def _check_signed(sets: Sequence[ConditionSet], metric: Metric) -> None:
    averaged = any(len(one.conditions) > 1 or one.defocus_jitter > 0.0 for one in sets)
    if averaged and OVERLAPS[metric.overlap].signed:
        cure = "use overlap='cosine'"
        raise PassbandError(f"overlap={metric.overlap!r} of a condition set: its rms transfer has no sign; {cure}")


def _blocks(sets: Sequence[ConditionSet], metric: Metric, points: int, dtype: torch.dtype) -> list[_Block]:
    """Cut the condition sets so that (conditions × radial points) of each block stays within `BLOCK`."""
    blocks, start, held = [], 0, 0
    for index, one in enumerate(sets):
        if index > start and (held + len(one.conditions)) * points > BLOCK:
            blocks.append(_Block(slice(start, index), PolarLenses(sets[start:index], odd=metric.odd, dtype=dtype)))
            start, held = index, 0
        held += len(one.conditions)
    return [*blocks, _Block(slice(start, len(sets)), PolarLenses(sets[start:], odd=metric.odd, dtype=dtype))]


class _Sums:
    """What the azimuths add up to for n condition sets: ⟨|T|^p⟩, ⟨E^p⟩, and the size of the feature f."""

    def __init__(self, count: int, weight: Tensor, metric: Metric) -> None:
        self.weight, self.squared, self.overlap = weight, metric.power == 2, OVERLAPS[metric.overlap]
        self.transferred, self.passed, self.compared = torch.zeros((3, count), dtype=torch.float64)

    def add(self, rows: slice, transfer: Transfer, feature: Tensor) -> None:
        squared, weight = self.squared, self.weight
        self.compared[rows] += self.overlap.added(feature, weight)
        amplitude, envelope = transfer.amplitude, transfer.envelope
        self.transferred[rows] += weighted_square(amplitude, weight) if squared else amplitude.abs() @ weight
        self.passed[rows] += weighted_square(envelope, weight) if squared else envelope @ weight

    @property
    def epsilon(self) -> Tensor:
        epsilon: Tensor = self.transferred / self.passed
        return epsilon

    @property
    def size(self) -> Tensor:
        """Size of the feature of each condition set; 0 for a CTF that vanishes."""
        return self.overlap.size(self.compared)


class _Integral:
    """⟨…⟩ on one polar grid, for blocks of condition sets and one azimuth after the other; sums in double precision."""

    def __init__(self, sets: Sequence[ConditionSet], metric: Metric, dtype: torch.dtype) -> None:
        lenses = [block.lenses for block in _blocks(sets, metric, 512, dtype)]
        self.metric = metric
        self.grid = polar_grid(lenses, qmax=metric.qmax, radial_points=metric.radial_points, azimuths=metric.azimuths)
        weight = self.grid.q if metric.weight == "area" else torch.ones_like(self.grid.q)
        self.weight = weight / (weight.sum() * len(self.grid.azimuths))  # ⟨1⟩ = 1
        self.overlap: Overlap = OVERLAPS[metric.overlap]

    def blocks(self, sets: Sequence[ConditionSet]) -> list[_Block]:
        return _blocks(sets, self.metric, len(self.grid.q), self.grid.q.dtype)

    def slices(self, lenses: PolarLenses) -> Iterator[Transfer]:
        steady = lenses.steady_envelope(self.grid.q)
        for azimuth in self.grid.azimuths.tolist():
            yield lenses.along(self.grid.q, azimuth, steady)

    def sums(self, sets: Sequence[ConditionSet]) -> _Sums:
        """Return the sums over the whole grid for each condition set."""
        sums = _Sums(len(sets), self.weight, self.metric)
        for block in self.blocks(sets):
            for transfer in self.slices(block.lenses):
                sums.add(block.rows, transfer, self.overlap.feature(transfer.amplitude))
        return sums

    def pairs(
        self, training: Sequence[ConditionSet], evaluation: Sequence[ConditionSet]
    ) -> tuple[_Sums, _Sums, Tensor]:
        """Return the sums of both sides, and σ of every pair (n, m)."""
        overlap = self.overlap
        first_sums, second_sums = (
            self.sums(sets) if overlap.relative else _Sums(len(sets), self.weight, self.metric)
            for sets in (training, evaluation)
        )
        shared = torch.zeros((len(training), len(evaluation)), dtype=torch.float64)
        blocks = product(enumerate(self.blocks(training)), enumerate(self.blocks(evaluation)))
        for (row, first), (column, second) in blocks:
            for one, other in zip(self.slices(first.lenses), self.slices(second.lenses), strict=True):
                here, there = overlap.feature(one.amplitude), overlap.feature(other.amplitude)
                if overlap.relative:
                    here = here / first_sums.size[first.rows, None].to(here.dtype)
                    there = there / second_sums.size[second.rows, None].to(there.dtype)
                if not overlap.relative and column == 0:
                    first_sums.add(first.rows, one, here)
                if not overlap.relative and row == 0:
                    second_sums.add(second.rows, other, there)
                shared[first.rows, second.rows] += overlap.shared(here, there, self.weight)
        return first_sums, second_sums, self._sigma(shared, first_sums.size[:, None], second_sums.size[None, :])

    def _sigma(self, shared: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """σ without what rounding puts above 1; NaN where a CTF vanishes."""
        sigma = self.overlap.sigma(shared, first, second)
        rounding = (sigma - 1.0).clamp(min=0.0, max=1e-6)
        return torch.where((first > 0) & (second > 0), sigma - rounding, torch.nan)


def compare_information(
    training: Sequence[Conditions | ConditionSet],
    evaluation: Sequence[Conditions | ConditionSet],
    *,
    metric: Metric = _DEFAULT,
    dtype: torch.dtype = torch.float64,
) -> Comparison:
    """ε of n trainings and m evaluations, σ and Δε of all n × m pairs, on one grid and in bounded memory.

    Parameters
    ----------
    training, evaluation
        Single conditions or condition sets.
    metric
        The variant of each quantity.
    dtype
        Of the CTFs; sums are always in double precision. float32 is about twice as fast and agrees to 1e-5.

    Raises
    ------
    PassbandError
        A single `Conditions` instead of a list, or a signed overlap of a condition set.
    """
    first, second = _as_sets(training), _as_sets(evaluation)
    _check_signed([*first, *second], metric)
    if not first or not second:
        nothing = torch.zeros((len(first), len(second)), dtype=torch.float64)
        alone = [transfer_information(sets, metric=metric, dtype=dtype) for sets in (first, second)]
        return Comparison(alone[0], alone[1], nothing, nothing)
    integral = _Integral([*first, *second], metric, dtype)
    one, other, sigma = integral.pairs(first, second)
    return Comparison(one.epsilon, other.epsilon, sigma, other.epsilon[None, :] - one.epsilon[:, None])


def transfer_information(
    items: Sequence[Conditions | ConditionSet], *, metric: Metric = _DEFAULT, dtype: torch.dtype = torch.float64
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
    return _Integral(sets, metric, dtype).sums(sets).epsilon if sets else torch.zeros(0, dtype=torch.float64)


def information_map(
    c10: NDArray[np.float64], c30: NDArray[np.float64], *, conditions: Conditions, metric: Metric = _DEFAULT
) -> NDArray[np.float64]:
    """Return ε for every C30 (rows) and C10 (columns), in Å; everything else but the aberrations as in `conditions`.

    The other aberrations are zero, so that one azimuth is enough. Single precision, good to 1e-5.
    """
    lenses = [Aberrations(C10=float(x), C30=float(y)) for y in c30 for x in c10]
    settings = [conditions.model_copy(update={"aberrations": one}) for one in lenses]
    epsilon = transfer_information(settings, metric=metric, dtype=torch.float32)
    return epsilon.reshape(len(c30), len(c10)).numpy()
