"""Columns found in drawn and in real images."""

import numpy as np
import pytest
from tests.description.column_scenes import draw, nearest, square

from passband.description.atoms import find_columns
from passband.description.blobs import find_blobs
from passband.description.lattice import fit_lattice, nearest_distances
from passband.description.refinement import HEIGHTS_ALONE, RefinedColumns, refine
from passband.description.selection import (
    ColumnFinding,
    apart_columns,
    empty_places,
    kept_columns,
    missing_columns,
    noise_confidence,
    probable_columns,
)
from passband.description.sites import find_sites, height_groups
from passband.files.reading import read_micrograph
from passband.recipe import PassbandError


def counted(image, seed=0):
    return np.random.default_rng(seed).poisson(image).astype(float)


def test_every_column_is_found_and_nothing_else():
    places = square(9, 11.0) + np.random.default_rng(1).normal(0.0, 0.5, (81, 2))
    columns = find_columns(counted(draw((104, 104), places, 150.0, 2.2, background=30.0)), 0.2)
    assert len(columns) == 81
    distance, _ = nearest(np.stack([columns.x, columns.y], 1), places)
    assert distance.max() < 0.5
    assert columns.sigma == pytest.approx(0.44, rel=0.3)  # Å
    assert np.median(columns.sigma) == pytest.approx(0.44, rel=0.03)
    assert columns.positions[:, 0] == pytest.approx(columns.x * 0.2)
    assert columns.names == ["column"] * 81
    assert (columns.confidence > 0.99).all()


def test_columns_come_in_reading_order_with_their_distance_to_the_edge():
    columns = find_columns(
        counted(draw((40, 60), [[10.0, 30.0], [50.0, 8.0]], 500.0, 2.0, background=5.0, aspect=0.5)), (0.1, 0.2)
    )
    assert np.rint(columns.y).tolist() == [8, 30]
    assert columns.border == pytest.approx(
        [0.85, 0.95], abs=0.02
    )  # (8 + ½)·0.1 from the top, (39 − 30 + ½)·0.1 from the bottom


def test_dark_columns_are_bright_ones_turned_over():
    image = counted(draw((64, 64), square(5, 12.0), 150.0, 2.2, background=30.0))
    bright = find_columns(image, 0.2)
    dark = find_columns(1000.0 - image, 0.2, finding=ColumnFinding(contrast="dark"))
    assert dark.x == pytest.approx(bright.x, abs=1e-3)
    assert dark.height == pytest.approx(bright.height, rel=1e-3)


def test_wide_columns_are_fitted_on_means_of_pixels_with_the_same_result():
    """Rejects half a pixel lost in binning, and σ that keeps the width of the pixels."""
    places = square(4, 33.0) + 0.3
    columns = find_columns(counted(draw((133, 133), places, 60.0, 6.5, background=20.0)), 0.05)
    distance, number = nearest(np.stack([columns.x, columns.y], 1), places)
    assert len(columns) == 16
    shift = np.stack([columns.x, columns.y], 1)[number] - places
    assert (
        np.abs(shift.mean(axis=0)).max() < 0.15
    )  # 16 columns of 0.15 pixels each; half a pixel too little of 4 means 1.5
    assert np.median(columns.sigma) == pytest.approx(0.325, rel=0.01)  # 1.5 % wider with the pixels' own width
    assert distance.max() < 0.6


@pytest.mark.parametrize(
    "image",
    [np.zeros((50, 50)), np.full((50, 50), 7, np.uint8), np.full((40, 40), np.nan), np.zeros((3, 3)), np.ones((1, 1))],
    ids=["zeros", "constant", "nan", "tiny", "pixel"],
)
def test_images_without_columns_have_none(image):
    assert len(find_columns(image, 0.2)) == 0


@pytest.mark.parametrize("electrons", [40.0, 0.2])
def test_noise_alone_holds_no_columns(electrons):
    """At a confidence of 0.98 one image in fifty has any; blobs that each stand out by themselves are hundreds."""
    found = [len(find_columns(counted(np.full((128, 128), electrons), seed), 0.2)) for seed in range(6)]
    assert sum(found) <= 3


@pytest.mark.parametrize("seed", range(3))
def test_few_electrons_a_pixel_hide_no_columns(seed):
    """Sixty electrons in columns of 45 pixels: rejects a variance by the median of squares, which is a fifth of it."""
    places = square(12, 18.0)
    columns = find_columns(counted(draw((216, 216), places, 1.3, 2.7, background=0.06), seed), 0.15)
    distance, _ = nearest(np.stack([columns.x, columns.y], 1), places)
    assert np.count_nonzero(distance < 2.5) >= 142  # of 144
    assert len(columns) <= 150


