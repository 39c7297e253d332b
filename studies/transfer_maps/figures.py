"""Figures 1 and 2 of the paper: how much defocus and Cs transfer, and how alike two defoci are.

    python -m studies.transfer_maps.figures -o out

Writes fig1a.png, fig1b.png, fig2.png, their numbers as CSV, and report.md into the given folder.
"""

import argparse
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.electron import wavelength
from passband.figures.information import information_map_figure
from passband.figures.style import to_png
from passband.microscope.conditions import Conditions
from passband.microscope.information.information import information_map
from passband.microscope.information.metric import Metric
from passband.tabular import write_csv
from studies.transfer_maps.maps import information_line_figure, overlap_figure, overlap_map

Array = NDArray[np.float64]

CONDITIONS = Conditions(energy=300e3, focal_spread=10.0)
CS = 2.5e5  # Å, 25 µm
METRICS = {
    f"{weight}, p = {power}": Metric.model_validate({"weight": weight, "power": power})
    for weight in ("radial", "area")
    for power in (1, 2)
}
DEFAULT = "radial, p = 1"
SETTING = "300 kV, focal spread 10 Å (std)"


def figure_1(folder: Path, *, size: int = 201) -> dict[str, float | list[float]]:
    """ε over C10 and C30 (a), and along C10 at Cs = 25 µm (b); returns the caption's facts as measured."""
    c10, c30 = np.linspace(-300.0, 300.0, size), np.linspace(-1e6, 1e6, size)
    facts: dict[str, float | list[float]] = {}
    maps = {name: information_map(c10, c30, conditions=CONDITIONS, metric=metric) for name, metric in METRICS.items()}
    for name, epsilon in maps.items():
        facts[f"top 5 % of ε in opposite-sign quadrants ({name})"] = share_opposite(c10, c30, epsilon)
    title = f"(a) ε, {DEFAULT}; {SETTING}"
    figure = information_map_figure(c10, c30, maps[DEFAULT], title=title)
    (folder / "fig1a.png").write_bytes(to_png(figure, dpi=120))
    every = slice(None, None, max(1, size // 50))
    columns = {f"epsilon ({name})": epsilon[every, every] for name, epsilon in maps.items()}
    rows = [
        {"C10_A": x, "C30_A": y} | {name: float(values[j, i]) for name, values in columns.items()}
        for j, y in enumerate(c30[every].tolist())
        for i, x in enumerate(c10[every].tolist())
    ]
    write_csv(folder / "fig1a.csv", rows)

    c10 = np.linspace(-300.0, 300.0, 1201)
    at_cs = np.array([CS])
    curves = {
        name: information_map(c10, at_cs, conditions=CONDITIONS, metric=metric)[0] for name, metric in METRICS.items()
    }
    maxima, minima = extrema(c10, curves[DEFAULT])
    facts["maxima: C10 (nm)"] = [round(x / 10.0, 2) for x in maxima[:4]]
    facts["minima: C10 (nm)"] = [round(x / 10.0, 2) for x in minima[:4]]
    facts["Scherzer √(1.5 Cs λ) (nm)"] = round(sqrt(1.5 * CS * wavelength(CONDITIONS.energy)) / 10.0, 2)
    figure = information_line_figure(
        c10, curves, title=f"(b) Cs = 25 µm; {SETTING}; dotted: {DEFAULT}", marks=[*maxima[:4], *minima[:4]]
    )
    (folder / "fig1b.png").write_bytes(to_png(figure, dpi=120))
    lines = zip(c10.tolist(), *(curve.tolist() for curve in curves.values()), strict=True)
    write_csv(folder / "fig1b.csv", [dict(zip(["C10_A", *curves], line, strict=True)) for line in lines])
    return facts


def figure_2(folder: Path, *, size: int = 241) -> dict[str, float | list[float]]:
    """σ and Δε between every two defoci, at Cs = 0 and 25 µm; returns the caption's facts as measured."""
    c10 = np.linspace(-300.0, 300.0, size)
    panels, rows = [], []
    facts: dict[str, float | list[float]] = {}
    for title, c30 in (("Cs = 0", 0.0), ("Cs = 25 µm", CS)):
        maps = overlap_map(c10, c30, conditions=CONDITIONS, metric=METRICS[DEFAULT])
        panels.append((title, maps.sigma, maps.delta_epsilon))
        smallest = [np.nanmin(np.diag(sigma)) for sigma in (maps.sigma, maps.sigma[:, ::-1])]
        facts[f"smallest σ on the diagonal, on the antidiagonal ({title})"] = [
            round(float(value), 4) for value in smallest
        ]
        step = max(1, size // 40)
        for j in range(0, size, step):
            for i in range(0, size, step):
                values = {"sigma": float(maps.sigma[j, i]), "delta_epsilon": float(maps.delta_epsilon[j, i])}
                rows.append({"Cs_A": c30, "C10_training_A": c10[i], "C10_evaluation_A": c10[j], **values})
    (folder / "fig2.png").write_bytes(to_png(overlap_figure(c10, panels), dpi=110))
    write_csv(folder / "fig2.csv", rows)
    return facts


def share_opposite(c10: Array, c30: Array, epsilon: Array) -> float:
    """Share of the points with the 5 % largest ε at which C10 and C30 have opposite signs."""
    best = epsilon >= np.quantile(epsilon, 0.95)
    opposite = c10[None, :] * c30[:, None] < 0
    return float((best & opposite).sum() / best.sum())


def extrema(c10: Array, epsilon: Array) -> tuple[list[float], list[float]]:
    """C10 < 0 of the maxima and minima of a curve, the nearest to focus first."""
    inner = epsilon[1:-1]
    up = (inner > epsilon[:-2]) & (inner > epsilon[2:])
    down = (inner < epsilon[:-2]) & (inner < epsilon[2:])
    place = c10[1:-1]
    return (place[up & (place < 0)][::-1].tolist(), place[down & (place < 0)][::-1].tolist())


def report(facts: dict[str, float | list[float]]) -> str:
    """Return the report: what was measured, how, and the figures."""
    lines = [
        f"| {name} | {', '.join(map(str, value)) if isinstance(value, list) else value} |"
        for name, value in facts.items()
    ]
    return "\n".join(
        [
            "# What defocus and spherical aberration transfer",
            "",
            'Figures 1 and 2 of "Contrast transfer functions help quantify neural network out-of-distribution',
            'generalization in HRTEM" (arXiv 2512.09067), drawn again. Their formulas could not be obtained: ε and σ',
            "here are inferred from the captions, so the facts of the map are given under every variant of ε.",
            f"{SETTING}, qmax 2.5 Å⁻¹, C10 = −defocus.",
            "",
            "Made by `python -m studies.transfer_maps.figures -o studies/transfer_maps`.",
            "",
            "| fact | measured |",
            "|---|---|",
            *lines,
            "",
            "The paper's: the bright bands of Fig. 1a lie where C10 and C30 have opposite signs; in Fig. 2a (Cs = 0)",
            "σ = 1 on the diagonal and on the antidiagonal, where contrast is only reversed.",
            "",
            "![Fig. 1a](fig1a.png)",
            "",
            "![Fig. 1b](fig1b.png)",
            "",
            "![Fig. 2](fig2.png)",
            "",
        ]
    )


def main() -> None:
    """Draw the figures and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out"), help="folder for the figures and the report")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    facts = figure_1(folder) | figure_2(folder)
    (folder / "report.md").write_text(report(facts), encoding="utf-8")
    for name, value in facts.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
