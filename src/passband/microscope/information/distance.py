"""Distances of settings to a training: ε, σ and Δε up to the Nyquist frequency of a network's pixels."""

from collections.abc import Sequence
from typing import Any

from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric

DRAWS = 64  # settings that stand for a training
# What the phase needs up to the Nyquist frequency of a network's pixels: |dχ/dq| stays below 250 rad Å for |C10| of
# 0.3 µm at 0.6 Å⁻¹, so 1,200 radial steps are 0.13 rad each; a setting further out is no longer predicted for.
RADIAL_POINTS, AZIMUTHS = 1200, 48


def metrics_at(pixel_size: float) -> dict[str, Metric]:
    """Both variants of ε and σ up to the Nyquist frequency of pixels of `pixel_size` Å: "" radial p=1, "_area" p=2."""
    grid: dict[str, Any] = {"qmax": 0.5 / pixel_size, "radial_points": RADIAL_POINTS, "azimuths": AZIMUTHS}
    return {"": Metric(**grid), "_area": Metric(weight="area", power=2, **grid)}


def transfer_distances(
    settings: Sequence[Conditions], trained: AnyConditions, *, pixel_size: float, area: bool = True
) -> list[dict[str, float]]:
    """ε, σ and Δε of each setting to a training, as `epsilon`, `sigma`, `delta_epsilon`, and with `_area`.

    NaN σ (a lens without phase) becomes 0: it shares nothing with any training.
    """
    rows: list[dict[str, float]] = [{} for _ in settings]
    training = ConditionSet.drawn(trained, draws=DRAWS)
    for ending, metric in metrics_at(pixel_size).items():
        if ending and not area:
            continue
        found = compare_information([training], list(settings), metric=metric)
        columns = {
            "epsilon": found.epsilon_evaluation,
            "sigma": found.sigma[0].nan_to_num(0.0),
            "delta_epsilon": found.delta_epsilon[0],
        }
        for name, values in columns.items():
            for row, value in zip(rows, values.tolist(), strict=True):
                row[f"{name}{ending}"] = value
    return rows
