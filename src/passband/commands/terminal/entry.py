"""What a command is: one entry with its function, its line in the help and its examples.

A file in `passband/commands` that calls `command` adds one; nothing else has to be changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from passband.entries import Entries

#: Headings of `passband --help`, in their order; others come after them.
GROUPS = START, IMAGES, NETWORKS, CONDITIONS, WRITING = (
    "Start here",
    "Look at micrographs",
    "Train and measure networks",
    "Choose conditions",
    "Write about it",
)

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of the program.

    Attributes
    ----------
    name
        What is typed behind `passband`; "campaign run" is a command of the group that the entry "campaign" opens.
    function
        Does it; its parameters are those of the command, its docstring is the help.
    summary
        Its line in the list of commands.
    examples
        One command line on each line.
    group, order
        Its heading in the list of commands, and its place below it.
    """

    name: str
    function: Callable[..., Any]
    summary: str
    examples: str
    group: str = ""
    order: int = 50

    @property
    def help(self) -> str:
        """What stands in the docstring of the function, each paragraph on one line."""
        parts = (self.function.__doc__ or "").split("\n\n")
        return "\n\n".join(" ".join(part.split()) for part in parts)


COMMANDS: Entries[Command] = Entries("command")


def command(
    *, summary: str, examples: str, name: str = "", group: str = "", order: int = 50
) -> Callable[[Function], Function]:
    """Make a function a command; its name is that of the function unless another is given. See `Command`."""

    def add(function: Function) -> Function:
        COMMANDS.add(
            Command(
                name=name or function.__name__,
                function=function,
                summary=summary,
                examples=examples.strip("\n"),
                group=group,
                order=order,
            )
        )
        return function

    return add


def all_commands() -> list[Command]:
    """Every command, in the order of the help; the files of `passband.commands` are imported for it."""
    package = import_module("passband.commands")
    for module in iter_modules(package.__path__, "passband.commands."):
        if not module.ispkg:
            import_module(module.name)
    return sorted(COMMANDS.values(), key=_place)


def _place(one: Command) -> tuple[int, int, str]:
    heading = GROUPS.index(one.group) if one.group in GROUPS else len(GROUPS)
    return heading, one.order, one.name
