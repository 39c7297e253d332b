"""Regions of a map of materials: areas, thicknesses, roughness and lattices of drawn ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.description.regions import measure_regions, region_columns
from passband.recipe import PassbandError

SIDE = 300


@pytest.fixture(scope="module")
def layers() -> NDArray[np.uint16]:
    """A film of 60 pixels whose upper face is a wave of amplitude 5, and two equal discs above it."""
    y, x = np.mgrid[:SIDE, :SIDE]
    face = 160 + 5.0 * np.sin(2 * np.pi * x / 50.0)
    labels = np.where(y < face, 1, np.where(y < 220, 2, 0)).astype(np.uint16)
    for row, column in ((60, 70), (60, 200)):
        labels[np.hypot(y - row, x - column) < 20] = 3
    return labels


def fringes(period: float, turn_deg: float) -> NDArray[np.float64]:
    """Fringes across a direction that is anticlockwise from +x as it is looked at."""
    y, x = np.mgrid[:SIDE, :SIDE] * 2 * np.pi / period
    turn = np.radians(turn_deg)
    return np.cos(x * np.cos(turn) - y * np.sin(turn))


def test_area_thickness_and_roughness_of_a_film(layers: NDArray[np.uint16]) -> None:
    rows = measure_regions(layers, pixel_size=2.0)
    assert [row["material"] for row in rows] == [1, 2, 3, 3]
    film = rows[1]
    assert film["area_px"] == np.count_nonzero(layers == 2)
    assert film["area_nm2"] == pytest.approx(film["area_px"] * 0.04)
    assert film["mean_thickness_nm"] == pytest.approx(60 * 0.2, rel=0.02)
    wave = 5.0 * 0.2 / np.sqrt(2.0)  # of one face; the other is flat
    assert film["interface_roughness_nm"] == pytest.approx(wave / np.sqrt(2.0), rel=0.1)  # corners of pixels are cut
    upper = rows[0]
    assert upper["interface_roughness_nm"] == pytest.approx(wave, rel=0.1)  # discs are no part of its interface
    assert (film["touches_border"], rows[2]["touches_border"]) == (True, False)
    assert rows[2]["interface_roughness_nm"] is None
    assert (rows[3]["centroid_x_px"], rows[3]["centroid_y_px"]) == pytest.approx((200, 60), abs=0.5)
    assert rows[3]["mean_thickness_nm"] == pytest.approx(np.pi / 4 * 40 * 0.2, rel=0.05)  # of a disc π/4 of its width


def test_lengths_are_in_pixels_where_no_size_is_known(layers: NDArray[np.uint16]) -> None:
    rows = measure_regions(layers)
    assert set(rows[1]) == set(region_columns(None))
    assert rows[1]["mean_thickness_px"] == pytest.approx(60, rel=0.02)
    assert set(measure_regions(layers, pixel_size=2.0)[0]) == set(region_columns(2.0))


def test_the_lattice_of_each_region_is_its_own(layers: NDArray[np.uint16]) -> None:
    upper, film = fringes(9.0, 30.0) + 0.7 * fringes(7.0, 100.0), fringes(6.0, 150.0)
    image = np.where(layers == 2, film, upper) + np.random.default_rng(0).normal(0.0, 0.5, layers.shape)
    rows = measure_regions(layers, image=image, pixel_size=2.0)
    assert rows[0]["spacing_1_nm"] == pytest.approx(9.0 * 0.2, rel=0.01)
    assert rows[0]["spacing_2_nm"] == pytest.approx(7.0 * 0.2, rel=0.01)
    assert rows[0]["orientation_deg"] == pytest.approx(30.0, abs=1.0)
    assert rows[0]["angle_deg"] == pytest.approx(70.0, abs=1.5)
    assert rows[1]["spacing_1_nm"] == pytest.approx(6.0 * 0.2, rel=0.02)
    assert rows[1]["orientation_deg"] == pytest.approx(150.0, abs=2.0)
    assert rows[1]["spacing_2_nm"] is None
    flat = measure_regions(layers, image=np.random.default_rng(0).normal(size=layers.shape))
    assert all(row["spacing_1_px"] is None for row in flat)


def test_confidence_is_that_of_the_cells_below(layers: NDArray[np.uint16]) -> None:
    cells = np.where(np.arange(30)[:, None] < 15, 0.9, 0.5) * np.ones((30, 30))
    rows = measure_regions(layers, confidence=cells)
    assert rows[2]["confidence"] == pytest.approx(0.9)
    assert rows[1]["confidence"] == pytest.approx(0.5, abs=0.05)


def test_specks_have_no_row() -> None:
    labels = np.zeros((200, 200), dtype=np.uint8)
    labels[:50], labels[100, 100] = 1, 2
    labels[150:152, 150:152] = 2
    assert [row["area_px"] for row in measure_regions(labels)] == [10000, 4]
    assert measure_regions(np.zeros((50, 50), dtype=np.uint8)) == []


@pytest.mark.parametrize(
    ("labels", "image", "said"),
    [
        (np.zeros((4, 4)), None, "whole numbers"),
        (np.zeros((4, 4, 3), dtype=int), None, r"must be \(y, x\)"),
        (np.zeros((4, 4), dtype=int), np.zeros((4, 5)), "one shape"),
    ],
)
def test_what_is_no_map_is_refused(labels: NDArray[np.generic], image: NDArray[np.float64] | None, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        measure_regions(labels, image=image)  # type: ignore[arg-type]
