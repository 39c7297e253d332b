"""Images that are there twice, masks that nobody corrected, and masks whose background and particles are exchanged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.io import imsave
from tests.fixtures.models import card, lively_network

from passband.files.labelled import labelled_files
from passband.performance import own_masks
from passband.performance.own_images import Corrected, with_laboratory
from passband.performance.own_masks import MaskLikeness, SeenImages, check_likenesses, likeness
from passband.performance.table import PerformanceTable
from passband.recipe import PassbandError
from passband.segmentation.model import Model
from passband.segmentation.specks import without_specks

SIDES, PIXEL = (48, 60), 0.8
Calibrate = Callable[[list[NDArray[np.bool_]]], Corrected]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(lively_network(), card())


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, SIDES, dtype=np.uint8) for _ in range(5)]


@pytest.fixture(scope="module")
def masks(model: Model, images: list[NDArray[np.uint8]]) -> list[NDArray[np.bool_]]:
    """What the network finds in each."""
    found = [model.segment(one, PIXEL).labels > 0 for one in images]
    assert all(0.05 < one.mean() < 0.95 for one in found)
    return found


@pytest.fixture
def calibrate(tmp_path: Path, model: Model, images: list[NDArray[np.uint8]], near_table: PerformanceTable) -> Calibrate:
    """Recalibrate the network by its images with the masks."""

    def run(labels: list[NDArray[np.bool_]]) -> Corrected:
        for folder, arrays in (("images", images), ("labels", [255 * one.astype(np.uint8) for one in labels])):
            (tmp_path / folder).mkdir()
            for number, array in enumerate(arrays):
                imsave(tmp_path / folder / f"s{number}.png", array, check_contrast=False)
        files = labelled_files(tmp_path / "images", tmp_path / "labels")
        return with_laboratory(model, near_table, files, pixel_size=PIXEL)

    return run


def corrected(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask with a square of 8 × 8 pixels drawn into it, or removed."""
    out = mask.copy()
    out[20:28, 20:28] = ~out[20:28, 20:28]
    return out


def test_masks_that_nobody_corrected_are_refused(calibrate: Calibrate, masks: list[NDArray[np.bool_]]) -> None:
    said = r"every mask with something in it \(s0.png, s1.png, s2.png and 2 more\) is the network's own to the pixel"
    with pytest.raises(PassbandError, match=f"{said}.*; correct the masks by hand first"):
        calibrate(masks)


def test_bare_images_do_not_hide_that_nobody_corrected_the_others(
    calibrate: Calibrate, masks: list[NDArray[np.bool_]]
) -> None:
    bare = np.zeros(SIDES, dtype=bool)
    with pytest.raises(PassbandError, match=r"\(s0.png, s1.png\) is the network's own"):
        calibrate([*masks[:2], bare, bare, bare])


def test_a_few_masks_that_were_right_as_they_are_are_told(calibrate: Calibrate, masks: list[NDArray[np.bool_]]) -> None:
    found = calibrate([*masks[:3], *map(corrected, masks[3:])])
    assert found.table.laboratory.images["error_area"][:3] == (0.0, 0.0, 0.0)
    (warning,) = found.warnings
    assert warning.startswith("3 of 5 masks are the network's own to the pixel (s0.png, s1.png, s2.png)")


def test_masks_that_were_corrected_a_little_are_taken_without_a_word(
    calibrate: Calibrate, masks: list[NDArray[np.bool_]]
) -> None:
    """A pixel in each is enough: rejects a tolerance, which refuses masks of a network that is nearly right."""
    touched = [one.copy() for one in masks]
    for one in touched:
        one[10, 10] = not one[10, 10]
    assert calibrate(touched).warnings == []


