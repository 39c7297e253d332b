"""Annular detectors: what may stand together, and angles in the wrong unit."""

import pytest
from pydantic import ValidationError

from passband.microscope.scanning.annular import Annulus, Detectors, coarsest_pixel


def test_usual_detectors_follow_one_another_from_the_axis_to_nine_times_the_semi_angle():
    annuli = list(Detectors.usual(20e-3).annuli.items())
    assert [name for name, _ in annuli] == ["BF", "ABF", "ADF", "HAADF"]
    edges = [annulus.inner for _, annulus in annuli] + [annuli[-1][1].outer]
    assert edges == pytest.approx([0.0, 10e-3, 20e-3, 60e-3, 180e-3])


def test_detectors_that_overlap_are_refused_unless_virtual():
    annuli = {"ADF": Annulus(inner=40e-3, outer=120e-3), "HAADF": Annulus(inner=100e-3, outer=200e-3)}
    with pytest.raises(ValidationError, match=r"ADF to 0\.12 rad and HAADF from 0\.1 rad overlap; separate them"):
        Detectors(annuli=dict(reversed(annuli.items())))  # whatever their order
    assert Detectors(annuli=annuli, virtual=True).outer == 200e-3
    touching = {"ADF": Annulus(inner=40e-3, outer=100e-3), "HAADF": annuli["HAADF"]}
    assert Detectors(annuli=touching).inner == 40e-3


@pytest.mark.parametrize(
    ("inner", "outer", "message"),
    [
        (60.0, 180.0, r"outer=180 rad is outside .* write 180 mrad as outer=180e-3"),
        (60e-6, 180e-6, r"outer=0\.00018 rad is outside 0\.2 to 500 mrad"),
        (60e-6, 180e-3, r"inner=6e-05 rad is outside"),
        (90e-3, 90e-3, r"inner=0\.09 rad is not below outer=0\.09 rad"),
    ],
)
def test_angles_in_milliradians_and_empty_annuli_are_refused(inner, outer, message):
    with pytest.raises(ValidationError, match=message):
        Annulus(inner=inner, outer=outer)


def test_no_detector_is_refused():
    with pytest.raises(ValidationError, match="at least 1"):
        Detectors(annuli={})


def test_recipe_survives_its_json():
    detectors = Detectors.usual(25e-3)
    assert Detectors.model_validate_json(detectors.to_json()).identity == detectors.identity


def test_coarsest_pixel_is_that_of_the_two_thirds_limit():
    # band = 2/3 · 1/(2p) must reach 180 mrad: the figures of the specification
    assert coarsest_pixel(180e-3, 80e3) == pytest.approx(0.077, abs=5e-4)
    assert coarsest_pixel(180e-3, 300e3) == pytest.approx(0.036, abs=5e-4)
