"""The network of amorphous carbon: density, bonds and shells of the literature, and no trace of its cell or pieces."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from passband.specimen.network import CELL_SIDE, NEAREST, carbon_network
from passband.specimen.support import amorphous_film, number_density

FIRST_SHELL = 1.85  # Å, in the gap between the two shells


def network(box, density=2.0, seed=0):
    return carbon_network(np.array(box, float), density, np.random.default_rng(seed))


def laid_out(positions, box):
    """Positions and their eight neighbours: a periodic search that does not trust a periodic tree."""
    shifts = [np.array([i * box[0], j * box[1], 0.0]) for i in (0, -1, 1) for j in (0, -1, 1)]
    return np.concatenate([positions + shift for shift in shifts])


def shells(positions, around, skin=4.0):
    """Density of atoms by distance from those deeper than `skin` in z, (Å, 1/Å³), and neighbours of each."""
    z = positions[:, 2]
    inner = positions[(z > z.min() + skin) & (z < z.max() - skin)]
    pairs = cKDTree(inner).sparse_distance_matrix(cKDTree(around), skin, output_type="coo_matrix")
    distance = pairs.data[pairs.data > 0]
    edges = np.arange(1.0, skin, 0.05)
    counts, _ = np.histogram(distance, edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    bonds = np.bincount(pairs.row[(pairs.data > 0) & (pairs.data < FIRST_SHELL)], minlength=len(inner))
    return middle, counts / (len(inner) * 4 * np.pi * middle**2 * 0.05), bonds


@pytest.fixture
def published(shared_data):
    """Coordinates (n, 3) of the cell of Ricolleau et al., 50 × 50 × 10 Å."""
    file = shared_data / "structures" / "amorphous_carbon_5x5x1nm.xyz"
    if not file.exists():
        pytest.skip(f"{file} is not here")
    rows = [line.split() for line in file.read_text().splitlines()[2:]]
    return np.array([[float(word) for word in row[1:4]] for row in rows if len(row) >= 4])


@pytest.mark.parametrize("box", [(90.0, 70.0, 40.0), (128.0, 128.0, 20.0), (45.0, 45.0, 75.0)])
@pytest.mark.parametrize("density", [1.8, 2.0, 2.2])
def test_density_and_box(box, density):
    # rejects pieces that overlap or leave gaps, and a cell that is not stretched
    positions = network(box, density)
    assert len(positions) / np.prod(box) == pytest.approx(number_density("C", density), rel=0.012)
    assert (positions >= 0).all()
    assert (positions < box).all()


def test_bonds_and_shells_are_those_of_amorphous_carbon():
    # carbon rich in sp²: bonds between graphite's 1.42 Å and 1.46 Å, the second shell at 2.5 Å = √3 bonds, and about
    # three neighbours. Rejects hard spheres, which have 1.8 neighbours and no shells.
    box = (100.0, 100.0, 60.0)
    positions = network(box)
    distance, density, bonds = shells(positions, laid_out(positions, box))
    assert bonds.mean() == pytest.approx(2.9, abs=0.15)
    assert (bonds == 3).mean() > 0.66
    first, second = distance < FIRST_SHELL, (distance > 2.2) & (distance < 2.9)
    assert np.average(distance[first], weights=density[first]) == pytest.approx(1.45, abs=0.02)
    assert np.average(distance[second], weights=density[second]) == pytest.approx(2.5, abs=0.04)
    assert density[second].max() > 2.5 * number_density("C", 2.0)
    gap = (distance > 1.7) & (distance < 2.15)
    assert density[gap].max() < 0.25 * number_density("C", 2.0)


@pytest.mark.parametrize("box", [(60.0, 80.0, 50.0), (25.0, 27.0, 20.0), (29.0, 33.0, 20.0)])
def test_no_atoms_are_nearer_than_a_bond_of_pieces_may_be(box):
    # across the periodic borders too, and with the shortest stretch; rejects seams that are not mended, and in a narrow
    # box those of a piece with its own periodic image
    for seed in range(3):
        positions = network(box, 2.3, seed)
        nearest = cKDTree(laid_out(positions, box)).query(positions, k=2)[0][:, 1]
        assert nearest.min() > NEAREST * (2.0 / 2.3) ** (1 / 3) - 1e-9


def test_shells_are_nearer_to_a_published_cell_than_hard_spheres_are(published):
    real, box = published, (100.0, 100.0, 40.0)
    inside = (np.abs(real[:, :2] - 25.0) < 21.0).all(axis=1)  # away from the borders of a block that is not periodic
    there = shells(real[inside], real, skin=2.95)
    films = network(box, 2.2), amorphous_film(box[:2], box[2], density=2.2, rng=np.random.default_rng(0)).positions
    ours, spheres = (shells(film, laid_out(film, box), skin=2.95) for film in films)
    assert ours[2].mean() == pytest.approx(there[2].mean(), abs=0.25)
    within = [np.cumsum(found[1] * 4 * np.pi * found[0] ** 2 * 0.05) for found in (ours, spheres, there)]
    ends = [np.interp([1.65, 2.15, 2.75], there[0], neighbours) for neighbours in within]  # behind a shell, gap, shell
    assert (np.abs(ends[0] - ends[2]) < [0.4, 0.3, 1.2]).all()
    assert np.abs(ends[1] - ends[2]).max() > 1.5
    assert np.diff(ends[0])[0] < 0.4 < np.diff(ends[1])[0]  # atoms in the gap


def test_same_generator_state_same_network_and_others_differ():
    first, again, other = (network((50, 60, 30), seed=seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert (cKDTree(other).query(first)[0] < 0.05).mean() < 1e-2  # chance: 4/3 π 0.05³ × 0.1 = 5e-5


def test_neither_cell_nor_pieces_show_in_projection():
    # the autocorrelation of the projected atoms at any distance beyond the second shell is noise; a cell that is merely
    # repeated gives 1 at its side, and one that is turned by quarters gives peaks of 0.1
    field, n = 160.0, 160
    spectra = []
    for seed in range(3):
        positions = network((field, field, 40.0), seed=seed)
        counts = np.histogram2d(*positions[:, :2].T, bins=n, range=[[0, field], [0, field]])[0]
        spectra.append(np.abs(np.fft.fft2(counts - counts.mean())) ** 2)
    correlation = np.fft.ifft2(np.mean(spectra, axis=0)).real
    correlation /= correlation[0, 0]
    away = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n, 1 / field)] * 2)) > 8.0
    noise = 1.0 / np.sqrt(3 * n * n)
    assert np.abs(correlation[away]).max() < 6.5 * noise  # of 25,000 values the largest is 4.3; neighbours correlate
    sides = np.abs([correlation[40, 0], correlation[0, 40], correlation[40, 40]])
    assert (sides < 4 * noise).all()
    assert CELL_SIDE == 40.0


def test_network_fills_space_evenly():
    # power of the projected density at 0.08 to 0.2 Å⁻¹, the grain of an image, over that of atoms at random places:
    # 0.3 to 0.4 for the published cell and for hard spheres; rejects a cell quenched with voids (1.1)
    field, power = 160.0, []
    for seed in range(2):
        positions = network((field, field, 40.0), seed=seed)
        counts = np.histogram2d(*positions[:, :2].T, bins=160, range=[[0, field], [0, field]])[0]
        power.append(np.abs(np.fft.fft2(counts - counts.mean())) ** 2 / len(positions))
    q = np.hypot(*np.meshgrid(*[np.fft.fftfreq(160, 1.0)] * 2))
    assert np.mean(power, axis=0)[(q > 0.08) & (q < 0.2)].mean() < 0.7


def test_network_is_even_and_reaches_every_border():
    box = (90.0, 90.0, 60.0)
    positions = network(box)
    for axis, side in enumerate(box):
        counts, _ = np.histogram(positions[:, axis], bins=9, range=(0, side))
        assert counts == pytest.approx(np.full(9, len(positions) / 9), rel=0.05)  # 3.7 times what a random gas has
