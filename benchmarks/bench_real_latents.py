"""Latents of real images: sub-lattices found without labels, beside the kinds of columns of `passband atoms`.

    OMP_NUM_THREADS=1 python benchmarks/bench_real_latents.py [--data DIR] [--steps 1000]

Real STEM images ($PASSBAND_TEST_DATA/atomic_stem, or DIR), explored as `passband explore` does with its defaults, but
for 1,000 steps. Two files do not say their pixel size: the scale of SrTiO3 is taken to be in nm, the scan of Si to be
5 nm wide, as its name says. Kinds of columns are the sub-lattices that `passband atoms` finds by the lattice and the
brightness of columns; columns of none ("column") are left out. They are no truth, but they know nothing of patches.

Share: the patches that are of the kind that most of their group are; beside it the share of the most common kind, which
one group would have. Adjusted Rand index: 1 where groups are the kinds, 0 by chance; groups more than kinds lower it.
Groups are those of the mixture, as many as BIC says, and two; two groups of the angle, which is folded by the symmetry
(a mixture of the points on its circle); two of the content; and two of the heights of columns, the baseline.

z1 and z2: |Spearman| with the fitted height of the column, within its kind, and with the grey value about it, under a
Gaussian as wide as the window.
"""

import argparse
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from passband.description.lattice import nearest_distances
from passband.files.movie import open_movie
from passband.latent.collecting import AtomFrame, PatchCollector
from passband.latent.exploration import Exploration, Explored, explore, window_for
from passband.latent.mixture_model import Mixture
from passband.latent.mixtures import fit_mixture
from passband.latent.patch_training import TRAINING
from passband.reports.atom_frames import found_columns, frames_of_movie
from passband.verdict.finding import ColumnFinder

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
NO_KIND = "column"  # of `passband atoms`, where a column is on no site
SEED = 2026


class RealImage(NamedTuple):
    """A file, what it shows, and the pixel size in Å where the file does not say it."""

    file: str
    shows: str
    pixel_size: float | None = None


IMAGES = (
    RealImage("SrTiO3_test_ADF_cropped.hdf5", "SrTiO3 [110], ADF", 0.0932627),
    RealImage("Si110_5nmX25us_03_none_none.png", "Si [110]", 50.0 / 512),
    RealImage("MoS2_stem_Exp-000-2.npy", "MoS2, V-doped, HAADF"),
    RealImage("example_Se_implanted_MoS2.dm3", "MoS2, Se-implanted"),
)


def first_frame(path: Path, pixel_size: float | None, work: Path) -> AtomFrame:
    """Columns of an image, found as `passband explore` does."""
    movie = open_movie(path, pixel_size=pixel_size)
    record = found_columns(movie, ColumnFinder(), work / "atoms.partial", workers=1)
    return next(iter(frames_of_movie(movie, record)))


