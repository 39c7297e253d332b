"""Locks: one holder at a time, with the locks of the operating system and with leases where it has none."""

import os
import time

import pytest

from passband import locking
from passband.locking import exclusive, is_held

PATIENCE = 20.0  # seconds


@pytest.fixture(params=["flock", "lease"])
def kind(request, monkeypatch):
    if request.param == "lease":
        monkeypatch.setattr(locking, "fcntl", None)
    return request.param


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_or_a_folder_has_one_holder_and_is_given_back(tmp_path, kind, folder):
    """Rejects a lock of a folder that is none where the system opens no folders, and one that is never given back."""
    path = tmp_path / "lock"
    if folder:
        path.mkdir()
    with exclusive(path) as first, exclusive(path) as second:
        assert (first, second) == (True, False)
    with exclusive(path) as again:
        assert again
    assert list(tmp_path.iterdir()) == [path]
    assert not folder or not list(path.iterdir())


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
