"""Which spherical aberrations rings are refined with, where nobody gave one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from passband.microscope.rings import starts
from passband.microscope.rings.search import Candidate


def test_those_that_stand_out_most_are_refined_each_once_and_always_that_of_a_corrected_lens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rejects neighbours of one peak in the place of other peaks, one sign of C10 only, and the weakest."""
    under = [1.0, 2.0, 2.0, 9.0, 10.0, 9.5, 2.0, 3.0, 2.0, 2.0, 4.0, 2.0]
    over = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 8.0, 1.0, 1.0, 1.0]

    def searched(spectra: Any, *, c10: tuple[float, float], **_: Any) -> list[Candidate]:
        scores = over if c10[1] > 0.0 else under
        return [Candidate(0.0, 0.0, 0.0, scores[int(spectra)])]

    monkeypatch.setattr(starts, "search_rings", searched)
    monkeypatch.setattr(starts, "searched_cs", lambda *_: np.arange(12.0))
    search: Any = SimpleNamespace(period=1.0, model=SimpleNamespace(highest=1.0, wavelength=1.0))
    search.spectra = lambda cs, _: cs
    assert starts._likely_cs(search, [(-9.0, 0.0), (0.0, 9.0)], 1.0) == [0.0, 4.0, 6.0, 8.0, 10.0]
    assert starts._likely_cs(search, [(-9.0, 0.0)], 1.0) == [0.0, 2.0, 4.0, 7.0, 10.0]
