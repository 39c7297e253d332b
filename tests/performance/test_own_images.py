"""Images beside their masks: which belong together, what is no mask, and what goes into the table."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread, imsave
from tests.fixtures.models import card, lively_network

from passband.files.labelled import labelled_files, read_label
from passband.performance.error_model import ErrorModel
from passband.performance.own_images import left_out, with_laboratory
from passband.performance.table import PerformanceError, PerformanceTable
from passband.recipe import PassbandError
from passband.segmentation.model import Model


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, array, check_contrast=False)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Six images of noise, 48 × 60, and masks of their left half."""
    rng = np.random.default_rng(0)
    for number in range(6):
        write(tmp_path / "images" / f"s{number}.png", rng.integers(0, 255, (48, 60), dtype=np.uint8))
        mask = np.zeros((48, 60), np.uint8)
        mask[:, : 5 * number] = 255
        write(tmp_path / "labels" / f"s{number}.png", mask)
    return tmp_path


@pytest.fixture
def model() -> Model:
    return Model(lively_network(), card())


def test_masks_are_found_by_the_names_of_the_images(own: Path) -> None:
    images, labels = own / "images", own / "labels"
    (labels / "s1.png").rename(labels / "s1.label.png")
    (labels / "s2.png").rename(labels / "s2_mask.png")
    (labels / "s0.png").unlink()
    found = labelled_files(images, labels)
    assert [(one.image.name, one.label.name) for one in found][:3] == [
        ("s1.png", "s1.label.png"),
        ("s2.png", "s2_mask.png"),
        ("s3.png", "s3.png"),
    ]
    for path in labels.iterdir():  # all in one folder
        path.rename(images / f"{path.stem.split('.')[0].removesuffix('_mask')}.label.png")
    together = labelled_files(images, images)
    assert [one.image.name for one in together] == [f"s{number}.png" for number in range(1, 6)]


def test_fewer_than_five_are_refused(own: Path) -> None:
    for number in (0, 1):
        (own / "labels" / f"s{number}.png").unlink()
    said = r"4 images of .* have a mask in .* \(none of s0.png, s1.png\), and 5 or more are needed; call the mask of "
    names = r"IMAGE.png one of IMAGE.mask.png, IMAGE.label.png, .*, IMAGE_label.png, .*, IMAGE.png, or the same with"
    with pytest.raises(PassbandError, match=said + names):
        labelled_files(own / "images", own / "labels", fewest=5)
    with pytest.raises(PassbandError, match="is no folder"):
        labelled_files(own / "images", own / "nowhere")


def test_what_is_no_mask_of_the_image_is_refused(own: Path) -> None:
    path = own / "labels" / "s3.png"
    np.testing.assert_array_equal(read_label(path, (48, 60), classes=2)[0], np.arange(60) < 15)
    with pytest.raises(PassbandError, match=r"has \(48, 60\) pixels and its image \(60, 48\)"):
        read_label(path, (60, 48), classes=2)
    with pytest.raises(PassbandError, match="grey levels, so it is no mask"):
        read_label(own / "images" / "s3.png", (48, 60), classes=2)
    with pytest.raises(PassbandError, match="pixels of 255, and the network knows classes 0 to 2"):
        read_label(path, (48, 60), classes=3)


def test_the_table_holds_what_network_and_masks_say(own: Path, model: Model, near_table: PerformanceTable) -> None:
    files = labelled_files(own / "images", own / "labels")
    found = with_laboratory(model, near_table, files, pixel_size=0.8).table.laboratory
    assert found is not None
    assert found.files[2] == hashlib.sha256(files[2].image.read_bytes()).hexdigest()
    labels = model.segment(np.asarray(read(files[2].image)), 0.8).labels
    truth = read_label(files[2].label, (48, 60), classes=2)
    assert found.images["error_area"][2] == pytest.approx(float((labels != truth).mean()))
    without = near_table.model_copy(
        update={"images": {k: v for k, v in near_table.images.items() if k != "error_area"}}
    )
    with pytest.raises(PerformanceError, match="has no single images; run passband calibrate with --store first"):
        with_laboratory(model, without, files, pixel_size=0.8)


def test_borders_of_images_do_not_count(own: Path, model: Model, near_table: PerformanceTable) -> None:
    """Rejects errors as shares of the whole image, and signals of a network that sees the border."""
    files = labelled_files(own / "images", own / "labels")
    plain = with_laboratory(model, near_table, files, pixel_size=0.8).table.laboratory
    for file in files:
        for path in (file.image, file.label):
            imsave(path, np.pad(imread(path), ((9, 0), (0, 30))), check_contrast=False)
    bordered = with_laboratory(model, near_table, files, pixel_size=0.8).table.laboratory
    assert plain is not None
    assert bordered is not None
    assert bordered.images == plain.images


def read(path: Path) -> np.ndarray:
    from passband.files.reading import read_micrograph

    return read_micrograph(path).array


def test_predictions_move_to_what_the_images_show(
    own: Path, model: Model, near_table: PerformanceTable, trained, pixel: float
) -> None:
    files = labelled_files(own / "images", own / "labels")
    corrected = with_laboratory(model, near_table, files, pixel_size=0.8).table
    again = PerformanceTable.model_validate_json(corrected.model_dump_json())
    assert "laboratory" not in near_table.model_dump(mode="json")  # cards without one stay as they are
    before, after = (ErrorModel(one, trained, pixel).images for one in (near_table, again))
    known = corrected.laboratory.images
    errors = []
    for images in (before, after):
        signals = [{name: known[name][k] for name in images.names} for k in range(6)]
        values = [images.predict(one, level=0.8)["error_area"].value for one in signals]
        errors.append(np.abs(np.log(np.array(known["error_area"]) / np.array(values))).mean())
    assert errors[1] < errors[0]
    rows = left_out(after, level=0.8)
    assert [row["error_area"] for row in rows] == list(known["error_area"])
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    itself = after.predict({name: known[name][0] for name in after.names}, level=0.8)["error_area"].value
    assert rows[0]["value"] != itself  # predicted by the others
