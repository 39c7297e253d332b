"""A forest of arrays against the one of scikit-learn, and files that are no forest."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from sklearn.ensemble import RandomForestClassifier

from passband.description.particle_classes import ForestCard, grow_forest, load_classifier
from passband.recipe import PassbandError
from passband.segmentation.weights import ModelError

NAMES = ("a", "b", "c", "d")


def particles(seed: int = 0, count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    return rng.normal(size=(count, 4)) + np.array([[0, 0, 0, 0], [1.5, 0, 0, 0], [0, 1.5, 1, 0]])[label], label


def test_the_arrays_say_what_the_trees_say() -> None:
    # rejects leaves that go on, a root that is not that of its tree, and thresholds in double precision
    values, label = particles()
    oracle = RandomForestClassifier(30, oob_score=True, random_state=4).fit(values, label)
    found = grow_forest(values, label, NAMES, trees=30, seed=4)
    other, _ = particles(1)
    other[:40] = oracle.estimators_[0].tree_.threshold[0]  # on the edge, but for rounding
    np.testing.assert_allclose(found.probabilities(other), oracle.predict_proba(other), atol=1e-12)
    assert found.card.out_of_bag == pytest.approx(oracle.oob_score_)
    confusion = np.array(found.card.confusion)
    assert confusion.sum(1).tolist() == np.bincount(label).tolist() == list(found.card.particles.values())
    assert np.trace(confusion) / 120.0 == pytest.approx(oracle.oob_score_)


def test_a_forest_comes_back_and_seeds_decide(tmp_path: Path) -> None:
    values, label = particles()
    found = grow_forest(values, label, NAMES, trees=30).save(tmp_path)
    again = load_classifier(tmp_path)
    assert again.card == found.card
    np.testing.assert_array_equal(again.probabilities(values), found.probabilities(values))
    np.testing.assert_array_equal(
        grow_forest(values, label, NAMES, trees=30).probabilities(values), found.probabilities(values)
    )
    other = grow_forest(values, label, NAMES, trees=30, seed=1)
    assert not np.array_equal(other.probabilities(values), found.probabilities(values))


@pytest.mark.parametrize("name", ["left", "root", "feature"])
def test_trees_that_point_beyond_their_nodes_are_refused(tmp_path: Path, name: str) -> None:
    values, label = particles()
    found = grow_forest(values, label, NAMES, trees=30)
    getattr(found.forest, name)[0] = 10**6
    found.save(tmp_path)
    with pytest.raises(ModelError, match="points beyond its nodes or features"):
        load_classifier(tmp_path)


def test_altered_and_other_files_are_refused(tmp_path: Path) -> None:
    values, label = particles()
    found = grow_forest(values, label, NAMES, trees=30).save(tmp_path)
    weights = tmp_path / "weights.safetensors"
    state = load_file(weights)
    save_file({**state, "threshold": state["threshold"] + 1.0}, weights)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_classifier(tmp_path)
    wide = found.card.shape.model_copy(update={"classes": ("a", "b")})
    card = ForestCard(shape=wide, weights_sha256=found.card.weights_sha256)
    (tmp_path / "card.json").write_text(card.model_dump_json())
    with pytest.raises(ModelError, match="of another shape"):
        load_classifier(tmp_path)


def test_particles_that_cannot_be_learnt_from_or_told() -> None:
    values, label = particles()
    with pytest.raises(PassbandError, match="0 particles of class 'faulted' are too few"):
        grow_forest(values[label < 2], label[label < 2], NAMES)
    with pytest.raises(PassbandError, match="must be one class below 3"):
        grow_forest(values, label + 1, NAMES)
    with pytest.raises(PassbandError, match="trees=29 leave particles that every tree has seen"):
        grow_forest(values, label, NAMES, trees=29)
    found = grow_forest(values, label, NAMES, trees=30)
    with pytest.raises(PassbandError, match=r"features of shape \(5, 3\) must be \(particles, 4\)"):
        found.probabilities(np.zeros((5, 3)))
    with pytest.raises(PassbandError, match="particle 1 has a feature that is not finite"):
        found.probabilities(np.array([[0.0] * 4, [0.0, np.inf, 0.0, 0.0]]))
