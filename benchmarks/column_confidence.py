"""Columns, how sure: the confidence that network and image together give, fitted anew, and what it is worth.

    OMP_NUM_THREADS=1 python benchmarks/column_confidence.py [--data-sets 40] [--noise 40] [--folder DIR]

Three parts of specimens of their own that the training of `haadf_atoms` never saw are scanned under conditions in and
beyond those of its training, two scans of each setting; a fourth is of other materials (`other_lattices.py`), ten
frames of each from few electrons to many. Noise beside them is Poisson's at 0.05 to 200 counts a pixel, and in one of
five white with an offset for each row. In all of them the columns that the image shows and those that the network
sees are fitted together, and those within 0.5 Å of one of the truth, one to one, are right. A logistic regression of
`features`, in which each image counts by the root of its columns, is fitted to three parts and half of the noise, and
judged by the fourth and the other half: what it says of the columns that are kept, and F1 of these beside that of the
network alone, of the image alone, and of the better one of both by the truth. *Good* scans are those of which one of
both has an F1 of 0.5. The weights of *all four, fitted* are those of the package (`confidence.OFFSET`, `WEIGHTS`).
*Others* are three more parts, judged by these; nothing was chosen on them.

Remarks
-------
Features and the least confidence that is kept (0.2) were chosen on the four parts. There the logarithm of the odds of
columns of the network alone rises with how certain it is of all that it sees: before, such columns were doubted for
not being shown by images that are too noisy to show any, and MoS2 and graphene at few electrons lost most of theirs.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from other_lattices import scans as scans_of_lattices
from scipy.ndimage import center_of_mass, label
from sklearn.linear_model import LogisticRegression

from passband.dataset.beam_paths import simulation_on_card
from passband.dataset.simulate import simulate
from passband.description.atoms import fitted_together
from passband.description.confidence import features, likely_columns
from passband.description.selection import ColumnFinding
from passband.performance.sweep import ConditionSweep
from passband.performance.table import MeasurementRecipe
from passband.scores.detection import matches
from passband.segmentation.model import Model, load_model

Array = NDArray[np.float64]
FITTED, OTHERS, SPECIMENS = (6101, 6202, 6303), (5101, 5202, 5303), 36
FRAMES = 10  # of each other lattice
WITHIN = 0.5  # Å
FEWEST = 10  # true columns of a scan that is scored
GOOD = 0.5
COUNTS = (0.05, 200.0)
NONE = np.empty((0, 2))


class Scored(NamedTuple):
    """One image: features (n, 7) of its columns, which are right, shown, seen, clear of the border; true ones."""

    features: Array
    right: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    inner: NDArray[np.bool_]
    true: int

    def f1(self, kept: NDArray[np.bool_]) -> float:
        """F1 of the columns that are kept; those near the border count neither way."""
        chosen = kept & self.inner
        return 2.0 * float((chosen & self.right).sum()) / (int(chosen.sum()) + self.true)


class Logistic(NamedTuple):
    """Weights of features, and the offset."""

    weights: Array
    offset: float

    def share(self, of: Scored) -> Array:
        """What it says of each column (n,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-(of.features @ self.weights + self.offset))))


def scored(model: Model, image: Array, pixel_size: float, true: Array, faint: Array) -> Scored:
    """Columns of both in one image, and which are right; `true` and `faint` (m, 2), which may be found, are x, y."""
    maps = model.segment(image, pixel_size).probabilities
    assert maps is not None
    found = fitted_together(image, maps.astype(np.float64), (pixel_size, pixel_size), ColumnFinding())
    margin, far = WITHIN / pixel_size, np.array(image.shape[::-1]) - 1.0
    inner, clear = (np.all((one > margin) & (one < far - margin), axis=1) for one in (found.places, true))
    right = matches(found.places, true, within=margin) >= 0
    inner[~right] &= matches(found.places[~right], faint, within=margin) < 0
    return Scored(
        np.column_stack(features(found.signs)), right, found.one.shown, found.one.seen, inner, int(clear.sum())
    )


