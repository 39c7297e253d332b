"""The pictures of the conventions page, drawn with passband itself so that they cannot drift from the code."""

from math import pi, sqrt
from pathlib import Path

import torch
from matplotlib.figure import Figure

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.transfer import contrast_transfer, temporal_envelope

ENERGY = 300e3  # eV
WAVELENGTH = 0.019687489  # Å


def draw_all(folder: Path) -> None:
    """Draw every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("defocus", defocus), ("spread", spread), ("axes", axes_and_angles)):
        draw().savefig(folder / f"{name}.png", dpi=110, facecolor="white")


def _transfer(q: torch.Tensor, **aberrations: float) -> torch.Tensor:
    conditions = Conditions(energy=ENERGY, focal_spread=10.0, aberrations=Aberrations(**aberrations))
    return contrast_transfer(q, torch.zeros_like(q), conditions)


def defocus() -> Figure:
    """Contrast transfer on either side of focus with Cs = 25 µm."""
    q = torch.linspace(0.0, 1.4, 1500, dtype=torch.float64)
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    for c10, colour in ((-86.0, "#2563eb"), (86.0, "#ff7a00")):
        side = "underfocus" if c10 < 0 else "overfocus"
        axes.plot(
            q,
            _transfer(q, C10=c10, C30=2.5e5),
            color=colour,
            label=f"C10 = {c10:+.0f} Å, defocus = {-c10:+.0f} Å ({side})",
        )
    axes.set_ylim(-1.1, 1.7)
    axes.axhline(0.0, color="#9ca3af", linewidth=0.6)
    axes.set_xlabel("spatial frequency q (Å⁻¹)")
    axes.set_ylabel("T(q) = sin χ · E")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def spread() -> Figure:
    """The focal envelope with the spread as a standard deviation, and as a 1/e width of the same number."""
    q = torch.linspace(0.0, 2.5, 800, dtype=torch.float64)
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(q, temporal_envelope(q, 10.0, WAVELENGTH), color="#2563eb", label="10 Å standard deviation (passband)")
    axes.plot(
        q, temporal_envelope(q, 10.0 / sqrt(2.0), WAVELENGTH), color="#ff7a00", label="10 Å 1/e width (other programs)"
    )
    axes.set_xlabel("spatial frequency q (Å⁻¹)")
    axes.set_ylabel("envelope E_t")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def axes_and_angles() -> Figure:
    """Where x, y, pixel (0, 0) and the azimuth φ are."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(torch.arange(30).reshape(5, 6), cmap="Greys", alpha=0.25)
    left.annotate("pixel (0, 0)\nx = y = 0", (-0.42, 0), ha="left", va="center", fontsize=7)
    left.annotate("array[2, 4]\ny = 2 · pixel\nx = 4 · pixel", (4, 2), ha="center", va="center", fontsize=7)
    left.set_xlabel("x (last axis) →")
    left.set_ylabel("← y (last axis but one)")
    left.set_title("images", fontsize=10)
    angle = torch.linspace(0.0, pi / 5, 50)
    right.plot([0, torch.cos(angle[-1])], [0, torch.sin(angle[-1])], color="#2563eb")
    right.plot(0.5 * torch.cos(angle), 0.5 * torch.sin(angle), color="#ff7a00")
    right.annotate("φ = atan2(qy, qx)", (0.52, 0.12), fontsize=9)
    right.annotate("q", (0.84, 0.62), fontsize=10, color="#2563eb")
    right.set_xlim(-0.2, 1.2)
    right.set_ylim(1.0, -0.2)
    right.set_aspect("equal")
    right.set_xlabel("qx (Å⁻¹)")
    right.set_ylabel("qy (Å⁻¹)")
    right.set_title("frequencies", fontsize=10)
    return figure
