"""Defects of images that are translated first: what the network looks at, and where the defects then are."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.fixtures.defect_networks import BRIGHT, DARK, PIXEL, scene

from passband.description.defects import Defects
from passband.files.micrograph import Micrograph
from passband.generation.domain import Domain
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.translation import Translation
from passband.generation.translation_recipe import Contrastive, CycleGAN, TranslationRecipe
from passband.generation.translation_training import TRAINING, train_translation
from passband.generation.translator_resnet import ResNetTranslator
from passband.recipe import PassbandError
from passband.scores.session_reference import SessionReference
from passband.verdict.defect_finding import DefectFinder

SHORT = TRAINING.model_copy(update={"epochs": 1, "steps_per_epoch": 1, "batch_size": 2})


def translation(folder: Path, method: CycleGAN | Contrastive) -> Path:
    """Folder of a translation that learned nothing, at pixels of twice the size."""
    recipe = TranslationRecipe(
        method=method,
        generator=ResNetTranslator(width=4, blocks=1),
        discriminator=PatchDiscriminator(width=4),
        size=32,
    )
    images = np.random.default_rng(0).normal(size=(4, 48, 48))
    domains = [
        Domain.of_arrays(name, part, 2.0 * PIXEL) for name, part in (("simulated", images[:2]), ("real", images[2:]))
    ]
    train_translation(*domains, recipe, folder, training=SHORT)
    return folder


def test_defects_of_a_translated_image_are_at_the_pixels_of_the_image(
    defect_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # rejects places at the pixels of the translation, places half a pixel off, and the image itself being looked at
    turned = {}

    def inverted(self: Translation, image: np.ndarray, pixel_size: tuple[float, float], *, reverse: bool) -> np.ndarray:
        turned["reverse"] = reverse
        return -image.reshape(48, 2, 48, 2).mean(axis=(1, 3)).astype(np.float32)

    monkeypatch.setattr(Translation, "apply", inverted)
    folder = translation(tmp_path / "bridge", CycleGAN())
    view = DefectFinder(defect_network, translation=folder).find(Micrograph(scene(), pixel_size=PIXEL))
    found = dict(zip(zip(view.defects.y, view.defects.x, strict=True), view.defects.names, strict=True))
    for places, name in ((BRIGHT, "vacancy"), (DARK, "substitution")):
        for place in places:
            assert min(np.hypot(*np.subtract(place, one)) for one, kind in found.items() if kind == name) < 0.3
    assert (len(found), turned["reverse"]) == (3, True)
    assert (view.defects.shape, view.defects.pixel_size) == ((96, 96), (PIXEL, PIXEL))


def test_a_translation_without_a_way_back_is_refused(defect_network: Path, tmp_path: Path) -> None:
    folder = translation(tmp_path / "bridge", Contrastive(patches=16, projection=8))
    finder = DefectFinder(defect_network, translation=folder)
    with pytest.raises(PassbandError, match="has no way back; train one with --kind cyclegan"):
        finder.find(Micrograph(scene(), pixel_size=PIXEL))


def test_pixels_of_another_size_keep_the_field() -> None:
    one = Defects(np.array([0.0]), np.array([9.0]), np.array([0]), np.ones(1), ("a",), (0.4, 0.4), (10, 10))
    finer = one.on_pixels((20, 20), (0.2, 0.2))
    assert (finer.y[0], finer.x[0]) == (0.5, 18.5)  # the middle of the two pixels that the first one covers
    np.testing.assert_allclose(finer.positions + 0.1, one.positions + 0.2)  # from the border, which both share


def test_an_image_of_another_session_is_warned_of(defect_network: Path) -> None:
    # rejects a reference that is compared with the image at its own pixels, four times as fine as the network's
    finder, rng = DefectFinder(defect_network), np.random.default_rng(0)
    assert finder.find(Micrograph(scene(), pixel_size=PIXEL)).session is None
    *own, noise = (gaussian_filter(rng.normal(size=(192, 192)), 1.5) for _ in range(17))
    SessionReference.of_images(own).save(defect_network)
    finder = DefectFinder(defect_network)
    for image, size, another in (
        (noise, PIXEL, False),
        (np.kron(noise, np.ones((4, 4))), PIXEL / 4, False),
        (np.tile(scene(), (2, 2)), PIXEL, True),
    ):
        view = finder.find(Micrograph(image, pixel_size=size))
        assert view.session is not None
        assert view.session.another == another
        assert any("looks unlike the images of the network's training" in one for one in view.warnings) == another


def test_more_defects_than_a_sheet_would_bear_are_warned_of(
    defect_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # rejects a number of defects that counts whatever the size of the image
    finder, image = DefectFinder(defect_network), Micrograph(np.tile(scene(), (2, 2)), pixel_size=PIXEL)
    density = 100.0 * 12 / (PIXEL * 192) ** 2
    assert finder.find(image).warnings == ()
    monkeypatch.setattr("passband.verdict.defect_finding.DENSEST", 0.9 * density)
    view = finder.find(image)
    assert view.defects.per_nm2 == pytest.approx(density)
    assert view.warnings[0].startswith(f"{density:.3g} defects per nm² are more than the network was trained on")
