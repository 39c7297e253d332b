"""What varies among the atoms of a damaged sheet, beside the truth of a simulated movie.

    python -m studies.order_parameters.report -o out/order [--frames 50] [--seeds 3] [--epochs 10] [--processes 2]

Films graphene with silicon and a hole under the beam, finds its atoms without a network, and describes their
surroundings in two windows by a mixture, an autoencoder and a rotation-invariant one, each with several seeds. Writes
report.md, results/ and the pictures of the first seed here; a killed command goes on in its folder.
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from passband.latent.angles import angle_course
from passband.latent.collecting import AtomFrame, AtomPatches, Collected, PatchCollector, collect
from passband.latent.exploration import Exploration, explore, window_for
from passband.tabular import write_csv
from studies.order_parameters.measure import (
    angle_error,
    best_rank,
    kind_information,
    kind_values,
    known_atoms,
    orientation_information,
    split_degrees,
)
from studies.order_parameters.movie import MovieRecipe, Shown, Truth, filmed, found, matched, shown_by
from studies.order_parameters.pictures import TEXTS, write_pictures

HERE = Path(__file__).resolve().parent
SPACING, WINDOWS = 1.42, (7.1, 17.0)  # Å
COLUMNS = {
    "window": "window, Å",
    "seed": "seed",
    "split": "sub-lattices apart, °",
    "error": "angle error, °",
    "order": "ρ, order",
    "edge": "ρ, edge",
    "order_ae": "order, AE",
    "edge_ae": "edge, AE",
    "order_gmm": "order, GMM",
    "edge_gmm": "edge, GMM",
    "told": "told of the sub-lattice, nats, rVAE",
    "told_ae": "AE",
    "told_gmm": "GMM",
    "kinds": "kinds (BIC)",
    "collapsed": "says nothing",
}


class Task(NamedTuple):
    """Patches of one window to be described with one seed, and the truth of their movie."""

    patches: AtomPatches
    truth: list[Truth]
    recipe: MovieRecipe
    seed: int
    work: Path
    epochs: int


def measured(task: Task) -> dict[str, Any]:
    """Describe the patches of one window with one seed, and compare with the truth; what is done is read back."""
    patches, truth, recipe, seed, work, epochs = task
    folder = work / f"{patches.window.side:g}A_{seed}_{epochs}"
    folder.mkdir(exist_ok=True)
    kept = folder / "measures.json"
    if kept.exists():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    one = explore(patches, Exploration(epochs=epochs, seed=seed, components=(1, 2, 4, 8, 16), plain=True), folder)
    assert one.plain is not None
    plain, known = one.plain.content, known_atoms(patches, truth, recipe.pixel)
    if seed == 0:
        write_pictures(one, known, work / "movie.tif", recipe.pixel, HERE)
    content = one.latents.content
    order, edge = best_rank(content[known.rows], known.order), best_rank(content[known.rows], known.edge)
    kind = one.kinds[known.rows]
    true_course = angle_course(patches.frame[known.rows], known.angle, symmetry=3)
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
        "order_gmm": best_rank(kind_values(kind, known.order)[:, None], known.order)[0],
        "edge_gmm": best_rank(kind_values(kind, known.edge)[:, None], known.edge)[0],
        "told_gmm": kind_information(one.kinds, known),
        "told": orientation_information(content, known),
        "told_ae": orientation_information(plain, known),
        "kinds": len(one.mixture.weights),
        "collapsed": ", ".join(one.autoencoder.card.collapsed) or "–",
        "elbo_nats": one.autoencoder.card.elbo_nats,
        "flatness_first": float(course.entropy[0]),
        "flatness_last": float(course.entropy[-1]),
        "true_first": float(true_course.entropy[0]),
        "true_last": float(true_course.entropy[-1]),
    }
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def noted(frames: Iterable[AtomFrame], shown: dict[int, Shown]) -> Iterator[AtomFrame]:
    """Pass frames on, and keep what each shows by its number."""
    for one in frames:
        shown[one.frame] = shown_by(one)
        yield one


def movie_rows(atoms: Collected, truth: list[Truth], shown: dict[int, Shown]) -> list[dict[str, Any]]:
    """Rings and silicon as found and true, and how many atoms were found, of each frame."""
    rows = []
    for frame, seen in shown.items():
        one, here = truth[frame], atoms.positions[atoms.frame == frame]
        inside = ((one.positions > 2.0) & (one.positions < here.max() - 2.0)).all(1)
        near = (here > 2.0).all(1) & (here < here.max() - 2.0).all(1)
        rows.append(
            {
                "frame": frame,
                **{f"found_{size}": seen.rings.get(size, 0) for size in (5, 6, 7)},
                **{f"true_{size}": one.shown.rings.get(size, 0) for size in (5, 6, 7)},
                "found_silicon": seen.silicon,
                "true_silicon": one.shown.silicon,
                "found_to_hole_A": seen.to_hole,
                "true_to_hole_A": one.shown.to_hole,
                "found": int(np.count_nonzero(matched(one, here[near]) >= 0)),
                "true_inside": int(np.count_nonzero(inside)),
            }
        )
    return rows


def migration(frames: list[dict[str, Any]]) -> str:
    """Say how silicon's distance to the hole changes, as found and in truth, in the frames that show it whole."""
    found, true = (np.array([row[f"{name}_to_hole_A"] for row in frames]) for name in ("found", "true"))
    both = np.flatnonzero(np.isfinite(found) & np.isfinite(true))
    if both.size < 3:
        return f"The hole is whole in {both.size} frames, too few for a course"
    said = [
        f"{course[both[0]]:.1f} to {course[both[-1]]:.1f} Å {name}, "
        f"ρ = {float(spearmanr(both, course[both]).statistic):.2f} with the frame"
        for name, course in (("as found", found), ("in truth", true))
    ]
    return f"In the {both.size} frames in which truth and image have it: {'; '.join(said)}"


