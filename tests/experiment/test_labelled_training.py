"""Training on images and masks that are there: crops with their masks, what is refused, and what the card says."""

from typing import Any

import numpy as np
import pytest
from tests.fixtures.command_line import Run

from passband.experiment.labelled_images import LabelledCrops, LabelledImages, read_labelled
from passband.experiment.labelled_training import train_labelled
from passband.experiment.plan import Plan, load_plan
from passband.files.labelled import LabelledFile, labelled_files
from passband.files.writing import write_image_tiff, write_mask_tiff
from passband.recipe import PassbandError
from passband.segmentation.model import load_model
from passband.training import TrainingError

PIXEL = 0.2074  # Å


def pairs(count: int, side: int = 48, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Images of bright (class 1) and dark (class 6) squares in noise, with their masks."""
    rng, images, masks = np.random.default_rng(seed), [], []
    for _ in range(count):
        mask = np.zeros((side, side), np.uint8)
        for kind in (1, 6, 1, 6):
            top, left = rng.integers(0, side - 8, 2)
            mask[top : top + 8, left : left + 8] = kind
        images.append(np.select([mask == 1, mask == 6], [3.0, -3.0], 0.0) + 0.3 * rng.normal(size=mask.shape))
        masks.append(mask)
    return images, masks


def plan(*changes: str) -> Plan:
    small = ("imaging.patch=32", "training.batch_size=4", "training.learning_rate=1e-2")
    steps = ("training.epochs=2", "training.steps_per_epoch=45", "training.warmup_steps=0", "training.average=0.0")
    return load_plan("wse2_defects", (*small, *steps, "network={kind='fine_unet',classes=7,widths=[6,8,12]}", *changes))


def test_crops_keep_their_mask_and_follow_from_seed_and_step() -> None:
    # rejects a mask that is cut elsewhere or turned, and crops that depend on what was drawn before
    rng = np.random.default_rng(0)
    masks = [rng.integers(0, 5, shape) for shape in ((40, 50), (64, 33))]
    crops = LabelledCrops(LabelledImages.of_arrays([3.0 * one - 7.0 for one in masks], masks, 0.2), 32, seed=1)
    batch = crops.batch(5, 6)
    for image, mask in zip(batch.images[:, 0].double().numpy(), batch.masks.numpy(), strict=True):
        np.testing.assert_allclose(image, (mask - mask.mean()) / mask.std(), atol=1e-5)
    assert {row["image"] for row in batch.rows} == {0, 1}
    assert np.array_equal(crops.batch(5, 6).images, batch.images)
    assert not np.array_equal(crops.batch(6, 6).images, batch.images)
    assert not np.array_equal(LabelledCrops(crops.labelled, 32, seed=2).batch(5, 6).images, batch.images)


def test_a_network_learns_the_masks_and_its_card_says_of_which_images(tmp_path: Any) -> None:
    labelled = LabelledImages.of_arrays(*pairs(8), PIXEL)
    trained = train_labelled(plan(), labelled, tmp_path / "run")
    model = load_model(trained.model)
    images, masks = pairs(3, side=64, seed=9)
    for image, mask in zip(images, masks, strict=True):
        found = model.segment(image, PIXEL)
        assert (found.labels == mask).mean() > 0.97  # nothing but background: 0.94
    assert model.card.training["images"] == f"8 labelled images, {labelled.identity}"
    assert "none of the simulation" in model.card.notes
    assert set(model.card.scores) == {"held-out images"}
    again = train_labelled(plan(), labelled, tmp_path / "run")
    assert again.history.rows == trained.history.rows
    with pytest.raises(TrainingError):
        train_labelled(plan(), LabelledImages.of_arrays(*pairs(8, seed=3), PIXEL), tmp_path / "run")


def test_what_cannot_be_trained_on_is_refused(tmp_path: Any) -> None:
    images, masks = pairs(3)
    with pytest.raises(PassbandError, match="3 images and 2 masks are no pairs"):
        LabelledImages.of_arrays(images, masks[:2], PIXEL)
    with pytest.raises(PassbandError, match="must be of whole numbers and of the shape of its image"):
        LabelledImages.of_arrays(images, [masks[0][:9], *masks[1:]], PIXEL)
    with pytest.raises(PassbandError, match="must be of whole numbers"):
        LabelledImages.of_arrays(images, [0.5 * mask for mask in masks], PIXEL)
    with pytest.raises(PassbandError, match="a mask has class 9, and the plan 7 classes"):
        train_labelled(plan(), LabelledImages.of_arrays(images, [mask + 3 for mask in masks], PIXEL), tmp_path)
    with pytest.raises(PassbandError, match="1 labelled image leaves none to validate on"):
        train_labelled(plan(), LabelledImages.of_arrays(images[:1], masks[:1], PIXEL), tmp_path)
    with pytest.raises(PassbandError, match=r"an image of 48 pixels at 0.2074 Å is smaller than the patch of 64"):
        train_labelled(plan("imaging.patch=64"), LabelledImages.of_arrays(images, masks, PIXEL), tmp_path)


def test_files_are_read_at_the_pixel_size_of_the_plan(tmp_path: Any) -> None:
    # rejects masks that are interpolated, and a translated image that does not find the mask of its simulation
    images, masks = pairs(2)
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        (tmp_path / "masks").mkdir(exist_ok=True)
        write_image_tiff(tmp_path / f"{number}.translated.tif", np.kron(image, np.ones((2, 2))), (PIXEL / 2, PIXEL / 2))
        write_mask_tiff(tmp_path / "masks" / f"{number}.mask.tif", np.kron(mask, np.ones((2, 2), np.uint8)))
    files = labelled_files(tmp_path, tmp_path / "masks")
    assert files[1] == LabelledFile(tmp_path / "1.translated.tif", tmp_path / "masks" / "1.mask.tif")
    read = read_labelled(files, PIXEL, classes=7)
    assert [image.shape for image in read.images] == [(48, 48)] * 2
    np.testing.assert_array_equal(read.masks[1], masks[1])


def test_the_command_trains_on_folders(run: Run, tmp_path: Any) -> None:
    for number, (image, mask) in enumerate(zip(*pairs(3), strict=True)):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
        write_image_tiff(tmp_path / "images" / f"{number}.tif", image, (PIXEL, PIXEL))
        write_mask_tiff(tmp_path / "labels" / f"{number}.mask.tif", mask)
    changes = [f"--set={one}" for one in ("training.epochs=1", "training.steps_per_epoch=2", "training.batch_size=2")]
    arguments = ("train", "wse2_defects", "-o", tmp_path / "run", "--set", "imaging.patch=32", *changes)
    warmup = ("--set", "training.warmup_steps=0", "-q")
    outcome = run(*arguments, *warmup, "--images", tmp_path / "images", "--labels", tmp_path / "labels")
    assert outcome.code == 0, outcome.err
    assert load_model(tmp_path / "run").card.classes[1] == "single_vacancy"
    assert not (tmp_path / "run" / "store").exists()
    for more in (["--images", tmp_path / "images"], ["--pixel-size", "0.2"]):
        outcome = run(*arguments, *warmup, *more)
        assert (outcome.code, len(outcome.error_lines)) == (2, 1)
