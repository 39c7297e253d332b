"""Particles of known size and place, measured."""

import csv

import numpy as np
import pytest

from passband.camera.border import Border
from passband.camera.image_area import ImageArea
from passband.description.particles import COLUMNS, measure_labels, measure_particles
from passband.recipe import PassbandError
from passband.tabular import write_csv


def ellipse(shape, centre, radii):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


def test_disc_has_its_diameter_place_and_shape():
    mask = ellipse((200, 300), (80.0, 210.0), (40.0, 40.0))
    (row,) = measure_particles(mask, 0.5)
    assert row["area_nm2"] == pytest.approx(mask.sum() * 0.05**2, rel=1e-12)
    assert row["equivalent_diameter_nm"] == pytest.approx(4.0, rel=0.005)  # 80 px of 0.05 nm, edge pixels to ± 0.1
    assert (row["centroid_y_px"], row["centroid_x_px"]) == pytest.approx((80.0, 210.0), abs=1e-9)
    assert (row["centroid_y_nm"], row["centroid_x_nm"]) == pytest.approx((4.0, 10.5), abs=1e-9)
    assert row["eccentricity"] < 0.02
    assert row["touches_border"] is False
    assert row["mean_probability"] is None


def test_oblong_pixels_make_an_ellipse_a_disc():
    """Twice as many pixels along y of half the size: round in nanometres."""
    (row,) = measure_particles(ellipse((200, 200), (100, 100), (60, 30)), (0.5, 1.0))
    assert row["eccentricity"] < 0.1  # 0.5 % between the axes already make 0.1; mistaking the pixels makes 0.87
    assert row["equivalent_diameter_nm"] == pytest.approx(6.0, rel=0.01)
    assert row["centroid_y_nm"] == pytest.approx(5.0)
    assert row["centroid_x_nm"] == pytest.approx(10.0)


def test_eccentricity_is_that_of_the_ellipse():
    (row,) = measure_particles(ellipse((200, 200), (100, 100), (60, 36)), 1.0)
    assert row["eccentricity"] == pytest.approx(0.8, abs=0.005)  # √(1 − (36/60)²)


def test_rows_are_numbered_in_reading_order_and_small_ones_left_out():
    mask = ellipse((100, 100), (20, 70), (9, 9)) | ellipse((100, 100), (70, 20), (15, 15))
    mask[50, 90] = True
    assert [row["label"] for row in measure_particles(mask, 1.0)] == [1, 2, 3]
    large = measure_particles(mask, 1.0, minimum_area_nm2=1.0)
    assert [round(row["centroid_x_px"]) for row in large] == [70, 20]


@pytest.mark.parametrize(("y", "x"), [(0, 6), (6, 0), (11, 6), (6, 16)])
def test_every_edge_is_a_border_and_the_pixel_before_it_is_not(y, x):
    mask = np.zeros((12, 17), bool)
    mask[y, x] = True
    assert measure_particles(mask, 1.0)[0]["touches_border"] is True
    inner = np.pad(mask, 1)
    assert measure_particles(inner, 1.0)[0]["touches_border"] is False


@pytest.mark.parametrize("border", [Border(10, 0, 0, 0), Border(0, 20, 0, 0), Border(0, 0, 10, 0), Border(0, 0, 0, 20)])
def test_what_touches_the_border_of_the_image_is_cut(border: Border) -> None:
    # rejects a border that is not looked at, and sides that are taken for each other
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:20, 10:30] = True
    assert measure_particles(mask, 1.0, image_area=ImageArea(border))[0]["touches_border"] is True
    narrower = Border(*(max(0, side - 1) for side in border))
    assert measure_particles(mask, 1.0, image_area=ImageArea(narrower))[0]["touches_border"] is False


def test_what_touches_an_empty_corner_is_cut() -> None:
    """Within a border, by whose rows the corner is moved; and what is a pixel further is whole."""
    places = np.add.outer(np.arange(30), np.arange(50))
    mask = np.zeros((40, 50), dtype=bool)
    mask[20:26, 10:16] = True  # its first pixel is in row 10 and column 10 within the border, beside the corner
    for beside, cut in ((places < 20, True), (places < 18, False)):
        found = measure_particles(mask, 1.0, image_area=ImageArea(Border(10, 0, 0, 0), beside))
        assert found[0]["touches_border"] is cut


def test_border_and_diagonal_neighbours():
    mask = np.zeros((10, 10), bool)
    mask[0, 3] = mask[4, 4] = mask[5, 5] = mask[8, 9] = True
    rows = measure_particles(mask, 1.0)
    assert [row["touches_border"] for row in rows] == [True, False, True]
    assert rows[1]["area_nm2"] == pytest.approx(0.02)


def test_touching_labels_are_told_apart():
    labels = np.zeros((10, 20), int)
    labels[2:8, 2:10], labels[2:8, 10:18] = 1, 2
    assert len(measure_labels(labels, 1.0)) == 2
    assert len(measure_particles(labels, 1.0)) == 1


def test_probability_is_averaged_over_the_particle():
    mask = ellipse((40, 40), (20, 20), (8, 8))
    chance = np.where(mask, 0.9, 0.1)
    chance[20, 20] = 0.5
    (row,) = measure_particles(mask, 1.0, probability=chance)
    assert row["mean_probability"] == pytest.approx(chance[mask].mean())


def test_table_is_read_back(tmp_path):
    mask = ellipse((40, 40), (20, 21), (8, 8))
    rows = measure_particles(mask, 0.776, probability=mask.astype(float))
    write_csv(tmp_path / "particles.csv", rows, COLUMNS, digits=7)
    with (tmp_path / "particles.csv").open() as file:
        (read,) = csv.DictReader(file)
    assert tuple(read) == COLUMNS
    assert float(read["area_nm2"]) == pytest.approx(rows[0]["area_nm2"], rel=1e-6)
    assert read["touches_border"] == "False"


def test_no_particle_is_an_empty_table_with_a_header(tmp_path):
    write_csv(tmp_path / "none.csv", measure_particles(np.zeros((5, 5), bool), 1.0), COLUMNS, line_end="\n")
    assert (tmp_path / "none.csv").read_text() == ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), (1.0, 2.0, 3.0)])
def test_impossible_pixel_sizes(size):
    with pytest.raises(PassbandError, match="one or two positive lengths in Å"):
        measure_particles(np.ones((4, 4), bool), size)


def test_stacks_and_other_shapes_are_refused():
    with pytest.raises(PassbandError, match="one image at a time"):
        measure_particles(np.ones((2, 4, 4), bool), 1.0)
    with pytest.raises(PassbandError, match="same shape"):
        measure_particles(np.ones((4, 4), bool), 1.0, probability=np.ones((2, 4, 4)))


def test_what_is_no_mask_is_refused() -> None:
    """A probability has no zeros: all of the field would be one particle."""
    for values in (np.full((4, 4), 0.3), np.full((4, 4), np.nan), np.ones((4, 4), complex)):
        with pytest.raises(PassbandError, match="is not whole numbers; pass the labels"):
            measure_particles(values, 0.5)
