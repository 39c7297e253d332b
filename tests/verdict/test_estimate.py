"""Conditions of a micrograph: from the user, from its file, or fitted; the rest as in training."""

import numpy as np
import pytest

from passband.files.micrograph import Micrograph
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.recipe import PassbandError
from passband.verdict.estimate import ConditionEstimate, compatible_settings, estimate_conditions


def test_what_is_given_is_kept_and_the_rest_drawn_as_in_training(trained) -> None:
    groups = compatible_settings(ConditionEstimate("given", {"C10": -80.0, "dose": 50.0}), trained, draws=8)
    assert {(one.aberrations.C10, one.dose) for one in groups[0]} == {(-80.0, 50.0)}
    assert len({one.focal_spread for one in groups[0]}) == 8
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.8, 0.8))
    assert estimate_conditions(image, trained, given={"C10": -80.0}).source == "given"
    assert estimate_conditions(image, trained, given={}, fit=False).source == "unknown"
    refused = estimate_conditions(image, trained, given={})
    assert refused.source == "unknown"
    assert refused.note.startswith("no fit: ")


def test_a_simulated_file_carries_its_conditions(trained) -> None:
    conditions = Conditions(aberrations=Aberrations(C10=-50.0), dose=100.0)
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.8, 0.8), conditions=conditions)
    estimate = estimate_conditions(image, trained, given={"dose": 90.0})
    assert (estimate.source, estimate.values["C10"], estimate.values["dose"]) == ("file", -50.0, 90.0)
    assert estimate.values["C30"] == 0.0  # rejects one that has the Cs drawn as in training
    assert (estimate.origin("C10"), estimate.origin("dose")) == ("file", "given")


def test_aliases_are_understood_and_unknown_names_refused(trained) -> None:
    # rejects an estimate that takes `defocus` for something else than C10, and looks for rings
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.8, 0.8))
    found = estimate_conditions(image, trained, given={"defocus": 80.0, "Cs": 1e4, "dose": 400.0})
    assert (found.source, found.values) == ("given", {"C10": -80.0, "C30": 1e4, "dose": 400.0})
    with pytest.raises(PassbandError, match="'focus_spread' is not an aberration known here"):
        estimate_conditions(image, trained, given={"focus_spread": 8.0})


def film(cs: float) -> np.ndarray:
    """Rings of C10 = −500 Å in 192 pixels of 0.5 Å, drawn as noise through χ = πλ C10 q² + ½πλ³Cs q⁴ at 300 kV."""
    rng, length = np.random.default_rng(0), 0.019687
    squared = np.add.outer(np.fft.fftfreq(192, 0.5) ** 2, np.fft.fftfreq(192, 0.5) ** 2)
    chi = np.pi * length * squared * (-500.0 + 0.5 * cs * length**2 * squared)
    transfer = np.sin(chi) * np.exp(-((np.pi * length * 10.0 * squared) ** 2) / 2.0) / (1.0 + 2.0 * squared)
    scattered = np.fft.ifft2(np.fft.fft2(rng.normal(size=squared.shape)) * transfer).real
    return np.asarray(1.0 + scattered + 0.3 * scattered.std() * rng.normal(size=squared.shape))


def test_a_cs_that_nobody_gave_is_fitted_and_asked_for(trained) -> None:
    # rejects a fit with the Cs of the training, 0: its focus is wrong by 25 nm
    found = estimate_conditions(Micrograph(film(1.2e7), pixel_size=(0.5, 0.5), energy=300e3), trained, given={})
    assert found.source == "fitted"
    assert found.values["C10"] == pytest.approx(-500.0, abs=10.0)
    assert found.values["C30"] == pytest.approx(1.2e7, rel=0.02)
    assert "give Cs if it is known" in found.note
    assert found.guessed == ("C30",)
    assert found.as_dict()["intervals"]["C30"] == list(found.intervals["C30"])


def test_what_damps_the_rings_is_told_and_is_no_focal_spread(trained) -> None:
    found = estimate_conditions(Micrograph(film(0.0), pixel_size=(0.5, 0.5), energy=300e3), trained, given={"Cs": 0.0})
    assert not {"focal_spread", "angular_spread"} & (found.values.keys() | found.intervals.keys())
    assert found.as_dict()["others"]["effective_envelope"] > 0.0
    assert "give Cs" not in found.note
    assert found.guessed == ()
    assert {one["C10"] for one in found.alternatives} == {-found.values["C10"]}


def test_the_cs_of_a_file_counts_where_the_user_gave_none(trained) -> None:
    # rejects an estimate that forgets it where the defocus is given, or where no rings were found or looked for
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.8, 0.8), energy=300e3, cs=1.2e7)
    found = estimate_conditions(image, trained, given={"C10": -80.0})
    assert (found.source, found.values) == ("given", {"C10": -80.0, "C30": 1.2e7})
    assert found.as_dict()["origins"] == {"C10": "given", "C30": "file"}
    assert estimate_conditions(image, trained, given={"C10": -80.0, "Cs": 0.0}).origin("C30") == "given"
    assert estimate_conditions(image, trained, given={"C10": -80.0, "Cs": 0.0}).values["C30"] == 0.0
    for fit in (True, False):
        alone = estimate_conditions(image, trained, given={}, fit=fit)
        assert (alone.source, alone.values, alone.told.values) == ("file", {"C30": 1.2e7}, {"C30": 1.2e7})


def test_what_was_fitted_is_not_told(trained) -> None:
    image = Micrograph(film(0.0), pixel_size=(0.5, 0.5), energy=300e3, cs=0.0)
    found = estimate_conditions(image, trained, given={"dose": 400.0})
    assert found.source == "fitted"
    assert found.values.keys() > {"C10", "C12", "C30", "dose"}
    assert (found.told.values, found.told.alternatives) == ({"C30": 0.0, "dose": 400.0}, ())
    assert (found.origin("C10"), found.origin("C30"), found.origin("dose")) == ("fitted", "file", "given")


def test_the_cs_of_a_file_is_used(trained) -> None:
    image = Micrograph(film(1.2e7), pixel_size=(0.5, 0.5), energy=300e3, cs=1.2e7)
    found = estimate_conditions(image, trained, given={})
    assert found.values["C30"] == 1.2e7
    assert "Thon rings, Cs = 1.2 mm" in found.note
    assert "give Cs" not in found.note
    wrong = estimate_conditions(image, trained, given={"Cs": 0.0})
    assert "the rings fit Cs = 1.2 mm better" in wrong.note
