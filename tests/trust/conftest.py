"""A calibration whose truth is known: the loss is a smooth function of the conditions, times noise."""

from collections.abc import Callable

import numpy as np
import pytest

from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.trust.calibration import Calibration, CalibrationRecipe
from passband.trust.distance import distance_rows, outside_of, setting_row
from passband.trust.signals import Reference
from passband.trust.widening import draw_settings, widened

TRAINED = ConditionDistribution(
    aberrations={"C10": {"uniform": [-300.0, 300.0]}, "C30": {"uniform": [-1e5, 1e5]}},
    focal_spread={"uniform": [5.0, 30.0]},
    dose={"log_uniform": [100.0, 800.0]},
)
PIXEL = 0.8
SIGNALS = ("entropy", "expected_loss", "symmetry_disagreement", "feature_distance", "spectrum_distance")

Table = Callable[..., Calibration]


def true_loss(conditions: Conditions) -> float:
    lens = conditions.aberrations
    far = (lens.C10 / 600.0) ** 2 + 0.3 * (lens.C12 / 60.0) ** 2 + (conditions.focal_spread / 60.0) ** 2
    return float(0.02 * np.exp(1.5 * far) * (400.0 / (conditions.dose or 1e4)) ** 0.3)


def make_table(count: int = 120, *, seed: int = 0, noise: float = 0.1) -> Calibration:
    settings = draw_settings(TRAINED, widened(TRAINED), count, seed=seed)
    rng = np.random.default_rng(seed + 1)
    far = distance_rows(settings, TRAINED, pixel_size=PIXEL, area=False)
    rows = []
    for one, distant in zip(settings, far, strict=True):
        plain = setting_row(one, PIXEL)
        loss = true_loss(one) * float(np.exp(noise * rng.normal()))
        inside = float(not outside_of(plain, TRAINED))
        scores = {"loss": loss, "loss_spread": 0.01, "dice": float(np.exp(-2.0 * loss)), "dice_spread": 0.02}
        rows.append({**plain, **distant, "inside": inside, **scores})
    shown = 2 * count  # two images of each data set
    images = {"set": np.repeat(np.arange(count), 2).astype(float), "loss": np.ones(shown), "dice": np.ones(shown)}
    images |= {name: rng.uniform(0.5, 1.5, shown) for name in SIGNALS}
    return Calibration(
        recipe=CalibrationRecipe(data_sets=count),
        store="0" * 16,
        structures=10,
        patch=64,
        sets={name: tuple(row[name] for row in rows) for name in rows[0]},
        images={name: tuple(values.tolist()) for name, values in images.items()},
        reference=Reference(),
    )


@pytest.fixture(scope="session")
def trained() -> ConditionDistribution:
    return TRAINED


@pytest.fixture(scope="session")
def pixel() -> float:
    return PIXEL


@pytest.fixture(scope="session")
def loss_of() -> Callable[[Conditions], float]:
    return true_loss


@pytest.fixture(scope="session")
def make() -> Table:
    return make_table


@pytest.fixture(scope="session")
def table() -> Calibration:
    return make_table()
