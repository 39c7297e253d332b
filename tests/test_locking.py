"""Locks: one holder at a time, with the locks of the operating system and with leases where it has none."""

import errno
import os
import time
from pathlib import Path

import pytest

from passband import locking
from passband.locking import exclusive, is_held

PATIENCE = 20.0  # seconds


@pytest.mark.parametrize(("folder", "leased"), [(False, False), (False, True), (True, False)])
def test_a_file_or_a_folder_has_one_holder_and_is_given_back(tmp_path, monkeypatch, folder, leased):
    """Rejects a lock that two hold at once, and one that is never given back."""
    path = tmp_path / "lock"
    if folder:
        path.mkdir()
    if leased:
        monkeypatch.setattr(locking, "fcntl", None)
    with exclusive(path) as first, exclusive(path) as second:
        assert (first, second) == (True, False)
    with exclusive(path) as again:
        assert again
    assert list(tmp_path.iterdir()) == [path]
    assert not folder or not list(path.iterdir())


def _unsupported(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.mark.parametrize("system", ["Windows", "Lustre"])
@pytest.mark.parametrize("here", [False, True])
def test_a_folder_where_there_are_no_locks_is_gone_on_with(tmp_path, monkeypatch, system, here):
    """Rejects a lease of a folder: beside "." it has no name, and after a kill it is in the way for minutes."""
    folder = tmp_path / "store"
    folder.mkdir()
    (tmp_path / "store.lease").touch()
    if system == "Windows":
        monkeypatch.setattr(locking, "fcntl", None)
    else:
        monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", _unsupported)
    monkeypatch.chdir(folder)
    path = Path() if here else folder
    with exclusive(path) as ours:
        assert ours
        assert not is_held(path)
        assert not list(folder.iterdir())
        assert [one.name for one in sorted(tmp_path.iterdir())] == ["store", "store.lease"]


def test_a_lease_excludes_others_and_is_given_back(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "fcntl", None)
    path = tmp_path / "lock"
    with exclusive(path) as first, exclusive(path) as second:
        assert (first, second) == (True, False)
        assert is_held(path)
    assert not is_held(path)
    with exclusive(path) as again:
        assert again


def test_a_lease_that_nobody_renews_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "fcntl", None)
    lease = tmp_path / "lock.lease"
    lease.touch()
    with exclusive(tmp_path / "lock") as fresh:
        assert not fresh
    old = time.time() - locking.STALE - 5.0
    os.utime(lease, (old, old))
    assert not is_held(tmp_path / "lock")
    with exclusive(tmp_path / "lock") as ours:
        assert ours


def test_a_lease_is_renewed_while_its_holder_lives(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "fcntl", None)
    monkeypatch.setattr(locking, "RENEWED", 0.01)
    lease = tmp_path / "lock.lease"
    with exclusive(tmp_path / "lock"):
        os.utime(lease, (0.0, 0.0))
        until = time.monotonic() + PATIENCE
        while lease.stat().st_mtime == 0.0:
            assert time.monotonic() < until
            time.sleep(0.01)
