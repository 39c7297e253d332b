"""What varies among the atoms of a damaged sheet, beside the truth of a simulated movie.

    python -m studies.order_parameters.report -o out/order [--frames 50] [--seeds 3] [--epochs 10]

Films graphene with silicon and a hole under the beam, finds its atoms without a network, and describes their
surroundings in two windows by a mixture, an autoencoder and a rotation-invariant one, each with several seeds. Writes
report.md and results/measures.csv here; a killed command goes on in its folder.
"""

import argparse
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from passband.latent.angles import angle_course
from passband.latent.autoencoder import ConvolutionalAE
from passband.latent.autoencoder_model import train_autoencoder
from passband.latent.collecting import AtomFrame, AtomPatches, Collected, PatchCollector, collect
from passband.latent.exploration import Exploration, explore, window_for
from passband.latent.motion import ring_course
from passband.latent.patch_training import TRAINING
from passband.tabular import write_csv
from studies.order_parameters.measure import (
    angle_error,
    best_rank,
    known_atoms,
    orientation_information,
    split_degrees,
)
from studies.order_parameters.movie import MovieRecipe, Truth, filmed, found, matched

HERE = Path(__file__).resolve().parent
SPACING, WINDOWS = 1.42, (7.1, 17.0)  # Å
COLUMNS = {
    "window": "window, Å",
    "seed": "seed",
    "split": "sub-lattices apart, °",
    "error": "angle error, °",
    "order": "ρ, order",
    "edge": "ρ, edge",
    "order_ae": "ρ, order, AE",
    "edge_ae": "ρ, edge, AE",
    "told": "told of the sub-lattice, nats, rVAE",
    "told_ae": "AE",
    "kinds": "kinds (BIC)",
    "collapsed": "says nothing",
}


def measured(
    patches: AtomPatches, truth: list[Truth], recipe: MovieRecipe, seed: int, folder: Path, epochs: int
) -> dict[str, Any]:
    """Describe the patches of one window with one seed, and compare with the truth; what is done is read back."""
    kept = folder / "measures.json"
    if kept.exists():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    one = explore(patches, Exploration(epochs=epochs, seed=seed, components=(1, 2, 4, 8, 16)), folder)
    plain = train_autoencoder(
        patches.images, ConvolutionalAE(), folder / "plain",
        training=TRAINING.model_copy(update={"epochs": epochs, "seed": seed}),
    ).encode(patches.images)  # fmt: skip
    known = known_atoms(patches, truth, recipe.pixel)
    content = one.latents.content
    order, edge = best_rank(content[known.rows], known.order), best_rank(content[known.rows], known.edge)
    course = angle_course(patches.frame, one.latents.angle, symmetry=one.symmetry)
    row = {
        "window": patches.window.side,
        "seed": seed,
        "patches": len(patches.images),
        "symmetry": one.symmetry,
        "split": split_degrees(one.latents, known),
        "error": angle_error(one.latents, known),
        "order": order[0],
        "order_latent": order[1],
        "edge": edge[0],
        "edge_latent": edge[1],
        "order_ae": best_rank(plain[known.rows], known.order)[0],
        "edge_ae": best_rank(plain[known.rows], known.edge)[0],
        "told": orientation_information(content, known),
        "told_ae": orientation_information(plain, known),
        "kinds": len(one.mixture.weights),
        "collapsed": ", ".join(one.autoencoder.card.collapsed) or "–",
        "elbo_nats": one.autoencoder.card.elbo_nats,
        "flatness_first": float(course.entropy[0]),
        "flatness_last": float(course.entropy[-1]),
    }
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def movie_rows(atoms: Collected, truth: list[Truth]) -> list[dict[str, Any]]:
    """Rings as found and true, silicon's mean distance to an edge, and how many atoms were found, of each frame."""
    course = ring_course(atoms.frame, atoms.positions)
    rows = []
    for number, frame in enumerate(course.frames.tolist()):
        one, here = truth[frame], atoms.positions[atoms.frame == frame]
        inside = ((one.positions > 2.0) & (one.positions < here.max() - 2.0)).all(1)
        silicon = one.edge[one.silicon & np.isfinite(one.edge)]
        rows.append(
            {
                "frame": frame,
                **{f"found_{size}": int(course.counts[size][number]) for size in (5, 6, 7)},
                **{f"true_{size}": one.rings.get(size, 0) for size in (5, 6, 7)},
                "silicon_edge_A": float(silicon.mean()) if silicon.size else float("nan"),
                "found": int(np.count_nonzero(matched(one, here) >= 0)),
                "true_inside": int(np.count_nonzero(inside)),
            }
        )
    return rows


