"""The example of atom columns runs, and says what the page says of it."""

import re
import runpy
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "plot_atoms.py"


def test_the_example_of_atom_columns_runs(capsys: pytest.CaptureFixture[str]) -> None:
    mpl.use("agg")
    runpy.run_path(str(EXAMPLE))
    plt.close("all")
    said = capsys.readouterr().out
    assert "338 columns" in said  # 169 cells of two
    strained = re.search(r"ε_xx ([+-][\d.]+) on the left, ([+-][\d.]+) on the right", said)
    assert strained is not None
    assert float(strained[1]) == pytest.approx(0.0, abs=0.002)
    assert float(strained[2]) == pytest.approx(0.02, abs=0.002)  # as drawn
    assert "holes of [12] atoms" in said
    assert "gone in frame 5: [7]" in said
