"""What is compared of a camera is taken where the network meets it, and spread over images of the training."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.fixtures.models import card, lively_network

from passband.camera.estimates import estimate_camera
from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.performance.camera_measurement import measured_reference, reference_of
from passband.performance.camera_reference import CAMERA_QUANTITIES, camera_values
from passband.performance.table import PerformanceError
from passband.segmentation.model import Model

NAMES = [one.name for one in CAMERA_QUANTITIES]


def noise(side: int = 160, *, blur: float = 0.0, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(side, side))
    return (gaussian_filter(drawn, blur, mode="wrap") if blur else drawn).astype(np.float32)


def test_noise_is_that_of_the_networks_pixels_and_levels_those_of_the_file() -> None:
    # rejects estimates that are all of the recording, or all of what the network sees
    recorded, ready = np.round(20.0 * noise(320, blur=2.0)), noise(blur=1.0)
    found = camera_values(recorded, ready, side=160)
    assert found["correlation"] == pytest.approx(1.0, abs=0.1)
    assert found["grey_levels"] == len(np.unique(recorded))
    assert set(found) == set(NAMES) - {"drift"}
    assert camera_values(ready, ready, side=160)["grey_levels"] == 1025  # more than 1024


def test_the_slow_variation_is_over_as_much_as_an_image_of_the_training_holds() -> None:
    ramp = noise(640) + np.linspace(-8.0, 8.0, 640, dtype=np.float32)
    whole = estimate_camera(ramp).slow_variation
    part = camera_values(ramp, ramp, side=160)["slow_variation"]
    assert part == pytest.approx(4.0 / np.hypot(1.0, 4.0 / np.sqrt(12.0)), abs=0.4)
    assert whole > part + 0.5


def test_what_an_image_does_not_tell_is_left_out_of_its_row_alone() -> None:
    assert "correlation" not in camera_values(np.ones((40, 40)), np.ones((40, 40), dtype=np.float32), side=40)
    found = reference_of([{"blocks": float(k), **({"correlation": 1.0} if k else {})} for k in range(101)])
    assert found.images == 101
    assert found.quantities["blocks"] == (0.0, 5.0, 50.0, 95.0, 100.0)
    assert found.quantities["correlation"] == (1.0,) * 5
    assert list(found.quantities) == ["correlation", "blocks"]


def test_images_are_drawn_with_the_cameras_of_the_training(tiny_store: WaveStore) -> None:
    # rejects a reference without the camera of the card, or of one camera for all images
    camera = {"correlation": {"uniform": [0.0, 1.5]}, "drift": 1.0, "probability": {"drift": 0.5}}

    def reference(camera: dict | None):
        imaging = Imaging.model_validate(
            {"pixel_size": 0.8, "patch": 40, "conditions": {"dose": 50.0}, "camera": camera}
        )
        values = imaging.model_dump(mode="json")
        model = Model(lively_network(), card(conditions=values["conditions"], imaging=values))
        return measured_reference(model, tiny_store, side=40, images=12)

    wide, plain = (reference(one).quantities for one in (camera, None))
    assert wide["correlation"].largest > plain["correlation"].largest + 0.3
    assert wide["correlation"].high - wide["correlation"].low > 0.3
    assert wide["drift"] == (0.0, 0.0, wide["drift"].median, 1.0, 1.0)
    assert plain["drift"] == (0.0,) * 5


def test_a_card_that_describes_no_camera_is_refused(tiny_store: WaveStore) -> None:
    with pytest.raises(PerformanceError, match="describes no camera"):
        measured_reference(Model(lively_network(), card(imaging={})), tiny_store, side=40, images=2)
