"""The page of every command: what it does, its arguments and options, and examples, made from the entries."""

from pathlib import Path
from typing import Any

from passband.commands.cli import build
from passband.commands.terminal.entry import Command, all_commands

HEAD = """\
# Every option of every command

What `passband COMMAND --help` says, made from the commands themselves; [Commands](commands.md) says what they share.
"""


def write(docs: Path) -> None:
    """Write `command_options.md` into the folder of pages."""
    path, text = docs / "command_options.md", page()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
        path.write_text(text, encoding="utf-8")


def page() -> str:
    """Return all commands as Markdown."""
    parts, group = [HEAD], ""
    for one in in_order():
        if one.group and one.group != group:
            group = one.group
            parts.append(f"## {group}\n")
        parts.append(section(one))
    return "\n".join(parts)


def in_order() -> list[Command]:
    """Commands as in the help, those of a group behind the command that opens it."""
    commands = all_commands()
    return [one for first in commands if " " not in first.name for one in (first, *_inside(first, commands))]


def _inside(first: Command, commands: list[Command]) -> list[Command]:
    return [one for one in commands if one.name.startswith(f"{first.name} ")]


def section(entry: Command) -> str:
    """Return one command as Markdown."""
    rows = [f"| {cell(name)} | {text(meaning)} |" for name, meaning in parameters(entry)]
    table = ["| argument or option | meaning |", "|---|---|", *rows, ""] if rows else []
    lines = [f"### passband {entry.name}", "", text(entry.summary), "", text(entry.help), "", *table]
    return "\n".join([*lines, "```", *entry.examples.splitlines(), "```", ""])


def parameters(entry: Command) -> list[tuple[str, str]]:
    """Return name and meaning of every argument and option of a command, as its help says them."""
    built = build(entry)
    context = built.make_context(f"passband {entry.name}", [], resilient_parsing=True)
    records: list[Any] = [one.get_help_record(context) for one in built.params]
    return [(name, " ".join(meaning.split())) for name, meaning in filter(None, records)]


def cell(name: str) -> str:
    """Return a name as code in a table."""
    return "`" + name.replace("|", r"\|") + "`"


def text(words: str) -> str:
    """Return words as they are, whatever they would mean in Markdown."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|$" else sign for sign in words)