def test_what_stays_is_noise_as_often_as_its_confidence_says():
    """Rejects a threshold for the whole image, at which two thirds of these faint columns are lost."""
    places, seeds = square(20, 14.0), range(3)
    image = draw((280, 280), places, 13.0, 2.0, background=40.0)
    found = [find_columns(counted(image, seed), 0.2) for seed in seeds]
    near = [nearest(places, np.stack([one.x, one.y], 1))[0] < 2.5 for one in found]
    assert np.mean(np.concatenate(near)) > 0.93
    assert sum(map(np.sum, near)) > 0.8 * len(places) * len(seeds)


def test_a_column_cut_by_the_edge_is_found_there():
    places = np.array([[0.4, 20.0], [20.0, 38.9], [20.0, 20.0]])
    columns = find_columns(counted(draw((40, 40), places, 500.0, 2.0, background=10.0)), 0.2)
    distance, _ = nearest(np.stack([columns.x, columns.y], 1), places)
    assert distance.max() < 0.4


def test_two_atoms_closer_than_a_pixel_are_one_column():
    places = np.array([[20.0, 20.0], [20.6, 20.3], [40.0, 40.0]])
    columns = find_columns(counted(draw((60, 60), places, 500.0, 2.0, background=10.0)), 0.2)
    assert len(columns) == 2
    assert columns.height.max() > 1.7 * columns.height.min()


def test_of_fitted_columns_that_are_too_near_the_highest_stays():
    """A chain of three, each half a σ from the next: the middle one is the highest, and the others go for it."""
    places, heights = [[20.0, 20.0], [21.0, 20.0], [22.0, 20.0], [30.0, 20.0]], [50.0, 90.0, 60.0, 40.0]
    fitted = np.column_stack([places, heights, np.full(4, np.log(2.0))])
    fit = RefinedColumns(fitted, np.ones((4, 4)), np.full(4, 30.0), np.zeros((40, 40)), np.ones((40, 40)))
    assert kept_columns(fit, 1.0, ColumnFinding(), network=True).tolist() == [False, True, False, True]
    nearer = ColumnFinding(separation=0.1)  # of σ, but a pixel is the least
    assert kept_columns(fit, 1.0, nearer, network=True).tolist() == [False, True, False, True]


def test_pixels_that_are_no_numbers_are_left_out():
    image = counted(draw((64, 64), square(5, 12.0), 150.0, 2.2, background=30.0))
    image[:, 30] = np.nan
    image[10, 10] = np.inf
    assert len(find_columns(image, 0.2)) == 25


def test_a_missing_column_is_found_in_the_residual():
    """Two columns at 2.2 σ make one maximum; the second search finds the other."""
    places = np.concatenate([square(5, 14.0), [[37.8 + 2.5, 37.8 + 4.1]]])
    image = counted(draw((72, 72), places, [*[800.0] * 25, 400.0], 2.2, background=10.0))
    found = [len(find_columns(image, 0.2, finding=ColumnFinding(searches=number))) for number in (0, 1)]
    assert found == [25, 26]


def test_candidates_below_zero_tell_how_many_places_are_empty():
    """Noise has more of them than places, a crystal few: there fainter columns stay."""
    fit = RefinedColumns(
        np.tile([20.0, 20.0, 1.0, np.log(2.0)], (200, 1)),
        np.ones((200, 4)),
        np.concatenate([np.full(160, 2.4), np.full(40, -1.0)]),
        np.zeros((400, 400)),
        np.ones((400, 400)),
    )
    assert empty_places(fit) == 656
    assert noise_confidence(fit)[0] < 0.9
    assert noise_confidence(fit, 300.0)[0] == pytest.approx(1.0 - 300.0 * 0.0081975 / 160.0)


def test_two_candidates_in_one_column_do_not_cost_it():
    """Of two maxima a pixel apart neither is needed beside the other."""
    places = np.array([[20.0, 20.0], [20.6, 20.8], [40.0, 20.0]])
    image = counted(draw((40, 60), places[[0, 2]], 500.0, 3.0, background=10.0))
    fit = refine(image, np.column_stack([places, np.full(3, 3.0)]), steps=HEIGHTS_ALONE)
    assert probable_columns(fit).tolist() == [False, False, True]  # or else this test tests nothing
    assert apart_columns(fit, 1.0)[:2].sum() == 1
    assert apart_columns(fit, 1.0)[2]


