"""Marks of defects on the micrograph."""

import numpy as np

from passband.description.defects import Defects
from passband.figures.defects import defects_figure


def test_a_mark_lies_on_its_defect_on_pixels_that_are_not_square() -> None:
    # rejects x for y, one step for both directions, and places from the centre of the first pixel, not from its corner
    classes = ("vacancy", "substitution")
    found = Defects(np.array([2.0]), np.array([30.0]), np.array([1]), np.ones(1), classes, (0.4, 0.2), (20, 50))
    figure = defects_figure(np.zeros((20, 50)), found)
    drawn = {line.get_label(): line.get_xydata() for line in figure.axes[1].lines}
    np.testing.assert_allclose(drawn["substitution (1)"], [[0.61, 0.10]])  # nm
    assert len(drawn["vacancy (0)"]) == 0
    assert figure.axes[0].get_xlabel() == "x (nm)" == figure.axes[1].get_xlabel()
