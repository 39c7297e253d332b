"""Run benchmarks and put RESULTS.md together: `make bench`, or `make bench BENCH="waves real_gold"` for some of them.

A benchmark is a script in this folder that prints Markdown. Its docstring says everything else:

* the first line is `Heading: what is measured.`;
* a line that is indented by four spaces is a command, run as it stands (`[--options]` in brackets are left out);
* the other lines say how it is measured, and come before the results;
* lines below `Remarks` and a line of dashes come after them.

What a command prints is kept in `results/<script>.md` below the command, the date and the machine, so that the
benchmarks can be run one by one. RESULTS.md is the docstrings and these files, by heading; nobody edits it.
"""

import argparse
import ast
import os
import platform
import re
import resource
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PREFACE = """\
# Benchmark results

Made by `make bench` from the scripts in this folder and from `results/`, where each is kept as its script printed it;
`make bench BENCH=waves` runs one. CPU s are user and system seconds of the command and its children; the load is the
number of busy processes of the machine, averaged over the minute before the start.
"""


class Benchmark(NamedTuple):
    """What the docstring of a script says of it."""

    script: Path
    heading: str
    method: str
    commands: tuple[str, ...]
    remarks: str


def read_benchmark(script: Path) -> Benchmark | None:
    """Benchmark of a script; None where its docstring holds no command.

    Raises
    ------
    ValueError
        The docstring has a command, but does not begin with a heading.
    """
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")), clean=False) or ""
    first, _, rest = docstring.partition("\n")
    body, _, remarks = rest.partition("\nRemarks\n")
    lines = body.splitlines()
    commands = [re.sub(r"\s*\[[^\]]*\]", "", line).strip() for line in lines if line.startswith("    ")]
    if not commands:
        return None
    heading, colon, what = first.partition(": ")
    if not colon:
        raise ValueError(f"{script.name}: the docstring begins '{first}'; begin it 'Heading: what is measured.'")
    told = "\n".join(line for line in lines if not line.startswith("    "))
    text = f"{what[:1].upper()}{what[1:]}\n\n{told}".strip()
    method = re.sub(r"\n{3,}", "\n\n", text)
    return Benchmark(script, heading, method, tuple(commands), remarks.lstrip("-").strip())


def benchmarks(folder: Path) -> list[Benchmark]:
    """Every benchmark of a folder, by heading."""
    found = (read_benchmark(script) for script in folder.glob("*.py"))
    return sorted((one for one in found if one is not None), key=lambda one: one.heading)


def results_path(one: Benchmark) -> Path:
    """Where the results of a benchmark are kept."""
    return one.script.parent / "results" / f"{one.script.stem}.md"


def assemble(folder: Path) -> str:
    """Text of RESULTS.md from docstrings and kept results."""
    sections = [PREFACE]
    for one in benchmarks(folder):
        kept = results_path(one)
        results = kept.read_text(encoding="utf-8").strip() if kept.is_file() else "Not run yet."
        parts = (f"## {one.heading}", one.method, results, one.remarks)
        sections.append("\n\n".join(part for part in parts if part) + "\n")
    return "\n".join(sections)


def machine() -> str:
    """Cores, processor, memory and version of torch: `2-core AMD EPYC, 24 GB, torch 2.13.0+cpu`."""
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.*)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    processor = re.sub(r"\((R|TM)\)|\bProcessor\b|\bCPU\b|@.*", "", found[1] if found else platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()}-core {' '.join(processor.split())}, {memory:.0f} GB{device}, torch {torch.__version__}"


def run_command(command: str, root: Path) -> str:
    """Run a command of a docstring in a folder; return what it prints, below a line that says where it comes from.

    Raises
    ------
    subprocess.CalledProcessError
        The command failed.
    """
    words = shlex.split(command)
    named = [word for word in words if re.match(r"[A-Z_]+=", word)]
    arguments = [sys.executable if word == "python" else word for word in words[len(named) :]]
    environment = os.environ | dict(word.split("=", 1) for word in named)
    begun, load, spent = time.perf_counter(), os.getloadavg()[0], _child_seconds()
    printed = []
    with subprocess.Popen(arguments, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    clock, processor = time.perf_counter() - begun, _child_seconds() - spent
    source = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {machine()}; {processor:.0f} CPU s in {clock:.0f} s"
    return f"{source}, load {load:.1f} before.\n\n{''.join(printed).strip()}\n"


def _child_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def chosen(names: list[str], folder: Path) -> list[Benchmark]:
    """Benchmarks of these names, with or without `bench_`; all of them for no name.

    Raises
    ------
    ValueError
        There is no such benchmark.
    """
    known = {one.script.stem: one for one in benchmarks(folder)}
    full = [name if name in known else f"bench_{name}" for name in names]
    for name, stem in zip(names, full, strict=True):
        if stem not in known:
            raise ValueError(f"there is no benchmark '{name}'; known: {', '.join(sorted(known))}")
    return [known[stem] for stem in full] if names else list(known.values())


def remade(one: Benchmark) -> bool:
    """Run a benchmark and keep its results; where it fails, the results of before stay."""
    try:
        results = [run_command(command, one.script.parents[1]) for command in one.commands]
    except subprocess.CalledProcessError as error:
        print(f"error: {error}; the results of before are kept", file=sys.stderr)
        return False
    results_path(one).parent.mkdir(exist_ok=True)
    results_path(one).write_text("\n".join(results), encoding="utf-8")
    return True


def main(arguments: list[str] | None = None, folder: Path = HERE) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="scripts, without .py; all for none")
    parser.add_argument("--assemble", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    try:
        todo = [] if options.assemble else chosen(options.names, folder)
    except ValueError as error:
        parser.error(str(error))
    failed = [one.script.stem for one in todo if not remade(one)]
    (folder / "RESULTS.md").write_text(assemble(folder), encoding="utf-8")
    if failed:
        print(f"error: {', '.join(failed)} failed; run them alone with make bench BENCH=...", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
