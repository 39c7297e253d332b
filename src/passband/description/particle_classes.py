"""Classes of particles by a random forest: without fringes, with fringes, faulted; kept without pickle.

After Groschner, Choi & Scott (Microsc. Microanal. 27, 2021), with 500 trees (Breiman, Mach. Learn. 2001). The trees
are kept as plain arrays, so that a forest gives the same answers whatever the version of scikit-learn that grew it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

from passband.recipe import PassbandError, Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network
from passband.segmentation.weights import ModelError

Array = NDArray[np.float64]
CLASSES = ("no fringes", "fringes", "faulted")
_MOST_NODES = 2**24
_FEWEST_TREES = 30  # a particle is in the bag of each with probability 0.63: in that of all, once in a million


class ForestShape(Recipe):
    """How large a forest is.

    Attributes
    ----------
    features, classes
        Names.
    trees, nodes
        How many; nodes of all trees.
    depth
        Of the deepest tree.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    trees: int = Field(ge=1, le=10_000)
    nodes: int = Field(ge=1, le=_MOST_NODES)
    depth: int = Field(ge=0, le=10_000)

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether its tensors can be as large as those: always, for the number of nodes is bounded."""
        del shapes
        return True

    def build(self) -> nn.Module:
        """Build it, all of its numbers being zero."""
        return Forest(self)

    def build_meta(self) -> nn.Module:
        """Build it without its numbers."""
        return self.build().to("meta")


class ForestCard(Recipe):
    """What must be known of a forest.

    Attributes
    ----------
    shape
        Names of its features and classes, and its size.
    particles
        That it was grown on, of each class.
    out_of_bag
        Part of them that trees which had not seen them classify rightly.
    confusion
        Out of bag: particles of a class (row) that were given to each (column).
    seed
        Of its random draws.
    """

    shape: ForestShape
    particles: dict[str, int] = Field(default={})
    out_of_bag: float = 0.0
    confusion: tuple[tuple[int, ...], ...] = ()
    seed: int = 0
    weights_sha256: str = ""


class Forest(nn.Module):
    """Trees as arrays: a leaf is its own left and right."""

    def __init__(self, shape: ForestShape) -> None:
        super().__init__()
        self.depth = shape.depth
        for name in ("left", "right", "feature"):
            self.register_buffer(name, torch.zeros(shape.nodes, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(shape.nodes, dtype=torch.float64))
        self.register_buffer("value", torch.zeros(shape.nodes, len(shape.classes), dtype=torch.float64))
        self.register_buffer("root", torch.zeros(shape.trees, dtype=torch.int64))
        self.left: Tensor
        self.right: Tensor
        self.feature: Tensor
        self.threshold: Tensor
        self.value: Tensor
        self.root: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Return the probability of each class, (n, classes), of particles with features (n, f)."""
        told = features.float().double()  # trees are grown on single precision
        node = self.root.expand(len(told), -1)  # (n, trees)
        for _ in range(self.depth):
            goes_left = torch.gather(told, 1, self.feature[node]) <= self.threshold[node]
            node = torch.where(goes_left, self.left[node], self.right[node])
        return self.value[node].mean(1)


class ParticleClassifier:
    """A forest and its card."""

    def __init__(self, forest: Forest, card: ForestCard) -> None:
        self.forest, self.card = forest.eval(), card

    def probabilities(self, features: ArrayLike) -> Array:
        """Return the probability of each class, (n, classes), of particles with features (n, f).

        Raises
        ------
        PassbandError
            There are other features, or one is not finite.
        """
        values = _checked(features, len(self.card.shape.features))
        with torch.no_grad():
            found: Array = self.forest(torch.from_numpy(values)).numpy()
        return found

    def save(self, directory: str | Path) -> Self:
        """Write the trees and the card into a folder."""
        return type(self)(self.forest, save_network(directory, self.forest, self.card.shape, self.card))