def scans(model: Model, seed: int, data_sets: int, folder: Path) -> Iterator[Scored]:
    """Two scans of each setting, of specimens with a seed of their own."""
    recipe = simulation_on_card(model.card.simulation).model_copy(update={"seed": seed, "structures": SPECIMENS})
    store = simulate(recipe, folder / f"store-{seed}")
    sweep = ConditionSweep(model, store, range(len(store)), MeasurementRecipe(data_sets=data_sets, seed=seed))
    for number, (setting, pixel) in enumerate(sweep.settings(data_sets)):
        camera, _ = sweep.camera(number)
        for recorded, mask in sweep.recordings(setting, pixel, seed=900_001 + number, count=2, camera=camera):
            discs, count = label(np.asarray(mask) > 0)
            middle = np.array(center_of_mass(discs > 0, discs, np.arange(1, count + 1))).reshape(-1, 2)
            image = recorded.array.astype(np.float64)
            yield scored(model, image, float(recorded.known_pixel_size[0]), middle[:, ::-1], NONE)


def lattices(model: Model) -> Iterator[Scored]:
    """Other materials."""
    for one in scans_of_lattices(FRAMES):
        yield scored(model, one.image, one.pixel_size, one.truth.columns, one.truth.faint)


def noise(model: Model, count: int) -> Iterator[Scored]:
    """Frames of 30 Å without a column."""
    rng = np.random.default_rng(55)
    for number in range(count):
        pixel_size = float(np.exp(rng.uniform(*np.log([0.06, 0.4]))))
        side = min(400, round(30.0 / pixel_size))
        image = rng.poisson(np.exp(rng.uniform(*np.log(COUNTS))), (side, side)).astype(np.float64)
        if number % 5 == 4:
            image = rng.normal(size=(side, side)) + 0.7 * rng.normal(size=(side, 1))
        yield scored(model, image, pixel_size, NONE, NONE)


def fitted(images: Sequence[Scored]) -> Logistic:
    """Fit to images, each of which counts by the root of its columns."""
    some = [one for one in images if one.inner.any()]
    weight = np.concatenate([np.full(one.inner.sum(), one.inner.sum() ** -0.5) for one in some])
    known, right = (np.concatenate([getattr(one, name)[one.inner] for one in some]) for name in ("features", "right"))
    found = LogisticRegression(C=100.0, max_iter=3000).fit(known, right, sample_weight=weight)
    return Logistic(found.coef_[0], float(found.intercept_[0]))


def kept(one: Scored, by: Logistic) -> NDArray[np.bool_]:
    """Which columns `passband atoms` would keep."""
    return likely_columns(by.share(one), ColumnFinding().likely)


def row(name: str, images: Sequence[Scored], empty: Sequence[Scored], by: Logistic) -> str:
    """One line of the table."""
    counted = [one for one in images if one.true >= FEWEST]
    alone = np.array([[one.f1(one.seen), one.f1(one.shown)] for one in counted])
    table = np.column_stack([alone, alone.max(axis=1), [one.f1(kept(one, by)) for one in counted]])
    good = table[table[:, 2] >= GOOD]
    said = [(by.share(one), kept(one, by) & one.inner, one.right) for one in images]
    share, right = (np.concatenate([both[place][both[1]] for both in said]).mean() for place in (0, 2))
    left = [int(kept(one, by).sum()) for one in empty]
    scores = " | ".join(f"{value:.3f}" for value in (*good.mean(axis=0), *table.mean(axis=0)))
    silent = f"{sum(count == 0 for count in left)} of {len(left)}, at most {max(left)}"
    weights = ", ".join(f"{value:.2f}" for value in (by.offset, *by.weights))
    return f"| {name} | {len(good)} of {len(table)} | {scores} | {share:.3f}, {right:.3f} | {silent} | {weights} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", type=int, default=40)
    parser.add_argument("--noise", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("out/benchmarks/column_confidence"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model("haadf_atoms")
    parts = {f"scans {seed}": list(scans(model, seed, given.data_sets, given.folder)) for seed in FITTED}
    parts["other lattices"] = list(lattices(model))
    empty = list(noise(model, given.noise))
    ways = ("image", "the better", "both")
    heads = ("F1 of good scans: network", *ways, "F1 of all: network", *ways)
    print(f"| part | good | {' | '.join(heads)} | said of the kept, right | noise without columns | offset, weights |")
    print("|---" * (5 + len(heads)) + "|")
    for name, part in parts.items():
        rest = [one for other in parts if other != name for one in parts[other]]
        print(row(f"{name}, by the rest", part, empty[1::2], fitted([*rest, *empty[::2]])))
    every = [one for part in parts.values() for one in part]
    all_four = fitted([*every, *empty[::2]])
    print(row("all four, fitted", every, empty[1::2], all_four), flush=True)
    new = [one for seed in OTHERS for one in scans(model, seed, given.data_sets, given.folder)]
    print(row("others", new, empty[1::2], all_four))


if __name__ == "__main__":
    main()
