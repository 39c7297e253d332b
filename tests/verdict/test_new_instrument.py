"""Another instrument is one file: this one registers a scanning microscope and gets a verdict from it."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

from passband.distribution import Scalar, limits, sample
from passband.figures.verdict import verdict_figure
from passband.files.micrograph import Micrograph
from passband.microscope.conditions import Conditions
from passband.microscope.instruments.choice import instrument_named, instrument_of, validate_distribution
from passband.microscope.instruments.instrument import INSTRUMENTS, Instrument, Quantity, Setting, SettingDistribution
from passband.performance.error_model import ErrorModel
from passband.performance.observation import SignalReference
from passband.performance.settings import feature_names, outside_of, setting_row
from passband.performance.table import MeasurementRecipe, PerformanceTable
from passband.performance.widening import draw_settings, trained_range, widened
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.unet import UNetRecipe
from passband.verdict.estimate import ConditionEstimate, compatible_settings, estimate_conditions
from passband.verdict.evidence import Evidence, file_reasons
from passband.verdict.loss_map import axis, loss_map
from passband.verdict.verdict import Verdict
from passband.verdict.weighing import weigh


class ProbeSetting(Setting):
    kind: Literal["toy"] = "toy"
    energy: float = 200e3
    probe_current: float = 50.0
    convergence: float = 0.02


class ProbeDistribution(SettingDistribution):
    kind: Literal["toy"] = "toy"
    energy: Scalar = 200e3
    probe_current: Scalar = 50.0
    convergence: Scalar = 0.02

    @property
    def members(self) -> tuple["ProbeDistribution", ...]:
        return (self,)

    def sample(self, n: int, rng: np.random.Generator) -> list[ProbeSetting]:
        names = ("energy", "probe_current", "convergence")
        return [ProbeSetting(**{name: sample(getattr(self, name), rng) for name in names}) for _ in range(n)]


class ScanningMicroscope(Instrument):
    MODE: ClassVar[str] = "STEM"
    DISTRIBUTION: ClassVar[type[SettingDistribution]] = ProbeDistribution
    QUANTITIES: ClassVar[tuple[Quantity, ...]] = (
        Quantity("probe_current", "pA", words="probe current", logarithmic=True),
        Quantity("convergence", "rad", words="convergence angle", least=0.01, lowest=0.0, tolerance=1e-3),
    )
    LEADING: ClassVar[str] = "convergence"

    kind: Literal["toy"] = Field(default="toy")


TRAINED = {
    "kind": "toy",
    "probe_current": {"log_uniform": [20.0, 100.0]},
    "convergence": {"uniform": [0.018, 0.024]},
}


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    INSTRUMENTS.register(ScanningMicroscope)
    yield
    INSTRUMENTS.remove("toy")
    instrument_named.cache_clear()


def true_loss(row: dict[str, float]) -> float:
    return 0.02 * float(np.exp(((row["convergence"] - 0.021) / 0.01) ** 2) * (50.0 / row["probe_current"]) ** 0.3)


def table(count: int = 80) -> PerformanceTable:
    trained = validate_distribution(TRAINED)
    rng = np.random.default_rng(1)
    rows: list[dict[str, float]] = []
    for one in draw_settings(trained, widened(trained), count, seed=0):
        row = setting_row(one, 0.3)
        loss = true_loss(row) * float(np.exp(0.05 * rng.normal()))
        scores = {"loss": loss, "loss_spread": 0.01, "dice": float(np.exp(-2.0 * loss)), "dice_spread": 0.02}
        rows.append({**row, "inside": float(not outside_of(row, trained)), **scores})
    error = np.repeat([row["loss"] for row in rows], 2)
    images = {"set": np.repeat(np.arange(count), 2).astype(float), "error_area": error, "loss": error}
    images |= {"dice": 1.0 - error, "entropy": error * np.exp(0.3 * rng.normal(size=2 * count))}
    return PerformanceTable(
        instrument="toy",
        recipe=MeasurementRecipe(data_sets=count),
        store="0" * 16,
        structures=10,
        patch=64,
        sets={name: tuple(row[name] for row in rows) for name in rows[0]},
        images={name: tuple(values.tolist()) for name, values in images.items()},
        reference=SignalReference(),
    )


@pytest.fixture(scope="module")
def card() -> ModelCard:
    INSTRUMENTS.register(ScanningMicroscope)
    values: dict[str, Any] = table().model_dump(mode="json")
    assert values["instrument"] == "toy"
    network = UNetRecipe.preset("tiny")
    return ModelCard(architecture=network, pixel_size=0.3, mode="STEM", conditions=TRAINED, calibration=values)


@pytest.fixture(scope="module")
def error_model(card: ModelCard) -> ErrorModel:
    found = ErrorModel.of_card(card)
    assert found is not None
    return found


def verdict_on(error_model: ErrorModel, **values: float) -> Verdict:
    return weigh(error_model, Evidence(ConditionEstimate("given", values), {"entropy": 0.02}))


def test_the_error_model_predicts_from_the_quantities_of_the_instrument(error_model: ErrorModel) -> None:
    # rejects an error model that looks for the columns of a transmission microscope
    assert feature_names(instrument_of(error_model.trained)) == ("log_probe_current", "convergence", "pixel_size")
    settings = [ProbeSetting(convergence=angle) for angle in (0.021, 0.029)]
    found = error_model.predict(settings).loss.value
    expected = [true_loss(setting_row(one, 0.3)) for one in settings]
    np.testing.assert_allclose(found, expected, rtol=0.25)


def test_the_verdict_speaks_of_its_quantities_in_their_units(error_model: ErrorModel) -> None:
    good, far = verdict_on(error_model, convergence=0.021), verdict_on(error_model, convergence=0.029)
    assert (good.outcome, good.sigma) == ("no objection", None)
    assert far.error_area.value > good.error_area.value
    assert any("convergence = 0.029 rad (trained 0.018 to 0.024 rad)" in one for one in far.reasons)
    assert any(one.startswith("add 0.018 to 0.029 rad of convergence") for one in far.advice)
    assert any(one.startswith("record at convergence = 0.02") for one in far.advice)
    faint = verdict_on(error_model, convergence=0.021, probe_current=6.0)
    assert any("record with 20 pA or more" in one for one in faint.advice)
    beyond = verdict_on(error_model, convergence=0.2)
    assert (beyond.outcome, beyond.loss) == ("outside", None)


def test_without_its_leading_quantity_the_image_alone_tells(error_model: ErrorModel) -> None:
    # rejects a verdict that asks for C10, and a fit of Thon rings to a scanned image
    image = Micrograph(np.random.default_rng(0).normal(size=(64, 64)), pixel_size=(0.3, 0.3), mode="STEM")
    estimate = estimate_conditions(image, error_model.trained, given={})
    assert estimate.note == "no fit: nothing is fitted to STEM images"
    stray = Micrograph(image.array, pixel_size=(0.3, 0.3), conditions=Conditions())  # of another instrument
    assert estimate_conditions(stray, error_model.trained, given={}).source == "unknown"
    found = weigh(error_model, Evidence(estimate, {"entropy": 0.02}))
    assert found.error_area is not None
    assert "the convergence angle is not known" in found.reasons[-1]


def test_files_maps_and_figures_follow_the_instrument(error_model: ErrorModel, card: ModelCard) -> None:
    image = Micrograph(np.zeros((64, 64)), pixel_size=(0.3, 0.3), energy=300e3, mode="STEM")
    assert ["300 kV" in one.text for one in file_reasons(card, image)] == [True]
    toy = instrument_of(error_model.trained)
    axes = axis(toy, "probe_current", 20.0, 80.0, 3), axis(toy, "convergence", 0.018, 0.024, 2)
    assert axes[0].label == "probe current (pA)"
    assert loss_map(error_model, ProbeSetting(), *axes).loss.value.shape == (2, 3)
    groups = compatible_settings(ConditionEstimate("given", {"convergence": 0.02}), error_model.trained)
    verdict = verdict_on(error_model, convergence=0.02)
    figure = verdict_figure(verdict, image, error_model, groups, nyquist=1.0, title="toy")
    assert len(figure.axes) == 2  # no panel of a contrast transfer that this instrument has not
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["uncertainty (entropy)"]


def test_its_settings_are_not_mixed_with_those_of_another() -> None:
    trained = validate_distribution(TRAINED)
    assert trained.model_dump(mode="json") == {**TRAINED, "energy": 200e3}
    assert trained_range(trained)["convergence"] == limits(trained.convergence)  # type: ignore[attr-defined]
    with pytest.raises(PassbandError, match="of the instrument 'tem' and the training's of 'toy'"):
        draw_settings(trained, validate_distribution({}), 3, seed=0)
    with pytest.raises(PassbandError, match="'C10' is no quantity of a setting of toy; write one of probe_current"):
        instrument_of(trained).with_values(ProbeSetting(), {"C10": 1.0})
    with pytest.raises(ValueError, match="the table lacks probe_current"):
        PerformanceTable.model_validate({**table().model_dump(), "sets": {"loss": (0.1,)}})


def test_an_alias_may_have_the_other_sign() -> None:
    # rejects values that are taken over without the sign of the name that they were given by
    class Opposite(ScanningMicroscope):
        def resolve(self, name: str) -> tuple[str, float]:
            return ("convergence", -1.0) if name == "divergence" else super().resolve(name)

    assert Opposite().with_values(ProbeSetting(), {"divergence": -0.03}).convergence == 0.03
