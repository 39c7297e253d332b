"""Figures of atom columns show them where they are."""

import io

import numpy as np
import pytest
from PIL import Image
from tests.description.sheets import flake, lattice_points
from tests.description.test_atom_files import columns_at

from passband.description.bonds import find_bonds
from passband.description.lattice import fit_lattice
from passband.description.rings import find_rings
from passband.figures.atoms import columns_figure, columns_picture, rings_figure
from passband.figures.style import to_png


def test_circles_are_where_the_columns_are():
    places = lattice_points((4.0, 0.0), (0.0, 4.0), 6) + 2.0
    columns = columns_at(places, classes=("Sr", "Ti"), label=np.arange(36) % 2)
    figure = columns_figure(np.zeros((500, 300)), columns, lattice=fit_lattice(places))
    right = figure.axes[1]
    centres = np.concatenate(
        [[path.vertices[:24].mean(axis=0) for path in part.get_paths()] for part in right.collections]
    )
    expected = (places + np.array([0.1, 0.05])) / 10.0  # nm from the first pixel's corner
    away = np.hypot(*(centres[:, None] - expected[None]).transpose(2, 0, 1))
    assert away.min(axis=0).max() < 1e-9
    assert len(centres) == 36
    assert figure.axes[0].get_title(loc="left") == "micrograph; a 4.000, b 4.000 Å, 90.0°"
    assert len(to_png(figure)) > 1000


def test_rings_have_the_colour_of_their_size():
    places = flake(4, 4)
    figure = rings_figure(places, find_rings(places, find_bonds(places)))
    rings = find_rings(places, find_bonds(places))
    assert len(figure.axes[0].collections[0].get_paths()) == len(rings.atoms) > 5
    assert "of 6" in figure.axes[0].get_title(loc="left")
    assert columns_figure(np.zeros((50, 30)), columns_at(np.empty((0, 2)))).axes[1].get_title(loc="left") == "0 columns"


def test_pictures_of_many_columns_are_finer_and_marks_of_one_are_small():
    """Rejects circles that run into one another, and one that fills the picture."""
    sizes = []
    for side in (5, 80):
        places = lattice_points((48.0 / side, 0.0), (0.0, 48.0 / side), side)
        with Image.open(io.BytesIO(columns_picture(np.zeros((500, 300)), columns_at(places)))) as picture:
            sizes.append(picture.width)
    assert sizes[1] > 2 * sizes[0]
    [marks] = columns_figure(np.zeros((500, 300)), columns_at([[20.0, 30.0]])).axes[1].collections
    assert np.ptp(marks.get_paths()[0].vertices[:, 0]) == pytest.approx(0.3)  # nm, of a field of 6; σ is 0.05
