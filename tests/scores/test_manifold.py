"""Precision, recall, density and coverage: scikit-learn's neighbours as a second formula, and drawn sets."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from passband.scores import manifold as module
from passband.scores.manifold import Manifold


def test_they_are_those_of_nearest_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 16)
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(70, 3)), rng.normal(1.2, 0.6, size=(50, 3))
    found = Manifold(real).scores(Manifold(generated))

    def radius(points: np.ndarray) -> np.ndarray:
        return NearestNeighbors(n_neighbors=3).fit(points).kneighbors()[0][:, -1]  # itself not counted

    away = np.linalg.norm(real[:, None] - generated[None], axis=2)
    inside = away <= radius(real)[:, None]
    np.testing.assert_array_equal(found.precision, inside.any(0))
    np.testing.assert_array_equal(found.recall, (away <= radius(generated)[None]).any(1))
    np.testing.assert_allclose(found.density, inside.sum(0) / 3)
    np.testing.assert_array_equal(found.coverage, inside.any(1))
    assert 0.1 < found.recall.mean() < 0.9  # so that the comparison says something


def test_a_generator_of_one_kind_has_precision_without_recall() -> None:
    rng = np.random.default_rng(1)
    kinds = np.repeat(np.array([[0.0, 0.0], [50.0, 0.0]]), 40, axis=0)
    real, generated = kinds + rng.normal(size=(80, 2)), rng.normal(0.0, 0.5, size=(60, 2))
    scores = Manifold(real).scores(Manifold(generated))
    assert scores.precision.mean() == 1.0
    assert scores.recall.mean() < 0.5
    assert scores.recall[40:].sum() == 0
    assert scores.coverage[40:].sum() == 0
    assert scores.density.mean() > 1.0


def test_an_outlier_spoils_precision_and_not_density() -> None:
    """Naeem et al.: one real outlier has a huge ball, in which any nonsense is precise."""
    rng = np.random.default_rng(2)
    real = np.concatenate([rng.normal(size=(99, 2)), [[40.0, 0.0]]])
    scores = Manifold(real).scores(Manifold(rng.normal([30.0, 0.0], 0.1, size=(50, 2))))
    assert scores.precision.mean() == 1.0
    assert scores.density.mean() == pytest.approx(1 / 3)


def test_equal_sets_cover_each_other_also_where_images_repeat() -> None:
    points = np.repeat(np.random.default_rng(3).normal(size=(5, 700)), 6, axis=0)  # radii of 0
    scores = Manifold(points).scores(Manifold(points.copy()))
    assert all(one.min() >= 1.0 for one in scores)
