"""Mutation of formulas: do the tests notice wrong versions of every module that holds one?

    OMP_NUM_THREADS=1 nice python benchmarks/mutation.py --each 4 [--seed 1] [--only microscope/detector]

Of each module 4 mutants are drawn by a seed: a constant, an operator, a comparison, a function or a term is changed
(`mutants.py`). A mutant is killed when a test of its module fails, dies, or takes five times as long as before; the
tests are the module's own, its docstring's examples, and those of `tests_of_mutants.py`. Survivors are listed. Works in
a copy of the tree, without the real micrographs; each trial is forked from a process that has the libraries loaded.

Remarks
-------
Survivors are of three kinds. *Equivalent*: no test could tell (a flag that only guards, a scale that cancels, a larger
table of zeros, a path for a GPU seen from a CPU). *Choice*: a default, a prior or a tolerance that no formula fixes.
*Open*: a test is missing. What is open stands in the list above; what was open before is a test now.
"""

import argparse
import contextlib
import importlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

import pytest
from mutants import Mutant, mutants_of
from tests_of_mutants import LIBRARIES, MODULES, tests_of

HERE = Path(__file__).resolve().parents[1]
LOADED = "ignore::pytest.PytestAssertRewriteWarning"  # hypothesis is there before pytest could rewrite it
SLOWER, LEAST_SECONDS, LONGEST = 5.0, 20.0, 600.0
MEMORY = 12 << 30  # bytes


class Outcome(NamedTuple):
    """How a trial ended: whether every test passed, and if not the first that failed or the signal it died of."""

    passed: bool
    said: str
    seconds: float


class FirstFailure:
    """A plugin of pytest that writes down the first test that fails."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.file.write_text(report.nodeid)


def trial(tree: Path, tests: list[str], seconds: float) -> Outcome:
    """Run tests of a tree in a forked process, up to the first failure and for at most so many CPU seconds."""
    note = tree / "failed.txt"
    note.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(tree, tests, seconds, note)
    _, status, usage = os.wait4(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests started
    spent = usage.ru_utime + usage.ru_stime
    if os.WIFSIGNALED(status):
        return Outcome(False, signal.Signals(os.WTERMSIG(status)).name, spent)
    code = os.WEXITSTATUS(status)
    return Outcome(code == 0, note.read_text() if note.exists() else f"pytest ended with {code}", spent)


def _run(tree: Path, tests: list[str], seconds: float, note: Path) -> None:
    """Be the forked process; never returns."""
    code = 99
    try:
        os.setpgid(0, 0)
        signal.alarm(int(20 * seconds))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        output = os.open(tree / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(tree)
        sys.path.insert(0, str(tree / "src"))
        plugins = [FirstFailure(note)]
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", LOADED, *tests], plugins=plugins))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def copy_tree(folder: Path) -> Path:
    """Copy what git knows of, and return where it is."""
    listed = subprocess.run(["git", "ls-files"], cwd=HERE, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\n")):
        if (HERE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, folder / name)
    return folder


def load_libraries() -> None:
    """Load what the tests import, but nothing of passband: a trial then starts in a second."""
    for name in LIBRARIES:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)


def survivors(module: str, drawn: list[Mutant], tree: Path) -> list[Mutant]:
    """Those of the mutants of a module that no test kills.

    Raises
    ------
    SystemExit
        The tests fail without a mutant.
    """
    tests = tests_of(module, tree)
    file = tree / "src" / "passband" / f"{module}.py"
    source = file.read_text(encoding="utf-8")
    sys.dont_write_bytecode = False
    sound = trial(tree, tests, LONGEST)
    if not sound.passed:
        raise SystemExit(f"{module} fails without a mutant: {sound.said}\n{(tree / 'output.txt').read_text()[-3000:]}")
    sys.dont_write_bytecode = True  # a mutant as long as the module, in the same second, would be taken for it
    left = []
    for mutant in drawn:
        file.write_text(mutant.source, encoding="utf-8")
        outcome = trial(tree, tests, max(LEAST_SECONDS, SLOWER * sound.seconds))
        print(f"{module}:{mutant.line} {short(mutant.before)} -> {short(mutant.after)}: {outcome}", file=sys.stderr)
        if outcome.passed:
            left.append(mutant)
    file.write_text(source, encoding="utf-8")
    return left


def short(text: str) -> str:
    """At most 90 characters on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:89]}…"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=12, help="mutants of a module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=MODULES, help="modules, all by default")
    options = parser.parse_args()
    os.environ |= {"PASSBAND_TEST_DATA": os.devnull, "CI": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    load_libraries()
    listed: list[str] = []
    total = [0, 0, 0]
    print("| module | mutants | tried | killed | survived |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_tree(Path(folder) / "tree")
        os.environ["PYTHONPATH"] = str(tree / "src")
        for module in options.only:
            every = mutants_of((tree / "src" / "passband" / f"{module}.py").read_text(encoding="utf-8"))
            generator = random.Random(f"{options.seed} {module}")
            drawn = sorted(generator.sample(every, min(options.each, len(every))))
            left = survivors(module, drawn, tree)
            listed += [f"- {module}, line {one.line}: `{short(one.before)}` → `{short(one.after)}`" for one in left]
            counts = (len(every), len(drawn), len(left))
            print(f"| {module} | {counts[0]} | {counts[1]} | {counts[1] - counts[2]} | {counts[2]} |", flush=True)
            total = [one + other for one, other in zip(total, counts, strict=True)]
    print(f"| all | {total[0]} | {total[1]} | {total[1] - total[2]} | {total[2]} |\n")
    print("\n".join(["Survivors:\n", *listed] if listed else ["No survivors."]))


if __name__ == "__main__":
    main()
