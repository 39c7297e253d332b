"""Films that vary: the thickness, holes and residue that were asked for are those of the atoms."""

import numpy as np
import pytest
from pydantic import ValidationError

from passband.distribution import Uniform
from passband.specimen.film import (
    FilmMaterial,
    FilmRelief,
    FilmResidue,
    film_shape,
    random_relief,
    with_hole,
    with_residue,
)

CARBON = FilmMaterial("C", 2.0, None, "network")
ATOMS = 0.10028  # per Å³ at 2 g/cm³
FIELD = 120.0


def shape(thickness=40.0, seed=0, **relief):
    return film_shape(FilmRelief(**relief), thickness, field=FIELD, rng=np.random.default_rng(seed))


def steps(values):
    """Differences to the next point along x and along y, across the borders too."""
    return np.roll(values, -1, axis=0) - values, np.roll(values, -1, axis=1) - values


def test_relief_has_its_rms_and_correlation_length():
    # rejects sides that are exchanged: the map is twice as long as wide
    maps = np.array([random_relief((240.0, 480.0), 20.0, np.random.default_rng(k)) for k in range(30)])
    assert maps.shape == (30, 240, 480)
    assert maps.mean() == pytest.approx(0.0, abs=1e-12)
    assert maps.std() == pytest.approx(1.0, abs=0.03)  # 30 fields of 50 patches each
    spacing = 240.0 / maps.shape[1]
    lag = round(20.0 / spacing)
    for axis in (1, 2):
        assert (maps * np.roll(maps, lag, axis=axis)).mean() == pytest.approx(np.exp(-1.0), abs=0.05)


def test_wedge_is_a_ramp_of_its_slope_along_one_axis():
    slopes = [np.abs(step) / (FIELD / 120) for step in steps(shape(wedge=0.2).thickness)]
    along, across = sorted(slopes, key=lambda slope: -slope.mean())
    assert np.isclose(along, 0.2, atol=1e-9).mean() > 0.97  # but for the ridge and the valley
    assert across.max() < 1e-9
    assert shape(wedge=0.2).thickness.mean() == pytest.approx(40.0, abs=0.2)
    assert np.ptp(shape(wedge=0.2).thickness) == pytest.approx(0.2 * FIELD / 2, rel=0.02)


def test_step_has_two_levels_and_a_sharp_border():
    for seed in range(6):
        levels, counts = np.unique(shape(step=15.0, seed=seed).thickness, return_counts=True)
        assert levels.tolist() == [40.0, 55.0]
        assert 0.19 < counts[1] / counts.sum() < 0.81


def test_undulation_is_asked_for_in_rms_and_never_makes_a_film_negative():
    values = [shape(undulation=5.0, correlation_length=15.0, seed=seed).thickness for seed in range(20)]
    assert np.std(values) == pytest.approx(5.0, rel=0.05)
    assert min(value.min() for value in values) >= 25.0  # clipped at three times the rms
    assert shape(thickness=5.0, undulation=5.0).thickness.min() == 0.0


def test_atoms_fill_the_film_to_its_local_thickness():
    # rejects maps whose x and y are exchanged, and maps that are mirrored
    film = shape(undulation=8.0, correlation_length=40.0, wedge=0.1, seed=3)
    atoms = film.cut(CARBON, np.random.default_rng(0))
    x, y, z = atoms.positions.T
    counts = np.histogram2d(x, y, bins=12, range=[[0, FIELD], [0, FIELD]])[0]
    thickness = counts / (ATOMS * (FIELD / 12) ** 2)
    told = film.thickness.reshape(12, 10, 12, 10).mean(axis=(1, 3))
    assert np.corrcoef(thickness.ravel(), told.ravel())[0, 1] > 0.95
    assert thickness.mean() == pytest.approx(told.mean(), rel=0.02)
    assert z.min() >= 0.0
    assert (z < film.at(film.thickness, atoms.positions)).all()


