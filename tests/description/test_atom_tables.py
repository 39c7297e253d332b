"""Tables of atoms are read as they were written, and anybody's are refused in one line where they cannot be."""

from pathlib import Path

import numpy as np
import pytest

from passband.description.atom_tables import read_atom_table
from passband.recipe import PassbandError

TABLE = """frame,atom,x_px,y_px,x_A,y_A,class,height
0,7,10,20,2.0,5.0,C,3.5
0,2,30,5,6.0,1.25,Si,9
2,7,11,20,2.2,5.0,C,3.4
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "atoms.csv"
    path.write_text(text)
    return path


def test_frames_come_with_their_atoms(tmp_path: Path) -> None:
    # rejects x and y exchanged, and one pixel size for both axes
    first, second = read_atom_table(write(tmp_path, TABLE))
    assert (first.frame, second.frame) == (0, 2)
    assert first.atom.tolist() == [7, 2]
    assert first.columns.names == ["C", "Si"]
    assert first.columns.pixel_size == pytest.approx((0.25, 0.2))
    assert first.columns.shape == (21, 31)
    np.testing.assert_allclose(first.columns.positions, [[2.0, 5.0], [6.0, 1.25]])
    assert first.columns.height.tolist() == [3.5, 9.0]


def test_places_alone_are_enough_with_a_pixel_size(tmp_path: Path) -> None:
    [only] = read_atom_table(write(tmp_path, "x_px,y_px\n3,4\n5,6\n"), pixel_size=0.5)
    assert only.columns.pixel_size == (0.5, 0.5)
    assert only.atom.tolist() == [-1, -1]
    assert only.columns.classes == ("column",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no column 'x_px'"),
        ("x_px,y_px\n3,4\n", "give it with --pixel-size"),
        ("x_px,y_px,x_A,y_A\n3,nan,1,1\n", "line 2: y_px='nan' is no number"),
        ("x_px,y_px,x_A,y_A\n3,,1,1\n", "has no place"),
        ("frame,x_px,y_px,x_A,y_A\n1,3,4,1,1\n0,3,4,1,1\n", "comes after frame 1"),
        ("frame,x_px,y_px,x_A,y_A\none,3,4,1,1\n", "frame='one' is no number"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        list(read_atom_table(write(tmp_path, text)))
