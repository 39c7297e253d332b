"""How much of its stores a process keeps in memory: exit waves for all who image them, micrographs that are seen again.

An opened store has one `Memory`, and every data set drawn from the store uses it: training, each named validation set,
evaluations, calibration. Several stores may share one, as in a run of a campaign. What is kept never changes a result.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from passband.recipe import PassbandError

BUDGET = 3_000_000_000  # bytes of a process: with a paper network and its batches some 10 GB, see docs/campaigns
MICROGRAPHS = 1 / 3  # at most this share of a budget is for micrographs


class Sized(Protocol):
    """Anything that knows how many bytes it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes."""


T = TypeVar("T", bound=Sized)


class Memory:
    """One budget in bytes for exit waves and micrographs; any number of threads may use it.

    Waves are kept as long as they were used lately. Micrographs are those of data sets that are gone through again and
    again, where the ones last used are never the ones needed next: the first to ask keep theirs for as long as they
    live, up to a third of the budget, and the waves make room.

    Parameters
    ----------
    budget
        Bytes; 0 keeps nothing. It is of one device: what is in use while it is not kept comes on top.

    Raises
    ------
    PassbandError
        The budget is negative.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        if budget < 0:
            raise PassbandError(f"a memory of {budget} bytes is negative; write 0 to keep nothing")
        self.budget = budget
        self._lock = threading.Lock()
        self._waves: OrderedDict[Hashable, Any] = OrderedDict()
        self._wave_bytes = 0
        self._reserved: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type["Memory"], tuple[int]]:
        """Start empty where it is copied or sent to another process."""
        return type(self), (self.budget,)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept or reserved now."""
        with self._lock:
            return self._wave_bytes + sum(self._reserved.values())

    def wave(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under a key; else make it, once for all threads, and keep it if the budget allows."""
        with self._lock:
            if key in self._waves:
                self._waves.move_to_end(key)
                found: T = self._waves[key]
                return found
            made = make()
            room = self.budget - sum(self._reserved.values())
            if made.nbytes <= room:
                self._shrink(room - made.nbytes)
                self._waves[key] = made
                self._wave_bytes += made.nbytes
            return made

    def reserve(self, owner: object, nbytes: int) -> bool:
        """Whether an owner may keep so many more bytes of micrographs; given back when it is garbage."""
        with self._lock:
            reserved = sum(self._reserved.values()) + nbytes
            if reserved > self.budget * MICROGRAPHS:
                return False
            self._reserved[owner] = self._reserved.get(owner, 0) + nbytes
            self._shrink(self.budget - reserved)
            return True

    def _shrink(self, most: int) -> None:
        while self._wave_bytes > most:
            self._wave_bytes -= self._waves.popitem(last=False)[1].nbytes
