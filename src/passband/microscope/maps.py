"""ε over defocus and spherical aberration, and σ, Δε between defoci: the maps of the paper's Figs. 1 and 2."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information import Metric, compare_information, transfer_information
from passband.microscope.polar import DataSet

_DEFAULT = Metric()


class OverlapMap(NamedTuple):
    """σ and Δε between every two defoci; rows are the evaluation, columns the training."""

    sigma: NDArray[np.float64]
    delta_epsilon: NDArray[np.float64]


def _round(conditions: Conditions, c10: float, c30: float) -> DataSet:
    changed = conditions.model_copy(update={"aberrations": Aberrations(C10=c10, C30=c30)})
    return DataSet(conditions=(changed,))


def information_map(
    c10: NDArray[np.float64], c30: NDArray[np.float64], *, conditions: Conditions, metric: Metric = _DEFAULT
) -> NDArray[np.float64]:
    """Return ε for every C30 (rows) and C10 (columns), in Å; everything else but the aberrations as in `conditions`.

    The other aberrations are zero, so that one azimuth is enough. Single precision, good to 1e-5.
    """
    sets = [_round(conditions, float(x), float(y)) for y in c30 for x in c10]
    epsilon = transfer_information(sets, metric=metric, dtype=torch.float32)
    return epsilon.reshape(len(c30), len(c10)).numpy()


def overlap_map(
    c10: NDArray[np.float64], c30: float, *, conditions: Conditions, metric: Metric = _DEFAULT
) -> OverlapMap:
    """Return σ and Δε between every two C10 (Å) at one C30 (Å); NaN in σ where the CTF vanishes."""
    sets = [_round(conditions, float(x), c30) for x in c10]
    compared = compare_information(sets, sets, metric=metric)
    return OverlapMap(compared.sigma.T.numpy(), compared.delta_epsilon.T.numpy())
