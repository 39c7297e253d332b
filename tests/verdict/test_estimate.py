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


def test_aliases_are_understood_and_unknown_names_refused(trained) -> None:
    # rejects an estimate that takes `defocus` for something else than C10, and looks for rings
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.8, 0.8))
    found = estimate_conditions(image, trained, given={"defocus": 80.0, "Cs": 1e4, "dose": 400.0})
    assert (found.source, found.values) == ("given", {"C10": -80.0, "C30": 1e4, "dose": 400.0})
    with pytest.raises(PassbandError, match="'focus_spread' is not an aberration known here"):
        estimate_conditions(image, trained, given={"focus_spread": 8.0})
