"""Levels of brightness that shift from place to place, and the steps that tell phases from anything else."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.zero_shot.brightness import brightness_phases
from passband.zero_shot.grouping import Merging
from passband.zero_shot.lattice_scale import TextureScale
from passband.zero_shot.local_levels import (
    LocalLevels,
    finest_levels,
    fixed_levels,
    local_levels,
    outline_steps,
    shifted_levels,
    stepless_areas,
    steps_of_two,
)
from passband.zero_shot.microstructure import find_materials

SHAPE = (180, 200)
Array = NDArray[np.float64]
Labels = NDArray[np.int64]


def field(width: float, seed: int = 0, shape: tuple[int, int] = SHAPE) -> Array:
    """Gaussian random field of mean 0 and deviation 1."""
    found = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width, mode="wrap")
    return np.asarray((found - found.mean()) / found.std())


def labyrinth(width: float = 7.0, seed: int = 0, shape: tuple[int, int] = SHAPE) -> Labels:
    return (field(width, seed, shape) > 0.2).astype(np.int64)


def slope(shape: tuple[int, int] = SHAPE) -> Array:
    """From −2 to 2 across the image, bent."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.asarray(1.5 * x + 0.5 * np.sin(3.0 * y))


def grains(seed: int, shape: tuple[int, int] = SHAPE) -> Array:
    rng = np.random.default_rng(seed)
    number = cKDTree(rng.random((50, 2)) * shape).query(np.argwhere(np.ones(shape)))[1]
    return np.asarray(rng.standard_normal(50)[number].reshape(shape))


def right(found: Labels, truth: Labels) -> float:
    return float(max(np.mean(found == truth), np.mean(found != truth)))


def test_levels_that_shift_by_more_than_they_are_apart_are_found() -> None:
    """Rejects one level for the whole image, which has a fifth of the cells wrong, and an offset that is left out."""
    truth = labyrinth()
    values = truth + slope()
    assert right(fixed_levels(values, np.array([-0.5, 1.0])).number, truth) < 0.85
    found = local_levels(values, np.array([-0.5, 1.0]))
    assert right(found.number, truth) > 0.99
    assert found.centres[1] - found.centres[0] == pytest.approx(1.0, abs=0.1)
    assert found.values[truth == 1].mean() - found.values[truth == 0].mean() == pytest.approx(1.0, abs=0.1)


def test_an_offset_of_the_widest_reach_comes_first() -> None:
    """Rejects the narrowest alone: it takes the wrong phase of what lies deep in a slope for good."""
    truth = labyrinth(18.0, 3)
    values = truth + 1.5 * slope()
    assert right(local_levels(values, np.array([-0.5, 1.0])).number, truth) > 0.97


@pytest.mark.parametrize("reach", [5.0, 7.0, 10.0])
def test_phases_whose_brightness_varies_fast_are_told_better_when_the_offset_shifts_fast(reach: float) -> None:
    truth = labyrinth()
    values = truth + slope() + 0.5 * field(reach, 4)
    found = local_levels(values, np.array([-1.0, 1.0]))
    assert right(finest_levels(values, found).number, truth) > right(found.number, truth) + 0.01


def test_three_levels_stay_three_and_one_without_cells_stays_where_it_was() -> None:
    truth = np.digitize(field(12.0, 5), [-0.5, 0.6])
    found = local_levels(2.0 * truth + 0.5 * slope(), np.array([0.0, 2.0, 4.0, 90.0]))
    assert np.mean(found.number == truth) > 0.98
    assert found.centres[3] == 90.0


def test_steps_at_an_outline_are_those_of_the_phases() -> None:
    """Rejects differences along the outline, ones that the offset falsifies, and blurred cells as parts of a side."""
    truth = labyrinth() == 1
    steps = outline_steps(3.0 * truth + slope(), truth)
    assert len(steps) > 500
    assert np.median(steps) == pytest.approx(3.0, rel=0.02)
    assert np.median(outline_steps(3.0 * truth, ~truth)) == pytest.approx(-3.0)
    assert np.median(outline_steps(gaussian_filter(3.0 * truth, 1.0), truth)) > 2.5
    assert not len(outline_steps(field(3.0), np.ones(SHAPE, dtype=bool)))


@pytest.mark.parametrize("seed", range(3))
def test_only_phases_have_sharp_steps_that_are_alike(seed: int) -> None:
    """Rejects sharpness alone (grains pass it), likeness alone (a smooth field may), and a limit that phases of varying
    brightness miss."""

    def told(values: Array) -> bool:
        found = local_levels(values, np.quantile(values, [0.2, 0.8]))
        steps = steps_of_two(values, found)
        return steps.sharp and steps.alike

    assert told(gaussian_filter(1.0 * labyrinth(7.0, seed), 0.7) + slope() + 0.15 * field(4.0, seed + 9))
    assert not told(grains(seed))
    assert not told(field(12.0, seed))
    assert not told(np.sin(np.arange(SHAPE[1]) / (8.0 + seed)) * np.ones(SHAPE))
    assert not told(np.sign(field(12.0, seed)) * np.abs(field(12.0, seed)) ** 0.8)


@pytest.mark.parametrize("materials", [None, 2])
def test_etched_phases_with_rims_under_shading_are_two(materials: int | None) -> None:
    """Rejects the levels of the whole image, which are one broad peak here, and crops, which take rims for a phase."""
    shape = (380, 420)
    truth = labyrinth(14.0, 1, shape)
    outside = np.maximum(distance_transform_edt(1 - truth) - 1, 0)
    image = truth - 0.7 * np.exp(-outside / 8.0) * (1 - truth) + 1.6 * slope(shape) + 0.25 * field(25.0, 2, shape)
    image += 0.3 * np.random.default_rng(3).standard_normal(shape)
    found = find_materials(image, materials=materials)
    assert found.materials == 2
    assert found.stages[0][0] == "brightness"
    assert right(found.labels.astype(np.int64) - 1, truth) > 0.9


