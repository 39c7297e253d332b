"""Micrographs that a network is measured on come from the cameras of its training, or from others that are named."""

import numpy as np
import pytest
import torch
from tests.fixtures.models import card, lively_network

from passband.camera.camera import CameraDistribution
from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.performance.sweep import ConditionSweep
from passband.performance.table import MeasurementRecipe
from passband.segmentation.model import Model

CAMERA = {"correlation": 0.9, "oversampling": {"uniform": [0.8, 1.4]}}


def sweep(store: WaveStore, camera: dict | None) -> ConditionSweep:
    conditions = {"dose": 100.0, "aberrations": {"C10": {"uniform": [-100.0, 100.0]}}}
    imaging = Imaging.model_validate({"pixel_size": 0.8, "patch": 32, "conditions": conditions, "camera": camera})
    values = imaging.model_dump(mode="json")
    model = Model(lively_network(), card(conditions=values["conditions"], imaging=values))
    return ConditionSweep(model, store, range(4), MeasurementRecipe(data_sets=20, images=2))


def neighbours(images: np.ndarray) -> float:
    return float((images[:, :, 1:] * images[:, :, :-1]).mean())


def test_the_cameras_of_the_training_are_measured_with_and_others_where_they_are_given(tiny_store: WaveStore) -> None:
    trained, plain = sweep(tiny_store, CAMERA), sweep(tiny_store, None)
    setting, pixel_size = plain.settings(1)[0]
    own, masks = trained.micrographs(setting, pixel_size, seed=1, count=4)
    white, same_masks = trained.micrographs(setting, pixel_size, seed=1, count=4, camera=CameraDistribution())
    none, _ = plain.micrographs(setting, pixel_size, seed=1, count=4)
    assert own.shape == white.shape == masks.shape
    assert np.array_equal(masks, same_masks)  # only the camera is another
    assert neighbours(own) > neighbours(white) + 0.2
    assert neighbours(white) == pytest.approx(neighbours(none), abs=0.1)
    again, _ = plain.micrographs(setting, pixel_size, seed=1, count=4, camera=CameraDistribution.model_validate(CAMERA))
    assert np.array_equal(again, own)
    assert torch.from_numpy(own).isfinite().all()
