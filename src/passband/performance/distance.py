"""A setting of the microscope as numbers that a loss is predicted from: its own, and its distances to a training."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from passband.microscope.conditions import AnyConditions, Conditions
from passband.microscope.information import Metric, compare_information
from passband.microscope.polar import DataSet
from passband.performance.widening import LEAST, trained_range

DRAWS = 64  # settings that stand for a training
# What the phase needs up to the Nyquist frequency of a network's pixels: |dχ/dq| stays below 250 rad Å for |C10| of
# 0.3 µm at 0.6 Å⁻¹, so 1,200 radial steps are 0.13 rad each; a setting further out is no longer predicted for.
RADIAL_POINTS, AZIMUTHS = 1200, 48

SettingRow = dict[str, float]
#: Quantities that a training did not cover: name → (value, trained range).
Outside = dict[str, tuple[float, tuple[float, float]]]


def metrics_at(pixel_size: float) -> dict[str, Metric]:
    """Both variants of ε and σ up to the Nyquist frequency of pixels of `pixel_size` Å: "" radial p=1, "_area" p=2."""
    grid: dict[str, Any] = {"qmax": 0.5 / pixel_size, "radial_points": RADIAL_POINTS, "azimuths": AZIMUTHS}
    return {"": Metric(**grid), "_area": Metric(weight="area", power=2, **grid)}


def setting_row(conditions: Conditions, pixel_size: float) -> SettingRow:
    """Numbers of one setting, Å, rad, e⁻/Å²; a dose of 0 means free of noise."""
    lens = {symbol: float(getattr(conditions.aberrations, symbol)) for symbol in LEAST}
    return {
        **lens,
        "focal_spread": conditions.focal_spread,
        "angular_spread": conditions.angular_spread,
        "dose": conditions.dose or 0.0,
        "pixel_size": pixel_size,
    }


def distance_rows(
    settings: Sequence[Conditions], trained: AnyConditions, *, pixel_size: float, area: bool = True
) -> list[SettingRow]:
    """ε, σ and Δε of each setting to a training, as `epsilon`, `sigma`, `delta_epsilon`, and with `_area`.

    NaN σ (a lens without phase) becomes 0: it shares nothing with any training.
    """
    rows: list[SettingRow] = [{} for _ in settings]
    training = DataSet.drawn(trained, draws=DRAWS)
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


def outside_of(row: Mapping[str, float], trained: AnyConditions) -> Outside:
    """Quantities of a setting that the training did not cover: name → (value, trained range).

    A tolerance of 2 % of the range forgives rounding. Where the training was one value, a tenth of the smallest width
    that a measurement uses is forgiven. Of a mixture it is what the member that lacks least did not cover: a network
    trained on both sides of focus has not seen what lies between.
    """
    return min((_outside_member(row, member) for member in trained.members), key=len)


def _outside_member(row: Mapping[str, float], trained: AnyConditions) -> Outside:
    found = {}
    for name, (low, high) in trained_range(trained).items():
        slack = 0.02 * (high - low) + 0.1 * LEAST.get(name, 0.0) * (high == low) + 1e-9 * abs(high)
        value = row[name] if name != "dose" or row[name] else 1e9
        if not low - slack <= value <= high + slack:
            found[name] = (row[name], (low, high))
    return found


def log_dose(dose: float) -> float:
    """Decades of a dose in e⁻/Å², 5 for one without noise: more electrons than that change nothing."""
    return min(log10(dose), 5.0) if dose > 0 else 5.0
