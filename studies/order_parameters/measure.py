"""What latents have to do with the truth: rank correlations, sub-lattices, and what they tell of the orientation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score

from passband.latent.collecting import AtomPatches
from passband.latent.rvae_model import Latents
from studies.order_parameters.movie import Truth, matched

Array = NDArray[np.float64]


class KnownAtoms(NamedTuple):
    """Rows of the patches whose true atom is known, and its order, distance to an edge (Å) and angle (rad)."""

    rows: NDArray[np.intp]
    order: Array
    edge: Array
    angle: Array


def known_atoms(patches: AtomPatches, truth: list[Truth], pixel: float) -> KnownAtoms:
    """Find the true atom of each patch."""
    parts = []
    for number, one in enumerate(truth):
        rows = np.flatnonzero(patches.frame == number)
        if not rows.size:
            continue
        atom = matched(one, pixel * patches.places[rows][:, ::-1])
        sure = atom >= 0
        parts.append((rows[sure], one.order[atom[sure]], one.edge[atom[sure]], one.angle[atom[sure]]))
    return KnownAtoms(*map(np.concatenate, zip(*parts, strict=True)))


def sub_lattice(angle: Array) -> NDArray[np.intp]:
    """Return which of two opposite orientations of three bonds each atom has: those within 15° of one, else −1."""
    turn = np.exp(3j * angle)
    axis = np.exp(0.5j * np.angle(np.mean(turn**2)))  # both lie on one axis of the circle
    along = np.real(turn * np.conj(axis))
    return np.where(along > np.cos(np.pi / 4.0), 0, np.where(along < -np.cos(np.pi / 4.0), 1, -1))


def split_degrees(latents: Latents, known: KnownAtoms) -> float:
    """Return how far apart the angles of the two sub-lattices are, degrees; 60 is true."""
    kind = sub_lattice(known.angle)
    turn = np.exp(3j * latents.angle[known.rows])
    return float(np.degrees(abs(np.angle(turn[kind == 0].mean() / turn[kind == 1].mean())) / 3.0))


def angle_error(latents: Latents, known: KnownAtoms) -> float:
    """Return the median error of the angle of atoms in perfect surroundings, degrees, its zero freed."""
    perfect = known.order >= 3
    turn = np.exp(3j * (latents.angle[known.rows] - known.angle))[perfect]
    return float(np.degrees(np.median(np.abs(np.angle(turn / turn.mean())))) / 3.0)


def best_rank(content: Array, values: Array) -> tuple[float, int]:
    """Return the largest |ρ| (Spearman) of a latent with values, and which latent it is, from 1."""
    ranks = [abs(float(spearmanr(content[:, column], values).statistic)) for column in range(content.shape[1])]
    ranks = [0.0 if np.isnan(one) else one for one in ranks]
    return max(ranks), 1 + int(np.argmax(ranks))


def kind_values(kind: NDArray[np.int64], values: Array) -> Array:
    """Return for each atom the mean value of the atoms of its kind: all that kinds can say of it, (n,)."""
    means = np.bincount(kind, weights=values) / np.maximum(np.bincount(kind), 1)
    return np.asarray(means[kind])


def kind_information(kind: NDArray[np.int64], known: KnownAtoms) -> float:
    """Return the mutual information of kind and sub-lattice of atoms in perfect surroundings, nats."""
    lattice = sub_lattice(known.angle)
    sure = (lattice >= 0) & (known.order >= 3)
    return float(mutual_info_score(lattice[sure], kind[known.rows[sure]]))


def orientation_information(content: Array, known: KnownAtoms) -> float:
    """Return the mutual information of content and sub-lattice, nats, of the latent that tells more (Kraskov 2004)."""
    kind = sub_lattice(known.angle)
    sure = (kind >= 0) & (known.order >= 3)
    chosen = np.flatnonzero(sure)[:4000]
    return float(mutual_info_classif(content[known.rows[chosen]], kind[chosen], random_state=0).max())
