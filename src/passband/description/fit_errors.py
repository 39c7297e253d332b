"""Standard errors of fitted columns, with what their neighbours' errors add."""

import numpy as np
from scipy.spatial import cKDTree

from passband.description.gaussian_sum import PARAMETERS, Array, GaussianSum

NEIGHBOURS = 6
_LEVERAGE = 7.0 / (
    8.0 * np.pi
)  # σ² times Σ(w d²)(w dᵀH⁻¹d)/Σ(w d²), of four parameters of a Gaussian on an endless plane
_WIDE = 0.45  # of the distance of nodes: the wide Gaussian's σ


def standard_errors(columns: GaussianSum, weight: Array, residual: Array, *, background: float) -> tuple[Array, Array]:
    """Return two standard errors (n, 4) of x, ρy, height and ln σ, by the inverse of the normal matrix of neighbours.

    The matrix of a column and its `NEIGHBOURS` nearest is that of Gaussians on an endless plane, scaled to what each
    column's own pixels determine of each parameter (border, weights). The background, whose nodes are `background`
    pixels apart, stands in it as a wide Gaussian under the column that may move and change. The inverse is multiplied
    by Σw²r²d²/Σwd² over the column's pixels, with d the derivative and r the residual: White's estimate, which holds
    where the noise is not what the weights say. It is corrected for the part of the noise that the column itself
    takes up, 7/(8πσ²) on average over the pixels that tell its position.
    """
    known = columns.curvature(weight)
    seen = columns.curvature(weight**2 * residual**2)
    own = np.einsum("nii->ni", known)
    parameters = columns.parameters
    leverage = np.minimum(_LEVERAGE * columns.aspect * np.exp(-2.0 * parameters[:, 3]), 0.8)[:, None]
    spread = np.einsum("nii->ni", seen) / np.maximum(own, 1e-300) / (1.0 - leverage)
    count = min(NEIGHBOURS + 1, len(parameters))
    nearby = cKDTree(parameters[:, :2]).query(parameters[:, :2], k=count)[1].reshape(len(parameters), count)
    wide = np.column_stack(
        [parameters[:, :2], np.ones(len(parameters)), np.full(len(parameters), np.log(_WIDE * background))]
    )
    matrix = _overlaps(np.concatenate([parameters[nearby], wide[:, None]], axis=1))
    plane = np.einsum("nii->ni", matrix).reshape(len(parameters), count + 1, PARAMETERS)
    ratio = np.sqrt(np.maximum(own[nearby], 1e-300) / np.maximum(plane[:, :-1], 1e-300))
    ratio = np.concatenate([ratio, ratio[:, :1, 2:3].repeat(PARAMETERS, 2)], axis=1).reshape(len(parameters), -1)
    scale = 1.0 / np.sqrt(np.maximum(np.einsum("nii->ni", matrix) * ratio**2, 1e-200))  # squared below
    matrix *= (ratio * scale)[:, :, None]
    matrix *= (ratio * scale)[:, None, :]
    np.einsum("nii->ni", matrix)[...] += 1e-9
    own_rows = np.eye(matrix.shape[1], PARAMETERS)
    inverse = np.linalg.solve(matrix, np.broadcast_to(own_rows, (len(matrix), *own_rows.shape)))
    weighted = np.maximum(np.einsum("nii->ni", inverse[:, :PARAMETERS]) * scale[:, :PARAMETERS] ** 2, 0.0)
    return np.sqrt(weighted * spread), np.sqrt(weighted)


def _overlaps(chosen: Array) -> Array:
    """Integrals of products of the derivatives of columns (n, neighbours, 4), (n, 4·neighbours, 4·neighbours)."""
    size = PARAMETERS * chosen.shape[1]
    blocks = _pair(chosen[:, :, None], chosen[:, None, :])
    return np.ascontiguousarray(blocks.transpose(0, 1, 3, 2, 4)).reshape(len(chosen), size, size)


def _pair(one: Array, other: Array) -> Array:
    """Integral of the derivatives of one column times those of another, (..., 4, 4).

    ∫g₁g₂ = 2πv·exp(−d²/2u), u = σ₁² + σ₂², v = σ₁²σ₂²/u, along each axis a product; the product of two Gaussians is a
    Gaussian of variance v whose centre is −dσ₁²/u and dσ₂²/u away from theirs: moments follow.
    """
    first, second = np.exp(2.0 * one[..., 3]), np.exp(2.0 * other[..., 3])
    total = first + second
    v = first * second / total
    axes = []
    for axis in (0, 1):
        d = other[..., axis] - one[..., axis]
        axes.append(_axis_moments(d * first / total, -d * second / total, v, np.exp(-0.5 * d * d / total)))
    x, y = axes  # [power of the one's distance][power of the other's]
    c1, c2 = one[..., 2] / first, other[..., 2] / second
    rows: list[tuple[Array | float, tuple[tuple[int, int], ...]]] = [
        (c1, ((1, 0),)),
        (c1, ((0, 1),)),
        (1.0, ((0, 0),)),
        (c1, ((2, 0), (0, 2))),
    ]
    columns: list[tuple[Array | float, tuple[tuple[int, int], ...]]] = [
        (c2, ((1, 0),)),
        (c2, ((0, 1),)),
        (1.0, ((0, 0),)),
        (c2, ((2, 0), (0, 2))),
    ]
    found = np.empty((*np.broadcast(first, second).shape, PARAMETERS, PARAMETERS))
    for i, (left, powers) in enumerate(rows):
        for j, (right, others) in enumerate(columns):
            found[..., i, j] = left * right * sum(x[p[0]][q[0]] * y[p[1]][q[1]] for p in powers for q in others)
    return found


def _axis_moments(a: Array, b: Array, v: Array, overlap: Array) -> list[list[Array]]:
    """∫(t + a)ᵖ(t + b)ᵍ·Gaussian(t; v)·overlap, p and q from 0 to 2, along one axis."""
    mass = overlap * np.sqrt(2.0 * np.pi * v)
    return [
        [mass, mass * b, mass * (v + b * b)],
        [mass * a, mass * (v + a * b), mass * (a * v + 2.0 * b * v + a * b * b)],
        [
            mass * (v + a * a),
            mass * (b * v + 2.0 * a * v + b * a * a),
            mass * (3.0 * v * v + v * (a * a + b * b + 4.0 * a * b) + a * a * b * b),
        ],
    ]
