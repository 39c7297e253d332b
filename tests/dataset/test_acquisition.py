"""Any image is made again from its row, bit for bit; the truth does not know how the image was taken."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from passband.dataset import wave_imaging as module
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.layout import StoreError
from passband.dataset.memory import Memory
from passband.dataset.store import WaveStore
from passband.dataset.truth import resample_mask
from passband.dataset.wave_imaging import patch_shift
from passband.microscope.conditions import ConditionDistribution
from passband.microscope.imaging import form_images
from passband.microscope.incoherent import add_incoherent, incoherent_part
from passband.recipe import PassbandError

CONDITIONS = {"aberrations": {"C10": {"uniform": [-300.0, 300.0]}}, "focal_spread": 10.0, "dose": 400.0}


def imaging(**fields: Any) -> Imaging:
    return Imaging.model_validate(
        {"conditions": CONDITIONS, "pixel_size": {"uniform": [0.6, 0.8]}, "patch": 32, **fields}
    )


@pytest.fixture
def images(tiny_store: WaveStore) -> Acquisition:
    return Acquisition(tiny_store, imaging(), seed=5)


def test_a_batch_is_what_a_network_takes(images: Acquisition) -> None:
    batch = images.batch(0, 6)
    assert batch.images.shape == (6, 1, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.masks.shape == (6, 32, 32)
    assert batch.masks.dtype == torch.int64
    assert set(batch.masks.unique().tolist()) <= {0, 1}
    assert batch.masks.any()
    exact = batch.images.double()
    torch.testing.assert_close(exact.mean((1, 2, 3)), torch.zeros(6).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(exact.std((1, 2, 3), correction=0), torch.ones(6).double(), atol=1e-6, rtol=0)


def test_batches_depend_on_seed_and_step_alone(images: Acquisition, tiny_store: WaveStore) -> None:
    third = images.batch(3, 4)
    uncached = WaveStore.open(tiny_store.directory, memory=Memory(0))
    fresh = Acquisition(uncached, imaging(), seed=5).batch(3, 6)
    assert torch.equal(third.images, fresh.images[:4])  # whatever came before, was cached, or comes after
    assert torch.equal(third.masks, fresh.masks[:4])
    assert third.rows == fresh.rows[:4]
    for other in (images.batch(4, 4), Acquisition(tiny_store, imaging(), seed=6).batch(3, 4)):
        assert not torch.equal(other.images, third.images)
    assert len({json.dumps(row) for row in fresh.rows}) == 6


def test_a_row_makes_its_image_again_after_a_trip_through_json(images: Acquisition, tiny_store: WaveStore) -> None:
    batch = images.batch(7, 3)
    other = Acquisition(tiny_store, imaging(patch=16, pixel_size=0.5, conditions={}), seed=0)
    for k, row in enumerate(batch.rows):
        image, mask = other.image_from_row(json.loads(json.dumps(row)))
        assert torch.equal(image, batch.images[k, 0])
        assert torch.equal(mask, batch.masks[k])


def test_a_row_of_another_store_is_refused(images: Acquisition) -> None:
    row = {**images.row(0, 0, 1), "store": "0" * 16}
    with pytest.raises(StoreError, match=f"store {'0' * 16} and this is"):
        images.image_from_row(row)


def test_batches_made_ahead_are_the_same(images: Acquisition) -> None:
    steps = range(4)
    for ahead in (0, 1, 3, 9):
        made = list(images.batches(steps, 2, ahead=ahead))
        assert len(made) == 4
        assert all(torch.equal(one.images, images.batch(step, 2).images) for step, one in zip(steps, made, strict=True))


@pytest.fixture
def sharing(tiny_store: WaveStore) -> Acquisition:
    return Acquisition(tiny_store, imaging(patch=16, patches_per_field=4), seed=5)


def test_patches_of_a_field_are_cut_from_one_micrograph(sharing: Acquisition, tiny_store: WaveStore) -> None:
    whole = Acquisition(tiny_store, imaging(patch=16), seed=5)
    for k in range(3):
        rows = [sharing.row(step, k, 3) for step in range(4, 8)]
        assert rows[0] == whole.row(4, k, 3)
        placed = {"top", "left", "step"}
        assert all({**one, **dict.fromkeys(placed)} == {**rows[0], **dict.fromkeys(placed)} for one in rows)
        assert len({(one["top"], one["left"]) for one in rows}) == 4
        field = whole._imager.field(rows[0])
        for step, row in zip(range(4, 8), rows, strict=True):
            cut = field.roll((-row["top"], -row["left"]), (0, 1))[:16, :16].double()
            expected = ((cut - cut.mean()) / cut.std(correction=0)).float()
            assert torch.equal(sharing.batch(step, 3).images[k, 0], expected)
    assert sharing.row(8, 0, 3)["noise_seed"] != sharing.row(7, 0, 3)["noise_seed"]


def test_a_field_is_imaged_once_for_its_patches(sharing: Acquisition, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = module.form_images
    monkeypatch.setattr(module, "form_images", lambda *args, **kwargs: calls.append(1) or real(*args, **kwargs))
    for step in range(8):
        sharing.batch(step, 3)
    assert len(calls) == 2 * 3


def test_shared_fields_change_nothing_in_an_image(sharing: Acquisition, tiny_store: WaveStore) -> None:
    made = {step: sharing.batch(step, 3) for step in (5, 2, 7, 0, 4)}  # in any order, begun anywhere
    other = Acquisition(tiny_store, imaging(conditions={}), seed=0)
    for step, batch in made.items():
        fresh = Acquisition(tiny_store, imaging(patch=16, patches_per_field=4), seed=5).batch(step, 2)
        assert torch.equal(batch.images[:2], fresh.images)
        for k, row in enumerate(batch.rows):
            image, mask = other.image_from_row(json.loads(json.dumps(row)))
            assert torch.equal(image, batch.images[k, 0])
            assert torch.equal(mask, batch.masks[k])


@pytest.mark.parametrize(("count", "pixels"), [(2, 32), (4, 33), (3, 47), (5, 48), (9, 50), (16, 64)])
def test_patches_are_apart_where_the_field_holds_them(count: int, pixels: int) -> None:
    covered = np.zeros((pixels, pixels), dtype=int)
    for number in range(count):
        y, x = ((np.arange(16) + shift) % pixels for shift in patch_shift(number, count, pixels))
        covered[np.ix_(y, x)] += 1
    assert covered.max() == 1


def test_patches_overlap_evenly_where_the_field_is_narrow() -> None:
    assert [patch_shift(number, 2, 200) for number in range(2)] == [(0, 0), (100, 100)]
    assert len({patch_shift(number, 64, 8) for number in range(64)}) == 64


def test_a_data_set_that_is_measured_on_takes_one_patch_of_a_field(tiny_store: WaveStore) -> None:
    one, many = (Acquisition(tiny_store, imaging(patches_per_field=n), seed=1, in_turn=True) for n in (1, 4))
    assert [one.row(step, 0, 2) for step in range(6)] == [many.row(step, 0, 2) for step in range(6)]


def test_masks_do_not_depend_on_the_conditions(tiny_store: WaveStore) -> None:
    one = Acquisition(tiny_store, imaging(conditions={}), seed=1, in_turn=True)
    row = one.row(0, 1, 10)
    image, mask = one.image_from_row(row)
    far = {**row["conditions"], "dose": 30.0, "aberrations": {"C10": 2000.0, "C30": 1e6}}
    other, same = one.image_from_row({**row, "conditions": far})
    assert torch.equal(mask, same)
    assert not torch.equal(image, other)


def test_the_patch_and_its_mask_are_the_same_place_of_the_periodic_field(tiny_store: WaveStore) -> None:
    plain = Acquisition(tiny_store, imaging(pixel_size=0.8, patch=40, conditions={"aberrations": {"C10": 40.0}}))
    row = {**plain.row(0, 0, 1), "structure": 1, "top": 0, "left": 0}
    image, mask = plain.image_from_row(row)
    np.testing.assert_array_equal(mask.numpy(), resample_mask(tiny_store.mask(1), (40, 40)))
    moved, moved_mask = plain.image_from_row({**row, "top": 31, "left": 12})
    torch.testing.assert_close(moved, image.roll((-31, -12), (0, 1)))
    assert torch.equal(moved_mask, mask.roll((-31, -12), (0, 1)))


def test_defocus_counts_from_the_focus_reference(tiny_store: WaveStore) -> None:
    plain = Acquisition(tiny_store, imaging(pixel_size=0.4, patch=80, conditions={"aberrations": {"C10": 25.0}}))
    row = {**plain.row(0, 0, 1), "structure": 1, "top": 0, "left": 0}
    offset = tiny_store.scene(1)["focus_offset"]
    assert offset < -5.0
    conditions = ConditionDistribution(aberrations={"C10": 25.0 + offset}).sample(1, np.random.default_rng(0))
    wave = torch.from_numpy(tiny_store.wave(1))[None]
    expected = form_images(wave, conditions, pixel_size=tiny_store.pixel_size)
    part = incoherent_part(torch.fft.fft2(wave[0]), pixel_size=tiny_store.pixel_size)
    expected = add_incoherent(expected, [part], conditions)[0]
    expected = (expected - expected.mean()) / expected.std(correction=0)
    torch.testing.assert_close(plain.image_from_row(row)[0], expected, atol=1e-4, rtol=1e-4)


def test_in_turn_takes_each_structure_once(tiny_store: WaveStore) -> None:
    indices = [7, 2, 5, 9]
    validation = Acquisition(tiny_store, imaging(), indices=indices, in_turn=True)
    taken = [row["structure"] for step in range(2) for row in validation.batch(step, 2).rows]
    assert taken == indices
    drawn = Acquisition(tiny_store, imaging(), indices=indices)
    assert {row["structure"] for row in drawn.batch(0, 40).rows} == set(indices)


def test_noise_follows_the_dose(tiny_store: WaveStore) -> None:
    free = Acquisition(tiny_store, imaging(pixel_size=0.8, patch=40, conditions={"aberrations": {"C10": 40.0}}))
    row = free.row(0, 0, 1)
    clean = free.image_from_row(row)[0]
    likeness = []
    for dose in (10.0, 1e3, 1e6):
        noisy = free.image_from_row({**row, "conditions": {**row["conditions"], "dose": dose}})[0]
        likeness.append(float((noisy * clean).mean()))  # both have mean 0 and standard deviation 1
    assert likeness[0] < 0.7 * likeness[1] < 0.7 * likeness[2]
    assert likeness[2] > 0.99


def test_a_dose_is_of_the_pixels_of_the_camera(tiny_store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "form_images", lambda *_, output_shape, **__: torch.ones(1, *output_shape))
    dose, camera = 30.0, 0.8
    assert tiny_store.pixel_size == 0.4
    counting = Acquisition(tiny_store, imaging(pixel_size=camera, patch=40, conditions={"dose": dose}))
    image = counting.image_from_row(counting.row(0, 0, 1))[0]
    # whole electrons, ē on average: steps of 1/ē in the image are steps of 1/√ē once its deviation is 1
    steps = image.unique().double().diff()
    assert float(steps.median()) == pytest.approx((dose * camera**2) ** -0.5, rel=0.1)  # of 40² pixels: 5 σ


def test_what_is_beyond_a_band_comes_as_background(tiny_store: WaveStore) -> None:
    """The band of the tiny waves ends at 0.83 Å⁻¹; a camera of 0.8 Å sees 0.625 Å⁻¹ of them."""
    settings = {"pixel_size": 0.8, "patch": 40, "conditions": {"aberrations": {"C10": -100.0}, "focal_spread": 20.0}}
    whole, cut, beyond = (Acquisition(tiny_store, imaging(**settings, band=band)) for band in (None, 0.65, 2.0))
    row = whole.row(0, 0, 1)
    fields = [one._imager.field(row) for one in (whole, cut, beyond)]
    assert torch.equal(fields[0], fields[2])
    assert float(fields[1].double().mean()) == pytest.approx(1.0, abs=1e-6)
    kept = cut._imager._prepared(row["structure"])
    assert kept.spectra.shape[-1] == 2 * 21 + 2  # 0.65 Å⁻¹ over 32 Å
    assert (
        kept.incoherent.transmitted < whole._imager._prepared(row["structure"]).incoherent.transmitted
    )  # kept apart in memory
    difference = (fields[0] - fields[1]).std() / fields[0].std()
    assert 1e-3 < float(difference) < 0.2  # beams beyond it still made fringes


def test_an_even_image_becomes_zero(tiny_store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = Acquisition(tiny_store, imaging(conditions={}))
    monkeypatch.setattr(module, "form_images", lambda *_, output_shape, **__: torch.ones(1, *output_shape))
    monkeypatch.setattr(module, "add_incoherent", lambda images, *_: images)
    assert not flat.batch(0, 1).images.any()


def test_an_image_that_is_not_finite_is_refused(tiny_store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Acquisition(tiny_store, imaging(conditions={}))
    monkeypatch.setattr(module, "form_images", lambda *_, output_shape, **__: torch.full((1, *output_shape), torch.nan))
    with pytest.raises(PassbandError, match="is not finite"):
        broken.batch(0, 1)


def test_a_damaged_wave_stops_the_batch(tiny_store: WaveStore, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny_store.directory, tmp_path / "store"))
    chunk = copied / "waves/c/4/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:1000])
    with pytest.raises(StoreError, match="damaged"):
        Acquisition(WaveStore.open(copied), imaging(), indices=[4]).batch(0, 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"patch": 64}, r"patch=64 pixels of 0\.8 Å is wider than the field of 32 Å; use a patch of at most 40"),
        ({"pixel_size": 0.2}, "finer than the stored waves"),
        ({"pixel_size": 0.8, "band": 0.5}, r"band=0\.5 Å⁻¹ is below the 0\.625 Å⁻¹ that camera pixels of 0\.8 Å see"),
        ({"pixel_size": -0.5}, "finer than the stored waves"),
        ({"conditions": {"energy": 200e3}}, "energy=200000 eV and the exit waves 300000 eV"),
        ({"conditions": {"energy": {"uniform": [200e3, 300e3]}}}, "energy=200000 eV"),
    ],
)
def test_imaging_that_does_not_fit_the_store_is_refused(
    tiny_store: WaveStore, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(PassbandError, match=message):
        Acquisition(tiny_store, imaging(**fields))


@pytest.mark.parametrize("indices", [[], [10], [-1]])
def test_structures_that_are_not_in_the_store_are_refused(tiny_store: WaveStore, indices: list[int]) -> None:
    with pytest.raises(PassbandError, match="structures 0 to 9"):
        Acquisition(tiny_store, imaging(), indices=indices)
