"""Micrographs under a mixture of conditions: from every member, and every member must fit the exit waves."""

import pytest
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.store import WaveStore
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.recipe import PassbandError


def at(c10: float, energy: float = 300e3) -> ConditionDistribution:
    return ConditionDistribution.model_validate({"aberrations": {"C10": {"normal": [c10, 15.0]}}, "energy": energy})


def test_micrographs_come_from_every_member_and_each_must_fit_the_store(tiny_store: WaveStore) -> None:
    three = ConditionMixture(among=(at(-160.0), at(0.0), at(160.0)))
    imaging = Imaging(conditions=three, pixel_size=0.8, patch=32, focal_nodes=1)
    taken = Acquisition(tiny_store, imaging, seed=1)
    rows = [taken.row(0, k, 20) for k in range(20)]
    assert len({round(row["conditions"]["aberrations"]["C10"] / 160.0) for row in rows}) == 3
    again = Acquisition(tiny_store, imaging, seed=1).batch(0, 20)
    assert torch.equal(taken.image_from_row(rows[3])[0], again.images[3, 0])
    wrong = ConditionMixture(among=(at(0.0), at(0.0, energy=200e3)))
    with pytest.raises(PassbandError, match="energy=200000 eV and the exit waves 300000 eV"):
        Acquisition(tiny_store, imaging.model_copy(update={"conditions": wrong}))
