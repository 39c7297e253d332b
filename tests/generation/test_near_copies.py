from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from passband.generation.crops import TrainingCrops
from passband.generation.near_copies import correlations, near_copies
from passband.recipe import PassbandError


def smooth(count: int, seed: int, size: int = 32) -> np.ndarray:
    images = gaussian_filter(np.random.default_rng(seed).standard_normal((count, size, size)), (0.0, 1.5, 1.5))
    return (images / np.abs(images).max()).astype(np.float32)


def crops(images: np.ndarray) -> TrainingCrops:
    count = len(images)
    paths = tuple(Path(f"{number}.tif") for number in range(count))
    return TrainingCrops(images, np.arange(count), np.zeros((count, 2), dtype=np.int64), paths, None)


def mean_and_deviation(images: torch.Tensor) -> torch.Tensor:
    return torch.stack([images.mean((1, 2, 3)), images.std((1, 2, 3))], 1)


def test_moved_turned_and_flipped_copies_are_found() -> None:
    training = smooth(40, 0)
    copies = np.stack([np.rot90(np.roll(training[k], (3, -5), (0, 1)), k % 4) for k in range(8)])
    copies[::2] = copies[::2, :, ::-1]
    found = near_copies((0.5 * copies + 0.1).astype(np.float32), crops(training))
    assert found.nearest.tolist() == list(range(8))
    assert found.correlation.min() > 0.999
    assert found.copies.all()
    assert "8 of 8 samples are near copies of training images" in found.warning


def test_fresh_images_are_no_copies() -> None:
    found = near_copies(smooth(30, 1), crops(smooth(60, 0)))
    assert found.warning == ""
    assert found.share <= 0.05


def test_training_images_that_overlap_are_not_compared() -> None:
    field = smooth(1, 0, 96)[0]
    corners = [(y, x) for y in range(0, 65, 16) for x in range(0, 65, 16)]
    images = np.stack([field[y : y + 32, x : x + 32] for y, x in corners])
    overlapping = TrainingCrops(images, np.zeros(25, dtype=np.int64), np.asarray(corners), (Path("a.tif"),), None)
    assert near_copies(images[:4], overlapping).copies.all()  # overlapping neighbours would be as near as copies
    assert near_copies(images[:4], overlapping).most < 0.95


def test_correlation_is_that_of_the_definition() -> None:
    image, sample = (torch.from_numpy(smooth(1, seed, 16)) for seed in (0, 1))
    middle = sample[0, 4:12, 4:12]
    best = -1.0
    for quarter in range(4):
        for flip in (False, True):
            one = torch.rot90(middle, quarter)
            one = one.flip(1) if flip else one
            for y in range(9):
                for x in range(9):
                    pair = torch.stack([one.flatten(), image[0, y : y + 8, x : x + 8].flatten()])
                    best = max(best, torch.corrcoef(pair)[0, 1].item())
    assert correlations(sample, image).item() == pytest.approx(best, abs=1e-4)


def test_copies_in_features() -> None:
    training = np.linspace(0.2, 1.0, 40, dtype=np.float32)[:, None, None] * smooth(40, 0)
    fresh = smooth(1, 1)
    alike = (fresh - fresh.mean()) / fresh.std() * training[3].std() + training[3].mean()
    assert near_copies(alike, crops(training)).share == 0.0  # no copy in pixels
    found = near_copies(alike, crops(training), features=mean_and_deviation)
    assert found.distance[0] < found.least
    assert found.copies.all()


def test_samples_of_another_size() -> None:
    with pytest.raises(PassbandError, match="are not of the crops'"):
        near_copies(smooth(2, 0, 64), crops(smooth(4, 0)))
