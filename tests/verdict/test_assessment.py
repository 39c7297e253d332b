"""One call for one micrograph: its conditions, its signals, the verdict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import passband
from passband.files.micrograph import Micrograph
from passband.patches.symmetry import turned, turned_pair
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.model import Model
from passband.segmentation.unet import UNetRecipe
from passband.verdict.assessment import Assessor, assess
from passband.verdict.estimate import ConditionEstimate

TINY = UNetRecipe.preset("tiny")
GIVEN = {"defocus": 80.0, "dose": 400.0}


@pytest.fixture
def model(near_table, trained, pixel) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TINY.build()
    values: dict[str, Any] = {"conditions": trained, "calibration": near_table}
    plain = {name: one.model_dump(mode="json") for name, one in values.items()}
    return Model(network, ModelCard(architecture=TINY, pixel_size=pixel, **plain))


@pytest.fixture
def film() -> Micrograph:
    image = np.random.default_rng(0).poisson(100.0, size=(160, 160)).astype(np.float32)
    return Micrograph(image, pixel_size=(0.8, 0.8))


def test_the_function_says_what_the_assessor_says(model: Model, film: Micrograph, tmp_path: Path) -> None:
    found = assess(film, model, given=GIVEN)
    assert found == Assessor(model).assess(film, given=GIVEN)
    assert found.loss is not None
    assert found.conditions.values["C10"] == -80.0
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, film.array, imagej=True, resolution=(12.5, 12.5), metadata={"unit": "nm", "axes": "YX"})
    assert passband.assess(path, model, given=GIVEN) == found
    with pytest.raises(PassbandError, match="pixel size"):
        assess(Micrograph(film.array), model)


def test_a_quick_verdict_looks_for_no_better_defocus(model: Model, film: Micrograph) -> None:
    far = {**GIVEN, "defocus": 650.0}
    slow, quick = (assess(film, model, given=far, quick=quick) for quick in (False, True))
    assert any(one.startswith("record at a defocus of") for one in slow.advice)
    assert not any(one.startswith("record at a defocus of") for one in quick.advice)
    assert slow.error_area == quick.error_area


def test_the_verdict_comes_with_its_mask_and_a_map_of_doubt(model: Model, film: Micrograph) -> None:
    found = assess(film, model, given=GIVEN)
    np.testing.assert_array_equal(found.segmentation.labels, model.segment(film.array, 0.8).labels)
    assert found.error_probability.shape == film.array.shape
    averaged = Assessor(model, symmetries=8).assess(film, given=GIVEN)
    expected = model.segment(film.array, 0.8, symmetries=8)
    np.testing.assert_allclose(averaged.segmentation.probabilities, expected.probabilities, atol=1e-6)
    assert averaged.signals == found.signals


@pytest.mark.parametrize("element", range(1, 8))
def test_a_turned_image_has_the_same_verdict(model: Model, element: int) -> None:
    image = np.random.default_rng(5).poisson(100.0, size=(100, 170)).astype(np.float32)
    plain, seen = (
        assess(Micrograph(turned(image, one), pixel_size=turned_pair((0.8, 0.7), one)), model, given=GIVEN)
        for one in (0, element)
    )
    assert plain == seen


def test_conditions_are_read_inside_the_border(model: Model, film: Micrograph, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def reading(micrograph: Micrograph, *_: Any, **__: Any) -> ConditionEstimate:
        shapes.append(micrograph.array.shape)
        return ConditionEstimate()

    monkeypatch.setattr("passband.verdict.assessment.estimate_conditions", reading)
    assess(Micrograph(np.pad(film.array, ((20, 0), (3, 14))), (0.8, 0.8)), model)
    assert shapes == [film.array.shape]


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_a_border_is_background_and_changes_nothing(model: Model, film: Micrograph, level: float) -> None:
    # rejects a network that is shown the border, a verdict or a fit of the whole, and maps at another place
    inner = film.array + 0.5 * np.random.default_rng(1).normal(size=film.array.shape)  # no pixel of the border's level
    whole = np.pad(inner, ((20, 0), (3, 14)), constant_values=level)
    plain, seen = (Assessor(model, symmetries=2).assess(Micrograph(one, (0.8, 0.8)), given=GIVEN)
                   for one in (inner, whole))  # fmt: skip
    inside = np.s_[..., 20:, 3:-14]
    assert seen.error_area == plain.error_area
    assert seen.signals == plain.signals
    assert set(seen.flags) - set(plain.flags) == {"border"}
    assert seen.outcome == plain.outcome
    probabilities = seen.segmentation.probabilities
    np.testing.assert_array_equal(probabilities[inside], plain.segmentation.probabilities)
    np.testing.assert_array_equal(seen.error_probability[inside], plain.error_probability)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-6)
    outside = np.ones(whole.shape, dtype=bool)
    outside[inside] = False
    assert not seen.segmentation.labels[outside].any()
    assert (probabilities[0][outside] == 1.0).all()
    assert not seen.error_probability[outside].any()
    found = passband.segment(Micrograph(whole, (0.8, 0.8)), model, symmetries=2, minimum_area_nm2=0.0)
    np.testing.assert_array_equal(found.labels, seen.segmentation.labels)


def test_the_mean_of_a_folder_has_a_narrower_interval(model: Model, film: Micrograph) -> None:
    assessor = Assessor(model)
    one = assessor.assess(film, given=GIVEN)
    alone, four = (assessor.mean_error_area([one] * count) for count in (1, 4))
    assert alone.high / alone.low > four.high / four.low > 1.0
    assert alone.value == four.value
    assert assessor.mean_error_area([]) is None


@pytest.mark.parametrize(("facts", "fits"), [({}, True), ({"mode": "STEM"}, False), ({"energy": 80e3}, False)])
def test_rings_are_read_only_in_images_of_the_trained_microscope(
    model: Model, film: Micrograph, facts: dict[str, Any], fits: bool
) -> None:
    micrograph = Micrograph(film.array, pixel_size=film.pixel_size, **facts)
    assert assess(micrograph, model).conditions.note.startswith("no fit: " if fits else "the defocus was not given")
    assert Assessor(model).assess(micrograph, fit=False).conditions.note.startswith("the defocus was not given")


def test_a_network_that_was_never_measured_says_so(film: Micrograph) -> None:
    model = Model(TINY.build(), ModelCard(architecture=TINY, pixel_size=0.8))
    assert assess(film, model).outcome == "not calibrated"