def text(rows: list[dict[str, Any]], frames: list[dict[str, Any]], recipe: MovieRecipe, epochs: int) -> str:
    """Return the report."""

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    silicon = [row["silicon_edge_A"] for row in frames]
    trend = float(spearmanr(range(len(silicon)), silicon).statistic)
    seeds = len({row["seed"] for row in rows})
    each = [f"{row['window']:g} Å, seed {row['seed']}" for row in rows]
    latents = [
        f"{name}: z{row['order_latent']} and z{row['edge_latent']}" for name, row in zip(each, rows, strict=True)
    ]
    ends = [(f"{row['flatness_first']:.2f}", f"{row['flatness_last']:.2f}") for row in rows]
    flat = [f"{name}: {first} to {last}" for name, (first, last) in zip(each, ends, strict=True)]
    lines = [
        "# Order parameters of a damaged sheet, beside the truth",
        "",
        f"`python -m studies.order_parameters.report --frames {recipe.frames} --seeds {seeds} --epochs {epochs}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, two CPU cores. Graphene with silicon and a hole under the beam: "
        f"{recipe.frames} frames of {recipe.side}² positions of {recipe.pixel} Å, {1e12 * recipe.current:g} pA, "
        f"seed {recipe.seed}; atoms found without a network; {rows[0]['patches']:,} patches of the small window. "
        "This is the small plan; "
        "50 frames, 3 seeds and 10 epochs are the paper's size.",
        "",
        "ρ is the larger of both latents' |Spearman| with the order of an atom (how many of its rings are six-fold, "
        "less the others), and with its distance to an edge. *Told of the sub-lattice* is the mutual information of "
        "the content and the sub-lattice of atoms in perfect surroundings: ln 2 = 0.69 is all of it, 0 is a content "
        "that is free of the rotation. *Sub-lattices apart* is 60 in truth.",
        "",
        f"| {' | '.join(COLUMNS.values())} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(cell(row[name]) for name in COLUMNS)} |" for row in rows),
        "",
        f"Latents that follow order and edge: {'; '.join(latents)}.",
        "",
        f"Entropy of the distribution of angles (1: flat), first to last frame: {'; '.join(flat)}.",
        "",
        "## The movie",
        "",
        f"Silicon's mean distance to an edge changes with the frame with ρ = {trend:.2f}, "
        f"from {silicon[0]:.1f} to {silicon[-1]:.1f} Å (truth).",
        "",
        "| frame | 5, found (true) | 6 | 7 | atoms found, true atoms 2 Å inside | silicon to an edge, Å |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row['frame']} | {row['found_5']} ({row['true_5']}) | {row['found_6']} ({row['true_6']}) | "
            f"{row['found_7']} ({row['true_7']}) | {row['found']}, {row['true_inside']} | {row['silicon_edge_A']:.1f} |"
            for row in frames
        ),
        "",
        "True rings are those of the whole sheet of 70 Å, of which a frame shows 51 Å: six-fold ones are fewer in it.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Make the movie, describe its atoms, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/order_parameters"))
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    chosen = parser.parse_args()
    recipe = MovieRecipe(frames=chosen.frames)
    work = chosen.output / recipe.identity
    work.mkdir(parents=True, exist_ok=True)
    truth = filmed(recipe, work / "movie.tif")
    frames: Iterable[AtomFrame] = found(work / "movie.tif", recipe, work)
    windows = [window_for(side, SPACING, recipe.pixel) for side in WINDOWS]
    collectors = [PatchCollector(work / f"{one.side:g}.patches", one, "image") for one in windows]
    atoms = collect(frames, collectors)
    rows = []
    for collector in collectors:
        for seed in range(chosen.seeds):
            folder = work / f"{collector.window.side:g}A_{seed}_{chosen.epochs}"
            folder.mkdir(exist_ok=True)
            rows.append(measured(collector.patches(), truth, recipe, seed, folder, chosen.epochs))
            print(rows[-1], flush=True)
    seen = movie_rows(atoms, truth)
    (HERE / "results").mkdir(exist_ok=True)
    write_csv(HERE / "results" / "measures.csv", rows)
    write_csv(HERE / "results" / "frames.csv", seen)
    (HERE / "report.md").write_text(text(rows, seen, recipe, chosen.epochs), encoding="utf-8")


if __name__ == "__main__":
    main()
