"""The two panels that show where a mask is doubtful."""

import numpy as np

from passband.figures.verdict import doubt_figure
from passband.files.micrograph import Micrograph
from passband.verdict.verdict import Verdict


def test_each_panel_has_one_title_and_its_axes_in_nm() -> None:
    """Rejects a title at the left beside one in the middle, which print over each other, and an image drawn twice."""
    image = np.random.default_rng(0).normal(size=(40, 50))
    verdict = Verdict("doubtful", ("look",), error_probability=np.full((40, 50), 0.2, np.float32))
    panels = doubt_figure(verdict, Micrograph(image, pixel_size=(1.0, 1.0))).axes
    assert len(panels) == 2
    for panel in panels:
        assert sum(bool(panel.get_title(loc=place)) for place in ("left", "center", "right")) == 1
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("x (nm)", "y (nm)")
    assert [len(panel.images) for panel in panels] == [1, 2]  # the doubt lies over the second
    red = panels[1].images[1]
    assert (red.cmap.name, red.get_clim()) == ("Reds", (0.0, 0.5))  # as on overlays, see tests/files/test_writing.py
    np.testing.assert_allclose(red.get_alpha(), 0.32, rtol=1e-6)
