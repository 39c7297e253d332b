"""Maps of what the error model says over the conditions that can be reached."""

import numpy as np
import pytest

from passband.microscope.conditions import Conditions
from passband.microscope.instruments.choice import instrument_named
from passband.performance.error_model import ErrorModel
from passband.recipe import PassbandError
from passband.verdict.loss_map import axis, loss_map

TEM = instrument_named("tem")
BASE = Conditions(focal_spread=10.0, dose=400.0)


def test_a_map_is_what_the_predictor_says_at_each_place(table, trained, pixel) -> None:
    error_model = ErrorModel(table, trained, pixel)
    found = loss_map(error_model, BASE, axis(TEM, "defocus", 0.0, 600.0, 3), axis(TEM, "Cs", -1e5, 1e5, 2))
    assert found.first.name == "C10"
    np.testing.assert_array_equal(found.first.values, [-600.0, -300.0, 0.0])
    one = error_model.predict([TEM.with_values(BASE, {"C10": -300.0, "C30": 1e5})]).loss
    assert found.loss.value.shape == (2, 3)
    assert found.loss.value[1, 1] == pytest.approx(one.value[0], rel=1e-9)
    assert found.loss.value[0, 0] > 1.5 * found.loss.value[0, 2]  # the true loss rises with |C10|


def test_nothing_is_said_beyond_what_was_calibrated(table, trained, pixel) -> None:
    """The table reaches ± 750 Å at most, so ± 900 Å with the tenth of its width that is forgiven."""
    error_model = ErrorModel(table, trained, pixel)
    found = loss_map(error_model, BASE, axis(TEM, "C10", -2000.0, 0.0, 2), axis(TEM, "C12", 0.0, 50.0, 2))
    assert np.isnan(found.loss.value[:, 0]).all()
    assert np.isfinite(found.dice.value[:, 1]).all()
    with pytest.raises(PassbandError, match="of the map was calibrated"):
        loss_map(error_model, BASE, axis(TEM, "C10", -5000.0, -3000.0, 2), axis(TEM, "C12", 0.0, 50.0, 2))


def test_an_axis_runs_upwards() -> None:
    with pytest.raises(PassbandError, match="write low < high"):
        axis(TEM, "C10", 5.0, 5.0, 4)
