"""Atoms of a movie: numbers that stay, frames without columns, and what comes and goes."""

import numpy as np
import pytest
from tests.description.sheets import lattice_points
from tests.description.test_atom_files import columns_at

from passband.description.frame_record import FrameColumns
from passband.description.tracks import MOVIE_COLUMNS, AtomCounter, linked_columns, movie_rows, with_sublattices

GRID = np.array([[10.0 + 4.0 * k, 12.0 + 4.0 * m] for m in range(4) for k in range(4)])


def frames(*places, first=0):
    """Frames of columns at places (n, 2) in Å; None stands for one that could not be read."""
    return [
        FrameColumns(
            number,
            None if one is None else columns_at(one),
            "is damaged" if one is None else "" if len(one) else "no columns",
        )
        for number, one in enumerate(places, start=first)
    ]


def counted(*places):
    counter = AtomCounter()
    linked = list(counter.passing(linked_columns(frames(*places))))
    return linked, counter


def test_atoms_go_on_over_frames_that_show_nothing_or_cannot_be_read():
    """Rejects atoms that die of a blanked beam, and frames that are lost or change places."""
    linked, counter = counted(None, GRID, [], None, GRID + 0.3, [])
    assert [one.found.frame for one in linked] == [0, 1, 2, 3, 4, 5]
    assert [one.identity.tolist() for one in linked] == [[], [*range(16)], [], [], [*range(16)], []]
    assert linked[4].drift == pytest.approx([0.3, 0.3], abs=1e-6)
    assert counter.atoms == 16
    told = counter.frames()
    assert [one.columns for one in told] == [None, 16, 0, None, 16, 0]
    assert [one.remark for one in told] == ["is damaged", "", "no columns", "is damaged", "", "no columns"]
    assert sum(one.born + one.gone for one in told) == 0
    assert told[2].drift_x_A is None


def test_what_comes_and_goes_is_counted_where_it_does():
    """Rejects births of the first frame, deaths told when the memory ends, and one that was missed told as gone."""
    missed, gone, new = np.delete(GRID, 5, axis=0), np.delete(GRID, [6], axis=0), np.vstack([GRID, [[30.0, 40.0]]])
    _, counter = counted(GRID, missed, GRID, gone, np.delete(new, [6], axis=0), np.delete(new, [6], axis=0))
    told = counter.frames()
    assert [one.born for one in told] == [0, 0, 0, 0, 1, 0]
    assert [one.gone for one in told] == [0, 0, 0, 1, 0, 0]
    assert [one.gone_at_border for one in told] == [0] * 6
    assert counter.atoms == 17


def test_atoms_at_the_border_are_told_apart():
    at_border = [[2.0, 20.0]]  # 2.1 Å from the edge, less than the spacing of 4 Å
    _, counter = counted(np.vstack([GRID, at_border]), GRID, np.vstack([GRID, [[57.5, 20.0]]]))
    told = counter.frames()
    assert [(one.gone, one.gone_at_border) for one in told] == [(0, 0), (1, 1), (0, 0)]
    assert [(one.born, one.born_at_border) for one in told] == [(0, 0), (0, 0), (1, 1)]


def test_frames_of_another_size_are_remarked_on():
    one, other = frames(GRID, GRID + 0.1)
    assert other.columns is not None
    small = other._replace(columns=other.columns.chosen(np.arange(16)))
    object.__setattr__(small.columns, "shape", (400, 250))
    counter = AtomCounter()
    linked = list(counter.passing(linked_columns([one, small])))
    assert linked[1].identity.tolist() == [*range(16)]
    assert counter.frames()[1].remark.startswith("400 × 250 pixels, those before 500 × 300")


def test_the_table_has_a_row_for_every_column_of_every_frame():
    linked, _ = counted(GRID, None, GRID[1:])
    rows = list(movie_rows(linked))
    assert len(rows) == 31
    assert set(rows[0]) == set(MOVIE_COLUMNS)
    assert [(row["frame"], row["atom"]) for row in rows[15:18]] == [(0, 15), (2, 1), (2, 2)]
    assert rows[16]["x_A"] == pytest.approx(14.0)


def test_a_movie_that_shows_nothing():
    _, counter = counted([], None, [])
    assert counter.atoms == 0
    assert [one.columns for one in counter.frames()] == [0, None, 0]


def test_an_atom_has_the_sublattice_of_the_first_frame_in_all():
    """Rejects classes that change places from frame to frame, as those of graphene would, and lost late atoms."""
    places = lattice_points((4.0, 0.0), (0.0, 4.0), 6, basis=((0.0, 0.0), (2.0, 2.0))) + 8.0
    heights = np.repeat([8.0, 3.0], 36)
    found = [
        FrameColumns(0, columns_at(np.empty((0, 2)))),
        FrameColumns(1, columns_at(places, height=heights)),
        FrameColumns(
            2, columns_at(np.vstack([places[1:] + 0.2, [[50.0, 40.0]]]), height=np.append(11.0 - heights[1:], 8.0))
        ),
        FrameColumns(3, None),
    ]
    frames = list(with_sublattices(linked_columns(found)))
    assert [one.found.frame for one in frames] == [0, 1, 2, 3]
    first, second = frames[1].found.columns, frames[2].found.columns
    assert first is not None
    assert second is not None
    assert first.names == ["A"] * 36 + ["B"] * 36
    assert second.names == ["A"] * 35 + ["B"] * 36 + ["column"]
    assert [row["class"] for row in movie_rows(frames)][72:74] == ["A", "A"]


def test_classes_of_a_network_stay():
    found = [FrameColumns(k, columns_at(GRID, classes=("Mo", "S"), label=[0, 1] * 8)) for k in range(2)]
    for one in with_sublattices(linked_columns(found)):
        assert one.found.columns is not None
        assert one.found.columns.names == ["Mo", "S"] * 8
