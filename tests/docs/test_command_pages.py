"""The pages of commands: every one with every option, and none that is not there."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from tests.fixtures.scripts import load_script

from passband.commands.terminal.entry import all_commands

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command_pages() -> ModuleType:
    return load_script("docs/command_pages.py")


def test_every_command_is_on_the_page_with_its_options(command_pages: ModuleType) -> None:
    # rejects a page that leaves out the commands of a group, or the short name, values or default of an option
    page = command_pages.page()
    assert [line[13:] for line in page.splitlines() if line.startswith("### passband ")] == [
        one.name for one in command_pages.in_order()
    ]
    assert {one.name for one in command_pages.in_order()} == {one.name for one in all_commands()}
    assert all(one.examples in page for one in all_commands())
    segment = page.split("### passband segment\n")[1].split("\n### ")[0]
    assert "| `-o, --output DIR` | Folder for the results. \\[required\\] |" in segment
    assert "--min-area NM2" in segment
    assert "nm². \\[default: 0.2\\]" in segment
    assert r"`-f, --format <plain\|bibtex>`" in page


def test_the_page_of_commands_names_all_of_them_and_only_options_that_are_there(command_pages: ModuleType) -> None:
    # rejects a command that nobody wrote about, and an option that was renamed in the program alone
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    runs = {one.name for one in all_commands()} - {"campaign", "weights"}
    for name in runs:
        assert re.search(rf"`passband {name}\b|`{name.removeprefix('campaign ')} [A-Z]+`", written), name
    known = {option for one in all_commands() for name, _ in command_pages.parameters(one) for option in options(name)}
    assert options(written) - known - {"--help", "--version"} == set()


def options(text: str) -> set[str]:
    """Long options in a text."""
    return set(re.findall(r"--[a-z][a-z0-9-]+", text))
