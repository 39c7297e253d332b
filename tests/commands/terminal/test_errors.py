"""Names and metadata of strangers on a terminal: shown, never obeyed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from passband.commands.terminal.errors import explain, printable
from passband.commands.terminal.progress import ProgressBars
from passband.recipe import PassbandError

Run = Callable[..., Any]  # the fixture `run`, see conftest
ODD = [
    "a\nerror: all is lost",
    "a\x1b[2J\x1b[31m",
    "a\x9b2J",
    "a\r0 errors",
    "a\u202egpj",
    "a\x07\x08",
    "a\u2028b",
    "[red]a",
]


@pytest.mark.parametrize("text", ODD)
def test_what_a_terminal_would_obey_is_escaped(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode("unicode_escape").startswith("a") or shown == text
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["0.5 Å · 晶 µm ½", "C:\\data", "it's"])
def test_letters_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_a_line_end_in_a_name_makes_no_second_error() -> None:
    lines, code = explain(PassbandError("a\nerror: forged: is wrong"))
    assert (lines, code) == ([r"error: a\nerror: forged: is wrong"], 2)
    lines, _ = explain(FileNotFoundError(2, "gone", "a\nb"))
    assert lines == [r"error: a\nb does not exist; check the path"] or len(lines) == 1


def test_several_errors_are_several_lines() -> None:
    error = PassbandError("first", "second")
    assert str(error) == "first\nsecond"
    assert explain(error)[0] == ["error: first", "error: second"]


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("command", ["inspect", "segment", "trust", "fit"])
def test_a_bad_file_of_an_odd_name_gets_one_visible_line(run: Run, tmp_path: Path, command: str, name: str) -> None:
    path = tmp_path / f"{name}.tif"
    path.write_bytes(b"nonsense")
    options = ["-o", tmp_path / "out"] if command == "segment" else []
    outcome = run(command, path, *options)
    assert outcome.code == 2
    errors = [line for line in lines_of(outcome.err) if line.startswith("error:")]
    assert len(errors) == 1
    assert all(line.isprintable() for line in errors)
    assert printable(f"{name}.tif") in errors[0]
    assert "\x1b[2J" not in outcome.out + outcome.err
    assert "\nerror: all is lost" not in outcome.out + outcome.err


@pytest.mark.parametrize("name", ODD)
def test_a_good_file_of_an_odd_name_is_shown(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.tif"
    tifffile.imwrite(path, np.arange(400, dtype="u2").reshape(20, 20))
    outcome = run("inspect", path)
    assert outcome.code == 0
    assert all(line.isprintable() for line in lines_of(outcome.out))
    found = run("inspect", path, "--json")
    assert json.loads(found.out)["path"] == str(path)
    assert found.out.rstrip("\n").isprintable()


def test_metadata_of_a_file_is_shown_and_not_obeyed(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(16.0).reshape(4, 4))
    (tmp_path / "a.json").write_text(json.dumps({"instrument": "\x1b[2Jx\nusable", "pixel_size": "3 \x1b[31m"}))
    outcome = run("inspect", tmp_path / "a.npy")
    assert outcome.code == 0
    assert all(line.isprintable() for line in lines_of(outcome.out))


def test_names_inside_a_file_are_shown_and_not_obeyed(run: Run, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("a\x1b[2J", "b\nnot usable"):
            file[name] = np.arange(16.0).reshape(4, 4)
    outcome = run("inspect", tmp_path / "a.h5")
    assert "2J" in outcome.out
    assert all(line.isprintable() for line in lines_of(outcome.out))


@pytest.mark.parametrize("text", ODD)
def test_progress_shows_notes_and_warnings_on_one_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with ProgressBars(quiet=False) as bars, bars.bar("segment", unit="images") as bar:
        bar(1, 2, note=text)
        bars.warn(f"warning: {text}")
        bars.say(text)
    with ProgressBars(quiet=True) as bars:
        bars.warn(f"warning: {text}")
    shown = capsys.readouterr().err
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown
    assert "\nerror: all is lost" not in shown
    assert f"warning: {printable(text)}\n" in shown