@pytest.mark.parametrize(("symmetries", "dropped"), [(1, False), (1, True), (8, False), (8, True)])
def test_masks_of_segment_are_known_with_whatever_options_it_wrote_them(
    model: Model,
    images: list[NDArray[np.uint8]],
    symmetries: int,
    dropped: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own_masks, "CLOSE", 2.0)  # an untrained network differs much when the image is turned
    found, written = (model.segment(images[0], PIXEL, symmetries=one) for one in (1, symmetries))
    truth = (without_specks(written) if dropped else written).labels.astype(np.int64)
    assert np.array_equal(found.labels, written.labels) is (symmetries == 1)
    one = likeness(model, images[0], found, truth, "a.png")
    assert one.uncorrected is True
    truth[30, 30] = 1 - truth[30, 30]
    assert likeness(model, images[0], found, truth, "a.png").uncorrected is False


def test_exchanged_masks_are_refused(calibrate: Calibrate, masks: list[NDArray[np.bool_]]) -> None:
    """Where the truth is near what the network finds; rejects a rule on the error area, see the next test."""
    exchanged = [~corrected(one) for one in masks]
    with pytest.raises(PassbandError, match=r"look exchanged.*0 is background.*exchange them; if they are right"):
        calibrate(exchanged)


def test_right_masks_of_a_network_that_finds_nothing_where_all_is_particle_are_taken() -> None:
    """Error areas of 70 to 95 %, of which the complement would be 5 to 30 %: rejects a rule on the error area."""
    model, rng = Model(lively_network(), card()), np.random.default_rng(1)
    image = rng.normal(size=SIDES)
    found = model.segment(image, PIXEL)
    little = np.zeros(SIDES, dtype=np.uint8)
    little[3:5, 4:9] = 1
    rows = []
    for share, labels in ((0.7, 0 * little), (1.0, little), (0.95, little), (0.9, little)):
        truth = (np.arange(SIDES[1]) < share * SIDES[1]) & np.ones(SIDES, dtype=bool)
        seen = type(found)(labels, found.classes, found.pixel_size, found.probabilities)
        rows.append(likeness(model, image, seen, truth.astype(np.int64), f"{share}.png"))
    assert [one.correlation is None for one in rows] == [True, True, False, False]
    assert check_likenesses(rows) == []


@pytest.mark.parametrize("values", [(-0.2, -0.18, -0.1), (-0.9, 0.4, 0.5), (None, None, None)])
def test_what_bad_networks_were_seen_to_do_is_not_refused(values: tuple[float | None, ...]) -> None:
    rows = [MaskLikeness(f"s{number}.png", False, one) for number, one in enumerate(values)]
    assert check_likenesses(rows) == (
        ["1 of 3 masks look exchanged (s0.png); 0 must be background"] if -0.9 in values else []
    )


def test_more_classes_cannot_be_exchanged(model: Model) -> None:
    other = Model(model.network, card().model_copy(update={"classes": ("background", "a", "b")}))
    found = model.segment(np.random.default_rng(0).normal(size=SIDES), PIXEL)
    truth = 1 - found.labels.astype(np.int64)
    image = np.zeros(SIDES)
    assert likeness(model, image, found, truth, "a").correlation == pytest.approx(-1.0)
    assert likeness(other, image, found, truth, "a").correlation is None


def test_no_image_counts_twice(tmp_path: Path) -> None:
    """By its file, by its pixels in another format, turned or mirrored; an image that differs in a pixel is another."""
    array = np.random.default_rng(0).integers(0, 255, SIDES, dtype=np.uint8)
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.tif", "d.png", "e.png")]
    imsave(paths[0], array, check_contrast=False)
    shutil.copy(paths[0], paths[1])
    other = array.copy()
    other[5, 5] ^= 1
    for path, one in ((paths[2], array.astype(np.uint16)), (paths[3], array[::-1].T.copy()), (paths[4], other)):
        imsave(path, one, check_contrast=False)
    seen = SeenImages()
    seen.add(paths[0], array)
    seen.add(paths[4], other)
    for path, one in ((paths[1], other + 1), (paths[2], array.astype(np.uint16)), (paths[3], array[::-1].T)):
        with pytest.raises(PassbandError, match=rf"{path.name} is the same image as a.png.*leave all but one"):
            seen.add(path, one)
