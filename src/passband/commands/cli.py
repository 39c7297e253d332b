"""The program `passband`, made of the entries: one line per error, exit code 2 for bad input."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from passband import __version__
from passband.commands.terminal.choices import with_choices
from passband.commands.terminal.entry import Command, all_commands
from passband.commands.terminal.errors import explain
from passband.entries import suggestion
from passband.recipe import PassbandError

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class CommandGroup(TyperGroup):
    """Commands whose names begin with the name of the group; each is built when it is used."""

    @property
    def prefix(self) -> str:
        """What stands before the names of the commands of the group."""
        return f"{self.name} "

    def entries(self) -> dict[str, Command]:
        """Return the commands of the group by what is typed behind its name."""
        within = {one.name.removeprefix(self.prefix): one for one in all_commands() if one.name.startswith(self.prefix)}
        return {name: one for name, one in within.items() if " " not in name}

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help."""
        return list(self.entries())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Build one command; None where there is none."""
        entry = self.entries().get(cmd_name)
        return None if entry is None else build(entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with.

        Raises
        ------
        PassbandError
            There is none; a near one is suggested.
        """
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            raise PassbandError(f"{args[0]!r:.60} is no command of {ctx.command_path}; {suggestion(args[0], names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, those of one heading together."""
        headings: dict[str, list[tuple[str, str]]] = {}
        for name, one in self.entries().items():
            headings.setdefault(one.group or "Commands", []).append((name, one.summary))
        width = max(len(name) for rows in headings.values() for name, _ in rows)
        for heading, rows in headings.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


class Program(CommandGroup):
    """The program itself: it reports what the user can mend on one line and leaves tracebacks to our own mistakes.

    `PASSBAND_DEBUG=1` in the environment shows the traceback of every error.
    """

    prefix = ""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **options: Any) -> Any:
        """Run a command and leave with its exit code."""
        options["standalone_mode"] = False
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that lacks ε, a file name that is not UTF-8
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            result = super().main(args, prog_name, **options)
        except BaseException as error:
            lines, code = explain(error)
            if code is None:
                raise
            if os.environ.get("PASSBAND_DEBUG"):
                traceback.print_exception(error)
            for line in lines:
                sys.stderr.write(f"{line}\n")
            sys.exit(code)
        sys.exit(result if isinstance(result, int) else 0)


def build(entry: Command) -> Any:
    """Return the command of an entry, or the group that it opens, as the parser of arguments wants it."""
    epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in entry.examples.splitlines())
    group = any(one.name.startswith(f"{entry.name} ") for one in all_commands())
    maker = typer.Typer(name=entry.name, cls=CommandGroup, rich_markup_mode=None, add_completion=False)
    options: dict[str, Any] = {"help": entry.help, "epilog": epilog, "context_settings": _SETTINGS}
    if group:
        maker.callback(invoke_without_command=True, **options)(entry.function)
    else:
        maker.command(entry.name.split(" ")[-1], **options)(with_choices(entry.function))
    return typer.main.get_command(maker)


app = typer.Typer(
    name="passband",
    cls=Program,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
    help="Neural networks for electron micrographs that know what they can see.",
    epilog="Start with: passband demo. Every command has examples: passband segment --help",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"passband {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def passband(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Neural networks for electron micrographs that know what they can see."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Entry point of the `passband` program."""
    app()
