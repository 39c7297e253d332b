"""Tables of named entries: what is added often is one entry, from which choices, messages and pages are made."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Generic, Protocol, TypeVar

from passband.recipe import PassbandError


class Named(Protocol):
    """A frozen value with a name."""

    @property
    def name(self) -> str:
        """What plans and the command line call it."""


T = TypeVar("T", bound=Named)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the cure for an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"


class Entries(Generic[T]):
    """Entries of one kind by name, in the order in which they were added.

    Parameters
    ----------
    what
        What they are, for messages: "overlap".
    entries
        Those to begin with.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Colour(NamedTuple):
    ...     name: str
    >>> colours = Entries("colour", [Colour("red"), Colour("blue")])
    >>> list(colours), colours["red"]
    (['red', 'blue'], Colour(name='red'))
    >>> colours["bleu"]
    Traceback (most recent call last):
        ...
    passband.recipe.PassbandError: 'bleu' is no colour; did you mean 'blue'?
    """

    def __init__(self, what: str, entries: Iterable[T] = ()) -> None:
        self.what = what
        self._entries: dict[str, T] = {}
        for entry in entries:
            self.add(entry)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> T:
        """Entry of a name.

        Raises
        ------
        PassbandError
            There is none; a near one is suggested.
        """
        if name not in self._entries:
            raise PassbandError(f"{name!r:.60} is no {self.what}; {suggestion(str(name), self)}")
        return self._entries[name]

    def values(self) -> Iterator[T]:
        """Return the entries themselves."""
        return iter(self._entries.values())

    def known(self, name: str) -> str:
        """Return the name if there is such an entry; for pydantic's `AfterValidator`.

        Raises
        ------
        PassbandError
            There is none.
        """
        return self[name].name

    def add(self, entry: T) -> T:
        """Add an entry and return it.

        Raises
        ------
        ValueError
            Another entry has its name.
        """
        if entry.name in self._entries:
            raise ValueError(f"{entry.name!r} is the name of another {self.what}; choose another one")
        self._entries[entry.name] = entry
        return entry

    def remove(self, name: str) -> None:
        """Forget an entry, as a test does that added it."""
        self._entries.pop(name, None)
