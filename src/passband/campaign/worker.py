"""Worker processes on this machine for a Dask scheduler: one that dies is replaced, all end with their parent.

Dask's own nannies give up on a worker that is killed while it starts, and wait for one that ends; a run is on the disk
when it is finished, so workers may simply be killed.

Started as `python -m passband.campaign.worker ADDRESS`, this is one such worker; the first line that it reads are its
credentials.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_POLL = 0.2  # seconds between two looks at the processes
_RESTART = 0.5  # seconds before one is replaced, so that one that cannot start does not keep a core busy


class Workers:
    """Worker processes for the time of a `with` block.

    Parameters
    ----------
    address
        Of the scheduler.
    count
        How many; always so many, whatever is killed.
    log
        File that gets what they print, such as the last words of one that crashed.
    credentials
        One line of `transport.for_worker`, told through a pipe: a command line or a file could be read by others.
    """

    def __init__(self, address: str, count: int, log: Path, credentials: bytes) -> None:
        self._command = [sys.executable, "-m", "passband.campaign.worker", address]
        self._count, self._log, self._credentials = count, log, credentials
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start them."""
        self._processes = [self._start() for _ in range(self._count)]
        self._watching.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill them; what they had not finished is continued another time."""
        self._ended.set()
        self._watching.join()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            _close(process)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,  # closed by the system when we die, however we die
                stdout=log,
                stderr=log,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,  # an interrupt from the keyboard is ours alone
            )
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # one that died at once is replaced
            process.stdin.write(self._credentials)
            process.stdin.flush()
        return process

    def _watch(self) -> None:
        while not self._ended.wait(_POLL):
            for place, process in enumerate(self._processes):
                if process.poll() is not None and not self._ended.wait(_RESTART):
                    _close(process)
                    self._processes[place] = self._start()


def _close(process: "subprocess.Popen[bytes]") -> None:
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


async def work(address: str, credentials: bytes) -> None:
    """Be a worker until the scheduler is gone."""
    import dask
    from distributed import Worker

    from passband.campaign.transport import of_worker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # here, because the import sets it too
    settings = {"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}
    options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": "127.0.0.1"}
    with dask.config.set({**settings, "distributed.worker.http.routes": []}):
        async with Worker(address, security=of_worker(credentials), **options) as worker:
            await worker.finished()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main(address: str) -> None:
    """Be a worker of a scheduler, no longer than the process that started this one lives."""
    credentials = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(work(address, credentials))
    os._exit(0)  # nobody waits for a run that is not finished


if __name__ == "__main__":
    main(sys.argv[1])
