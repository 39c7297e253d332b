"""Proposers by name: a new one is one entry, and several stand side by side."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.fixtures.sam_stub import StubNetwork

from passband.recipe import PassbandError
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposers import PROPOSERS, ProposerEntry, ProposerOptions, find_proposer
from passband.zero_shot.sam.generator import SamProposer
from passband.zero_shot.sam.recipe import SamRecipe

IMAGE = np.zeros((64, 64), dtype=np.float32)
IMAGE[20:40, 10:30] = 1.0


@pytest.fixture(autouse=True)
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))
    for name in ("toy", "other"):

        def build(options: ProposerOptions, name: str = name) -> SamProposer:
            network = StubNetwork()
            network.name = name
            return SamProposer(network, options.sam, options.stages)

        PROPOSERS.add(ProposerEntry(name=name, text="", build=build))
    yield
    for name in ("toy", "other"):
        PROPOSERS.remove(name)


def test_several_proposers_give_the_masks_of_all() -> None:
    options = ProposerOptions(sam=SamRecipe(points_per_side=4))
    one, both = find_proposer("toy", options), find_proposer("toy+other", options)
    assert (one.name, both.name) == ("toy", "toy+other")
    alone, together = (found.embed(IMAGE).everything() for found in (one, both))
    assert len(together) == 2 * len(alone) > 0
    assert together.source == ("toy",) * len(alone) + ("other",) * len(alone)
    prompted = both.embed(IMAGE).answer(Prompt(points=((30.0, 20.0),)))
    assert len(prompted) == 6
    assert (np.diff(prompted.quality) <= 0).all()


def test_names_are_checked_before_anything_is_built() -> None:
    with pytest.raises(PassbandError, match="'otter' is no proposer; did you mean 'other'"):
        find_proposer("mobile-sam+otter")  # weights of the first would be missed otherwise
    with pytest.raises(PassbandError, match="names a proposer twice"):
        find_proposer("toy+toy")


def test_mobile_sam_says_how_to_get_its_weights(tmp_path: Path) -> None:
    with pytest.raises(PassbandError, match="passband weights fetch mobile-sam"):
        find_proposer("mobile-sam")
    with pytest.raises(PassbandError, match="takes no other weights"):
        find_proposer("mobile-sam", ProposerOptions(weights=tmp_path))