def _checked(features: ArrayLike, count: int) -> Array:
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != count:
        raise PassbandError(
            f"features of shape {values.shape} must be (particles, {count}); see FEATURES for their order"
        )
    if not np.isfinite(values).all():
        raise PassbandError(f"particle {int(np.argwhere(~np.isfinite(values))[0, 0])} has a feature that is not finite")
    return values


def load_classifier(directory: str | Path) -> ParticleClassifier:
    """Read a forest that was saved; ModelError where a file is missing, altered, or no forest."""
    card = read_card_as(ForestCard, directory)
    forest = load_network(directory, card.shape, card.weights_sha256)
    assert isinstance(forest, Forest)
    limits = ((forest.left, card.shape.nodes), (forest.right, card.shape.nodes), (forest.root, card.shape.nodes))
    for numbers, limit in (*limits, (forest.feature, len(card.shape.features))):
        if int(numbers.min()) < 0 or int(numbers.max()) >= limit:
            raise ModelError(f"{directory}: a tree points beyond its nodes or features; copy the model again")
    return ParticleClassifier(forest, card)


def grow_forest(
    features: ArrayLike,
    label: ArrayLike,
    names: Sequence[str],
    *,
    classes: Sequence[str] = CLASSES,
    trees: int = 500,
    seed: int = 0,
) -> ParticleClassifier:
    """Grow a forest on particles whose classes are known.

    Parameters
    ----------
    features
        (n, f).
    label
        (n,): class of each particle, from 0.
    names
        Of the features.
    classes
        Names.
    trees
        How many.
    seed
        Of the draws: equal seeds give equal forests.

    Raises
    ------
    PassbandError
        A class has fewer than two particles, labels are no classes, a feature is not finite, or trees are below 30.
    """
    values, labels = _checked(features, len(names)), np.asarray(label)
    if labels.shape != (len(values),) or not np.isin(labels, np.arange(len(classes))).all():
        raise PassbandError(f"labels of shape {labels.shape} must be one class below {len(classes)} for each particle")
    if trees < _FEWEST_TREES:
        raise PassbandError(f"trees={trees} leave particles that every tree has seen; use {_FEWEST_TREES} or more")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        scarce = classes[int(counts.argmin())]
        raise PassbandError(f"{counts.min()} particles of class {scarce!r} are too few; give two or more, better fifty")
    grown = RandomForestClassifier(trees, oob_score=True, random_state=seed).fit(values, labels)
    confusion = np.zeros((len(classes), len(classes)), dtype=np.intp)
    np.add.at(confusion, (labels, grown.oob_decision_function_.argmax(axis=1)), 1)
    forest, shape = _as_arrays([one.tree_ for one in grown.estimators_], tuple(names), tuple(classes))
    card = ForestCard(
        shape=shape,
        particles={name: int(count) for name, count in zip(classes, counts, strict=True)},
        out_of_bag=float(np.trace(confusion) / len(labels)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        seed=seed,
    )
    return ParticleClassifier(forest, card)


def _as_arrays(trees: list[Any], names: tuple[str, ...], classes: tuple[str, ...]) -> tuple[Forest, ForestShape]:
    """Put the trees of scikit-learn one after the other."""
    start = np.cumsum([0, *(tree.node_count for tree in trees)])
    first = np.repeat(start[:-1], np.diff(start))
    left, right, feature, threshold = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold")
    )
    leaf, own = left < 0, np.arange(start[-1])
    shares = [tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) for tree in trees]
    state = {
        "left": np.where(leaf, own, left + first),
        "right": np.where(leaf, own, right + first),
        "feature": np.where(leaf, 0, feature),
        "threshold": np.where(leaf, 0.0, threshold),
        "value": np.concatenate(shares),
        "root": start[:-1],
    }
    depth = max(tree.max_depth for tree in trees)
    shape = ForestShape(features=names, classes=classes, trees=len(trees), nodes=int(start[-1]), depth=depth)
    forest = Forest(shape)
    forest.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in state.items()})
    return forest, shape
