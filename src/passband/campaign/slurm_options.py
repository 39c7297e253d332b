"""Options of a SLURM job in SLURM's own spellings, and which of them exclude each other (`man sbatch`)."""

import re
import shlex
from collections.abc import Iterable, Sequence
from math import ceil

from passband.recipe import PassbandError

#: Options that say the same thing or exclude each other: of each group a job script has one.
GROUPS: dict[str, tuple[str, ...]] = {
    "memory": ("--mem", "--mem-per-cpu", "--mem-per-gpu"),
    "walltime": ("-t", "--time"),
    "queue": ("-p", "--partition"),
    "account": ("-A", "--account"),
    "cores": ("-c", "--cpus-per-task", "--cpus-per-gpu"),
    "tasks": ("-n", "--ntasks"),
    "job name": ("-J", "--job-name"),
}
_UNITS = {"": 1, "K": 2, "M": 3, "G": 4, "T": 5, "P": 6}  # powers of 1024, or of 1000 with a B; none means MB
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgGtTpP]?)(i?[bB])?", re.ASCII)
_TIME = re.compile(r"\d+-\d+(:\d\d?){0,2}|\d+(:\d\d?){0,2}", re.ASCII)
_NO_LIMIT = ("UNLIMITED", "INFINITE")
_MEMORY_RULE = "write a number with K, M, G or T such as 32G or 1.5T, 0 for all memory of a node, or leave it out"
_TIME_RULE = "write minutes (90), hours:minutes:seconds (12:00:00), days-hours (1-12) or UNLIMITED, or leave it out"


def slurm_memory(text: str) -> str:
    """Return an amount of memory as sbatch takes it: a whole number and K, M, G or T; `0` is all memory of a node.

    Raises
    ------
    PassbandError
        It is no amount of memory.

    Examples
    --------
    >>> [slurm_memory(text) for text in ("32G", "12GB", "32 GiB", "1.5T", "4096", "unlimited")]
    ['32G', '12G', '32G', '1536G', '4096M', '0']
    """
    asked = text.strip()
    if asked.upper() in _NO_LIMIT or asked == "0":
        return "0"
    found = _MEMORY.fullmatch(asked)
    if found is None or len(asked) > 20 or not float(found[1]) > 0.0 or (found[3] and not found[2]):
        raise PassbandError(f"{text[:40]!r} is no amount of memory; {_MEMORY_RULE}")
    unit = found[2].upper() or "M"
    decimal = found[3] is not None and not found[3].startswith("i")  # 12GB is 12·10⁹ bytes, 12G and 12GiB 12·2³⁰
    value = float(found[1]) * ((1000.0 / 1024.0) ** (_UNITS[unit] - 1) if decimal else 1.0)
    if unit == "P":
        unit, value = "T", value * 1024.0
    if not decimal and value != round(value) and unit != "K":
        smaller = "KMGT"["KMGT".index(unit) - 1]
        return f"{ceil(value * 1024.0)}{smaller}"
    return f"{ceil(value - 1e-9)}{unit}"


def slurm_time(text: str) -> str:
    """Return a wall time as sbatch takes it, after a look whether it is one.

    Raises
    ------
    PassbandError
        It is none of SLURM's spellings.

    Examples
    --------
    >>> [slurm_time(text) for text in ("90", "30:00", "2:00:00", "1-12", "2-12:30", "unlimited")]
    ['90', '30:00', '2:00:00', '1-12', '2-12:30', 'UNLIMITED']
    """
    asked = text.strip()
    if asked.upper() in (*_NO_LIMIT, "0", "-1"):
        return "UNLIMITED"
    if len(asked) > 20 or not _TIME.fullmatch(asked) or not re.search(r"[1-9]", asked):
        raise PassbandError(f"{text[:40]!r} is no wall time; {_TIME_RULE}")
    return asked


def slurm_word(text: str) -> str:
    """Return one word of a job script's header, in which nothing can begin another line or another option.

    Raises
    ------
    PassbandError
        It holds blanks or signs that a shell could take for something else.
    """
    if not re.fullmatch(r"[\w.,:@=+%/~-]{1,200}", text) or text.startswith("-"):
        rule = "write letters, digits and . , : @ = + % / _ - without blanks, 200 at most"
        raise PassbandError(f"{text[:40]!r} cannot stand in a job script; {rule}")
    return text


def slurm_line(text: str) -> str:
    """Return a line of a job script.

    Raises
    ------
    PassbandError
        It is empty, longer than 2000 characters, or more than one line.
    """
    if not text.strip() or len(text) > 2000 or re.search(r"[\n\r\x00]", text):
        raise PassbandError(f"{text[:40]!r} is not one line of a job script; write each line as an item of the list")
    return text


def slurm_directive(text: str) -> str:
    """Return an `#SBATCH` option; the word `#SBATCH` before it may stand there.

    Raises
    ------
    PassbandError
        It is no option.
    """
    option = slurm_line(text).strip().removeprefix("#SBATCH").strip()
    if not re.match(r"-\w|--\w", option):
        cure = "write it as on the command line of sbatch, such as --gres=gpu:1"
        raise PassbandError(f"{text[:40]!r} is no option of sbatch; {cure}")
    return option


def options_in(directives: Iterable[str]) -> list[str]:
    """Return the options that directives give, as `GROUPS` spells them.

    Examples
    --------
    >>> options_in(["--gres=gpu:1 --mem-per-cpu=3G", "-t 90", "-pshort", "--exclusive"])
    ['--gres', '--mem-per-cpu', '-t', '-p', '--exclusive']
    """
    found = []
    for directive in directives:
        try:
            words = shlex.split(directive)
        except ValueError:  # an open quote: sbatch will say so
            words = directive.split()
        for word in words:
            if word.startswith("--") and len(word) > 2:
                found.append(word.split("=", 1)[0])
            elif re.match(r"-[A-Za-z]", word):
                found.append(word[:2])
    return found


def given(group: str, directives: Sequence[str]) -> list[str]:
    """Return the options of a group that directives give; they replace what the recipe would say."""
    return [option for option in options_in(directives) if option in GROUPS[group]]


def exclusive_options(directives: Sequence[str]) -> str:
    """Say which two options of directives exclude each other, "" if none do."""
    for group in GROUPS:
        both = list(dict.fromkeys(given(group, directives)))
        if len(both) > 1:
            return f"directives give {both[0]} and {both[1]}, of which sbatch takes one ({group}); leave one out"
    return ""
