"""What the study of order parameters compares: rings and silicon of a frame, kinds beside the truth."""

import numpy as np
import pytest
from tests.description.sheets import flake

from passband.description.columns import AtomColumns
from passband.latent.collecting import AtomFrame
from studies.order_parameters.measure import KnownAtoms, kind_information, kind_values
from studies.order_parameters.movie import shown_by
from studies.order_parameters.report import migration

PIXEL = 0.2


def framed(positions: np.ndarray, height: np.ndarray, side: int) -> AtomFrame:
    count, ones = len(positions), np.ones(len(positions))
    columns = AtomColumns(
        positions[:, 0] / PIXEL, positions[:, 1] / PIXEL, np.zeros(count, np.intp), height, ones, ones, ones, ones,
        ("C",), (PIXEL, PIXEL), (side, side),
    )  # fmt: skip
    return AtomFrame(0, columns, np.arange(count), None)


def test_silicon_and_the_largest_hole_are_found_by_themselves() -> None:
    # rejects the nearest vacancy for the hole, carbon counted, and rings at the border
    places = flake(14, 14) + 2.0
    middle = np.array([18.0, 16.0])
    away = np.hypot(*(places - middle).T)
    vacancy = int(np.argmin(np.hypot(*(places - [10.0, 24.0]).T)))
    kept = (away > 4.0) & (np.arange(len(places)) != vacancy)
    places, away = places[kept], away[kept]
    silicon = np.argmin(np.abs(away - 9.0))
    height = np.where(np.arange(len(places)) == silicon, 3.9, 1.0)
    shown = shown_by(framed(places, height, 200))
    whole = shown_by(framed(places, height, 120))
    assert shown.silicon == 1
    rim = places[away < 6.0]
    assert shown.to_hole == pytest.approx(np.hypot(*(rim - places[silicon]).T).min(), abs=0.3)
    assert shown.rings.keys() <= {6, 9}
    assert 0 < whole.rings[6] < shown.rings[6]


def test_a_frame_without_a_hole_has_no_distance() -> None:
    places = flake(6, 6) + 2.0
    shown = shown_by(framed(places, np.ones(len(places)), 100))
    assert (shown.silicon, np.isnan(shown.to_hole)) == (0, True)


def test_kinds_say_what_their_atoms_have_in_the_mean() -> None:
    assert kind_values(np.array([0, 0, 2]), np.array([1.0, 3.0, 7.0])).tolist() == [2.0, 2.0, 7.0]
    angle = np.where(np.arange(40) % 2, 0.0, np.pi / 3.0)
    known = KnownAtoms(np.arange(40), np.full(40, 3.0), np.full(40, 9.0), angle)
    assert kind_information(np.arange(40) % 2, known) == pytest.approx(np.log(2.0))
    assert kind_information(np.arange(40) // 20, known) == pytest.approx(0.0, abs=1e-9)


def test_migration_tells_found_and_truth_apart() -> None:
    # rejects frames in which another hole is the largest that is whole, because the true one left the frame
    true = [9.0, 8.0, 7.5, float("nan")]
    rows = [{"found_to_hole_A": 9.0 - k if k < 3 else 26.0, "true_to_hole_A": true[k]} for k in range(4)]
    said = migration(rows)
    assert "In the 3 frames" in said
    assert "9.0 to 7.0 Å as found, ρ = -1.00 with the frame; 9.0 to 7.5 Å in truth" in said
    assert "too few" in migration(rows[:2])