def explored(frame: AtomFrame, work: Path, steps: int) -> Explored:
    """What `passband explore` finds in one frame, after so many steps."""
    spacing = float(np.median(nearest_distances(frame.columns.positions)))
    collector = PatchCollector(work / "patches", window_for(None, spacing, min(frame.columns.pixel_size)), "image")
    collector.add(frame)
    patches = collector.patches()
    an_epoch = max(1, len(patches.images) // TRAINING.batch_size)
    return explore(patches, Exploration(epochs=max(1, round(steps / an_epoch)), seed=SEED), work)


def two_groups(values: Array) -> Groups:
    """Groups of points (n, d) by a mixture of two Gaussians."""
    spread = np.where(values.std(0) > 0.0, values.std(0), 1.0)
    scaled = (values - values.mean(0)) / spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GaussianMixture(2, n_init=5, reg_covar=1e-4, random_state=0).fit_predict(scaled)
    return np.asarray(found, dtype=np.int64)


def groupings(one: Explored, frame: AtomFrame) -> Iterator[tuple[str, Groups]]:
    """Groups of the patches, by what they are made of."""
    images = one.patches.images
    yield f"mixture, {len(one.mixture.weights)} (BIC)", one.kinds
    yield "mixture, 2", fit_mixture(images, Mixture(components=(2,), seed=SEED)).kinds(images).label
    turn = one.symmetry * one.latents.angle
    yield "angle, 2", two_groups(np.stack([np.cos(turn), np.sin(turn)], axis=1))
    yield "content, 2", two_groups(one.latents.content)
    yield "height, 2", two_groups(heights(one, frame)[:, None])


def heights(one: Explored, frame: AtomFrame) -> Array:
    """Fitted height of the column in the middle of each patch."""
    order = np.argsort(frame.atom)
    return frame.columns.height[order[np.searchsorted(frame.atom[order], one.patches.atom)]]


def matched_share(kind: NDArray[Any], group: Groups) -> float:
    """Share of the patches that are of the kind that most of their group are."""
    return sum(int(np.unique(kind[group == one], return_counts=True)[1].max()) for one in np.unique(group)) / len(kind)


def apart(one: Explored, kind: NDArray[Any]) -> str:
    """Angle between the mean directions of the two most common kinds, degrees, of the period."""
    names, counts = np.unique(kind, return_counts=True)
    first, second = names[np.argsort(-counts)[:2]]
    turn = np.exp(1j * one.symmetry * one.latents.angle)
    between = abs(np.angle(turn[kind == first].mean() / turn[kind == second].mean())) / one.symmetry
    return f"{np.degrees(between):.1f} of {360 / one.symmetry:.0f}"


def ranks(one: Explored, frame: AtomFrame, kind: NDArray[Any]) -> str:
    """|Spearman| of both content latents with height (the mean within kinds) and with the background."""
    assert frame.image is not None
    height = heights(one, frame)
    place = np.round(one.patches.places).astype(np.intp)
    wide = one.patches.window.side / np.asarray(frame.columns.pixel_size)
    background = gaussian_filter(frame.image, wide)[place[:, 0], place[:, 1]]
    said = []
    for latent in one.latents.content.T[:2]:
        rows = [np.flatnonzero(kind == one) for one in np.unique(kind)]
        within = [abs(float(spearmanr(latent[some], height[some]).statistic)) for some in rows if len(some) > 9]
        said.append(f"{np.mean(within):.2f}, {abs(float(spearmanr(latent, background).statistic)):.2f}")
    return " | ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("PASSBAND_TEST_DATA")
    parser.add_argument("--data", type=Path, default=Path(shared) / "atomic_stem" if shared else None)
    parser.add_argument("--steps", type=int, default=1000)
    chosen = parser.parse_args()
    if chosen.data is None or not chosen.data.is_dir():
        print("Skipped: no folder of real images; give it with --data, or set PASSBAND_TEST_DATA.")
        return
    print("| image | patches | symmetry | kinds of columns | most common | groups | share | adjusted Rand |")
    print("|---|---|---|---|---|---|---|---|")
    latents = []
    for image in IMAGES:
        with tempfile.TemporaryDirectory() as folder:
            frame = first_frame(chosen.data / image.file, image.pixel_size, Path(folder))
            one = explored(frame, Path(folder), chosen.steps)
            kind, sure = one.patches.kinds, one.patches.kinds != NO_KIND
            names, counts = np.unique(kind[sure], return_counts=True)
            of = ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
            for name, group in groupings(one, frame):
                scores = matched_share(kind[sure], group[sure]), adjusted_rand_score(kind[sure], group[sure])
                told = f"{image.shows} | {len(kind)} | {one.symmetry} | {of} | {counts.max() / counts.sum():.3f}"
                print(f"| {told} | {name} | {scores[0]:.3f} | {scores[1]:.3f} |", flush=True)
            nats = f"{one.autoencoder.card.elbo_nats:.0f}"
            between = apart(one, kind) if len(names) > 1 else "–"
            latents.append(f"| {image.shows} | {between} | {ranks(one, frame, kind)} | {nats} |")
    print("\n| image | kinds apart, ° | z1: height, background | z2: height, background | bound, nats |")
    print("\n".join(["|---|---|---|---|---|", *latents]))


if __name__ == "__main__":
    main()
