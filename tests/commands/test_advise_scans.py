"""Advice for a scanning microscope: which dose is enough, and what cannot be asked."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from passband.microscope.instruments.choice import instrument_named
from passband.performance.error_model import ErrorModel, PredictionIntervals
from passband.recipe import PassbandError
from passband.segmentation.card import read_card
from passband.segmentation.shipped import find_model
from passband.verdict.loss_map import LossMap, axis, middle_of_training

STEM = instrument_named("stem")


def test_dose_and_source_size_are_mapped_within_reach(run, tmp_path: Path) -> None:
    """Rejects the axes of a transmission microscope, a dose that is not in decades, and reach that is not heard."""
    reach = ("--reach", "dose=1e4,1e6", "--reach", "source_size=60pm,1.2", "--set", "jitter=0.2")
    done = run("advise", "--model", "haadf_atoms", *reach, "-o", str(tmp_path), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert set(found["usual"]) == {"dose_source_size", "dose_C10"}
    assert found["conditions"]["jitter"] == 0.2
    assert not any(found["conditions"]["aberrations"].values())
    with (tmp_path / "loss_dose_source_size.csv").open() as file:
        rows = list(csv.DictReader(file))
    doses, sizes = (sorted({float(row[name]) for row in rows}) for name in ("dose", "source_size"))
    assert doses == pytest.approx(np.geomspace(1e4, 1e6, 31), rel=1e-4)
    assert (sizes[0], sizes[-1]) == pytest.approx((0.6, 1.2))
    columns = (tmp_path / "loss_dose_C10.csv").read_text().splitlines()[0].split(",")
    assert "C10_A" in columns
    assert "sigma" not in columns
    few, many = (
        np.mean([float(row["loss"]) for row in rows if float(row["dose"]) == one]) for one in (doses[0], doses[-1])
    )
    assert many < few


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--reach", "dose=1e3"), "'dose=1e3' is not a range"),
        (("--reach", "dose=0,1e3"), "counts in decades; begin above 0"),
        (("--reach", "source_size=2,1"), "runs backwards; write low < high"),
        (("--cs", "-1um,1um"), "the maps are of dose, source_size, C10; write a single value, as --set C30"),
        (("--dose", "300"), "dose is on an axis of the maps; write --reach dose=LOW,HIGH"),
        (("--budget", "2"), "chooses by contrast transfer"),
    ],
)
def test_what_a_scan_has_not_is_said_on_one_line(run, tmp_path: Path, asked: tuple[str, ...], said: str) -> None:
    done = run("advise", "--model", "haadf_atoms", *asked, "-o", str(tmp_path / "advice"))
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "advice").exists()


def test_a_dose_is_enough_from_which_on_no_higher_one_loses_more() -> None:
    """Rejects the first dose that is good enough, above which there are worse ones, and one that is never reached."""
    first, second = axis(STEM, "dose", 1e2, 1e5, 4), axis(STEM, "source_size", 0.5, 1.5, 3)
    loss = np.array([[9.0, 9.0, 9.0, 9.0], [0.1, 0.5, 0.2, 0.1], [9.0, 9.0, 9.0, 9.0]])
    dice = 1.0 - loss
    one = LossMap(first, second, PredictionIntervals(loss, loss, loss), PredictionIntervals(dice, dice, dice), loss)
    assert one.enough(0.3) == pytest.approx({"dose": 1e4, "predicted_dice": 0.8})
    assert one.enough(0.6) == pytest.approx({"dose": 1e2, "predicted_dice": 0.9})
    assert one.enough(0.01) is None
    lens = one._replace(first=axis(STEM, "C10", -10.0, 10.0, 4))
    assert lens.enough(0.3) is None


def test_the_middle_of_a_dose_is_in_decades() -> None:
    model = ErrorModel.of_card(read_card(find_model("wse2_defects")))
    assert model is not None
    middle = middle_of_training(model, {"C21": 300.0})
    assert middle.dose == pytest.approx(np.sqrt(2e4 * 2e5))
    assert middle.source_size == pytest.approx(1.05)
    assert middle.aberrations.nonzero() == {"C21": 300.0}


def test_an_instrument_without_maps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ErrorModel.of_card(read_card(find_model("wse2_defects")))
    monkeypatch.setattr(type(STEM), "MAPPED", ())
    with pytest.raises(PassbandError, match="nothing is mapped of a setting of 'stem'; use passband trust"):
        middle_of_training(model, {})
