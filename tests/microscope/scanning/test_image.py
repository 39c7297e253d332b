"""One call for both models, and recipes that a store can hold."""

import numpy as np
import pytest
import torch
from ase import Atoms
from pydantic import TypeAdapter, ValidationError

from passband.microscope.scanning.absorption import Absorption
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.detected_beams import Multislice, detect_beams
from passband.microscope.scanning.image import ScanModel, images_of_beams, scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.recipe import PassbandError

SCAN = Scan(
    probe=Probe(energy=100e3, semi_angle=25e-3),
    detectors=Detectors(annuli={"ADF": Annulus(inner=60e-3, outer=110e-3), "MAADF": Annulus(inner=40e-3, outer=60e-3)}),
    shape=(5, 6),
    pixel_size=1.7,
)


@pytest.fixture
def dimer():
    return Atoms("WC", [[2.1, 3.3, 0.5], [6.0, 6.2, 0.5]], cell=[10.2, 8.5, 2.0])


@pytest.mark.parametrize("model", [Multislice(), Incoherent()])
def test_both_models_give_one_image_a_detector(dimer, model):
    image = scan_image(dimer, SCAN, model=model)
    assert image.shape == (2, 5, 6)
    assert image.dtype == torch.float32
    assert int(image[0].argmax()) == 2 * 6 + 1  # the pixel (3.4, 1.7) next to the tungsten
    swapped = Detectors(annuli=dict(reversed(SCAN.detectors.annuli.items())))
    again = scan_image(dimer, SCAN.model_copy(update={"detectors": swapped}), model=model)
    torch.testing.assert_close(again.flip(0), image, rtol=1e-4, atol=1e-8)


def test_a_simulated_specimen_is_scanned_again_with_another_lens(dimer):
    lens = {"aberrations": {"C10": -50.0, "C21": 300.0}, "source_size": 0.8, "focal_spread": 20.0}
    other = Scan.model_validate(SCAN.model_dump() | {"probe": SCAN.probe.model_dump() | lens})
    detected = detect_beams(dimer, SCAN.probe, SCAN.detectors, model=Multislice())
    torch.testing.assert_close(images_of_beams(detected, other), scan_image(dimer, other, model=Multislice()))
    assert not torch.allclose(images_of_beams(detected, other), images_of_beams(detected, SCAN), rtol=0.05)
    narrow = SCAN.model_copy(update={"detectors": Detectors(annuli={"ADF": Annulus(inner=60e-3, outer=90e-3)})})
    with pytest.raises(PassbandError, match=r"has the detectors \['ADF'\] and the simulation \['ADF', 'MAADF'\]"):
        images_of_beams(detected, narrow)


def test_models_are_told_apart_by_their_kind_and_survive_json():
    models = TypeAdapter(ScanModel)
    for model in (
        Multislice(phonons=4, displacement={"W": 0.06}),
        Incoherent(absorption=Absorption(coefficients={"W": 1e-3}, thickest=50.0), depth_step=5.0),
    ):
        assert models.validate_json(model.to_json()) == model
    with pytest.raises(ValidationError, match="kind"):
        models.validate_python({"phonons": 4})
    assert Scan.model_validate_json(SCAN.to_json()).identity == SCAN.identity


def test_phonons_need_a_generator(dimer):
    model = Multislice(phonons=2, displacement=0.1)
    with pytest.raises(PassbandError, match="displacement needs rng"):
        scan_image(dimer, SCAN, model=model)
    images = [scan_image(dimer, SCAN, model=model, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_empty_scans_are_refused():
    with pytest.raises(ValidationError, match="empty side"):
        Scan.model_validate(SCAN.model_dump() | {"shape": (0, 4)})
