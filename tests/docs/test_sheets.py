"""The page of sheets: its examples run as they stand, and it names every rate and label."""

import re
from pathlib import Path

from passband.specimen.sheets.damage import BeamDamage
from passband.specimen.sheets.dichalcogenide import MONOLAYERS
from passband.specimen.sheets.sheet import GRAPHENE_LABELS

PAGE = (Path(__file__).parents[2] / "docs" / "sheets.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_another(capsys):
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(text, "docs/sheets.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[2:7]] == ["0", "1", "2", "3", "4"]
    assert "'metal_vacancy': " in printed[7]


def test_every_rate_material_and_label_is_named():
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(BeamDamage.model_fields) - {"frames"} <= named
    assert set(GRAPHENE_LABELS[:3]) <= named
    assert all(material in PAGE for material in MONOLAYERS)
