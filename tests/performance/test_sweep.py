"""Micrographs that a network is measured on come from the cameras of its training, or from others that are named."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.fixtures.models import card, lively_network

from passband.camera.camera import CameraDistribution
from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.performance.examination import Examination, examine
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


def test_images_of_data_sets_have_sides_from_that_of_the_training_to_the_largest(tiny_store: WaveStore) -> None:
    """Rejects one side for all, sides that the network pads or the field does not hold, and ones that change."""
    one = sweep(tiny_store, None)
    one.model = SimpleNamespace(card=one.model.card.model_copy(update={"architecture": SimpleNamespace(stride=4)}))
    one.side = 8  # the field has 40 pixels of the network
    sides = [one.side_of(number) for number in range(60)]
    assert min(sides) == 8
    assert max(sides) == 36  # with a pixel to spare
    assert all(side % 4 == 0 for side in sides)
    assert sides == [one.side_of(number) for number in range(60)]
    assert np.mean([side <= 16 for side in sides]) == pytest.approx(np.log(20 / 8) / np.log(39 / 8), abs=0.15)


def test_a_data_set_is_measured_at_its_side(tiny_store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects recordings of one side that are cut to another."""
    shapes = []

    def noted(model: Model, image: np.ndarray, pixel_size: float, **options: Any) -> Examination:
        shapes.append(image.shape)
        return examine(model, image, pixel_size, **options)

    monkeypatch.setattr(ConditionSweep, "side_of", lambda self, number: 24)
    monkeypatch.setattr("passband.performance.sweep.examine", noted)
    one = sweep(tiny_store, None)
    assert one.side != 24
    one.measure(0, *one.settings(1)[0], 1.0)
    assert set(shapes) == {(24, 24)}