def test_hole_has_its_area_no_atoms_and_few_particles():
    relief = FilmRelief(hole=1.0, hole_area=0.3, hole_edge=10.0)
    plain = shape()
    centres = np.random.default_rng(0).uniform(0, FIELD / 2, (6, 3))
    over = []
    for seed in range(8):
        film = with_hole(plain, relief, centres, np.random.default_rng(seed))
        over.append(np.count_nonzero(film.at(film.thickness, centres) == 0.0))
        assert (film.thickness == 0.0).mean() == pytest.approx(0.3, abs=0.01)
        assert (film.thickness == 40.0).mean() > 0.3
    assert np.mean(over) < 0.5  # anywhere it would be 0.3 × 6
    atoms = film.cut(CARBON, np.random.default_rng(0))
    assert (film.at(film.thickness, atoms.positions) >= 3.0).all()
    assert len(atoms) == pytest.approx(ATOMS * film.thickness.mean() * FIELD**2, rel=0.03)


def test_holes_come_as_often_as_asked_for():
    relief = FilmRelief(hole=0.25)
    there = [with_hole(shape(), relief, np.empty((0, 3)), np.random.default_rng(seed)) for seed in range(60)]
    assert 6 <= sum(bool((film.thickness == 0).any()) for film in there) <= 25


def test_residue_lies_on_both_faces_thin_and_less_dense():
    residue = FilmResidue(patches=12, width=40.0, thickness=20.0, density=1.2)
    film = with_residue(shape(), residue, 2.0, np.random.default_rng(0))
    atoms = film.cut(CARBON, np.random.default_rng(0))
    z = atoms.positions[:, 2]
    bulk = (z >= 0) & (z < 40)
    assert bulk.sum() == pytest.approx(ATOMS * 40 * FIELD**2, rel=0.02)
    for face, there in ((film.before, z < 0), (film.behind, z >= 40)):
        assert there.sum() == pytest.approx(0.6 * ATOMS * face.sum() * (FIELD / len(face)) ** 2, rel=0.06)
        assert face.max() <= 20.0
    assert z.min() >= -20.0
    assert z.max() < 60.0
    assert z.min() < -10.0


def test_patches_have_their_width():
    one = FilmResidue(patches=1, width=40.0, thickness=10.0)
    areas, extents = [], []
    for seed in range(40):
        film = with_residue(shape(), one, 2.0, np.random.default_rng(seed))
        patch = (film.before > 0) | (film.behind > 0)
        areas.append(patch.mean() * FIELD**2)
        extents.append(patch.any(axis=1).mean() * FIELD)
    assert np.mean(areas) == pytest.approx(np.pi * 20.0**2, rel=0.15)
    assert np.std(extents) > 2.0  # blobs, not discs


def test_no_film_has_no_relief_and_no_residue():
    bare = shape(thickness=0.0, wedge=0.5, step=9.0)
    film = with_residue(bare, FilmResidue(patches=9), 2.0, np.random.default_rng(0))
    assert len(film.cut(CARBON, np.random.default_rng(0))) == 0


@pytest.mark.parametrize(
    ("recipe", "change", "message"),
    [
        (FilmRelief, {"wedge": -0.1}, "wedge runs from -0.1 to -0.1; it must stay within 0 and 1"),
        (FilmRelief, {"correlation_length": 0.0}, "correlation_length reaches 0 Å; it must stay positive"),
        (FilmRelief, {"hole": 1.5}, "less than or equal to 1"),
        (FilmRelief, {"hole_area": 1.0}, "hole_area runs from 1 to 1; it must stay within 0 and 0.9"),
        (FilmResidue, {"patches": -1}, "patches runs from -1"),
        (FilmResidue, {"width": Uniform(uniform=(0.0, 5.0))}, "width of residue reaches 0; it must stay positive"),
        (FilmResidue, {"density": 0.0}, "density of residue reaches 0"),
    ],
)
def test_impossible_films_are_refused(recipe, change, message):
    with pytest.raises(ValidationError, match=message):
        recipe(**change)
