"""A command is one entry: written here, and the program has it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

import pytest
import typer

from passband.commands.terminal.choices import Known, OneOf
from passband.commands.terminal.entry import COMMANDS, GROUPS, IMAGES, all_commands, command
from passband.microscope.information.overlaps import OVERLAPS
from passband.recipe import PassbandError

Run = Callable[..., Any]  # the fixture `run`, see conftest
COLOURS = ["red"]


@pytest.fixture
def toy() -> Iterator[None]:
    @command(group=IMAGES, summary="Count what is there.", examples="passband count 3\npassband count 4 --colour red\n")
    def count(
        number: Annotated[int, typer.Argument(help="How many", metavar="N"), Known(lambda: ["3", "4"])],
        colour: Annotated[str, typer.Option(help="Of what."), OneOf(lambda: COLOURS)] = "red",
    ) -> None:
        """Count things of a colour.

        Not more than ten.
        """
        if number > 10:
            raise PassbandError(f"number={number} is above 10; count fewer")
        typer.echo(f"{number} {colour}")

    yield
    COMMANDS.remove("count")


@pytest.mark.usefixtures("toy")
def test_an_entry_is_a_command_with_its_place_help_and_examples(run: Run) -> None:
    listed = run("--help").out
    assert "\n  count        Count what is there.\n" in listed
    assert listed.index(f"{IMAGES}:") < listed.index("  count ") < listed.index(f"{GROUPS[2]}:")
    told = run("count", "--help").out
    assert "Not more than ten." in told
    assert "  Examples:\n    passband count 3\n    passband count 4 --colour red\n" in told
    assert "How many: 3, 4." in told


@pytest.mark.usefixtures("toy")
def test_an_entry_runs_and_its_errors_are_one_line(run: Run) -> None:
    outcome = run("count", "3")
    assert (outcome.code, outcome.out, outcome.err) == (0, "3 red\n", "")
    for arguments, said in ((["11"], "above 10; count fewer"), (["three"], "three"), ([], "N"), (["1", "--x"], "--x")):
        outcome = run("count", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) == 1
        assert outcome.err.startswith("error: ")
        assert said in outcome.err


@pytest.mark.usefixtures("toy")
def test_choices_are_read_when_the_command_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("count", "3", "--colour", "green").code == 2
    monkeypatch.setattr(f"{__name__}.COLOURS", ["red", "green"])
    assert run("count", "3", "--colour", "green").out == "3 green\n"


def test_a_new_variant_of_the_overlap_is_a_choice(run: Run) -> None:
    OVERLAPS.add(replace(OVERLAPS["cosine"], name="another"))
    try:
        assert "|another>" in run("information", "--help").out
        assert run("information", "--overlap", "another", "--c10", "-80", "--json").code == 0
    finally:
        OVERLAPS.remove("another")
    assert run("information", "--overlap", "another", "--c10", "-80").code == 2


def test_without_the_entry_there_is_no_command(run: Run) -> None:
    outcome = run("count", "3")
    assert outcome.code == 2
    assert outcome.error_lines[0].startswith("error: 'count' is no command of passband; known: demo, inspect")
    assert run("segmnt").error_lines == ["error: 'segmnt' is no command of passband; did you mean 'segment'?"]
    nested = run("campaign", "stauts").error_lines
    assert nested == ["error: 'stauts' is no command of passband campaign; did you mean 'status'?"]


@pytest.mark.parametrize("entry", all_commands(), ids=lambda entry: entry.name)
def test_every_command_shows_examples_of_itself(run: Run, entry: Any) -> None:
    outcome = run(*entry.name.split(), "--help")
    assert outcome.code == 0
    assert all(f"    {line}\n" in outcome.out.split("Examples:")[1] for line in entry.examples.splitlines())
    assert all(line.startswith(f"passband {entry.name}") for line in entry.examples.splitlines())


def test_without_a_command_the_help_lists_all(run: Run) -> None:
    outcome = run()
    assert outcome.code == 0
    assert all(f"\n  {one.name} " in outcome.out for one in all_commands() if " " not in one.name)
    assert [outcome.out.count(f"\n{heading}:\n") for heading in GROUPS] == [1] * len(GROUPS)
