"""Noise whose autocorrelation falls exponentially: stationary autoregressive processes of first order.

y[k] = a·y[k − 1] + √(1 − a²)·e[k] has the variance of the white noise e and the autocorrelation a^|lag|. Sums of powers
of a are taken by doubling, elementwise, so that the values do not depend on the number of threads.
"""

from math import sqrt

import torch
from torch import Tensor

_NOTHING = 1e-9  # of a value: what a sum leaves out


def recursion(values: Tensor, kept: float) -> Tensor:
    """y[k] = values[k] + kept·y[k − 1] along the last axis, with y[−1] = 0 and 0 ≤ kept ≤ 1."""
    total, step, factor = values, 1, kept
    while step < values.shape[-1] and factor > _NOTHING:
        longer = total.clone()
        longer[..., step:].add_(total[..., :-step], alpha=factor)
        total, step, factor = longer, 2 * step, factor * factor
    return total


def stationary(white: Tensor, kept: float) -> Tensor:
    """Noise of variance 1 with the autocorrelation kept^lag along the last axis, from white noise of variance 1."""
    driven = white * sqrt(1.0 - kept * kept)
    driven[..., :1] = white[..., :1]
    return recursion(driven, kept)


def stationary_over_rows(white: Tensor, kept: float, kept_between: float) -> Tensor:
    """Noise (y, x) that goes on from the end of each row to the begin of the next, from white noise (y, x).

    Parameters
    ----------
    white
        Of variance 1, as the result.
    kept
        Autocorrelation of neighbouring pixels of a row.
    kept_between
        That of the last pixel of a row and the first of the next.
    """
    driven = white * sqrt(1.0 - kept * kept)
    driven[1:, 0] = white[1:, 0] * sqrt(1.0 - kept_between * kept_between)
    driven[0, 0] = white[0, 0]
    rows = recursion(driven, kept)
    columns = torch.arange(white.shape[1], dtype=white.dtype, device=white.device)
    last = recursion(rows[:, -1], kept ** (white.shape[1] - 1) * kept_between)
    rows[1:] += last[:-1, None] * (kept**columns * kept_between)
    return rows