def test_a_missing_column_is_found_where_no_other_one_reaches():
    """A column of nine has no maximum; the windows of the others end 10 pixels before it."""
    places = square(3, 24.0)
    image = counted(draw((77, 77), places, 300.0, 2.2, background=30.0))
    start = np.column_stack([np.delete(places, 4, axis=0), np.full(8, 2.2)])
    fit = refine(image, start)
    added = missing_columns(fit, np.ones(8, dtype=bool), 1.0, ColumnFinding())
    assert added[:, :2] == pytest.approx(places[4:5], abs=1.0)


def test_columns_are_those_of_the_network_and_those_that_it_misses() -> None:
    """Rejects the network's columns alone, the image's alone, and what a network sees between columns."""
    places, heights = square(6, 12.0), np.tile([150.0, 60.0], 18)
    image = counted(draw((74, 74), places, heights, 2.0, background=20.0))
    maps = np.stack([draw((74, 74), places[heights == height], 0.95, 1.8) for height in (150.0, 60.0)])
    maps[:, :, :15] = 0.0  # the network does not see the first row of columns
    maps[1] += draw((74, 74), [places[14:16].mean(axis=0)], 0.8, 1.8)  # and sees one where none is
    maps = np.concatenate([1.0 - maps.sum(axis=0, keepdims=True), maps])
    columns = find_columns(image, 0.2, probabilities=maps, classes=("background", "heavy", "light"))
    distance, number = nearest(np.stack([columns.x, columns.y], 1), places)
    assert len(columns) == len(places)
    assert distance.max() < 0.5
    seen = places[number, 0] > 15
    names = np.array(columns.names)
    assert names[seen].tolist() == ["heavy" if h == 150.0 else "light" for h in heights[number[seen]]]
    assert columns.confidence[seen].min() > columns.confidence[~seen].max()


def test_a_network_sees_columns_that_do_not_stand_out_of_the_noise() -> None:
    """Rejects the finder alone: of 100 columns of 1.2 times the noise it has few."""
    places = square(10, 8.0)
    image = draw((84, 84), places, 1.2, 1.5) + np.random.default_rng(0).normal(size=(84, 84))
    maps = draw((84, 84), places, 0.8, 1.5)
    columns = find_columns(image, 0.2, probabilities=np.stack([1.0 - maps, maps]), classes=("background", "column"))
    assert len(columns) > len(find_columns(image, 0.2)) + 20
    distance, _ = nearest(np.stack([columns.x, columns.y], 1), places)
    assert np.mean(distance < 2.5) > 0.7  # a third at random


def test_a_network_that_sees_a_few_in_noise_is_not_believed() -> None:
    places = np.random.default_rng(1).uniform(5.0, 95.0, (7, 2))
    maps = draw((100, 100), places, 0.8, 1.5).clip(0.0, 1.0)
    noise = counted(np.full((100, 100), 30.0))
    found = find_columns(noise, 0.2, probabilities=np.stack([1.0 - maps, maps]), classes=("background", "column"))
    assert len(found) == 0


def test_blobs_that_touch_and_plateaus_are_counted_right():
    maps = np.zeros((2, 30, 40))
    maps[1, 8:13, 8:13] = 1.0  # a network that is sure: a plateau
    maps[1] += draw((30, 40), [[25.0, 20.0], [30.0, 20.0]], 0.9, 1.8)
    maps[1] = maps[1].clip(0.0, 1.0)
    maps[0] = 1.0 - maps[1]
    image = draw((30, 40), [[10.0, 10.0], [25.0, 20.0], [30.0, 20.0]], 100.0, 1.8, background=3.0)
    columns = find_columns(counted(image), 0.2, probabilities=maps, classes=("background", "column"))
    distance, _ = nearest(np.stack([columns.x, columns.y], 1), np.array([[10.0, 10.0], [25.0, 20.0], [30.0, 20.0]]))
    assert len(columns) == 3
    assert distance.max() < 0.3


