"""The page of plane lattices: its example runs as it stands, and its numbers are those of the code."""

import inspect
import re
from pathlib import Path

from passband.specimen.planes.grains import CLOSEST
from passband.specimen.planes.lattice import COLUMN_LABELS, PlaneLattices
from passband.specimen.visible_columns import visible_columns

PAGE = (Path(__file__).parents[2] / "docs" / "plane_lattices.md").read_text(encoding="utf-8")


def test_the_example_runs(capsys):
    (text,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(text, "docs/plane_lattices.md", "exec"), {})
    assert re.search(r"^lattice \{.*\}\n\d+ of \d+ columns are visible\n$", capsys.readouterr().out)


def test_every_part_and_label_is_named_and_the_rule_has_its_numbers():
    recipe = PlaneLattices()
    named = set(re.findall(r"`(\w+)`", PAGE))
    modules = set(re.findall(r"`([\w.]+)`", PAGE))
    assert set(PlaneLattices.model_fields) - {"field", "disordered", "empty"} <= named
    assert set(COLUMN_LABELS) <= named
    for part in ("cells", "grains", "distortion", "outline", "filling", "strays"):
        assert type(getattr(recipe, part)).__module__.rpartition(".specimen.")[2] in modules
    options = inspect.signature(visible_columns).parameters
    words = " ".join(PAGE.split())
    assert f"within {options['merge'].default} Å of one another" in words
    assert f"{options['share'].default:.0%} of that of the brightest within".replace("%", " %") in words
    assert f"within {options['reach'].default:g} Å." in words
    assert f"nearer than {CLOSEST} of the distance of neighbours" in words
