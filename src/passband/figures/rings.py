"""Figure of fitted Thon rings: half the measured spectrum against half the fitted, and averages along equal phase."""

import numpy as np
from matplotlib.figure import Figure

from passband.figures.style import BLUE, ORANGE, SHADE, Array, draw_grid, label_axes, signed
from passband.microscope.rings.result import Fit
from passband.microscope.rings.spectrum import RingSpectrum

_MEASURED, _FITTED = BLUE, ORANGE
_MOST_RINGS = 20  # in the average; beyond, they are finer than a line
_PER_RING = 16


def ring_figure(fit: Fit) -> Figure:
    """Power over the noise as a picture, left half measured and right half fitted, and its mean along equal phase."""
    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.25))
    picture, extent = half_and_half(fit.spectrum)
    left.imshow(picture, cmap="gray", extent=extent, vmin=0.0, vmax=1.0, interpolation="nearest", rasterized=True)
    left.set_facecolor(SHADE)  # where the fit did not look
    label_axes(left, "q_x (Å⁻¹)", "q_y (Å⁻¹)", "measured | fitted", loc="center")
    phase, power, rings = phase_average(fit.spectrum)
    right.plot(phase, power, color=_MEASURED, linewidth=1.0, marker="o", markersize=2.0, label="measured")
    right.plot(phase, rings, color=_FITTED, linewidth=1.4, label="fitted")
    phases = "phase of the lens |χ| / π (the transfer vanishes at 1, 2, 3 …)"
    label_axes(right, phases, "power over a smooth spectrum (no unit)", _title(fit))
    draw_grid(right)
    right.legend(fontsize=8, frameon=False)
    return figure


def _title(fit: Fit) -> str:
    half = 0.5 * (fit.c10_interval[1] - fit.c10_interval[0]) / 10.0
    sign = "±" if fit.sign_ambiguous else ""
    c10 = f"{abs(fit.c10) / 10.0:.2f}" if fit.sign_ambiguous else signed(f"{fit.c10 / 10.0:.2f}")
    return f"C10 = {sign}{c10} nm (± {half:.2f}), C12 = {fit.c12 / 10.0:.2f} nm, φ12 = {fit.phi12:.2f} rad"


def half_and_half(spectrum: RingSpectrum) -> tuple[Array, tuple[float, float, float, float]]:
    """Ranks (0 to 1) of the measured power at −q_x beside those of the fitted power at +q_x, and the edges in Å⁻¹.

    The measured half is smoothed over 3 × 3 bins. Ranks within each ring of |q| show rings of any strength.
    """
    order = np.argsort(spectrum.q_y[:, 0])
    measured, expected = spectrum.measured[order], spectrum.expected[order]
    q = np.hypot(spectrum.q_y[order], spectrum.q_x)
    level = _radial_level(expected, q)
    inside = np.flatnonzero(np.isfinite(expected).any(axis=1))
    columns = np.flatnonzero(np.isfinite(expected).any(axis=0))
    rows, width = slice(inside[0], inside[-1] + 1), slice(0, columns[-1] + 1)
    right = (expected / level)[rows, width]
    left = _smoothed(measured / level)[rows, width]
    low, high = np.nanpercentile(right, (2.0, 98.0))
    picture = np.concatenate([left[::-1, :0:-1], right], axis=1)  # (−q_y, −q_x) has the power of (q_y, q_x)
    edge_x = float(spectrum.q_x[0, width.stop - 1])
    edge_y = float(np.abs(spectrum.q_y[order][rows]).max())
    scaled = np.clip((picture - low) / max(high - low, 1e-12), 0.0, 1.0)
    return scaled, (-edge_x, edge_x, edge_y, -edge_y)


def _radial_level(expected: Array, q: Array) -> Array:
    """Mean of the expected power over rings as wide as a tenth of the band, interpolated to every bin."""
    inside = np.isfinite(expected)
    edges = np.linspace(q[inside].min(), q[inside].max() * (1.0 + 1e-9), 11)
    ring = np.digitize(q[inside], edges) - 1
    count = np.maximum(np.bincount(ring, minlength=10), 1)
    means = np.bincount(ring, expected[inside], minlength=10) / count
    return np.asarray(np.exp(np.interp(q, 0.5 * (edges[1:] + edges[:-1]), np.log(np.maximum(means, 1e-300)))))


def _smoothed(values: Array) -> Array:
    """Mean over 3 × 3 bins, of those that are not NaN."""
    from scipy.ndimage import uniform_filter

    known = np.isfinite(values)
    total = uniform_filter(np.where(known, values, 0.0), 3)
    share = uniform_filter(known.astype(np.float64), 3)
    return np.where(known, total / np.maximum(share, 1e-9), np.nan)


def phase_average(spectrum: RingSpectrum) -> tuple[Array, Array, Array]:
    """|χ|/π, and the measured and the fitted power there over their mean across one ring: (n,) each."""
    turns = np.abs(spectrum.phase) / np.pi
    last = min(float(turns.max()), _MOST_RINGS)
    edges = np.linspace(0.0, last, max(int(last * _PER_RING), _PER_RING) + 1)
    inside = turns < last
    index = np.clip(np.digitize(turns[inside], edges) - 1, 0, len(edges) - 2)
    smooth = _radial_smooth(spectrum)[inside]
    count = np.bincount(index, minlength=len(edges) - 1)
    filled = count > 0
    power, rings = (
        np.bincount(index, values[inside] / smooth, minlength=len(edges) - 1)[filled] / count[filled]
        for values in (spectrum.power, spectrum.rings)
    )
    return 0.5 * (edges[1:] + edges[:-1])[filled], power, rings


def _radial_smooth(spectrum: RingSpectrum) -> Array:
    """Fitted power without its rings: a cubic in q² through the logarithm of the fit."""
    scaled = spectrum.squared / spectrum.squared.max()
    return np.asarray(np.exp(np.polyval(np.polyfit(scaled, np.log(spectrum.rings), 3), scaled)))
