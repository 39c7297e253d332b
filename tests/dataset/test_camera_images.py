"""Images through the camera of a plan: made again from their rows, registered with the mask, unchanged without one."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from passband.camera.camera import CameraDistribution
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.memory import Memory
from passband.dataset.named_conditions import NamedConditions
from passband.dataset.store import WaveStore

WIDE: dict[str, Any] = {
    "drift": {"uniform": [0.0, 2.0]},
    "vibration": 0.2,
    "gradient": {"uniform": [0.0, 0.3]},
    "unevenness": 0.05,
    "oversampling": {"log_uniform": [0.7, 2.5]},
    "kernels": {"area": 1.0, "nearest": 1.0, "bilinear": 1.0, "bicubic": 1.0, "lanczos": 1.0},
    "excess_noise": 0.3,
    "correlation": {"uniform": [0.0, 0.9]},
    "gain_residue": 0.02,
    "dark_residue": 0.02,
    "hot_pixels": 20.0,
    "xrays": 20.0,
    "saturation": 0.002,
    "probability": {"drift": 0.5},
    "processing": {"eight_bit_share": 0.5, "clipping_share": 0.5, "jpeg_share": 0.3, "scale_bar_share": 0.3},
}
CONTRAST = {"fringes": {"uniform": [0.4, 1.0]}, "absorption": {"uniform": [0.4, 1.2]}}
CONDITIONS = {"aberrations": {"C10": {"uniform": [-300.0, 300.0]}}, "focal_spread": 10.0, "dose": 400.0}


def imaging(**fields: Any) -> Imaging:
    return Imaging.model_validate(
        {"conditions": CONDITIONS, "pixel_size": {"uniform": [0.6, 0.8]}, "patch": 24, "camera": WIDE, **fields}
    )


def test_without_camera_and_contrast_a_recipe_is_what_it_was() -> None:
    plain = imaging(camera=None)
    assert not {"camera", "contrast"} & set(plain.model_dump(mode="json"))
    assert Imaging(pixel_size=0.8, patch=128).identity == "13e9ad721bea9708"
    assert len({plain.identity, imaging().identity, imaging(camera={}).identity, imaging(contrast={}).identity}) == 4


def test_camera_and_contrast_change_nothing_else_that_is_drawn(tiny_store: WaveStore) -> None:
    plain, full = (
        Acquisition(tiny_store, imaging(**fields), seed=4) for fields in ({"camera": None}, {"contrast": CONTRAST})
    )
    for step in range(4):
        one, other = plain.row(step, 0, 2), full.row(step, 0, 2)
        assert set(other) - set(one) == {"camera", "camera_pixels", "contrast"}
        assert all(one[name] == other[name] for name in one if name != "noise_seed")


@pytest.mark.parametrize("sharing", [1, 4])
def test_rows_make_their_images_again_bit_for_bit(tiny_store: WaveStore, sharing: int) -> None:
    fields = {"contrast": CONTRAST, "patches_per_field": sharing, "patch": 16}
    made = Acquisition(tiny_store, imaging(**fields), seed=5)
    uncached = WaveStore.open(tiny_store.directory, memory=Memory(0))
    other = Acquisition(uncached, imaging(camera=None), seed=0)
    for step in (5, 2, 3):  # begun anywhere, in any order
        batch = made.batch(step, 3)
        for k, row in enumerate(batch.rows):
            image, mask = other.image_from_row(json.loads(json.dumps(row)))
            assert torch.equal(image, batch.images[k, 0])
            assert torch.equal(mask, batch.masks[k])


def test_patches_of_a_field_share_its_camera_and_not_their_noise(tiny_store: WaveStore) -> None:
    still = {**WIDE, "oversampling": 1.0}
    made = Acquisition(tiny_store, imaging(camera=still, patches_per_field=4, patch=16), seed=5)
    rows = [made.row(step, 0, 1) for step in range(4, 8)]
    assert len({json.dumps([row["camera"], row["structure"], row["conditions"]]) for row in rows}) == 1
    assert len({row["noise_seed"] for row in rows}) == 4
    same_place = [{**row, "top": 3, "left": 3} for row in rows[:2]]
    first, second = (made.image_from_row(row)[0] for row in same_place)
    assert not torch.equal(first, second)
    assert float(np.corrcoef(first.flatten(), second.flatten())[0, 1]) < 0.95


def test_batches_made_ahead_are_the_same_with_a_camera(tiny_store: WaveStore) -> None:
    made = Acquisition(tiny_store, imaging(contrast=CONTRAST), seed=5)
    for step, batch in zip(range(3), made.batches(range(3), 2, ahead=2), strict=True):
        assert torch.equal(
            batch.images, Acquisition(tiny_store, imaging(contrast=CONTRAST), seed=5).batch(step, 2).images
        )


def test_camera_pixels_are_never_finer_than_the_stored_waves(tiny_store: WaveStore) -> None:
    made = Acquisition(tiny_store, imaging(camera={"oversampling": 4.0}), seed=5)
    row = made.row(0, 0, 1)
    assert row["camera_pixels"] == tiny_store.recipe.stored_pixels < 4 * row["pixels"]
    coarse = Acquisition(tiny_store, imaging(camera={"oversampling": 0.7}), seed=5).row(0, 0, 1)
    assert coarse["camera_pixels"] == round(0.7 * coarse["pixels"])


@pytest.mark.parametrize("kernel", ["area", "nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("oversampling", [0.7, 0.9, 1.0, 1.3, 1.6])
def test_an_image_stays_on_its_mask(tiny_store: WaveStore, kernel: str, oversampling: float) -> None:
    # the shift that makes two images of one field agree best, from the phase of their cross spectrum
    clean = {"conditions": {**CONDITIONS, "dose": None, "focal_spread": 60.0}, "pixel_size": 0.7}
    camera = {"oversampling": oversampling, "kernels": {kernel: 1.0}, "vibration": 1.0}
    plain = Acquisition(tiny_store, imaging(**clean, camera={"vibration": 1.0}), seed=1)
    seen = Acquisition(tiny_store, imaging(**clean, camera=camera), seed=1)
    for k in range(2):
        row = plain.row(0, k, 2)
        (expected, mask), (image, own_mask) = plain.image_from_row(row), seen.image_from_row(seen.row(0, k, 2))
        assert torch.equal(mask, own_mask)
        assert shift_between(expected.double().numpy(), image.double().numpy()) == pytest.approx([0.0, 0.0], abs=0.1)


def shift_between(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Least squares of second − first against the slopes of first (y, x), in pixels."""
    slopes = [slope[2:-2, 2:-2].ravel() for slope in np.gradient(first)]
    moved, *_ = np.linalg.lstsq(np.stack(slopes, 1), (second - first)[2:-2, 2:-2].ravel(), rcond=None)
    return [float(-one) for one in moved]


