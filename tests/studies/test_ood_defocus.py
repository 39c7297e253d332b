"""The defocus study: its facts are counted right on loss matrices whose facts are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.ood_defocus import report as study

DEFOCI = np.arange(-25.0, 26.0, 5.0)


def rows(loss: Any, *, seeds: int = 2, epoch: int = 24) -> list[dict[str, Any]]:
    """Rows of a campaign whose losses are `loss(training defocus, evaluation defocus)` plus 1e-4 times the seed."""
    return [
        {
            "train_defocus_nm": here,
            "eval_defocus_nm": there,
            "seed": seed,
            "epoch": epoch,
            "loss": loss(here, there) + 1e-4 * seed,
            "dice": 0.9,
            "learning_rate": 1e-2,
            "batch_size": 8,
        }
        for here in DEFOCI.tolist()
        for there in DEFOCI.tolist()
        for seed in range(seeds)
    ]


def paper_like(here: float, there: float) -> float:
    """Loss that grows with the distance in |defocus|, is largest in focus, and does not feel the sign."""
    in_focus = 0.1 if there == 0 else 0.0
    return 0.02 + 0.001 * abs(abs(here) - abs(there)) * (here != 0) + in_focus + 0.03 * (here == 0) * (there == 0)


def backwards(here: float, there: float) -> float:
    """Nothing of it: near is worst, focus is easy, networks trained there lose elsewhere, the sign is everything."""
    return 0.2 - 0.003 * abs(here - there) - 0.15 * (there == 0) + 0.3 * (here * there < 0)


def test_a_matrix_like_the_papers_shows_its_facts() -> None:
    found = study.facts(rows(paper_like), 24)
    values = [float(value[0]) for value in found.values()]
    assert values[0] == pytest.approx(1.0)
    assert values[1] == 1.0
    assert values[3] == pytest.approx(0.1 + 0.015)  # mean of |d| over the others is 15 nm
    assert values[4] == pytest.approx(-0.13)
    assert values[7] == pytest.approx(0.0)
    assert all(study.verdicts(found).values())


def test_a_matrix_that_is_none_of_it_shows_none() -> None:
    assert not any(study.verdicts(study.facts(rows(backwards), 24)).values())


def test_a_fact_must_hold_for_every_seed() -> None:
    mixed = [row for row in rows(paper_like) if row["seed"] == 0] + [row for row in rows(backwards) if row["seed"] == 1]
    assert not any(study.verdicts(study.facts(mixed, 24)).values())


def test_a_matrix_is_ordered_by_defocus_whatever_the_order_of_the_rows() -> None:
    shuffled = rows(lambda here, there: 100.0 * here + there)
    np.random.default_rng(0).shuffle(shuffled)  # type: ignore[arg-type]
    defoci, losses = study.matrix(shuffled, 24)
    assert defoci == DEFOCI.tolist()
    np.testing.assert_allclose(losses[0], 100.0 * DEFOCI[:, None] + DEFOCI[None, :])


def test_early_middle_and_late_are_those_of_the_paper() -> None:
    assert study.stages([{"epoch": epoch} for epoch in range(1, 129)]) == [8, 32, 128]
    assert study.stages([{"epoch": epoch} for epoch in range(2, 25, 2)]) == [2, 6, 24]


def test_figures_are_drawn(tmp_path: Path) -> None:
    assert study.loss_matrices(rows(paper_like), [24, 24, 24]).startswith(b"\x89PNG")
    three = [row for row in rows(paper_like) if row["train_defocus_nm"] in (-10, 0, 10)]
    assert study.learning_curves(three).startswith(b"\x89PNG")


def test_the_asymmetry_of_the_sign_is_overfocus_less_underfocus() -> None:
    one = [row for row in rows(lambda here, there: 0.1 + 0.02 * (there < 0)) if row["train_defocus_nm"] == -10]
    np.testing.assert_allclose(study.sign_asymmetry(one), [0.02, 0.02], atol=1e-12)
