import errno
import os
from pathlib import Path

import pytest

from passband.durable import write_atomically
from passband.recipe import PassbandError


class OwnError(PassbandError):
    pass


def test_parents_are_made_and_old_content_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"a long first version")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failure_at_any_moment_keeps_what_was_there(tmp_path: Path, monkeypatch, moment: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(OwnError, match=r"^the disk is full while writing .*file; free some space"):
        write_atomically(path, b"new", error=OwnError)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_reaches_the_disk_before_the_name_does(tmp_path: Path, monkeypatch) -> None:
    """After a power cut a renamed file without its bytes would be taken for a whole one."""
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append("replace"), replace(old, new))[1])
    write_atomically(tmp_path / "file", b"content")
    assert order == ["fsync", "replace", "fsync"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PassbandError, match=r"cannot be written .*; check the directory and its permissions"):
        write_atomically(tmp_path / "file" / "below", b"content")
