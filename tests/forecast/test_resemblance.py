"""How alike two data sets are, against NumPy's correlation and scipy's square root of a matrix."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from passband.forecast.channels import ChannelRecipe, channel_images
from passband.forecast.observer import PixelSample
from passband.forecast.resemblance import frechet_distances, image_correlation
from passband.recipe import PassbandError

SIDE, IMAGES = 48, 3


class Shown:
    """What `image_correlation` asks of an acquisition; remembers the rows that it was asked for."""

    def __init__(self, pictures: np.ndarray, masks: np.ndarray, *, dose: float | None = None) -> None:
        self.pictures, self.masks, self.asked = torch.as_tensor(pictures).float(), torch.as_tensor(masks), []
        self.store = SimpleNamespace(recipe=SimpleNamespace(identity="s"))
        self.indices, self.imaging = [0], SimpleNamespace(patch=SIDE)
        self.dose = dose

    def row(self, step: int, k: int, size: int) -> dict[str, Any]:
        conditions = {"dose": self.dose, "readout_noise": 2.0, "energy": 300e3}
        own = {"pixels": 100, "pixel_size": 0.8, "top": 7 * k + 9 * step + 1000 * (self.dose is None), "left": 0}
        return {"step": step, "image": k, "size": size, "structure": k, "conditions": conditions, **own}

    def image_from_row(self, row: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        self.asked.append(row)
        return self.pictures[row["structure"]], self.masks[row["structure"]]


@pytest.fixture
def masks() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    discs = [np.hypot(y - 20, x - 10 * k - 14) < 8 + 2 * k for k in range(IMAGES)]
    return np.array(discs).astype(np.int64)


def pictures(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(IMAGES, SIDE, SIDE)) + 0.7


def test_grey_values_are_correlated_where_particles_are(masks: np.ndarray) -> None:
    one, other = pictures(0), pictures(1)
    mixed = 0.6 * one + 0.8 * other
    found = image_correlation([Shown(one, masks)], [Shown(mixed, masks), Shown(-3.0 * one, masks)], images=IMAGES)
    inside = [np.corrcoef(a[m > 0], b[m > 0])[0, 1] for a, b, m in zip(one, mixed, masks, strict=True)]
    assert found.signed[0] == pytest.approx([np.mean(inside), -1.0], abs=1e-6)


def test_an_empty_field_is_correlated_as_a_whole() -> None:
    one, other = pictures(0), pictures(1)
    none = np.zeros((IMAGES, SIDE, SIDE), np.int64)
    found = image_correlation([Shown(one, none)], [Shown(one + other, none)], images=IMAGES)
    whole = [np.corrcoef(a.ravel(), (a + b).ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    assert found.signed[0, 0] == pytest.approx(np.mean(whole), abs=1e-6)


def test_energies_are_correlated_band_by_band_whatever_the_sign(masks: np.ndarray) -> None:
    one, other = pictures(0), pictures(1)
    found = image_correlation([Shown(one, masks)], [Shown(-one, masks), Shown(other, masks)], images=IMAGES)
    maps = [
        channel_images(torch.as_tensor(side)[:, None].float(), ChannelRecipe(sign="dropped", windows=(4.0,)))
        for side in (one, other)
    ]
    rows = [part[..., ::4, ::4].flatten(2).flatten(0, 1).numpy() for part in maps]
    each = [np.corrcoef(a, b)[0, 1] for a, b in zip(*rows, strict=True)]
    assert found.energy[0] == pytest.approx([1.0, np.mean(each)], abs=1e-4)


def test_structures_are_seen_at_the_same_places_free_of_noise(masks: np.ndarray) -> None:
    first, second = Shown(pictures(0), masks), Shown(pictures(0), masks, dose=50.0)
    image_correlation([first], [second], images=IMAGES)
    for one, other in zip(first.asked, second.asked, strict=True):
        for name in ("structure", "pixels", "pixel_size", "top", "left"):
            assert one[name] == other[name] == first.row(0, one["image"], IMAGES)[name]
        assert other["conditions"] == {"dose": None, "readout_noise": 0.0, "energy": 300e3}
        assert (other["step"], other["size"], one["step"]) == (0, IMAGES, 0)
    assert [row["image"] for row in second.asked] == list(range(IMAGES))


def sample(seed: int, shift: float, count: int = 400) -> PixelSample:
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.4
    channels = rng.normal(size=(count, 3)) @ rng.normal(size=(3, 3)) + shift * (1.0 + truth[:, None])
    return PixelSample(channels, truth, np.zeros(count, np.int64))


def test_frechet_distances_are_those_of_both_classes() -> None:
    learnt, met = sample(0, 0.0), sample(1, 0.5)
    scale = learnt.channels.std(0)
    expected = []
    for particle in (False, True):
        a, b = (one.channels[one.truth == particle] / scale for one in (learnt, met))
        first, second = np.cov(a.T), np.cov(b.T)
        squared = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2.0 * sqrtm(first @ second).real)
        expected.append(np.sqrt(squared))
    assert frechet_distances([learnt], [met])[0, 0] == pytest.approx(np.mean(expected), rel=1e-6)
    assert frechet_distances([learnt], [learnt])[0, 0] == pytest.approx(0.0, abs=1e-5)
    constant = PixelSample(np.ones((40, 3)), learnt.truth[:40], learnt.image[:40])
    assert np.isfinite(frechet_distances([constant], [constant])).all()


def test_one_pixel_has_no_statistics() -> None:
    truth = np.arange(9) == 0
    with pytest.raises(PassbandError, match="1 pixels of one class are too few for their statistics; draw more"):
        frechet_distances([PixelSample(np.ones((9, 2)), truth, np.zeros(9, np.int64))], [])
