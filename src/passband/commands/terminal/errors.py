"""What an error says to the user: lines that name the value, the rule and the cure, and the exit code."""

import errno
from typing import Any

from passband.recipe import PassbandError

INTERRUPTED = 130
BAD_INPUT = 2


def printable(text: str) -> str:
    r"""Return one line in which what a terminal would obey instead of showing it is written as an escape.

    File names and metadata may hold line ends, control sequences that erase or forge what stands above, and marks that
    turn the direction of the text.

    Examples
    --------
    >>> print(printable("a\nerror: b"), printable("\x1b[2J"), printable("0.5 Å"))
    a\nerror: b \x1b[2J 0.5 Å
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def explain(error: BaseException) -> tuple[list[str], int | None]:
    """Return the lines to print for an error and the exit code; the code is None for a mistake of ours."""
    lines, code = _lines(error)
    return [printable(line) for line in lines], code


def _lines(error: BaseException) -> tuple[list[str], int | None]:
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return ["interrupted; the same command continues"], INTERRUPTED
    if type(error).__name__ == "ValidationError" and callable(getattr(error, "errors", None)):
        from passband.validation import error_lines

        return [f"error: {line}" for line in error_lines(error)], BAD_INPUT  # type: ignore[arg-type]
    if isinstance(error, PassbandError):
        return [f"error: {line}" for line in error.args], BAD_INPUT
    if isinstance(error, OSError):
        return [f"error: {_explain_file(error)}"], BAD_INPUT
    if hasattr(error, "format_message"):  # what the argument parser raises, whichever click it is built on
        return [f"error: {_explain_usage(error)}"], BAD_INPUT
    return [], None


def _explain_usage(error: Any) -> str:
    """Say what is wrong with the arguments, with the value that was typed, and where the right ones stand."""
    text = " ".join(str(error.format_message()).split()).rstrip(".")
    reasons = getattr(
        error.__cause__, "errors", None
    )  # of the parser's own validation, whose text leaves the value out
    if callable(reasons):
        first = reasons()[0]
        rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "it should be").rstrip(".")
        text = (
            f"{text.partition(': ')[0]}: {rule if repr(first['input']) in rule else repr(first['input']) + ': ' + rule}"
        )
    context = getattr(error, "ctx", None)
    return f"{text}; see {context.command_path} --help" if context is not None else text


def _explain_file(error: OSError) -> str:
    name = error.filename if error.filename is not None else ""
    if error.errno == errno.ENOSPC:
        return f"the disk is full{f' ({name})' if name else ''}; free some space, then the same command continues"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name} may not be written or read here; choose another folder with -o"
    if error.errno == errno.ENOENT:
        return f"{name} does not exist; check the path"
    reason = error.strerror or str(error)
    return " ".join(f"{name}: {reason}".split()) if name else " ".join(reason.split())
