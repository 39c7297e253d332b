"""Scores of a batch for trainings: arrays and tensors alike, better for what is more alike, errors of one line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from passband.recipe import PassbandError
from passband.scores.realism_score import score_of


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))


def fringes(seed: int, period: float, count: int = 24) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, size=(count, 1, 1))
    return np.sin(2 * np.pi * np.arange(32) / period + phase) + 0.5 * rng.normal(size=(count, 32, 32))


@pytest.mark.parametrize("extractor", ["textures", "random"])
def test_what_is_more_alike_is_nearer(extractor: str) -> None:
    score = score_of(fringes(0, 8.0), extractor)
    same, near, far = (score(fringes(1, period)) for period in (8.0, 7.0, 3.0))
    for name in (f"frechet_{extractor}", f"kid_{extractor}"):
        assert same[name] < near[name] < far[name]
    assert same[f"recall_{extractor}"] > 0.5 > far[f"recall_{extractor}"]
    assert same[f"precision_{extractor}"] > 0.5 > far[f"precision_{extractor}"]


def test_arrays_and_tensors_give_the_same_and_stay_as_they_are() -> None:
    generated = fringes(2, 8.0).astype(np.float32)
    before = generated.copy()
    score = score_of(torch.from_numpy(fringes(0, 8.0))[:, None], "random")
    tensor = torch.from_numpy(generated)[:, None].requires_grad_()
    assert score(generated) == score(tensor) == score(list(generated))
    np.testing.assert_array_equal(generated, before)


def test_normalisation_decides_whether_brightness_counts() -> None:
    real, brighter = fringes(0, 8.0), 3.0 * fringes(1, 8.0) + 5.0
    each, by_real = (score_of(real, "random", normalisation=how)(brighter) for how in ("each", "real"))  # type: ignore[arg-type]
    assert by_real["frechet_random"] > 20 * each["frechet_random"]


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((3, 8, 8)), "3 generated images are too few"),
        (np.zeros((8, 8)), r"shape \(8, 8\)"),
        (np.full((5, 8, 8), np.nan), "NaN"),
        ([np.zeros((8, 8)), np.zeros((8, 9))], "one stack"),
        (np.zeros((5, 8, 8), dtype=complex), "real"),
    ],
    ids=["few", "one image", "NaN", "mixed", "waves"],
)
def test_what_cannot_be_scored_is_refused(images: object, said: str) -> None:
    score = score_of(fringes(0, 8.0), "random")
    with pytest.raises(PassbandError, match=said):
        score(images)  # type: ignore[arg-type]
