"""RESULTS.md comes from the benchmarks' docstrings and kept results, and from nothing else."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from tests.fixtures.scripts import load_script

FOLDER = Path(__file__).parents[2] / "benchmarks"

SCRIPT = '''"""Sums: how fast numbers are added.

    SUM_OF=3 python benchmarks/bench_sums.py --to 4 [--slowly]
    python benchmarks/bench_sums.py

In one process.

Twice.

Remarks
-------
Small numbers only.
"""

import os
import sys

print("| sum |\\\\n|---|\\\\n|", os.environ.get("SUM_OF"), *sys.argv[1:], "|")
'''.replace("\\\\n", "\\n")


@pytest.fixture(scope="module")
def remake() -> ModuleType:
    return load_script("benchmarks/remake.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "benchmarks"
    made.mkdir()
    (made / "bench_sums.py").write_text(SCRIPT)
    (made / "remake.py").write_text('"""No benchmark: it has no command."""\n')
    return made


def test_results_are_those_of_the_scripts(remake: ModuleType) -> None:
    # an edit by hand, or a script whose docstring changed, fails here: python benchmarks/remake.py --assemble
    assert (FOLDER / "RESULTS.md").read_text(encoding="utf-8") == remake.assemble(FOLDER)


def test_every_script_is_a_benchmark_that_runs_itself(remake: ModuleType) -> None:
    known = remake.benchmarks(FOLDER)
    run = [path.name for path in FOLDER.glob("*.py") if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]
    assert {one.script.name for one in known} | {"remake.py"} == set(run)
    for one in known:
        assert all(f"python benchmarks/{one.script.name}" in command for command in one.commands)
        assert "[" not in "".join(one.commands)


def test_kept_results_belong_to_a_script(remake: ModuleType) -> None:
    assert {path.name for path in (FOLDER / "results").iterdir()} <= {
        remake.results_path(one).name for one in remake.benchmarks(FOLDER)
    }


def test_a_benchmark_is_run_as_its_docstring_says(remake: ModuleType, folder: Path) -> None:
    assert remake.main(["sums"], folder) == 0
    text = (folder / "RESULTS.md").read_text()
    order = [
        "## Sums\n\nHow fast numbers are added.\n\nIn one process.\n\nTwice.\n\n",
        "`SUM_OF=3 python benchmarks/bench_sums.py --to 4`, 20",
        "| sum |\n|---|\n| 3 --to 4 |\n\n",
        "`python benchmarks/bench_sums.py`, 20",
        "| sum |\n|---|\n| None |\n\n",
        "Small numbers only.",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert re.search(r"`, \d{4}-\d\d-\d\d, \d+-core .*, \d+ GB, .*torch \d.*; \d+ CPU s in \d+ s, load \d", text)
    assert "Remarks" not in text


def test_failed_benchmark_keeps_its_results(
    remake: ModuleType, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert remake.main([], folder) == 0
    before = (folder / "RESULTS.md").read_text()
    (folder / "bench_sums.py").write_text(SCRIPT + "sys.exit(3)\n")
    assert remake.main([], folder) == 1
    assert (folder / "RESULTS.md").read_text() == before
    assert "error: bench_sums failed; run them alone" in capfd.readouterr().err


def test_unrun_benchmark_says_so(remake: ModuleType, folder: Path) -> None:
    assert remake.main(["--assemble"], folder) == 0
    assert "Not run yet." in (folder / "RESULTS.md").read_text()


def test_unknown_name_is_refused(remake: ModuleType, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        remake.main(["products"], folder)
    assert stopped.value.code == 2
    assert "there is no benchmark 'products'; known: bench_sums" in capfd.readouterr().err


def test_docstring_without_heading_is_refused(remake: ModuleType, folder: Path) -> None:
    (folder / "bench_more.py").write_text('"""No heading here.\n\n    python benchmarks/bench_more.py\n"""\n')
    with pytest.raises(
        ValueError, match=r"bench_more\.py: the docstring begins 'No heading here\.'; begin it 'Heading"
    ):
        remake.benchmarks(folder)
