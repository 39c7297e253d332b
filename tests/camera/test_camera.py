"""Cameras as values: what is drawn, what is refused, and what stays out of the JSON."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from passband.camera.camera import QUANTITIES, Camera, CameraDistribution


def drawn(distribution, count=200):
    rng = np.random.default_rng(3)
    return [distribution.sample(rng) for _ in range(count)]


def test_json_holds_what_is_not_the_default():
    assert Camera().to_json() == CameraDistribution().to_json() == "{}"
    camera = Camera(drift=1.5, kernel="lanczos")
    assert json.loads(camera.to_json()) == {"drift": 1.5, "kernel": "lanczos"}
    assert Camera.model_validate_json(camera.to_json()) == camera
    assert camera.identity != Camera().identity


def test_every_quantity_can_vary_and_is_drawn_within_its_bounds():
    for name, (low, high) in QUANTITIES.items():
        wide = CameraDistribution.model_validate({name: {"normal": [0.5 * (low + high), high - low]}})
        values = [getattr(one, name) for one in drawn(wide)]
        assert min(values) == low  # a sixth of a normal distribution lies beyond each bound
        assert max(values) == high
        assert len(set(values)) > 50


def test_equal_generators_draw_equal_cameras():
    wide = CameraDistribution(drift={"uniform": [0.0, 2.0]}, kernels={"area": 1.0, "lanczos": 1.0})
    assert drawn(wide, 5) == drawn(wide, 5)
    assert len(set(drawn(wide, 5))) == 5


def test_an_effect_is_there_as_often_as_its_probability_says():
    some = drawn(CameraDistribution(drift=2.0, vibration=0.3, probability={"drift": 0.25}), 400)
    assert all(one.vibration == 0.3 for one in some)
    assert {one.drift for one in some} == {0.0, 2.0}
    assert np.mean([one.drift > 0.0 for one in some]) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 400) ** 0.5)


def test_kernels_are_drawn_by_their_weights():
    some = [one.kernel for one in drawn(CameraDistribution(kernels={"nearest": 3.0, "area": 1.0}), 400)]
    assert some.count("nearest") / 400 == pytest.approx(0.75, abs=4 * (0.25 * 0.75 / 400) ** 0.5)
    assert set(some) == {"nearest", "area"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"drift": {"uniform": [0.0, 60.0]}}, "drift=60 is outside 0 to 50"),
        ({"correlation": -0.1}, r"correlation=-0\.1 is outside 0 to 3"),
        ({"kernels": {"area": 0.0}}, r"kernels\.area=0 is not positive"),
        ({"kernels": {"area": 1e308, "nearest": 1.1e308}}, r"kernels: weights up to 1\.1e\+308 cannot be added"),
        ({"kernels": {"magic": 1.0}}, "area"),
        ({"probability": {"kernels": 0.5}}, "probability has no 'kernels'; choose one of drift"),
        ({"probability": {"drift": 1.5}}, r"probability\.drift=1\.5 is outside 0 to 1"),
        ({"jitter": 1.0}, "jitter"),
    ],
)
def test_what_cannot_be_is_one_clear_line(values, message):
    with pytest.raises(ValidationError, match=message):
        CameraDistribution.model_validate(values)
