"""Columns where a network says they are, and which network is asked."""

import numpy as np
import pytest
from tests.description.column_scenes import draw, nearest, square

from passband.files.micrograph import Micrograph
from passband.recipe import PassbandError
from passband.segmentation.model import Model
from passband.verdict.assessment import Assessor
from passband.verdict.finding import ColumnFinder


def scene(pixel, *, sides=(180, 170), mode=None, noise=0.0):
    """Micrograph of a lattice of 3 Å, each column displaced, and the places (n, 2) in pixels."""
    rng = np.random.default_rng(3)
    count = int(min(sides) * pixel / 3.0) - 1
    places = square(count, 3.0 / pixel) + rng.normal(0.0, 0.1 / pixel, (count**2, 2))
    image = draw(sides, places, 100.0, 0.5 / pixel, background=20.0)
    return Micrograph(image + noise * rng.normal(size=sides), pixel_size=pixel, mode=mode), places


@pytest.mark.parametrize("pixel", [0.11, 0.173, 0.25, 0.3])
def test_positions_stay_where_they_are_through_the_pixels_of_the_network(column_network, pixel: float) -> None:
    """Rejects columns left at the maxima of the maps, and maps at the network's pixels."""
    micrograph, places = scene(pixel)
    columns, view = ColumnFinder(column_network).find(micrograph)
    assert len(columns) == len(places)
    assert (view.network, view.verdict, view.warning) == ("spots", "not calibrated", "")
    assert view.segmentation is not None
    assert view.segmentation.labels.shape == micrograph.array.shape
    _, number = nearest(np.stack([columns.x, columns.y], 1), places)
    error = np.stack([columns.x, columns.y], 1)[number] - places
    assert np.abs(error.mean(axis=0)).max() < 0.002
    assert np.abs(error).max() < 0.02


def test_the_shipped_network_that_fits_is_asked_if_none_is_named(shipped_columns: str) -> None:
    finder = ColumnFinder()
    for facts, name, why in (
        ({}, shipped_columns, ""),
        ({"mode": "STEM"}, shipped_columns, ""),
        ({"mode": "TEM"}, None, "is for STEM images, and the file says TEM"),
        ({"pixel": 0.39}, shipped_columns, ""),
        ({"pixel": 0.41}, None, "is for pixels up to 0.4 Å, and these have 0.41 Å"),
        ({"sides": (15, 170), "pixel": 0.1}, None, "pixels"),  # too small a field
    ):
        _, view = finder.find(scene(**{"pixel": 0.2} | facts)[0])
        assert view.network == name, facts
        assert why in view.reason, facts
        assert bool(view.reason) == (name is None), facts
        assert view.warning == "" or name is None, facts
    assert ColumnFinder("none").find(scene(0.2)[0])[1].network is None


def test_classes_of_the_network_are_those_of_the_columns(column_network) -> None:
    finder = ColumnFinder(column_network)
    columns, _ = finder.find(scene(0.2)[0])
    assert columns.classes == ("column",)
    assert 0.9 < columns.confidence.min() <= columns.confidence.max() <= 1.0  # sure of itself, and free of noise


def test_an_image_of_another_microscope_is_said_to_be_one(column_network, shipped_columns: str) -> None:
    tem = scene(0.2, mode="TEM")[0]
    alone = "the file says TEM, and columns are looked for as in STEM images"
    assert ColumnFinder("none").view(tem).warning == alone
    asked = ColumnFinder(column_network).view(tem).warning
    assert asked == "the file says TEM and the network knows STEM images only"


def test_a_network_that_finds_something_else_is_said_to() -> None:
    view = ColumnFinder("au_hrtem").view(scene(0.4, mode="TEM")[0], judged=False)
    assert view.warning == "au_hrtem finds particle and not columns; see passband models"


def test_the_verdict_is_that_of_the_calibrated_network_and_only_where_it_is_asked_for(monkeypatch) -> None:
    """Rejects a verdict that stays "not calibrated", and a frame of a movie that is judged again."""
    finder, micrograph = ColumnFinder("au_hrtem"), scene(0.4, mode="TEM")[0]
    assert finder.view(micrograph).verdict in ("no objection", "doubtful", "outside")
    monkeypatch.setattr("passband.verdict.finding.Assessor", None)
    unjudged = finder.view(micrograph, judged=False)
    assert unjudged.verdict == "not calibrated"
    assert unjudged.segmentation is not None


def test_what_the_verdict_rests_on_is_handed_on(monkeypatch) -> None:
    """Rejects a verdict without its reason, and settings that were given and are forgotten."""
    asked = []

    class Judge(Assessor):
        def assess(self, micrograph, *, given=None, **options):
            asked.append(given)
            return super().assess(micrograph, given=given, **options)

    monkeypatch.setattr("passband.verdict.finding.Assessor", Judge)
    finder = ColumnFinder("haadf_atoms", given={"dose": 1e4})
    noise = Micrograph(np.random.default_rng(0).normal(size=(150, 150)), pixel_size=0.15)
    view = finder.view(noise)
    assert asked == [{"dose": 1e4}]
    assert view.verdict in ("doubtful", "outside")
    assert view.reason
    assert "no signal" in view.flags
    assert view.f1 is None or view.f1.value < 0.5


def test_a_network_is_loaded_once(shipped_columns: str, monkeypatch) -> None:
    finder, loaded = ColumnFinder(), []
    monkeypatch.setattr("passband.segmentation.model.Model.__init__", _counting(Model.__init__, loaded))
    for _ in range(2):
        finder.view(scene(0.2)[0])
    assert len(loaded) == 1


def _counting(call, calls):
    def counted(*arguments, **options):
        calls.append(arguments)
        return call(*arguments, **options)

    return counted


def test_what_decides_on_the_columns_is_told_apart(column_network) -> None:
    finders = [ColumnFinder(), ColumnFinder("none"), ColumnFinder(column_network), ColumnFinder("au_hrtem")]
    assert len({one.identity for one in finders}) == 4


def test_no_such_network() -> None:
    with pytest.raises(PassbandError, match="model 'haadf' is neither a folder nor a shipped model"):
        ColumnFinder("haadf")
