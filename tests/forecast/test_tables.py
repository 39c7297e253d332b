"""All measures of a few small data sets: what they must be on the diagonal, what they share, what they refuse."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.forecast import pairs as pairs_module
from passband.forecast.channels import ChannelRecipe
from passband.forecast.observer import ObserverRecipe, PixelSample, sample_pixels
from passband.forecast.pairs import ForecastRecipe, MicrographSet
from passband.forecast.resemblance import frechet_distances, image_correlation
from passband.forecast.tables import MEASURES, PairMeasure, forecast_tables
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.recipe import PassbandError
from passband.specimen.sampling import SceneDistribution

SMALL = ForecastRecipe(
    observer=ObserverRecipe(images=4, pixels=200, channels=ChannelRecipe(border=8), ridge=1e-2), correlated=2
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    """Eight fields of 32 Å with one crystal of 12 Å each."""
    scene = SceneDistribution(field=32.0, film_thickness=8.0, diameter=12.0, particles=1, gap=2.0)
    recipe = Simulation(
        scene=scene, structures=8, seed=4, pixel_size=0.4, slice_thickness=4.0, phonons=1, focus_reference="centre"
    )
    return simulate(recipe, tmp_path_factory.mktemp("forecast") / "store")


def imaging(c10: float, *, dose: float = 2000.0, pixel_size: float = 0.5) -> Imaging:
    aberrations = {"C10": {"normal": [c10, 15.0]}}
    conditions = ConditionDistribution.model_validate(
        {"energy": 300e3, "focal_spread": 10.0, "dose": dose, "aberrations": aberrations}
    )
    return Imaging(conditions=conditions, pixel_size=pixel_size, patch=64, focal_nodes=3)


def source(store: WaveStore, c10: float, **changes: float) -> MicrographSet:
    return MicrographSet(store, imaging(c10, **changes), tuple(range(8)))


def test_every_measure_is_there_and_right_on_the_diagonal(store: WaveStore) -> None:
    training = [source(store, -200.0), source(store, 100.0)]
    evaluation = [source(store, 100.0), source(store, -200.0), source(store, -200.0, dose=50.0)]
    tables = forecast_tables(training, evaluation, SMALL)
    assert set(tables) == set(MEASURES)
    for name, table in tables.items():
        assert table.shape == (2, 3), name
        assert np.isfinite(table).all(), name
    own = ([0, 1], [1, 0])
    for name in ("sigma", "sigma_area", "sigma_specimen", "image_correlation", "energy_correlation"):
        np.testing.assert_allclose(tables[name][own], 1.0, rtol=1e-9, err_msg=name)
    for name in ("delta_c10_A", "delta_epsilon", "delta_epsilon_area", "delta_epsilon_specimen", "observer_induced"):
        np.testing.assert_allclose(tables[name][own], 0.0, atol=1e-12, err_msg=name)
    wrong = ([1, 0], [1, 0])  # the other training on the same evaluation: it must forecast the larger loss
    alike = ("delta_c10_A", "sigma", "sigma_area", "sigma_specimen", "image_correlation", "energy_correlation")
    for name in (*alike, "channel_distance", "observer_loss", "observer_auc", "observer_induced"):
        assert (MEASURES[name].direction * (tables[name][wrong] - tables[name][own]) > 0.0).all(), name
    np.testing.assert_array_equal(tables["observer_loss"][own], tables["observer_difficulty"][0, [1, 0]])
    assert tables["delta_c10_A"].tolist() == [[300.0, 0.0, 0.0], [0.0, 300.0, 300.0]]
    # fewer electrons leave σ alone and are harder: what the transfer function cannot say
    assert tables["sigma"][0, 2] == pytest.approx(1.0)
    assert tables["texture_separation"][0, 2] < tables["texture_separation"][0, 1]
    assert tables["observer_auc"][0, 2] < tables["observer_auc"][0, 1]
    again = forecast_tables(training[:1], evaluation[2:], SMALL)
    for name, table in again.items():
        np.testing.assert_allclose(table[0, 0], tables[name][0, 2], rtol=1e-9, atol=1e-12, err_msg=name)


def test_conditions_are_compared_on_the_same_structures_and_places(store: WaveStore) -> None:
    one, other = (source(store, c10).acquisition(0) for c10 in (-200.0, 100.0))
    first, second, apart = (
        sample_pixels(each, SMALL.observer) for each in (one, other, source(store, 0.0).acquisition(1))
    )
    np.testing.assert_array_equal(first.truth, second.truth)
    assert not np.array_equal(first.channels, second.channels)
    assert not np.array_equal(first.truth, apart.truth)
    assert set(one.indices).isdisjoint(source(store, 0.0).acquisition(1).indices)
    assert first.channels.shape == (800, SMALL.observer.channels.count)


def test_correlation_of_images_sees_reversal_and_needs_the_same_places(store: WaveStore) -> None:
    under, over = (source(store, c10).acquisition(0) for c10 in (-250.0, 250.0))
    found = image_correlation([under], [under, over], images=2)
    assert found.signed[0, 0] == pytest.approx(1.0)
    assert found.signed[0, 1] < 0.5
    assert found.energy[0, 1] > found.signed[0, 1]
    mixed = ConditionMixture(among=(imaging(-250.0).conditions,))  # draws differently, so its own places are others
    same = Acquisition(store, imaging(0.0).model_copy(update={"conditions": mixed}), indices=under.indices, seed=1)
    assert image_correlation([under], [same], images=2).energy[0, 0] > 0.9
    elsewhere = Acquisition(store, imaging(0.0), indices=[0], in_turn=True)
    with pytest.raises(PassbandError, match="use one store, the same indices and one patch"):
        image_correlation([under], [elsewhere], images=2)


def test_frechet_distance_of_normal_channels() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(40_000) % 2 == 0
    channels = rng.standard_normal((40_000, 3))
    first = PixelSample(channels, truth, np.zeros(40_000, dtype=np.int64))
    moved = PixelSample(channels * np.array([2.0, 1.0, 1.0]) + np.array([0.0, 3.0, 0.0]), truth, first.image)
    found = frechet_distances([first], [first, moved])
    # for commuting covariances d² = |Δμ|² + Σ(√λ − √λ′)², here 3² + (2 − 1)²
    np.testing.assert_allclose(found, [[0.0, np.sqrt(10.0)]], atol=0.03)


def test_sets_must_fit_together(store: WaveStore) -> None:
    with pytest.raises(PassbandError, match="give all of them one pixel_size"):
        forecast_tables([source(store, 0.0)], [source(store, 0.0, pixel_size=0.45)], SMALL)
    with pytest.raises(PassbandError, match="give each at least two structures"):
        forecast_tables([MicrographSet(store, imaging(0.0), (1,))], [source(store, 0.0)], SMALL)


def test_structures_of_another_store_have_no_common_image(store: WaveStore, tmp_path: Path) -> None:
    recipe = store.recipe.model_copy(update={"seed": 5, "structures": 4})
    other = simulate(recipe, tmp_path / "other")
    tables = forecast_tables([source(store, -200.0)], [MicrographSet(other, imaging(-200.0), tuple(range(4)))], SMALL)
    assert np.isnan(tables["image_correlation"]).all()
    assert tables["sigma"][0, 0] == pytest.approx(1.0)
    assert np.isfinite(tables["observer_loss"]).all()
    assert tables["channel_distance"][0, 0] > 0.0


def test_a_toy_measure_is_one_entry_and_computes_only_what_it_needs(
    store: WaveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # rejects a forecast that runs every measure whatever is asked, and a list of names beside the entries
    toy = PairMeasure(
        name="delta_defocus_nm",
        direction=1,
        unit="nm",
        needs="optics",
        says="a length in another unit",
        table=lambda pairs: 0.1 * abs(pairs.c10[1][None, :] - pairs.c10[0][:, None]),
    )
    monkeypatch.setattr("passband.forecast.pairs.specimen_spectra", None)
    monkeypatch.setattr("passband.forecast.pairs.sample_pixels", None)
    training, evaluation = [source(store, -200.0)], [MicrographSet(store, imaging(100.0), (1,))]
    MEASURES.add(toy)
    try:
        found = forecast_tables(training, evaluation, SMALL, measures=[toy.name, "sigma"])
        assert list(found) == [toy.name, "sigma"]
        assert found[toy.name].tolist() == [[30.0]]
    finally:
        MEASURES.remove(toy.name)
    with pytest.raises(PassbandError, match="'sigma_aera' is no pair measure; did you mean 'sigma_area'"):
        forecast_tables(training, evaluation, SMALL, measures=["sigma_aera"])


def test_what_several_measures_need_is_computed_once(store: WaveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # rejects entries that image the same micrographs again
    counted: list[str] = []

    def count(name: str) -> None:
        whole = getattr(pairs_module, name)
        monkeypatch.setattr(
            pairs_module, name, lambda *given, **named: (counted.append(name), whole(*given, **named))[1]
        )

    for name in ("specimen_spectra", "image_power", "sample_pixels", "image_correlation", "compare_information"):
        count(name)
    forecast_tables([source(store, -200.0)], [source(store, 100.0)], SMALL)
    assert Counter(counted) == {
        "specimen_spectra": 1,  # one specimen
        "image_power": 2,  # two sets
        "sample_pixels": 4,  # of two halves each
        "image_correlation": 1,
        "compare_information": 2,  # two variants
    }