def text(rows: list[dict[str, Any]], frames: list[dict[str, Any]], recipe: MovieRecipe, epochs: int) -> str:
    """Return the report."""

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    seeds = len({row["seed"] for row in rows})
    each = [f"{row['window']:g} Å, seed {row['seed']}" for row in rows]
    latents = [
        f"{name}: z{row['order_latent']} and z{row['edge_latent']}" for name, row in zip(each, rows, strict=True)
    ]
    flat = [
        "{}: {flatness_first:.2f} to {flatness_last:.2f} (true {true_first:.2f} to {true_last:.2f})".format(name, **row)
        for name, row in zip(each, rows, strict=True)
    ]
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
        "less the others), and with its distance to an edge; for the mixture (GMM), that of the mean over the atoms of "
        "each kind, which is fitted to the truth and so the most that its kinds can say. *Told of the sub-lattice* is "
        "the mutual information of the content and the sub-lattice of atoms in perfect surroundings: ln 2 = 0.69 is "
        "all of it, 0 is a content that is free of the rotation. *Sub-lattices apart* is 60 in truth.",
        "",
        f"| {' | '.join(COLUMNS.values())} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(cell(row[name]) for name in COLUMNS)} |" for row in rows),
        "",
        f"Latents that follow order and edge: {'; '.join(latents)}.",
        "",
        f"Entropy of the distribution of angles (1: flat), first to last frame: {'; '.join(flat)}.",
        "",
        "## Side by side",
        "",
        *(line for side in dict.fromkeys(row["window"] for row in rows) for line in shown(side)),
        "## The movie",
        "",
        "Rings and atoms 2 Å and more inside of the frame. Silicon is what is more than twice as high as the median "
        "column; its distance is the mean one to the nearest atom around the largest hole that is whole in the frame. "
        f"{migration(frames)}.",
        "",
        "| frame | 5, found (true) | 6 | 7 | atoms | silicon | silicon to the hole, Å |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row['frame']} | {row['found_5']} ({row['true_5']}) | {row['found_6']} ({row['true_6']}) | "
            f"{row['found_7']} ({row['true_7']}) | {row['found']} ({row['true_inside']}) | "
            f"{row['found_silicon']} ({row['true_silicon']}) | "
            f"{row['found_to_hole_A']:.1f} ({row['true_to_hole_A']:.1f}) |"
            for row in frames
        ),
        "",
    ]
    return "\n".join(lines)


def shown(side: float) -> Iterator[str]:
    """Yield the lines of the pictures of a window."""
    for name, what in TEXTS.items():
        yield f"![{what}]({name}_{side:g}A.png)"
        yield ""
        yield f"Window of {side:g} Å, seed 0: {what}."
        yield ""


def main() -> None:
    """Make the movie, describe its atoms, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/order_parameters"))
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args()
    recipe = MovieRecipe(frames=chosen.frames)
    work = chosen.output / recipe.identity
    work.mkdir(parents=True, exist_ok=True)
    truth = filmed(recipe, work / "movie.tif")
    seen: dict[int, Shown] = {}
    frames = noted(found(work / "movie.tif", recipe, work), seen)
    windows = [window_for(side, SPACING, recipe.pixel) for side in WINDOWS]
    collectors = [PatchCollector(work / f"{one.side:g}.patches", one, "image") for one in windows]
    atoms = collect(frames, collectors)
    tasks = [
        Task(collector.patches(), truth, recipe, seed, work, chosen.epochs)
        for collector in collectors
        for seed in range(chosen.seeds)
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=context) as pool:
        rows = list(pool.map(measured, tasks))
    course = movie_rows(atoms, truth, seen)
    (HERE / "results").mkdir(exist_ok=True)
    write_csv(HERE / "results" / "measures.csv", rows)
    write_csv(HERE / "results" / "frames.csv", course)
    (HERE / "report.md").write_text(text(rows, course, recipe, chosen.epochs), encoding="utf-8")


if __name__ == "__main__":
    main()
