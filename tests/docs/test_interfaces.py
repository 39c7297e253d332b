"""The page of interfaces: its examples run as they stand, and its table has every material."""

import re
from pathlib import Path

from passband.specimen.stacks.compounds import MATERIALS

PAGE = (Path(__file__).parents[2] / "docs" / "interfaces.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys):
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(text, "docs/interfaces.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[1] == "SrTiO3"  # as the comment beside it says
    assert int(printed[0].split()[0]) > 50_000


def test_the_table_has_every_material_and_no_other():
    rows = PAGE.split("## Materials\n")[1].split("\n\n")[0].splitlines()[2:]
    assert sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])) == sorted(MATERIALS)
