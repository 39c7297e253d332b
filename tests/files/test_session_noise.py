"""Files of one session are fitted together, and those of several are not."""

import numpy as np
import pytest

from passband.camera.fitted_noise import KnownScan
from passband.files.micrograph import Micrograph
from passband.files.session_noise import fit_session
from passband.recipe import PassbandError


def scan(name, **values):
    rng = np.random.default_rng(0)
    wave = np.cos(np.arange(160) * 2.0 * np.pi / 16.0)
    counts = rng.poisson(20.0 + 8.0 * (wave[:, None] + wave[None, :])).astype(float)
    return Micrograph(counts, provenance={"path": name}, **values)


def test_pixel_sizes_of_the_files_make_counts_a_dose():
    found = fit_session([scan("a", pixel_size=0.2), scan("b", pixel_size=0.202)], KnownScan(offset=0.0))
    assert found.pixel_size == pytest.approx(0.201)
    assert found.dose.value == pytest.approx(20.0 / 0.201**2, rel=0.1)
    assert fit_session([scan("a"), scan("b")]).pixel_size is None


@pytest.mark.parametrize(
    ("micrographs", "said"),
    [
        ([scan("a", pixel_size=0.2), scan("b", pixel_size=0.3)], r"0.2 Å \(a\) and 0.3 Å \(b\)"),
        ([scan("a", pixel_size=(0.2, 0.3))], "not square"),
        ([scan("a", pixel_size=0.2), scan("b")], "b does not say its pixel size"),
        ([scan("a"), scan("b", mode="TEM")], "b says that it is of a TEM"),
        ([scan("a"), Micrograph(np.ones((80, 80)), provenance={"path": "b"})], "b: an image of 80 × 80 from 1 to 1"),
    ],
)
def test_images_of_several_sessions_are_refused(micrographs, said):
    with pytest.raises(PassbandError, match=said):
        fit_session(micrographs)


def test_a_given_pixel_size_holds_for_all():
    found = fit_session([scan("a", pixel_size=0.2), scan("b", pixel_size=0.3)], KnownScan(pixel_size=0.5))
    assert found.pixel_size == 0.5
