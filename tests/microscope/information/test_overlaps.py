"""A variant of σ is one entry: a toy one works in `Metric`, in the comparison and on the command line."""

import json
from collections.abc import Iterator

import pytest
import torch

from passband.commands import cli
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information import overlaps
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric
from passband.microscope.information.overlaps import OVERLAPS, Overlap
from passband.recipe import PassbandError


def lens(c10: float) -> Conditions:
    return Conditions(energy=300e3, focal_spread=10.0, aberrations=Aberrations(C10=c10))


@pytest.fixture
def toy() -> Iterator[Overlap]:
    """Bhattacharyya's coefficient of the distributions |T|/⟨|T|⟩: the mean of √(p p′)."""
    entry = Overlap(
        name="bhattacharyya",
        says="⟨√(|T||T′|)⟩ over √(⟨|T|⟩⟨|T′|⟩)",
        feature=lambda transfer: transfer.abs().sqrt(),
        added=overlaps.weighted_square,
        size=lambda total: total.sqrt(),
        shared=lambda first, second, weight: (first * weight) @ second.T,
        sigma=lambda shared, first, second: shared / (first * second),
    )
    OVERLAPS.add(entry)
    yield entry
    OVERLAPS.remove(entry.name)


def test_a_toy_overlap_works_everywhere_by_its_entry_alone(toy: Overlap) -> None:
    # rejects a comparison that knows the five by name
    metric = Metric(overlap=toy.name, radial_points=400, qmax=1.0)
    items = [lens(-100.0), lens(40.0), lens(100.0)]
    sigma = compare_information(items, items, metric=metric).sigma
    plain = compare_information(items, items, metric=Metric(radial_points=400, qmax=1.0)).sigma
    torch.testing.assert_close(sigma.diagonal(), torch.ones(3, dtype=torch.float64))
    assert sigma[0, 2] == pytest.approx(1.0)  # |T| of ±C10 are equal
    assert plain[0, 1] < sigma[0, 1] < 1.0  # a square root brings values together
    assert Metric.model_validate_json(metric.to_json()) == metric


def test_the_command_line_offers_what_has_an_entry(toy: Overlap, capsys: pytest.CaptureFixture[str]) -> None:
    # rejects choices that are written a second time
    with pytest.raises(SystemExit) as left:
        cli.app(["information", "--c10", "-100", "--against", "c10=40", "--overlap", toy.name, "--json"])
    assert not left.value.code
    assert json.loads(capsys.readouterr().out)["metric"]["overlap"] == toy.name
    with pytest.raises(SystemExit) as left:
        cli.app(["information", "--c10", "-100", "--overlap", "dot"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in OVERLAPS)


def test_an_unknown_overlap_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"'dot' is no overlap; known: cosine, cosine_squares, signed_cosine"):
        Metric(overlap="dot")
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        Metric(overlap="cosin")


def test_an_entry_that_feels_the_sign_says_so_for_data_sets(toy: Overlap) -> None:
    from dataclasses import replace

    from passband.microscope.information.condition_set import ConditionSet

    signed = OVERLAPS.add(replace(toy, name="signed_toy", signed=True))
    try:
        with pytest.raises(PassbandError, match="'signed_toy' of a condition set: its rms transfer has no sign"):
            compare_information(
                [ConditionSet(conditions=(lens(0.0),), defocus_jitter=5.0)], [], metric=Metric(overlap=signed.name)
            )
    finally:
        OVERLAPS.remove(signed.name)


def test_two_entries_of_one_name_are_refused(toy: Overlap) -> None:
    with pytest.raises(ValueError, match="'bhattacharyya' is the name of another overlap; choose another one"):
        OVERLAPS.add(toy)