def test_noise_of_an_image_is_that_of_its_camera(tiny_store: WaveStore) -> None:
    # white without correlation; with 0.6 pixels of it, neighbours at one pixel agree by exp(−1/(4·0.6²)) = 0.5
    for correlation, expected in ((0.0, 0.0), (0.6, 0.5)):
        fields = {"camera": {"correlation": correlation}, "pixel_size": 0.5, "patch": 32, "patches_per_field": 2}
        made = Acquisition(tiny_store, imaging(**fields, conditions={**CONDITIONS, "dose": 60.0}), seed=2)
        noise = []
        for k in range(8):
            row = made.row(0, k, 8)
            field = made._imager.field(row)
            noise.append(
                (
                    made._imager._camera_patch({**row, "noise_seed": 1}, field)
                    - made._imager._camera_patch({**row, "noise_seed": 2}, field)
                ).double()
            )
        agreed = torch.stack(noise)
        found = float((agreed[:, :, 1:] * agreed[:, :, :-1]).mean() / agreed.square().mean())
        assert found == pytest.approx(expected, abs=0.06)  # 4 / √(8·32²)


def test_contrast_is_applied_to_the_noise_free_field(tiny_store: WaveStore) -> None:
    fields = {"camera": None, "conditions": {**CONDITIONS, "dose": None}, "pixel_size": 0.5}
    plain, weaker = (
        Acquisition(tiny_store, imaging(**fields, contrast=contrast), seed=2)
        for contrast in (None, {"fringes": 0.5, "absorption": 0.5})
    )
    whole = plain._imager.field(plain.row(0, 0, 1))
    half = weaker._imager.field(weaker.row(0, 0, 1))
    torch.testing.assert_close(half - 1.0, 0.5 * (whole - 1.0), atol=1e-5, rtol=1e-4)


def test_images_are_processed_after_they_were_recorded(tiny_store: WaveStore) -> None:
    whole = {"eight_bit_share": 1.0}
    plain, eight_bit = (
        Acquisition(tiny_store, imaging(camera={"oversampling": 1.4, "processing": one}), seed=3)
        for one in (None, whole)
    )
    row = eight_bit.row(0, 0, 1)
    image = eight_bit.image_from_row(row)[0]
    before = plain.image_from_row({**row, "camera": {**row["camera"], "processing": None}})[0]
    assert len(before.unique()) > 256
    assert len(image.unique()) <= 256
    assert float((image - before).abs().max()) < 1.01 * float(before.max() - before.min()) / 255


def test_a_validation_set_may_have_a_camera_of_its_own() -> None:
    conditions = {"dose": 400.0}
    plain = NamedConditions.model_validate({"name": "near", "conditions": conditions})
    other = NamedConditions.model_validate({"name": "near", "conditions": conditions, "camera": {"drift": 1.0}})
    ideal = NamedConditions.model_validate({"name": "near", "conditions": conditions, "camera": {}})
    assert "camera" not in plain.model_dump(mode="json")
    assert NamedConditions.model_validate_json(other.to_json()) == other
    assert len({plain.identity, other.identity, ideal.identity}) == 3
    base = imaging()
    assert base.under(plain.conditions, plain.camera).camera == base.camera
    assert base.under(ideal.conditions, ideal.camera).camera == CameraDistribution()
    assert base.under(other.conditions, other.camera).conditions == other.conditions
