"""Columns of frames on the disk: the same when read back, and whole after a kill."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from tests.description.test_atom_files import columns_at

from passband.description.columns import AtomColumns
from passband.description.frame_record import FrameColumns, FrameRecord
from passband.recipe import PassbandError


def frame(number: int) -> FrameColumns:
    places = np.random.default_rng(number).uniform(0.0, 30.0, (4, 2))
    return FrameColumns(number, columns_at(places, classes=("Mo", "S"), label=[0, 1, 1, 0]), "dim" * number)


def same(one: AtomColumns, other: AtomColumns) -> bool:
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))


def test_what_is_written_is_read_back_to_the_last_digit(tmp_path: Path) -> None:
    record = FrameRecord(tmp_path / "a", "one")
    third = frame(0).columns
    assert third is not None
    given = [frame(0), FrameColumns(1, None, "a.tif: is damaged"), frame(2)]
    for one in given:
        record.add(one)
    found = list(FrameRecord(tmp_path / "a", "one"))
    assert [one.frame for one in found] == [0, 1, 2]
    assert [one.remark for one in found] == [one.remark for one in given]
    assert found[1].columns is None
    for one, other in zip(found[::2], given[::2], strict=True):
        assert one.columns is not None
        assert other.columns is not None
        assert same(one.columns, other.columns)
        assert one.columns.label.dtype == np.intp
    assert not same(replace(third, x=third.x + 1e-15), third)


@pytest.mark.parametrize("lost", [1, 50, 100_000])
def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path, lost: int) -> None:
    record = FrameRecord(tmp_path / "a", "one")
    for number in range(3):
        record.add(frame(number))
    whole = (tmp_path / "a").read_bytes()
    length = len(whole.splitlines(keepends=True)[-1])
    (tmp_path / "a").write_bytes(whole[: -min(lost, length - 1)])
    again = FrameRecord(tmp_path / "a", "one")
    assert again.done == 2
    again.add(frame(2))
    assert (tmp_path / "a").read_bytes() == whole


def test_a_record_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    FrameRecord(tmp_path / "a", "one").add(frame(0))
    assert FrameRecord(tmp_path / "a", "one").done == 1
    assert FrameRecord(tmp_path / "a", "two").done == 0
    assert list(FrameRecord(tmp_path / "a", "two")) == []


def test_a_file_of_the_user_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("my notes\n")
    with pytest.raises(PassbandError, match="a is there and is no record of passband's; move it away"):
        FrameRecord(tmp_path / "a", "one")
    assert (tmp_path / "a").read_text() == "my notes\n"
