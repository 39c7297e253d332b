"""A plan's scanner is replaced by what real images tell, and its scans are then as noisy as they are."""

from pathlib import Path

import numpy as np
import pytest

from passband.camera.fitted_noise import Estimate, FittedNoise
from passband.camera.noise_fitting import fit_noise
from passband.dataset.acquisition import Acquisition
from passband.dataset.fitted_imaging import fitted_imaging
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.distribution import Uniform, limits
from passband.recipe import PassbandError


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    specimens = {"kind": "dichalcogenides", "material": "WSe2", "field": 40.0}
    recipe = ScanSimulation.model_validate({"structures": 3, "seed": 1, "specimens": specimens})
    return simulate(recipe, tmp_path_factory.mktemp("sheets") / "store")


def told(value: float) -> Estimate:
    return Estimate(value=value, interval=(0.9 * value, 1.1 * value))


PLAN = ScanImaging.model_validate(
    {
        "pixel_size": 0.16,
        "patch": 128,
        "frame": 256,
        "conditions": {
            "dose": 1e3,
            "jitter": 0.9,
            "source_size": 0.3,
            "energy": 80e3,
            "semi_angle": 25e-3,
            "inner": 0.06,
        },
        "camera": {
            "dwell_time": 1e-6,
            "beam_current": 1e-11,
            "hum": 0.1,
            "drift": 3.0,
            "excess_noise": 0.5,
            "probability": {"drift": 0.5, "hum": 0.5},
        },
    }
)
NOISE = FittedNoise(
    images=3,
    pixel_size=0.125,
    bits=0,
    mean=0.0,
    contrast=1.0,
    noise_to_contrast=told(0.7),
    contrast_electrons=told(8.0),
    row_jitter_px=told(0.3),
    source_size_A=told(0.9),
    drift_along_px=told(0.01),
    drift_across_px=told(0.0),
)


def test_what_is_told_replaces_the_plan_and_the_rest_stays(sheets: WaveStore) -> None:
    found = fitted_imaging(PLAN, NOISE, sheets)
    assert found.conditions.dose is None
    assert found.conditions.jitter is None
    assert found.conditions.source_size == Uniform(uniform=(0.81, 0.9 * 1.1))
    assert found.conditions.energy == PLAN.conditions.energy
    assert found.steps == 0.125
    assert found.camera.jitter == Uniform(uniform=(0.27, 0.3 * 1.1))
    assert found.camera.probability == {"hum": 0.5}
    assert found.camera.hum == 0.1
    assert found.camera.excess_noise == 0.0
    row_time = 256 * 1e-5
    assert limits(found.camera.drift)[0] * row_time / 0.125 == pytest.approx(0.01)
    low, high = limits(found.camera.beam_current)
    assert high / low == pytest.approx(1.1 / 0.9)
    unknown = NOISE.model_copy(
        update={
            "row_jitter_px": Estimate(),
            "source_size_A": Estimate(),
            "pixel_size": None,
            "drift_along_px": Estimate(),
        }
    )
    kept = fitted_imaging(PLAN, unknown, sheets)
    assert kept.conditions.jitter == 0.9
    assert kept.conditions.source_size == 0.3
    assert kept.steps is None
    assert kept.camera.drift == 3.0
    assert kept.camera.probability == {"drift": 0.5, "hum": 0.5}


def test_its_scans_tell_the_noise_that_was_fitted(sheets: WaveStore) -> None:
    still = NOISE.model_copy(update={"row_jitter_px": Estimate(), "drift_along_px": Estimate()})
    plain = PLAN.model_copy(update={"steps": 0.125, "pixel_size": 0.125, "patch": 224})
    quiet = ScanImaging.model_validate(
        plain.model_dump() | {"camera": {"dwell_time": 1e-6, "beam_current": 1e-11}, "conditions": {"energy": 80e3}}
    )
    images = Acquisition(sheets, fitted_imaging(quiet, still, sheets), seed=3).batch(0, 4).images
    again = fit_noise([image[0].double().numpy() for image in images])
    assert again.noise_to_contrast.value == pytest.approx(0.7, rel=0.1)
    assert again.contrast_electrons.value == pytest.approx(8.0, rel=0.2)


def test_a_store_of_waves_is_refused(tmp_path: Path) -> None:
    class Waves:
        recipe, directory = object.__new__(Simulation), tmp_path

    with pytest.raises(PassbandError, match="holds no columns to scan"):
        fitted_imaging(PLAN, NOISE, Waves())  # type: ignore[arg-type]


def test_equal_seeds_give_equal_imagings(sheets: WaveStore) -> None:
    assert fitted_imaging(PLAN, NOISE, sheets) == fitted_imaging(PLAN, NOISE, sheets)
    assert np.isfinite(limits(fitted_imaging(PLAN, NOISE, sheets, seed=1).camera.beam_current)).all()