@pytest.mark.parametrize("seed", [21, 23, 24])
def test_grains_of_random_brightness_and_clouds_stay_one(seed: int) -> None:
    """Rejects two levels for whatever shows two when they may shift: both do, further apart than phases must be."""
    shape = (380, 420)
    noise = 0.6 * np.random.default_rng(seed).standard_normal(shape)
    for image in (grains(seed, shape) + noise, field(20.0, seed, shape) + noise):
        assert find_materials(image).materials == 1


def test_a_lattice_that_is_not_known_as_one_is_no_phases() -> None:
    """Rejects steps alone: those about atoms are sharp, and as alike as can be."""
    y, x = 2.0 * np.pi * np.mgrid[:300, :340] / 30.0
    image = np.cos(x) + np.cos(y) + 0.1 * np.random.default_rng(0).standard_normal(x.shape)
    assert brightness_phases(image.astype(np.float32), TextureScale(12, 2, None), Merging()) is None


def test_materials_that_are_said_are_found_though_nothing_tells_them() -> None:
    """Rejects the complaint about masks, of which there is one, and groups of crops that are not apart: the reader of
    the image knows better."""
    shape = (300, 340)
    truth = labyrinth(16.0, 2, shape)
    image = gaussian_filter(1.0 * truth, 1.0) + 0.4 * field(3.0, 4, shape) + 0.5 * field(40.0, 5, shape)
    for noise in (0.3, 0.5):
        image += noise * np.random.default_rng(3).standard_normal(shape)
        assert find_materials(image).materials == 1
        found = find_materials(image, materials=2)
        assert found.materials == 2
        assert right(found.labels.astype(np.int64) - 1, truth) > 0.85
    assert find_materials(np.random.default_rng(4).standard_normal(shape), materials=2).materials == 2
    with pytest.raises(PassbandError, match="materials=2 but"):
        find_materials(np.zeros((64, 64)), materials=2)
    with pytest.raises(PassbandError, match="materials=30 but"):
        find_materials(image, materials=30)


@pytest.mark.parametrize("seed", range(2))
def test_materials_that_texture_and_brightness_tell_together_are_told(seed: int) -> None:
    """Rejects texture alone, and levels in its place: two of three have one brightness, and two one texture."""
    rng = np.random.default_rng(seed)
    shape = (320, 360)
    truth = np.digitize(np.arange(shape[1])[None, :] * np.ones(shape), [120, 240])
    coarse = 1.5 * field(2.0, seed + 5, shape)
    image = np.where(truth == 0, coarse, rng.standard_normal(shape)) + 2.0 * (truth == 2)
    found = find_materials(image, materials=3).labels
    shares = [max(float(np.mean(found[truth == one] == number)) for number in (1, 2, 3)) for one in range(3)]
    assert min(shares) > 0.8


def test_areas_at_whose_outlines_nothing_steps_go_to_what_is_around_them() -> None:
    truth = labyrinth()
    values = truth + 0.5 * slope()
    found = local_levels(values, np.array([-0.5, 1.0]))
    inside = np.hypot(*np.mgrid[:12, :12] - 5.5) < 5
    room = distance_transform_edt(truth == 0) * np.pad(np.ones((SHAPE[0] - 40, SHAPE[1] - 40)), 20)
    y, x = (int(one) - 6 for one in np.unravel_index(int(room.argmax()), SHAPE))
    number = found.number.copy()
    number[y : y + 12, x : x + 12][inside] = 1
    islands = LocalLevels(number, found.values, found.centres)
    assert right(number, truth) < right(found.number, truth)
    assert (stepless_areas(values, islands) == (number != found.number)).all()
    assert not stepless_areas(values, found).any()
    small = found.number.copy()
    small[y + 4 : y + 7, x + 4 : x + 7] = 1
    assert not stepless_areas(values, LocalLevels(small, found.values, found.centres)).any()


def test_levels_shift_as_fast_as_their_outlines_allow() -> None:
    """Rejects one reach for all: an offset takes the flanks of a blurred particle for a slope, and follows grains."""
    centres = np.array([0.0, 1.0])
    sharp = labyrinth() + 0.3 * slope()
    assert (shifted_levels(sharp, centres).values == finest_levels(sharp, local_levels(sharp, centres)).values).all()
    blurred = gaussian_filter(1.0 * labyrinth(16.0), 5.0)
    assert (shifted_levels(blurred, centres).values == local_levels(blurred, centres).values).all()
    uneven = grains(1)
    assert (shifted_levels(uneven, centres).values == uneven).all()
    three = np.digitize(field(12.0, 5), [-0.5, 0.6]) + 0.2 * slope()
    assert (shifted_levels(three, np.arange(3.0)).values != three).any()


@pytest.mark.parametrize("name", ["spot2_0d_0", "spot2_0d_4"])
def test_precipitates_of_a_real_superalloy_are_found(shared_data: Path, name: str) -> None:
    folder = shared_data / "sem_superalloy" / "Super1"
    colours = tifffile.imread(folder / "test_annot" / f"{name}_mask.tif")[..., :3].astype(np.int64)
    painted = (np.ptp(colours, axis=-1) > 150) & (colours[..., 1] < 100)
    found = find_materials(folder / "test" / f"{name}.tif")
    assert found.materials == 2
    assert right(found.labels.astype(np.int64) - 1, painted.astype(np.int64)) > 0.9
