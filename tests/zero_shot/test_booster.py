"""The whole booster on drawn cross-sections: every stage kept and weighed, one map at the end, seeds and bad input."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.zero_shot.scenes import OBLONG, SQUARE, VACUUM, bands, draw, pieces

from passband.recipe import PassbandError
from passband.scores.microstructure import score_masks
from passband.zero_shot.booster import Boosted, Booster, boost
from passband.zero_shot.grouping import Merging
from passband.zero_shot.partition import Partitioning
from passband.zero_shot.proposals import Proposals

SHAPE = (240, 320)
FILM = bands(SHAPE, [100, 190])  # substrate, film, vacuum
IMAGE = draw(FILM, [SQUARE, OBLONG, VACUUM])
TRUE = np.array([number == FILM for number in range(3)])


def with_parents(*more: NDArray[np.bool_]) -> Proposals:
    """Pieces of the three materials, with each as a whole, twice, and all of the image."""
    parts = pieces(FILM, 3).masks
    twice = np.roll(TRUE, 2, axis=1)
    masks = np.concatenate([parts, TRUE, twice, np.ones((1, *SHAPE), bool), *(one[None] for one in more)])
    return Proposals.of_masks(masks, quality=np.linspace(0.9, 0.99, len(masks)))


def boosted(proposals: Proposals, **rules: object) -> Boosted:
    return boost(IMAGE, proposals, window=36, rules=Booster(**rules))


def score(masks: NDArray[np.bool_]) -> float:
    return score_masks(masks, TRUE).miou


@pytest.mark.parametrize("materials", [3, None])
def test_many_proposals_become_one_map_of_three_materials(materials: int | None) -> None:
    found = boosted(with_parents(), merging=Merging(materials=materials))
    assert found.partition.labels.shape == SHAPE
    assert found.partition.materials == 3
    assert score(found.partition.labels == np.arange(1, 4)[:, None, None]) > 0.97
    assert (found.partition.labels > 0).mean() > 0.99


def test_every_stage_is_kept_for_removal_alone_may_be_worse_than_nothing() -> None:
    # the trap: parents made of parts go, so that true masks are in pieces until merging joins them
    stages = {stage.name: stage for stage in boosted(with_parents()).stages}
    assert list(stages) == ["proposals", "removal", "merging"]
    before, between, after = (score(stage.masks) for stage in stages.values())
    assert between < before - 0.3
    assert after > 0.97
    assert [stage.objective.cardinality for stage in stages.values()] == [16, 9, 3]
    assert stages["proposals"].objective.overlap == 1.0
    assert stages["merging"].objective.overlap < stages["removal"].objective.overlap < 1.0


def test_the_objective_weighs_with_the_trade_off_that_is_asked_for() -> None:
    for trade_off in (0.0, 0.1):
        stage = boosted(with_parents(), trade_off=trade_off).stages[2].objective
        assert stage.value == pytest.approx(stage.overlap - 3 * trade_off)


def test_a_parent_is_what_its_child_leaves() -> None:
    inside = np.zeros(SHAPE, bool)
    inside[30:80, 40:120] = True
    image = np.where(inside, draw(FILM * 0, [OBLONG]), IMAGE)
    found = boost(
        image, Proposals.of_masks(np.array([*TRUE, inside])), window=36, rules=Booster(merging=Merging(materials=3))
    )
    labels = found.partition.labels
    assert len(np.unique(labels[TRUE[1] | inside])) == 1  # film and inclusion are one material
    assert labels[85, 200] not in labels[inside]


def test_an_image_of_one_material_is_one() -> None:
    one = draw(FILM * 0, [SQUARE])
    for masks in (np.ones((1, *SHAPE)), pieces(FILM, 2).masks):
        found = boost(one, Proposals.of_masks(masks), window=36)
        assert np.unique(found.partition.labels).tolist() == [1]
        assert found.partition.materials == 1


def test_what_nobody_proposed_is_unassigned_or_covered() -> None:
    some = Proposals.of_masks(pieces(FILM, 3).masks[1:])
    left = boosted(some, merging=Merging(materials=3)).partition
    assert (left.labels[:90, :90] == 0).all()
    covered = boosted(some, merging=Merging(materials=3), partitioning=Partitioning(cover=True)).partition
    assert (covered.labels > 0).all()
    assert score(covered.labels == np.arange(1, 4)[:, None, None]) > 0.95


def test_no_proposals_leave_everything_unassigned() -> None:
    for masks in (np.zeros((0, 60, 80)), np.zeros((2, 60, 80))):
        found = boosted(Proposals.of_masks(masks, shape=SHAPE))
        assert not found.partition.labels.any()
        assert (found.partition.labels.shape, found.partition.materials, found.merged) == (SHAPE, 0, None)
        assert found.stages[2].objective.cardinality == 0


def test_a_mask_that_others_hide_is_no_mask_of_any_material() -> None:
    hidden = TRUE[0] & (np.arange(320) < 200)
    halves = [hidden & (np.arange(240)[:, None] < 52), hidden & (np.arange(240)[:, None] >= 48)]
    found = boosted(Proposals.of_masks(np.array([hidden, *halves, *TRUE[1:]])), merging=Merging(materials=2))
    assert found.merged is not None
    assert len(found.merged.material) <= 4


def test_the_scale_of_intensity_does_not_matter_and_inputs_stay_as_they_are() -> None:
    proposals, before = with_parents(), IMAGE.copy()
    one = boosted(proposals).partition.labels
    other = boost(40000.0 + 3000.0 * IMAGE, proposals, window=36).partition.labels
    assert (one == other).mean() > 0.999
    assert (before == IMAGE).all()


def test_the_same_seed_gives_the_same_map_and_coarse_masks_nearly_the_same() -> None:
    first, second = (boosted(with_parents()).partition.labels for _ in range(2))
    assert (first == second).all()
    coarse = with_parents().on_grid((60, 80))
    assert (boosted(coarse).partition.labels == first).mean() > 0.97


def test_more_materials_than_masks_are_refused() -> None:
    with pytest.raises(PassbandError, match="materials=7 but 3 masks are left"):
        boosted(Proposals.of_masks(TRUE), merging=Merging(materials=7))


def test_masks_of_another_image_are_refused() -> None:
    with pytest.raises(PassbandError, match="propose masks for this image"):
        boost(IMAGE[:100], with_parents())


def test_a_small_image_takes_smaller_crops() -> None:
    small = draw(FILM[90:114, :24] * 0, [replace(SQUARE, periods=(4.0, 4.0))])
    found = boost(small, Proposals.of_masks(np.ones((1, 24, 24))), window=60)
    assert found.side == 24
    assert (found.partition.labels == 1).all()
