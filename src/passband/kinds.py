"""Open unions of recipes: a plan or a card says `kind = "…"`, and a new kind is one class with one decorator.

A union that is closed (`A | B`) has to be edited by whoever adds C. This one is a table: architectures of networks,
settings of instruments and whatever else will be added often register themselves, and plans, cards and the command line
read the table.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from passband.entries import suggestion
from passband.recipe import PassbandError, Recipe

T = TypeVar("T", bound=Recipe)


class Kinds(Generic[T]):
    """The kinds of one thing, by the value of their field `kind`.

    Parameters
    ----------
    what
        What they are kinds of, for messages: "architecture".
    default
        Kind of values that do not say theirs: the one that there was before there were several. A recipe of that kind
        leaves the field out of its JSON, so that identities of before stay as they were.
    elsewhere
        Modules that register kinds, by the kind; one is imported when its kind is asked for, since some import much.

    Examples
    --------
    >>> from typing import Literal
    >>> shapes: Kinds[Recipe] = Kinds("shape", default="disc")
    >>> @shapes.register
    ... class Disc(Recipe):
    ...     kind: Literal["disc"] = "disc"
    ...     radius: float
    >>> shapes.validate({"radius": 2.0})
    Disc(kind='disc', radius=2.0)
    >>> shapes.validate({"kind": "disk", "radius": 2.0})
    Traceback (most recent call last):
        ...
    passband.recipe.PassbandError: kind='disk' is no shape; did you mean 'disc'?
    """

    def __init__(
        self, what: str, *, default: str | None = None, elsewhere: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.what, self.default = what, default
        self._classes: dict[str, type[T]] = {}
        self._elsewhere = elsewhere

    def __iter__(self) -> Iterator[str]:
        """Names of the kinds: those of other modules, then those registered, in their order."""
        return iter(dict.fromkeys((*self._elsewhere, *self._classes)))

    def __getitem__(self, kind: str) -> type[T]:
        """Class of a kind.

        Raises
        ------
        PassbandError
            There is none; a near one is suggested.
        """
        if kind not in self._classes and kind in self._elsewhere:
            import_module(self._elsewhere[kind])
        if kind not in self._classes:
            raise PassbandError(f"kind={kind!r:.60} is no {self.what}; {suggestion(kind[:60], self)}")
        return self._classes[kind]

    def register(self, cls: type[T]) -> type[T]:
        """Add a class, by the default of its field `kind`; to be used as a decorator.

        Raises
        ------
        ValueError
            The class has no such field, or another class has the same kind.
        """
        field = cls.model_fields.get("kind")
        if field is None or not isinstance(field.default, str):
            raise ValueError(f'{cls.__name__} does not say its kind; write kind: Literal["…"] = "…" in it')
        known = self._classes.get(field.default)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise ValueError(f"kind={field.default!r} is {known.__name__} already; choose another name")
        self._classes[field.default] = cls
        return cls

    def remove(self, kind: str) -> None:
        """Forget a kind, as a test does that added it."""
        self._classes.pop(kind, None)

    def validate(self, value: Any) -> T:
        """Return the recipe that plain values describe; a recipe of any kind is returned as it is.

        To be used in a field of another recipe as `Annotated[SerializeAsAny[Parent], BeforeValidator(kinds.validate)]`.

        Raises
        ------
        PassbandError
            The kind is unknown.
        pydantic.ValidationError
            The values are not those of the kind.
        """
        for one in self._classes.values():
            if isinstance(value, one):
                return value
        kind = value.get("kind", self.default) if isinstance(value, Mapping) else None
        if not isinstance(kind, str):
            raise PassbandError(f"{value!r:.60} is no {self.what}; write a table with kind = one of {', '.join(self)}")
        return self[kind].model_validate(value)

    def without_default(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return serialised values of a recipe, the field `kind` left out where it is the default one."""
        return {name: value for name, value in values.items() if name != "kind" or value != self.default}
