"""A fit of rings takes what its file, its micrograph or its user says, in this order from the weakest."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from passband.files.fitting import fit_conditions
from passband.files.micrograph import Micrograph
from passband.microscope.rings.result import Refusal
from passband.recipe import PassbandError

NOISE = np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32)
KNOWN = Micrograph(NOISE, pixel_size=(0.5, 0.4), energy=200e3, cs=1.2e7)


def refused(image: object, **given: float) -> Refusal:
    found = fit_conditions(image, **given)  # type: ignore[arg-type]
    assert isinstance(found, Refusal)  # there are no rings in noise
    return found


def test_what_a_micrograph_says_is_used_and_what_the_user_says_instead() -> None:
    told = refused(KNOWN)
    assert (told.energy, told.cs, told.pixel_size) == (200e3, 1.2e7, (0.5, 0.4))
    given = refused(KNOWN, energy=300e3, cs=0.0, pixel_size=0.6)
    assert (given.energy, given.cs, given.pixel_size) == (300e3, 0.0, (0.6, 0.6))


def test_paths_and_arrays_are_fitted_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "film.tif", NOISE)
    for image in (NOISE, tmp_path / "film.tif", str(tmp_path / "film.tif")):
        found = refused(image, energy=300e3, pixel_size=0.5)
        assert (found.cs, found.reason) == (None, refused(NOISE, energy=300e3, pixel_size=0.5).reason)


def test_the_border_of_an_image_is_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects a spectrum of the whole image, in which the edge of a border is a cross."""
    seen: list[np.ndarray] = []
    monkeypatch.setattr("passband.files.fitting.fit_image", lambda image, **_: seen.append(image))
    fit_conditions(np.pad(NOISE, ((20, 0), (3, 7))), energy=300e3, pixel_size=0.5)
    np.testing.assert_array_equal(seen[0], NOISE)


def test_an_energy_that_nobody_says_is_asked_for() -> None:
    with pytest.raises(PassbandError, match="does not say its beam energy; give it in eV"):
        fit_conditions(NOISE, pixel_size=0.5)
