"""Frames of stored columns: masks lie on what the image shows, rows make images again, and conditions are heeded."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import center_of_mass, label

from passband.camera.scanner import Scanner
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.imaging_pool import ImagingPool
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.recipe import PassbandError
from passband.specimen.stacks.interface_distribution import sample_interface

LAW = {"enhancement": 1.2, "absorption": 0.003}
STILL = {"dwell_time": 1e-5, "beam_current": 3e-11}
WILD = {
    "dwell_time": 1e-5,
    "beam_current": 3e-11,
    "drift": 6.0,
    "drift_direction": 0.7,
    "jitter_across": 0.3,
    "jitter_correlation": 5.0,
    "hum": 0.5,
    "flyback": 2.0,
    "settling_time": 1e-4,
}
VARIED: dict[str, Any] = {
    "conditions": {"dose": {"log_uniform": [1e4, 1e5]}, "jitter": {"uniform": [0.1, 0.4]}},
    "pixel_size": {"uniform": [0.2, 0.25]},
    "steps": {"uniform": [0.1, 0.4]},
    "patch": 40,
    "frame": 96,
    "camera": {**STILL, "rotation": {"uniform": [-3.0, 3.0]}, "excess_noise": 0.3, "bits": [8], "charging": 0.2},
}


def imaging_of(**values: Any) -> ScanImaging:
    return ScanImaging.model_validate({"pixel_size": 0.2, "patch": 96, "frame": 170, "camera": STILL, **values})


def stored(folder: Any, **values: Any) -> WaveStore:
    return simulate(ScanSimulation.model_validate({"seed": 4, "channelling": LAW, **values}), folder / "store")


@pytest.fixture(scope="module")
def lattices(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    return stored(tmp_path_factory.mktemp("lattices"), specimens={"kind": "lattices", "field": 30.0}, structures=3)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    specimens = {"kind": "interfaces", "field": [40.0, 40.0], "film_thickness": 15.0, "thickness": 40.0}
    folder = tmp_path_factory.mktemp("films")
    return stored(folder, specimens=specimens, structures=1, truth="material")


class Sparse(WaveStore):
    """The same field with columns far apart, at random places, so that an image shows where each of them is."""

    def atoms(self, index: int) -> dict[str, Any]:
        told, rng, places = self.scene(index), np.random.default_rng(index), np.empty((0, 2))
        sides = np.array([told["side_y"], told["side_x"]])
        for _ in range(4000):
            place = rng.uniform(0.0, sides)
            apart = (places - place + sides / 2) % sides - sides / 2
            if not (np.hypot(*apart.T) < 3.6).any():
                places = np.concatenate([places, [place]])
        y, x = places.T
        ones = np.ones(len(x))
        return {
            "x": x,
            "y": y,
            "number": 74 * ones,
            "atoms": ones,
            "point_x": x,
            "point_y": y,
            "point_kind": ones,
        }


def offsets(acquisition: Acquisition, *, images: int, around: float) -> np.ndarray:
    """(n, 2): from the middle of each disc that is not cut to the centroid of the image `around` it, pixels."""
    found = []
    batch = acquisition.batch(0, images)
    for image, mask in zip(batch.images[:, 0].numpy().astype(float), batch.masks.numpy(), strict=True):
        discs, count = label(mask)
        bright = np.clip(image - np.median(image) - 0.05 * np.ptp(image), 0.0, None)
        rows, columns = np.indices(image.shape)
        for y, x in center_of_mass(mask > 0, discs, range(1, count + 1)):
            if min(y, x) < 1.5 * around or max(y, x) > len(mask) - 1 - 1.5 * around:
                continue
            weights = bright * (np.hypot(rows - y, columns - x) < around)
            found.append([(weights * rows).sum() / weights.sum() - y, (weights * columns).sum() / weights.sum() - x])
    assert len(found) > 8 * images
    return np.array(found)


@pytest.mark.parametrize("steps", [None, 0.11, 0.37])
@pytest.mark.parametrize("rotation", [0.0, 0.6, -2.2])
def test_masks_lie_on_what_a_still_scan_shows(lattices: WaveStore, steps: float | None, rotation: float) -> None:
    # rejects a resampling by half a pixel, a rotation the other way, x and y exchanged, a part of the frame that begins
    # one position late, and a field whose pixel 0 is not at the origin
    imaging = imaging_of(
        steps=steps, disc=1.0, conditions={"dose": 1e7}, camera={**STILL, "rotation": rotation}, patch=97
    )
    found = offsets(Acquisition(Sparse(lattices.directory), imaging, seed=2), images=2, around=8.0)
    assert np.abs(found.mean(axis=0)).max() < 0.08
    assert np.hypot(*found.T).mean() < 0.15


@pytest.mark.parametrize("steps", [None, 0.15])
def test_masks_lie_on_what_an_unsteady_scan_of_a_drifting_specimen_shows(
    lattices: WaveStore, steps: float | None
) -> None:
    # rejects places without the distortions: the drift alone is 1.7 Å over the frame
    imaging = imaging_of(steps=steps, disc=1.0, conditions={"dose": 1e7, "jitter": 0.5}, camera=WILD)
    found = offsets(Acquisition(Sparse(lattices.directory), imaging, seed=2), images=2, around=8.0)
    assert np.hypot(*found.T).mean() < 0.4


@pytest.mark.parametrize("sharing", [1, 4])
def test_a_row_makes_its_image_again(lattices: WaveStore, sharing: int) -> None:
    # rejects what is drawn beside the row, and a field of other conditions that is shared
    stream = Acquisition(lattices, imaging_of(**VARIED, patches_per_field=sharing), seed=5)
    fresh = Acquisition(lattices, imaging_of(**VARIED, patches_per_field=sharing), seed=5)
    seen = []
    for step in (0, 1, 3, 4):
        batch = stream.batch(step, 2)
        assert batch.images.dtype == torch.float32
        assert batch.images.shape == (2, 1, 40, 40)
        assert batch.masks.shape == (2, 40, 40)
        seen.append(batch.images)
        for k, row in enumerate(batch.rows):
            assert row == fresh.row(step, k, 2)
            image, mask = fresh.image_from_row(row)
            assert torch.equal(image, batch.images[k, 0])
            assert torch.equal(mask, batch.masks[k])
    assert len({one.numpy().tobytes() for one in seen}) == 4
    settings = [stream.row(step, 0, 2)["conditions"] for step in range(5)]
    assert (settings[0] == settings[3]) == (sharing == 4)
    assert settings[0] != settings[4]


def test_batches_of_two_processes_are_those_of_one(lattices: WaveStore) -> None:
    imaging = imaging_of(**VARIED, patches_per_field=2)
    alone = Acquisition(lattices, imaging, indices=[0, 2], seed=5)
    with ImagingPool(Acquisition(lattices, imaging, indices=[0, 2], seed=5), 2) as pool:
        for step in (0, 1, 3):
            made, expected = pool.batch(step, 2), alone.batch(step, 2)
            assert torch.equal(made.images, expected.images)
            assert torch.equal(made.masks, expected.masks)
            assert made.rows == expected.rows


def test_dose_and_jitter_of_the_conditions_are_in_place_of_the_scanners(lattices: WaveStore) -> None:
    # rejects a dose per position, or one that counts the pixels of the network and not the steps of the scan
    camera = {**STILL, "jitter": 0.2}
    for conditions, dose, jitter in (
        ({"dose": 4e4, "jitter": 0.7}, 4e4, 0.7),
        ({"dose": 4e4}, 4e4, 0.2),
        ({"jitter": 0.0}, None, 0.0),
    ):
        imaging = imaging_of(conditions=conditions, camera=camera, steps=0.1)
        row = Acquisition(lattices, imaging).row(0, 0, 1)
        scanner = Scanner.model_validate(row["camera"])
        assert scanner.electrons == pytest.approx(Scanner(**camera).electrons if dose is None else dose * 0.1**2)
        assert scanner.jitter == jitter


def test_a_dose_that_no_current_gives_is_refused_on_one_line(lattices: WaveStore) -> None:
    # rejects a current out of bounds that is found when the row is imaged, in the words of the scanner
    stream = Acquisition(lattices, imaging_of(conditions={"dose": 1e9}, steps=0.4))
    with pytest.raises(
        PassbandError, match=r"beam_current=.*give another dose than 1e\+09 e⁻/Å² at steps of 0\.4"
    ) as said:
        stream.batch(0, 1)
    assert "\n" not in str(said.value)


def test_a_frame_of_few_electrons_is_noisy(lattices: WaveStore) -> None:
    # rejects a dose that is told and not used
    images = [
        Acquisition(lattices, imaging_of(conditions={"dose": dose}), seed=1).batch(0, 1).images.double()
        for dose in (1e7, 1e5, 1e2)
    ]
    likeness = [float((images[0] * one).mean()) for one in images[1:]]
    assert likeness[1] < 0.7 * likeness[0] < likeness[0] < 1.0


@pytest.mark.parametrize("rotation", [0.0, 0.8])
def test_a_patch_inside_never_crosses_the_seam(lattices: WaveStore, rotation: float) -> None:
    # rejects room for an upright patch where it is turned, a place of a corner, and the field of a square
    camera = {**STILL, "rotation": rotation}
    reached = {}
    for place in ("inside", "anywhere"):
        imaging = imaging_of(place=place, camera=camera, patch=60, steps=0.3, conditions={"jitter": 0.0})
        stream = Acquisition(lattices, imaging, seed=3)
        low, high = np.full(2, np.inf), np.full(2, -np.inf)
        for step in range(40):
            row = stream.row(step, 0, 1)
            told, frame = lattices.scene(row["structure"]), stream._imager._frame(row)
            edges = [
                torch.tensor([0.0, 60.0], dtype=torch.float64) / frame.ratio - 0.5 + first for first in frame.first
            ]
            corners = frame.path.specimen(edges[0][:, None], edges[1][None, :])
            shares = [one / told[f"side_{axis}"] for one, axis in zip(corners, "yx", strict=True)]
            low = np.minimum(low, [float(one.min()) for one in shares])
            high = np.maximum(high, [float(one.max()) for one in shares])
        reached[place] = low, high
    half = 0.5 * 0.2 / 30.0  # of a pixel, by which the middle of a patch lies beside that of the part of its frame
    assert (reached["inside"][0] > -2 * half).all()
    assert (reached["inside"][1] < 1.0 + 2 * half).all()
    assert (reached["inside"][0] < 0.1).all()  # and the room is used
    assert (reached["inside"][1] > 0.9).all()
    assert (reached["anywhere"][0] < 0.0).all()
    assert (reached["anywhere"][1] > 1.0).all()


@pytest.mark.parametrize("steps", [None, 0.33])
def test_masks_of_materials_are_those_of_the_interface(films: WaveStore, steps: float | None) -> None:
    # rejects a map read at the corner of pixels, turned the other way, or by the step in place of the pixel
    camera = {**STILL, "rotation": 0.5}
    stream = Acquisition(films, imaging_of(camera=camera, steps=steps, conditions={"jitter": 0.0}), seed=2)
    made = sample_interface(films.recipe.specimens, seed=films.recipe.seed, index=0)
    names = np.array(films.recipe.classes)
    seen = set()
    for step in range(3):
        row = stream.row(step, 0, 1)
        _, mask = stream.image_from_row(row)
        frame = stream._imager._frame(row)
        places = (torch.arange(96, dtype=torch.float64) + 0.5) / frame.ratio - 0.5
        y, x = frame.path.specimen(places[:, None] + frame.first[0], places[None, :] + frame.first[1])
        expected = np.array(made.parameters["materials"])[
            made.material_at(np.mod(y.numpy(), made.box[0]), np.mod(x.numpy(), made.box[1]))
        ]
        assert (names[mask.numpy()] == expected).mean() > 0.985
        seen |= set(expected.ravel())
    assert len(seen) > 1


def test_a_step_coarser_than_the_pixels_is_scanned_and_resampled(lattices: WaveStore) -> None:
    imaging = imaging_of(pixel_size=0.1, steps=0.5, patch=128, frame=16)
    assert not list(imaging.problems(lattices.recipe))
    stream = Acquisition(lattices, imaging, seed=1)
    batch = stream.batch(0, 1)
    assert batch.images.shape == (1, 1, 128, 128)
    assert batch.rows[0]["frame"] == 26 + 4  # positions that the patch needs, and two beside it
    assert imaging.recorded == (0.5, 0.5)
    assert imaging.coarsest(0.1) == 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pixel_size": 0.001}, r"pixel_size of 0\.001 to 0\.001 Å leaves 0\.02 Å to 30 Å, the field"),
        ({"pixel_size": 40.0}, "pixel_size of 40 to 40 Å leaves"),
        ({"steps": {"uniform": [0.01, 0.1]}}, r"steps of 0\.01 to 0\.1 Å leaves"),
        ({"frame": 4}, "frame=4 to 4 positions a side is outside 8 to 65536"),
        ({"frame": {"choice": [512, 1e6]}}, r"frame=512 to 1e\+06 positions"),
        ({"frame": 64, "camera": {**STILL, "drift": 500.0, "dwell_time": 1e-3}}, "the scanner of these: drift=500"),
    ],
)
def test_what_cannot_be_scanned_is_said_on_one_line(lattices: WaveStore, values: Any, message: str) -> None:
    imaging = imaging_of(**values)
    said = list(imaging.problems(lattices.recipe, name="these"))
    assert len(said) == 1
    assert "\n" not in said[0]
    with pytest.raises(PassbandError, match=message.replace("these", "conditions")):
        Acquisition(lattices, imaging)


def test_imaging_of_another_kind_is_refused_on_one_line(lattices: WaveStore, tiny_store: WaveStore) -> None:
    message = "simulation.kind='{}' and imaging.kind='{}' are two beam paths; give both the same kind"
    for store, imaging, kinds in (
        (lattices, Imaging(pixel_size=0.8, patch=32), ("scan", "tem")),
        (tiny_store, imaging_of(), ("tem", "scan")),
    ):
        with pytest.raises(PassbandError, match=message.format(*kinds)) as said:
            Acquisition(store, imaging)
        assert "\n" not in str(said.value)
