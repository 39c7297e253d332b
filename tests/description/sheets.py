"""Lattices and flakes of known vectors, bonds and rings."""

import numpy as np

from passband.description.columns import AtomColumns

BOND = 1.42


def lattice_points(a, b, count, *, basis=((0.0, 0.0),)):
    """Places of count × count cells, the basis in Å, one site after the other."""
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(count), np.arange(count)))
    cells = i[:, None] * np.asarray(a) + j[:, None] * np.asarray(b)
    return np.concatenate([cells + np.asarray(site) for site in basis])


def flake(columns, rows):
    """A graphene flake: two sub-lattices, one after the other."""
    a = BOND * np.sqrt(3.0)
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows)))
    first = np.stack([a * (i + 0.5 * (j % 2)), 1.5 * BOND * j], axis=1)
    return np.concatenate([first, first + np.array((0.0, BOND))])


def pairs_within(places, length):
    away = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    return np.argwhere(np.triu(away < length, 1))


def relaxed(places, bonds, *, length=BOND, steps=400):
    """Places moved until springs of one length, and weaker ones between second neighbours, are at rest."""
    second = {
        tuple(sorted((a, c))) for b in range(len(places)) for a in _beside(bonds, b) for c in _beside(bonds, b) if a < c
    }
    springs = [(bonds, length, 0.2), (np.array(sorted(second)), np.sqrt(3.0) * length, 0.05)]
    moved = places.copy()
    for _ in range(steps):
        force = np.zeros_like(moved)
        for ends, rest, strength in springs:
            step = moved[ends[:, 1]] - moved[ends[:, 0]]
            size = np.hypot(*step.T)[:, None]
            pull = strength * (size - rest) * step / size
            np.add.at(force, ends[:, 0], pull)
            np.add.at(force, ends[:, 1], -pull)
        moved += force
    return moved


def stone_wales(columns, rows):
    """A flake with one bond in its middle turned by 90°, its bonds, and relaxed."""
    places = flake(columns, rows)
    bonds = pairs_within(places, 1.2 * BOND)
    middle = places.mean(axis=0)
    one, other = min(bonds.tolist(), key=lambda ends: np.hypot(*(places[ends].mean(axis=0) - middle)))
    centre = 0.5 * (places[one] + places[other])
    for atom in (one, other):
        x, y = places[atom] - centre
        places[atom] = centre + np.array((-y, x))
    others = [ends for ends in bonds.tolist() if not {one, other} & set(ends)] + [[one, other]]
    rim = sorted({atom for ends in bonds.tolist() if {one, other} & set(ends) for atom in ends} - {one, other})
    for atom in rim:  # each of the four goes to the nearer of the turned two
        others.append([atom, min((one, other), key=lambda end: np.hypot(*(places[atom] - places[end])))])
    bonds = np.sort(np.array(others), axis=1)
    return relaxed(places, bonds), bonds


def _beside(bonds, atom):
    return [int(b if a == atom else a) for a, b in bonds if atom in (a, b)]


def columns_at(places, *, classes=("column",), label=None, height=None):
    """Columns at places (n, 2) in Å."""
    n = len(places)
    places = np.asarray(places, dtype=float).reshape(n, 2)
    return AtomColumns(
        x=places[:, 0] / 0.2,
        y=places[:, 1] / 0.1,
        label=np.zeros(n, np.intp) if label is None else np.asarray(label),
        height=np.full(n, 5.0) if height is None else np.asarray(height, dtype=float),
        sigma=np.full(n, 0.5),
        confidence=np.full(n, 0.9),
        x_error=np.full(n, 0.1),
        y_error=np.full(n, 0.1),
        classes=classes,
        pixel_size=(0.1, 0.2),
        shape=(500, 300),
    )
