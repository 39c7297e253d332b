"""Plans, cards and other small documents as a stranger may have written them: plain values, read within bounds.

Whatever a file holds, reading it takes time and memory in proportion to its length, and its length is limited. Numbers
that are not finite or have thousands of digits, deep nesting, YAML's aliases, and names that are no regular file (a
FIFO would wait for ever) are refused in one line. What is written as JSON is JSON: NaN and infinity become null.
"""

import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from passband.recipe import PassbandError

MOST_BYTES = 2**24
MOST_YAML = 2**16  # its parser takes seconds for a megabyte
MOST_TOML = 2**20
MOST_DIGITS = 40  # a seed of 128 bits has 39
MOST_LEVELS = 64
MOST_PARTS = 100  # of a dotted name in TOML, whose parser takes the square of their number
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Characters that JSON may hold as they are and that a terminal obeys: C1 controls, marks of direction, line separators.
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


class DocumentError(PassbandError):
    """A document that is not accepted: what is wrong with it and the cure, without its name."""


@contextmanager
def naming(path: str | Path, error: type[PassbandError] = PassbandError) -> Iterator[None]:
    """Put the file's name before what is wrong with it, and raise that as `error`."""
    try:
        yield
    except DocumentError as problem:
        raise error(f"{path} {problem}") from problem


def special_file(mode: int) -> str:
    """Return what a file of this `st_mode` is, in words, if it is no regular file; else nothing."""
    if stat.S_ISREG(mode):
        return ""
    return next((kind for test, kind in _KINDS if test(mode)), "no regular file")


def read_document(path: str | Path, *, most: int = MOST_BYTES) -> bytes:
    """Bytes of a regular file of at most `most` bytes; a FIFO, a device or a folder is refused at once.

    Raises
    ------
    DocumentError
        It is no regular file, or too large.
    OSError
        It is missing or cannot be read.
    """
    content = read_beginning(path, most + 1)
    if len(content) > most:
        raise DocumentError(f"is larger than {most} bytes; name the right file, or take out what does not belong there")
    return content


def read_beginning(path: str | Path, size: int) -> bytes:
    """First `size` bytes of a regular file, or all there are; errors as `read_document`."""
    _refuse_special(os.stat(path).st_mode)  # opening a device can already do something
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _refuse_special(os.fstat(descriptor).st_mode)
        return file.read(size)


def _refuse_special(mode: int) -> None:
    if kind := special_file(mode):
        raise DocumentError(f"is {kind}; name a regular file")


def parse_json(content: bytes | str, *, lenient: bool = False) -> Any:
    """Values of a JSON text.

    Parameters
    ----------
    content
        UTF-8, or text.
    lenient
        Take a number that is not finite or has more than 40 digits as missing (None) instead of refusing the whole:
        for the metadata of microscopes, in which one bad number should not cost the others.

    Raises
    ------
    DocumentError
        It is no JSON, nested deeper than 64 levels, or holds NaN, infinity or a number of more than 40 digits.
    """
    try:
        text = content.decode("utf-8", "replace" if lenient else "strict") if isinstance(content, bytes) else content
        number = partial(_json_number, lenient=lenient)
        value = json.loads(text, parse_int=number, parse_float=number, parse_constant=number)
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    except UnicodeDecodeError as error:
        raise DocumentError("is not UTF-8 text; it is damaged or of another kind") from error
    except json.JSONDecodeError as error:
        raise DocumentError(f"is not valid JSON: {error}") from error
    _check(value)
    return value


def _json_number(text: str, *, lenient: bool) -> int | float | None:
    whole = text.lstrip("-").isdecimal()
    if len(text) <= MOST_DIGITS if whole else math.isfinite(float(text)):
        return int(text) if whole else float(text)
    if lenient:
        return None
    raise DocumentError(f"holds the number {text[:12]}{'…' * (len(text) > 12)}; {_NUMBER_RULE}")


def parse_toml(content: bytes | str) -> dict[str, Any]:
    """Values of a TOML text.

    Raises
    ------
    DocumentError
        It is no TOML, too long, nested deeper than 64 levels, or holds a number that is not finite or has more than 40
        digits.
    """
    if len(content) > MOST_TOML:
        raise DocumentError(f"has more than {MOST_TOML} characters; split it")
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise DocumentError("is not a text file; a plan is TOML in UTF-8") from error
    _refuse_long_names(text)
    try:
        value = tomllib.loads(text)
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(f"is not valid TOML: {error}; see docs.python.org/3/library/tomllib") from error
    except ValueError as error:  # Python's own limit on the digits of an integer
        raise DocumentError(f"holds a number of thousands of digits; {_NUMBER_RULE}") from error
    _check(value)
    return value


def _refuse_long_names(text: str) -> None:
    for piece in re.split(r"[,=\[\]{}\n]", text):
        parts = len(re.findall(r"\.+", piece))
        if parts > MOST_PARTS:
            raise DocumentError(f"holds a dotted name of {parts} parts; write tables instead")


def parse_yaml(content: bytes) -> Any:
    """Text, lists and tables of a YAML page, every scalar as it was written: 12:00:00 is no number.

    Raises
    ------
    DocumentError
        It is no YAML, longer than 64 kB, nested deeper than 64 levels, or uses aliases, with which a few lines stand
        for billions.
    """
    import yaml

    class Plain(yaml.BaseLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise DocumentError(
                    f"refers to *{self.peek_event().anchor[:40]}; write the values out, without aliases"
                )
            return super().compose_node(parent, index)

    if len(content) > MOST_YAML:
        raise DocumentError(f"has more than {MOST_YAML} bytes; a page for a cluster has a few lines")
    try:
        value = yaml.load(content.decode("utf-8"), Loader=Plain)
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"is not valid YAML: {' '.join(str(error).split())}") from error
    _check(value)
    return value


_TOO_DEEP = f"is nested deeper than {MOST_LEVELS} levels; it is damaged or hostile"
_NUMBER_RULE = f"numbers must be finite, of at most {MOST_DIGITS} digits"


def _check(document: Any) -> None:
    """Refuse deep nesting and impossible numbers; without recursion, so that depth cannot fill the stack."""
    waiting: list[tuple[str, int, Any]] = [("", 0, document)]
    while waiting:
        place, level, value = waiting.pop()
        if isinstance(value, Mapping | list):
            if level >= MOST_LEVELS:
                raise DocumentError(_TOO_DEEP)
            waiting += [(name, level + 1, child) for name, child in _children(place, value)]
        elif isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
            raise DocumentError(f"{place} is a whole number of more than {MOST_DIGITS} digits; write one that is meant")


def _children(place: str, value: Mapping[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """Return what may be wrong in a table or a list, with its place: most of a calibration are decimal numbers."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return (
        (f"{place}.{str(name)[:80]}".lstrip("."), child) for name, child in pairs if not isinstance(child, float | str)
    )


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Text of a value as JSON, which has no NaN and no infinity: they become null.

    What a terminal would obey instead of showing it (control characters, marks of direction, bytes of a file name that
    are no UTF-8) is escaped; other letters are written as they are.
    """
    text = json.dumps(_finite(value), indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