def test_the_image_is_not_changed_and_must_be_one():
    image = counted(draw((40, 40), square(3, 12.0), 150.0, 2.2, background=30.0))
    image[5, 5] = np.nan
    before = image.copy()
    find_columns(image, 0.2)
    assert np.array_equal(image, before, equal_nan=True)
    with pytest.raises(PassbandError, match=r"must be \(y, x\) of real numbers"):
        find_columns(np.zeros((2, 3, 4)), 0.2)
    with pytest.raises(PassbandError, match="pixel_size"):
        find_columns(image, 0.0)
    with pytest.raises(PassbandError, match=r"here \(2, 40, 40\).*background first"):
        find_columns(image, 0.2, probabilities=np.zeros((2, 40, 41)), classes=("background", "a"))


def test_si110_dumbbells_are_resolved(shared_data):
    """The two columns of a pair are √3/4 a apart, 0.408 of the cell's a√6/4; the file does not say its pixel size."""
    image = read_micrograph(shared_data / "atomic_stem" / "Si110_5nmX25us_03_none_none.png").array
    columns = find_columns(image, 0.1)
    lattice = fit_lattice(columns.positions)
    assert lattice is not None
    assert lattice.angle == pytest.approx(109.47, abs=2.0)
    side = np.mean(lattice.lengths)
    apart = nearest_distances(columns.positions)[columns.border > 3.0]
    assert np.median(apart) / side == pytest.approx(np.sqrt(3.0) / np.sqrt(18.0), rel=0.03)
    assert np.mean(apart < 0.55 * side) > 0.95


def test_srtio3_has_its_spacing_and_two_kinds_of_columns(shared_data):
    """By its look along [110], rows of Sr and of Ti columns: a cell of 3.905 Å by a/√2. Its pixel size is known."""
    image = read_micrograph(shared_data / "atomic_stem" / "SrTiO3_test_ADF_cropped.hdf5").array
    columns = find_columns(image, 0.0932627)
    assert len(columns) == 247  # all of them, by their lattice
    group = height_groups(columns.height)
    lattice = fit_lattice(columns.positions, group)
    assert lattice is not None
    assert lattice.lengths == pytest.approx((3.905 / np.sqrt(2.0), 3.905), rel=0.01)
    assert lattice.angle == pytest.approx(90.0, abs=0.5)
    sites = find_sites(columns.positions, lattice)
    assert sites.fractions[1] == pytest.approx([0.0, 0.5], abs=0.02)
    for site in (0, 1):  # every column of a site is of one height
        assert np.ptp(group[sites.index == site]) == 0


def test_mos2_has_its_two_sub_lattices(shared_data):
    image = read_micrograph(shared_data / "atomic_stem" / "MoS2_stem_Exp-000-2.npy").array[:300, :300]
    columns = find_columns(image, 0.17578125)
    lattice = fit_lattice(columns.positions, height_groups(columns.height))
    assert lattice is not None
    assert np.mean(lattice.lengths) == pytest.approx(3.16, rel=0.06)  # the calibration of the scan is not known better
    sites = find_sites(columns.positions, lattice)
    metal, chalcogen = (np.median(columns.height[sites.index == site]) for site in (0, 1))
    assert metal > 1.5 * chalcogen
    step = np.hypot(*(sites.fractions[1] @ lattice.vectors))
    assert step == pytest.approx(np.mean(lattice.lengths) / np.sqrt(3.0), rel=0.1)


def test_what_an_image_was_filled_up_with_has_no_candidates():
    """Rejects ripples of a filter beyond the edge of an aligned frame, of which each costs the time of a column."""
    image = np.zeros((200, 200))
    image[:70, :70] = counted(draw((70, 70), square(6, 11.0), 150.0, 2.2, background=30.0))
    places = find_blobs(image).places
    assert len(places) >= 36
    assert places.max() < 75.0
    assert 36 <= len(find_columns(image, 0.2)) <= 40  # the edge of the frame is a step


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(8, 8), (11, 30), (17, 17), (20, 40)])
def test_an_image_with_fewer_frequencies_than_rings_is_looked_at(shape: tuple[int, int]) -> None:
    """Rejects quantiles of rings that a small image has no frequency on, which end in an IndexError."""
    blobs = find_blobs(np.random.default_rng(0).normal(size=shape))
    assert np.isfinite(blobs.sigma)


def test_columns_of_a_tiny_image_are_found() -> None:
    places = np.array([(x, y) for y in (4.0, 10.0, 16.0) for x in (4.0, 10.0, 16.0)])
    image = np.random.default_rng(0).poisson(draw((20, 20), places, 100.0, 2.0) + 5.0).astype(np.float64)
    found = find_blobs(image).places
    assert len(found) == 9
    assert np.abs(found - places).max() <= 1.0
