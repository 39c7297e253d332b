import errno
import os
import re
import secrets
import stat
from pathlib import Path

import pytest

from passband.durable import remove_leftovers, write_atomically
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


def names_while_writing(path: Path, monkeypatch) -> list[str]:
    """Names beside `path` at the moment its content is flushed."""
    seen: list[str] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (seen.extend(os.listdir(path.parent)), fsync(handle))[1])
    write_atomically(path, b"content")
    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_nobody_can_foresee_the_temporary_name(tmp_path: Path, monkeypatch) -> None:
    first, second = (names_while_writing(tmp_path / name / "file", monkeypatch)[0] for name in "ab")
    assert first != second
    assert all(re.fullmatch(r"\.file\.[0-9a-f]{16}\.tmp", name) for name in (first, second))


@pytest.mark.parametrize("planted", ["link to a file", "dangling link", "a file"])
def test_what_lies_in_place_of_the_temporary_file_is_never_written_through(
    tmp_path: Path, monkeypatch, planted: str
) -> None:
    victim = tmp_path / "victim"
    if planted != "dangling link":
        victim.write_bytes(b"precious")
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0" * 16)
    trap = tmp_path / f".file.{'0' * 16}.tmp"
    trap.write_bytes(b"precious") if planted == "a file" else trap.symlink_to(victim)
    with pytest.raises(PassbandError, match="File exists"):
        write_atomically(tmp_path / "file", b"content")
    assert not (tmp_path / "file").exists()
    assert victim.exists() is (planted != "dangling link")
    assert planted == "dangling link" or trap.read_bytes() == b"precious"


@pytest.mark.parametrize("exception", [KeyboardInterrupt, OSError])
def test_nothing_is_left_of_a_write_that_was_interrupted(tmp_path: Path, monkeypatch, exception) -> None:
    def fail(*_: object) -> None:
        raise exception

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((exception, PassbandError)):
        write_atomically(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "file").symlink_to(tmp_path / "other")
    write_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_says_who_may_read(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "😀" * 63])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    left = next(name for name in names_while_writing(folder / "file", monkeypatch) if name.startswith("."))
    (folder / "file").unlink()
    for path in (folder / left, folder / "below" / left):
        path.write_bytes(b"half")
    kept = [folder / ".lock", folder / "a.tmp", folder / "below" / "file"]
    for path in kept:
        path.write_bytes(b"")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / left).write_bytes(b"not ours")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    remove_leftovers(folder, deep=False)
    assert not (folder / left).exists()
    assert (folder / "below" / left).exists()
    remove_leftovers(folder)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(kept)
    assert (tmp_path / "elsewhere" / left).exists()
    remove_leftovers(tmp_path / "nowhere")
