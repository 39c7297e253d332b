"""The facts of the captions of Figs. 1 and 2 (project specification, section 3), from the script that draws them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studies.transfer_maps import figures


def test_figure_1_has_the_facts_of_its_caption(tmp_path: Path) -> None:
    facts = figures.figure_1(tmp_path, size=41)
    shares = [value for name, value in facts.items() if name.startswith("top 5 %")]
    assert shares == [1.0] * 4
    assert facts["maxima: C10 (nm)"] == pytest.approx([-8.0, -12.75, -16.15, -18.95], abs=0.051)
    assert facts["minima: C10 (nm)"] == pytest.approx([-2.35, -10.25, -14.3, -17.4], abs=0.051)
    assert facts["Scherzer √(1.5 Cs λ) (nm)"] == 8.59
    assert_drawn(tmp_path, ["fig1a", "fig1b"])


def test_figure_2_has_the_facts_of_its_caption(tmp_path: Path) -> None:
    facts = figures.figure_2(tmp_path, size=41)
    diagonal, antidiagonal = facts["smallest σ on the diagonal, on the antidiagonal (Cs = 0)"]
    assert (diagonal, antidiagonal) == (1.0, 1.0)
    diagonal, antidiagonal = facts["smallest σ on the diagonal, on the antidiagonal (Cs = 25 µm)"]
    assert diagonal == 1.0
    assert antidiagonal < 0.9
    assert_drawn(tmp_path, ["fig2"])


def assert_drawn(folder: Path, names: list[str]) -> None:
    for name in names:
        pixels = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
        assert len((folder / f"{name}.csv").read_text().splitlines()) > 40


def test_the_report_gives_every_fact() -> None:
    text = figures.report({"one fact": 0.25, "two": [1.0, 2.0]})
    assert "| one fact | 0.25 |" in text
    assert "| two | 1.0, 2.0 |" in text
    assert "inferred" in text
