"""Batches of several processes are those of one, in any order of asking."""

import pytest
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.imaging_pool import ImagingPool
from passband.dataset.store import WaveStore
from passband.recipe import PassbandError


def _stream(store: WaveStore, sharing: int) -> Acquisition:
    conditions = {"aberrations": {"C10": {"uniform": [-300.0, 300.0]}}, "dose": 400.0}
    imaging = Imaging.model_validate(
        {
            "conditions": conditions,
            "pixel_size": 0.8,
            "patch": 32,
            "patches_per_field": sharing,
            "camera": {"blur": 0.5},
        }
    )
    return Acquisition(store, imaging, indices=[1, 4, 6], seed=5)


@pytest.mark.parametrize("sharing", [1, 3])
def test_batches_are_those_of_one_process(tiny_store: WaveStore, sharing: int) -> None:
    """Rejects workers that image other structures, draw from another seed, or split a group that shares its fields."""
    alone = _stream(tiny_store, sharing)
    with ImagingPool(_stream(tiny_store, sharing), 2) as pool:
        for step in (0, 1, 2, 3, 7, 2):  # also one that was passed already
            made, expected = pool.batch(step, 2), alone.batch(step, 2)
            assert torch.equal(made.images, expected.images)
            assert torch.equal(made.masks, expected.masks)
            assert made.rows == expected.rows


def test_no_more_is_kept_than_what_is_ahead(tiny_store: WaveStore) -> None:
    with ImagingPool(_stream(tiny_store, 1), 1) as pool:
        for step in range(9):
            pool.batch(step, 1)
        assert len(pool._coming) <= 3


def test_too_few_workers_are_refused(tiny_store: WaveStore) -> None:
    with pytest.raises(PassbandError, match="workers=0 is below 1"):
        ImagingPool(_stream(tiny_store, 1), 0)
