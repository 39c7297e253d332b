"""The command line: one line per error, exit code 2 for bad input, and every command continues where it stopped."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from passband import __version__
from passband.commands import (
    advise,
    calibrate,
    campaign,
    cite,
    demo,
    evaluate,
    fit,
    information,
    inspect,
    segment,
    simulate,
    train,
    trust,
)
from passband.commands.terminal.errors import explain


class OneLineErrors(TyperGroup):
    """A command group that reports what the user can mend on one line and leaves tracebacks to our own mistakes.

    `PASSBAND_DEBUG=1` in the environment shows the traceback of every error.
    """

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


app = typer.Typer(
    name="passband",
    cls=OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
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
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Neural networks for electron micrographs that know what they can see."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


_EXAMPLES = {
    "inspect": """
passband inspect micrograph.dm4
passband inspect session/*.tif
passband inspect stack.mrc --json
""",
    "information": """
passband information --energy 300e3 --focal-spread 10 --c10 -80 --c30 2.5e5
passband information --c10 -80 --c30 2.5e5 --against c10=-250,c30=2.5e5 --weight area --json
""",
}


def _register(module: Any, name: str, summary: str) -> None:
    _add(app, getattr(module, name), summary, getattr(module, "EXAMPLES", None) or _EXAMPLES[name])


def _add(commands: typer.Typer, function: Any, summary: str, examples: str) -> None:
    first = (function.__doc__ or "").split("\n\n")[0]
    epilog = "\b\nExamples:\n" + _indent(examples)
    commands.command(function.__name__, short_help=summary, help=" ".join(first.split()), epilog=epilog)(function)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


for _module, _name, _summary in (
    (demo, "demo", "From atoms to a segmented micrograph in minutes."),
    (simulate, "simulate", "A plan becomes a store of exit waves."),
    (train, "train", "A plan and its store become a network."),
    (evaluate, "evaluate", "Scores of a network on named conditions."),
    (calibrate, "calibrate", "Where a network holds: measured, for its card."),
    (segment, "segment", "Micrographs become masks and particles."),
    (trust, "trust", "Does this network hold on this micrograph?"),
    (advise, "advise", "Where to record, and what to train on."),
    (information, "information", "What conditions transfer, and how alike two are."),
    (fit, "fit", "Defocus and astigmatism from a micrograph's rings."),
    (inspect, "inspect", "What a file holds and how it was understood."),
    (cite, "cite", "What to cite."),
):
    _register(_module, _name, _summary)
app.add_typer(campaign.group(_add), name="campaign", short_help=campaign.SUMMARY)


def main() -> None:
    """Entry point of the `passband` program."""
    app()
