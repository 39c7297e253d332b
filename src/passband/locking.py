"""A folder that one process at a time works in; what a killed process held is free again.

The lock is the operating system's (`flock`), which ends with its process and which NFS passes on to its server. Where
there is none (Windows, file systems mounted without locks) a file beside a locked file is renewed as long as the
process lives; one that was not renewed for `STALE` seconds is taken over. A folder is then not locked at all: nothing
is put into it or beside it, and who goes on after a kill does not wait.
"""

import contextlib
import errno
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

RENEWED, STALE = 20.0, 120.0  # seconds; the second leaves room for a file server that hangs for a while
#: EBADF: NFS locks nothing that was opened to be read alone, as folders are.
_UNSUPPORTED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EBADF)


@contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold a lock during a `with` block if it is free; yields whether it is ours.

    `path` is a file, made where there is none, or a folder. The file stays when the lock is given back: removing it
    would let two processes lock two files of one name. A folder is always ours where the system has no such locks.
    """
    with _opened(path) as descriptor:
        ours = _flocked(descriptor)
        if ours is None and not path.is_dir():
            with _leased(_lease(path)) as held:
                yield held
        else:
            yield ours is not False


@contextmanager
def exclusive_in_turn(path: Path, *, pause: float = 0.5) -> Iterator[None]:
    """Hold a lock during a `with` block, waiting until it is free."""
    while True:
        with exclusive(path) as ours:
            if ours:
                yield
                return
        time.sleep(pause)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock now; nothing is left behind."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        free = _flocked(descriptor, shared=True)
    finally:
        os.close(descriptor)
    if free is None:
        return not path.is_dir() and _lease(path).exists() and not _is_stale(_lease(path))
    return not free


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open what is to be locked; closing it gives the lock back. Windows opens no folders: -1 stands for one there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        descriptor = -1 if fcntl is None else os.open(path, os.O_RDONLY)
    else:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _flocked(descriptor: int, *, shared: bool = False) -> bool | None:
    """Whether the lock could be taken; None where there are no such locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _lease(path: Path) -> Path:
    return path.with_name(f"{path.name}.lease")


@contextmanager
def _leased(lease: Path) -> Iterator[bool]:
    if not _take(lease):
        yield False
        return
    released = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, released), daemon=True)
    renewing.start()
    try:
        yield True
    finally:
        released.set()
        renewing.join()
        lease.unlink(missing_ok=True)


def _renew(lease: Path, released: threading.Event) -> None:
    while not released.wait(RENEWED):
        with contextlib.suppress(OSError):
            os.utime(lease)


def _take(lease: Path) -> bool:
    """Make the lease; an old one whose process has died is moved away first."""
    if lease.exists() and _is_stale(lease):
        aside = lease.with_name(f"{lease.name}.{uuid.uuid4().hex}")
        try:
            lease.rename(aside)  # of several processes that see it is stale, one succeeds
        except OSError:
            return False
        live = not _is_stale(aside)  # somebody was quicker, and what we moved is already theirs
        with contextlib.suppress(OSError):
            if live:
                os.link(aside, lease)
            aside.unlink()
        if live:
            return False
    try:
        os.close(os.open(lease, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        return False
    return True


def _is_stale(lease: Path) -> bool:
    """Whether the lease was not renewed for long, by the clock of the file system."""
    probe = lease.with_name(f"{lease.name}.{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        return now - lease.stat().st_mtime > STALE
    except OSError:
        return False
