import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.support import amorphous_film, default_minimum_distance


def closest_pair(film):
    """Shortest distance, borders in x and y included: images laid out by hand, not by a periodic tree."""
    size = film.cell.lengths()
    shifts = [np.array([i * size[0], j * size[1], 0.0]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    everything = np.concatenate([film.positions + shift for shift in shifts])
    return cKDTree(everything).query(film.positions, k=2)[0][:, 1].min()


@settings(max_examples=12, deadline=None)
@given(
    size=st.tuples(st.floats(20, 60), st.floats(20, 60)),
    thickness=st.floats(8, 40),
    density=st.floats(0.5, 2.4),
    distance=st.floats(0.8, 1.45),
    seed=st.integers(0, 2**32),
)
def test_film_keeps_density_distance_and_box(size, thickness, density, distance, seed):
    film = amorphous_film(size, thickness, density=density, minimum_distance=distance, rng=np.random.default_rng(seed))
    grams = film.get_masses().sum() * 1.66053907e-24
    volume = size[0] * size[1] * thickness * 1e-24
    assert grams / volume == pytest.approx(density, rel=0.01)
    assert closest_pair(film) >= distance
    assert (film.positions >= 0).all()
    assert (film.positions < [*size, thickness]).all()


def test_film_is_even_and_reaches_every_border():
    film = amorphous_film((60, 60), 60, rng=np.random.default_rng(0))
    for axis in range(3):
        counts, _ = np.histogram(film.positions[:, axis], bins=6, range=(0, 60))
        expected = len(film) / 6
        assert (abs(counts - expected) < 5 * np.sqrt(expected)).all()


def test_same_generator_state_same_film_and_others_differ():
    first, again, other = (amorphous_film((30, 30), 20, rng=np.random.default_rng(k)) for k in (1, 1, 2))
    assert first.positions.tobytes() == again.positions.tobytes()
    assert not np.array_equal(first.positions, other.positions)


@pytest.mark.parametrize(("symbol", "density"), [("SiO2", 2.2), ("Si3N4", 3.1), ("C", 2.0)])
def test_film_of_any_composition_has_its_density(symbol, density):
    film = amorphous_film((50, 40), 30, symbol=symbol, density=density, rng=np.random.default_rng(0))
    assert film.get_masses().sum() * 1.66053907 / (50 * 40 * 30) == pytest.approx(density, rel=0.003)  # 1 in 1000 atoms


def test_compound_film_has_its_composition():
    film = amorphous_film((40, 40), 30, symbol="SiO2", density=2.2, rng=np.random.default_rng(0))
    assert (film.numbers == 8).sum() == pytest.approx(2 * (film.numbers == 14).sum(), abs=1)
    assert np.corrcoef(film.numbers, np.arange(len(film)))[0, 1] == pytest.approx(0, abs=0.1)  # mixed, not in blocks


def test_no_film():
    assert len(amorphous_film((30, 30), 0.0, rng=np.random.default_rng(0))) == 0


def test_carbon_distance_is_below_graphite():
    assert default_minimum_distance("C") == pytest.approx(1.40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"density": -2.0}, r"density=-2 g/cm³ must be positive"),
        ({"density": float("nan")}, "must be positive"),
        (
            {"density": 5.0},
            r"does not fit with minimum_distance=1\.4 Å .* take a distance ≤ 1\.\d\d Å or a density ≤ 4",
        ),
        ({"minimum_distance": 0.0}, "minimum_distance=0 Å must be positive"),
        ({"symbol": "Xx"}, "'Xx' is no element or formula"),
        ({"symbol": "c"}, "'c' is no element or formula"),
        ({"thickness": -1.0}, "lengths must be positive"),
        ({"size_xy": (2.0, 30.0)}, "lengths must be positive"),
    ],
)
def test_impossible_films_are_refused(change, message):
    arguments = {"size_xy": (30.0, 30.0), "thickness": 10.0} | change
    with pytest.raises(PassbandError, match=message):
        amorphous_film(**arguments, rng=np.random.default_rng(0))
