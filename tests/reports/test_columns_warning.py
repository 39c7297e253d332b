"""Why columns should not be believed is said on one line, of images and of movies."""

from pathlib import Path

import pytest

from passband.reports.atoms import columns_warning
from passband.verdict.finding import NetworkView

FILE = Path("one.tif")


def test_columns_of_an_image_that_is_outside_are_not_to_be_trusted() -> None:
    report = {"spacing_A": 3.9, "columns": 50}
    view = NetworkView(verdict="outside", reason="a negative")
    assert columns_warning(FILE, view, report) == "one.tif: do not trust these columns: a negative"
    assert columns_warning(FILE, view._replace(verdict="doubtful"), report) == ""
    more = columns_warning(FILE, view._replace(warning="another microscope"), report, "no columns")
    assert more == "one.tif: another microscope; do not trust these columns: a negative; no columns"


@pytest.mark.parametrize(
    ("spacing", "columns", "said"),
    [(0.44, 10, True), (0.46, 10, False), (20.1, 10, True), (19.9, 10, False), (70.0, 9, False), (None, 0, False)],
)
def test_columns_as_far_apart_as_in_no_crystal_are_doubted_unless_they_are_few(
    spacing: float | None, columns: int, said: bool
) -> None:
    found = columns_warning(FILE, NetworkView(), {"spacing_A": spacing, "columns": columns})
    assert ("Check the pixel size (--pixel-size)" in found) == said
