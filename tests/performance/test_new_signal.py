"""Another signal is one entry: this one registers the skewness of the grey levels and finds it everywhere."""

from collections.abc import Iterator

import numpy as np
import pytest

from passband.figures.verdict import verdict_figure
from passband.files.micrograph import Micrograph
from passband.performance.error_model import ErrorModel
from passband.performance.observation import Observation
from passband.performance.signals import SIGNALS, Signal, signal_values
from passband.performance.table import PerformanceTable
from passband.verdict.estimate import ConditionEstimate
from passband.verdict.evidence import Evidence
from passband.verdict.weighing import weigh

ESTIMATE = ConditionEstimate("given", {"C10": -80.0, "C30": 0.0, "focal_spread": 8.0, "dose": 600.0})


def skewness(seen: Observation) -> np.ndarray | None:
    return None if seen.images is None else np.abs((seen.images**3).mean(axis=(1, 2)))


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    SIGNALS.add(
        Signal("skewness", kind="spectrum", words="skewness of the grey levels", label="skewness", measure=skewness)
    )
    yield
    SIGNALS.remove("skewness")


def with_column(table: PerformanceTable) -> PerformanceTable:
    values = np.random.default_rng(0).uniform(0.0, 1.0, len(table.images["set"]))
    return table.model_copy(update={"images": {**table.images, "skewness": tuple(values.tolist())}})


def test_it_is_measured_where_an_observation_has_what_it_needs() -> None:
    images = np.ones((2, 8, 8), np.float32) * np.array([1.0, -2.0], np.float32)[:, None, None]
    assert signal_values(Observation(images=images))["skewness"].tolist() == [1.0, 8.0]
    assert "skewness" not in signal_values(Observation())
    with pytest.raises(ValueError, match="'skewness' is the name of another signal"):
        SIGNALS.add(SIGNALS["skewness"])


def test_its_words_and_its_kind_are_in_the_verdict(table: PerformanceTable, trained, pixel: float) -> None:
    # rejects kinds, words or labels that are kept in a list of their own
    error_model = ErrorModel(with_column(table), trained, pixel)
    usual = {"entropy": 0.03, "unsure_area": 0.02, "expected_error_area": 0.01, "predicted_area": 0.2}
    usual |= {"feature_distance": 1.0, "spectrum_distance": 1.0}
    found = [
        weigh(error_model, Evidence(ESTIMATE, {**usual, "skewness": one}), advise=False) for one in (0.5, 1.1, 9.0)
    ]
    assert [one.outcome for one in found] == ["no objection", "no objection", "doubtful"]
    assert any(one.startswith("skewness of the grey levels is 1.1, which is rare") for one in found[1].reasons)
    assert found[2].reasons[0].startswith("no error area is predicted: skewness of the grey levels is 9")
    assert any("compare pixel size, detector and specimen" in one for one in found[2].advice)
    image = Micrograph(np.zeros((8, 8)), pixel_size=(0.8, 0.8))
    figure = verdict_figure(found[1], image, error_model, [], nyquist=0.6, title="skewed")
    assert "skewness" in [label.get_text() for label in figure.axes[2].get_yticklabels()]


def test_one_of_the_network_goes_into_the_prediction(table: PerformanceTable, trained, pixel: float) -> None:
    SIGNALS.remove("skewness")
    SIGNALS.add(Signal("skewness", kind="network", words="skewness", label="skewness", measure=skewness))
    images = dict(table.images)
    images["skewness"] = images["error_area"]  # knows the error exactly, as the others do not
    told = ErrorModel(table.model_copy(update={"images": images}), trained, pixel).images
    assert told.names[-1] == "skewness"
    untold = ErrorModel(table, trained, pixel).images
    errors = [one.regression("error_area", known=False).errors for one in (told, untold)]
    assert errors[0].std() < 0.5 * errors[1].std()


def test_one_of_the_camera_is_told_and_refuses_nothing(table: PerformanceTable, trained, pixel: float) -> None:
    # rejects a kind that is left out of the reasons, and one that takes the prediction away
    SIGNALS.remove("skewness")
    SIGNALS.add(Signal("skewness", kind="camera", words="skewness", label="skewness", measure=skewness))
    usual = {"entropy": 0.03, "unsure_area": 0.02, "expected_error_area": 0.01, "predicted_area": 0.2}
    usual |= {"feature_distance": 1.0, "spectrum_distance": 1.0, "skewness": 9.0}
    error_model = ErrorModel(with_column(table), trained, pixel)
    found = weigh(error_model, Evidence(ESTIMATE, usual), advise=False)
    assert any(one.startswith("skewness is 9, which is rare inside the training") for one in found.reasons)
    assert found.error_area is not None


def test_an_error_may_fall_with_one_of_the_camera(table: PerformanceTable, trained, pixel: float) -> None:
    # rejects slopes that are held at zero where more of a signal means less error
    SIGNALS.remove("skewness")
    images = dict(table.images)
    images["skewness"] = tuple(1.0 / (0.01 + one) for one in images["error_area"])
    spreads = []
    for kind in ("camera", "network"):
        SIGNALS.add(Signal("skewness", kind=kind, words="skewness", label="skewness", measure=skewness))
        model = ErrorModel(table.model_copy(update={"images": images}), trained, pixel).images
        assert model.rising(known=False)[model.names.index("skewness")] == (kind == "network")
        spreads.append(model.regression("error_area", known=False).errors.std())
        SIGNALS.remove("skewness")
    SIGNALS.add(Signal("skewness", kind="camera", words="skewness", label="skewness", measure=skewness))
    assert spreads[0] < spreads[1]
