"""Figures 3 and 4 of the paper, from a finished campaign: how networks trained at one defocus do at every other.

    passband campaign run studies/ood_defocus/plan_small.toml -o out/ood_defocus
    python -m studies.ood_defocus.report out/ood_defocus --plan studies/ood_defocus/plan_small.toml

Writes results/loss_matrix.csv, results/learning_curves.csv, results/facts.csv, fig3.png, fig4.png and report.md, and
what `studies.ood_aberrations.pairs` writes of the pairs of Fig. 4: how all measures before training rank them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr

from passband.campaign.folder import METRICS, run_folder
from passband.campaign.grid import CampaignPlan
from passband.campaign.tables import read_scores
from passband.figures.style import COLOURS, to_png
from passband.tabular import write_csv
from studies.ood_aberrations.pairs import analyse, report_lines
from studies.reporting import provenance, report_command

Array = NDArray[np.float64]
LOSS = "loss (scale of the paper)"


def read_rows(plan: CampaignPlan, part: str, directory: Path) -> list[dict[str, Any]]:
    """Rows of the runs of one part, with the nominal defoci in nm."""
    rows = []
    for experiment in plan.part_experiments(part):
        defocus = {one.name: _defocus_nm(one.conditions) for one in experiment.evaluations}
        trained = _defocus_nm(experiment.imaging.conditions)
        for row in read_scores(run_folder(experiment, directory) / METRICS):
            place = {"train_defocus_nm": trained, "eval_defocus_nm": defocus[row["evaluation"]]}
            rows.append(row | place | {"loss": row["paper_loss"]})  # as the published tables call it
    return rows


def _defocus_nm(conditions: Any) -> float:
    return float(-conditions.aberrations["C10"].normal[0] / 10.0 + 0.0)


def stages(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Early, middle and late: the measured epochs nearest to 1/16, 1/4 and all of the training, as in the paper."""
    epochs = sorted({row["epoch"] for row in rows})
    wanted = [epochs[-1] / 16, epochs[-1] / 4, epochs[-1]]
    return [min(epochs, key=lambda epoch: abs(epoch - goal)) for goal in wanted]


def matrix(rows: Sequence[dict[str, Any]], epoch: int) -> tuple[list[float], Array]:
    """Defoci in nm, and the losses (seeds, training defoci, evaluation defoci) after an epoch."""
    defoci = sorted({row["eval_defocus_nm"] for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    losses = np.full((len(seeds), len(defoci), len(defoci)), np.nan)
    for row in rows:
        if row["epoch"] == epoch:
            place = seeds.index(row["seed"]), defoci.index(row["train_defocus_nm"])
            losses[(*place, defoci.index(row["eval_defocus_nm"]))] = row["loss"]
    return defoci, losses


def loss_matrices(rows: Sequence[dict[str, Any]], epochs: Sequence[int]) -> bytes:
    """Fig. 4: mean loss over seeds, training × evaluation defocus, at three stages of the training."""
    figure = Figure(figsize=(12.6, 3.9), layout="constrained")
    for axes, epoch in zip(figure.subplots(1, 3), epochs, strict=True):
        defoci, losses = matrix(rows, epoch)
        step = defoci[1] - defoci[0]
        edges = (defoci[0] - step / 2, defoci[-1] + step / 2) * 2
        shown = axes.imshow(losses.mean(0), origin="lower", extent=edges, cmap="viridis", aspect="equal")
        figure.colorbar(shown, ax=axes, shrink=0.8, label=LOSS)
        axes.set_xlabel("evaluation defocus (nm)")
        axes.set_title(f"epoch {epoch}", fontsize=10)
        axes.set_xticks(defoci[1::2])
        axes.set_yticks(defoci[1::2])
    figure.axes[0].set_ylabel("training defocus (nm)")
    return to_png(figure, dpi=120)


def learning_curves(rows: Sequence[dict[str, Any]]) -> bytes:
    """Fig. 3: loss in and out of distribution over the training, for three training defoci and every series."""
    trained = sorted({row["train_defocus_nm"] for row in rows})
    series = sorted({(row["learning_rate"], row["batch_size"]) for row in rows})
    figure = Figure(figsize=(3.2 * len(series) + 0.6, 2.6 * len(trained) + 0.6), layout="constrained")
    grid = figure.subplots(len(trained), len(series), sharex=True, sharey=True, squeeze=False)
    for line, defocus in zip(grid, trained, strict=True):
        for axes, (rate, batch) in zip(line, series, strict=True):
            own = [r for r in rows if r["train_defocus_nm"] == defocus and _series(r) == (rate, batch)]
            _curve(axes, [r for r in own if r["eval_defocus_nm"] == defocus], COLOURS[0], "own defocus")
            others = [r for r in own if r["eval_defocus_nm"] not in (defocus, 0.0)]
            _curve(axes, others, COLOURS[2], "other defoci but 0")
            if defocus:
                _curve(axes, [r for r in own if r["eval_defocus_nm"] == 0.0], COLOURS[4], "in focus")
            axes.set_yscale("log")
            axes.set_title(f"{defocus:+g} nm, rate {rate:g}, batch {batch}", fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    for axes in grid[:, 0]:
        axes.set_ylabel(LOSS, fontsize=8)
    grid[0, -1].legend(fontsize=8)
    return to_png(figure, dpi=120)


def _series(row: dict[str, Any]) -> tuple[float, int]:
    return row["learning_rate"], row["batch_size"]


def _curve(axes: Any, rows: Sequence[dict[str, Any]], colour: str, label: str) -> None:
    """Mean over evaluation conditions for each seed; line is the mean over seeds, band the range over seeds."""
    epochs = sorted({row["epoch"] for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    values = np.array(
        [[np.mean([r["loss"] for r in rows if r["epoch"] == e and r["seed"] == s]) for e in epochs] for s in seeds]
    )
    axes.plot(epochs, values.mean(0), color=colour, linewidth=1.5, label=label)
    axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)


def facts(rows: Sequence[dict[str, Any]], epoch: int) -> dict[str, Array]:
    """Return what the paper says of its Fig. 4, as one number per seed.

    * smooth decay: mean over training defoci of the Spearman correlation between the loss and the distance in |defocus|
      (evaluations in focus left out);
    * in focus hardest: share of the networks trained elsewhere whose largest loss is at 0 nm;
    * loss in focus over the mean loss elsewhere, networks trained elsewhere;
    * induced loss at 0 nm of networks trained elsewhere, and elsewhere of networks trained at 0 nm;
    * flipped sign: induced loss at minus its own defocus over that in focus, networks trained elsewhere.
    """
    defoci, losses = matrix(rows, epoch)
    nm = np.array(defoci)
    away, zero = nm != 0, int(np.flatnonzero(nm == 0)[0])
    distance = np.abs(np.abs(nm[:, None]) - np.abs(nm[None, :]))
    found: dict[str, list[float]] = {}
    for one in losses:
        own = np.diag(one)
        ranks = [spearmanr(distance[i, away], one[i, away])[0] for i in np.flatnonzero(away)]
        mirrored = (np.diag(one[:, ::-1]) - own)[away].mean() / (one[away, zero] - own[away]).mean()
        values = {
            "smooth decay: Spearman of loss and distance in |defocus|": float(np.mean(ranks)),
            "networks trained elsewhere that do worst in focus": float((one[away].argmax(1) == zero).mean()),
            "loss in focus over loss elsewhere, trained elsewhere": float(
                one[away, zero].mean() / one[np.ix_(away, away)].mean()
            ),
            "induced loss in focus, trained elsewhere": float((one[away, zero] - own[away]).mean()),
            "induced loss elsewhere, trained in focus": float((one[zero, away] - own[zero]).mean()),
            "loss on its own defocus, trained elsewhere": float(own[away].mean()),
            "loss on its own defocus, trained in focus": float(own[zero]),
            "flipped sign: induced loss at minus its own defocus over that in focus": float(mirrored),
        }
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def verdicts(late: dict[str, Array]) -> dict[str, bool]:
    """Whether each qualitative fact of the paper holds here: for every seed, not on average alone."""
    values = list(late.values())
    return {
        "smooth decay with distance in defocus": bool((values[0] > 0).all()),
        "in-focus evaluation is hardest": bool((values[1] > 0.5).all()),
        "networks trained at 0 nm improve elsewhere": bool((values[4] < 0).all()),
        "a flipped sign costs little (below a quarter of what focus costs)": bool((np.abs(values[7]) < 0.25).all()),
    }


def _pm(values: Array) -> str:
    return f"{values.mean():+.4f} ± {values.std(ddof=1):.4f}" if len(values) > 1 else f"{values[0]:+.4f}"


def report(plan: CampaignPlan, plan_file: Path, directory: Path, output: Path) -> None:
    """Write everything; see the module."""
    (output / "results").mkdir(parents=True, exist_ok=True)
    fig4, fig3 = read_rows(plan, "fig4", directory), read_rows(plan, "fig3", directory)
    epochs = stages(fig4)
    keep = ["train_defocus_nm", "eval_defocus_nm", "epoch", "seed", "loss"]
    write_csv(output / "results" / "loss_matrix.csv", [{k: row[k] for k in keep} for row in fig4])
    keep = ["train_defocus_nm", "eval_defocus_nm", "learning_rate", "batch_size", "epoch", "seed", "loss", "dice"]
    write_csv(output / "results" / "learning_curves.csv", [{k: row[k] for k in keep} for row in fig3])
    (output / "fig4.png").write_bytes(loss_matrices(fig4, epochs))
    (output / "fig3.png").write_bytes(learning_curves(fig3))
    by_epoch = {epoch: facts(fig4, epoch) for epoch in epochs}
    table = [
        {"fact": name, "epoch": epoch, "mean": float(values.mean()), "sd_over_seeds": float(values.std(ddof=1))}
        for epoch, found in by_epoch.items()
        for name, values in found.items()
    ]
    write_csv(output / "results" / "facts.csv", table)
    runs = [experiment.identity for experiment in plan.part_experiments("fig4")]
    ranked = report_lines(analyse(directory, output / "results", runs=runs))
    lines = [*_text(provenance(plan, plan_file, directory), by_epoch, fig3), "", "## Pairs of Fig. 4", "", *ranked]
    (output / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(made: Sequence[str], by_epoch: dict[int, dict[str, Array]], fig3: Sequence[dict[str, Any]]) -> list[str]:
    epochs = list(by_epoch)
    seeds = len(next(iter(by_epoch[epochs[-1]].values())))
    return [
        "# Networks trained at one defocus, measured at every other",
        "",
        "After Figures 3 and 4 of Rangel DaCosta & Scott (arXiv 2512.09067). Positive defocus is underfocus.",
        "",
        *made,
        "## Which facts of the paper hold",
        "",
        *(
            f"* {name}: **{'holds' if holds else 'does not hold'}**"
            for name, holds in verdicts(by_epoch[epochs[-1]]).items()
        ),
        "",
        "A fact holds when it does for every seed at the last epoch. Seeds of a run differ by their initial weights "
        f"and share their micrographs. Mean ± standard deviation over {seeds} seeds:",
        "",
        "| | " + " | ".join(f"epoch {epoch}" for epoch in epochs) + " |",
        "|---|" + "---|" * len(epochs),
        *(
            f"| {name.replace('|', '∣')} | " + " | ".join(_pm(by_epoch[epoch][name]) for epoch in epochs) + " |"
            for name in by_epoch[epochs[-1]]
        ),
        "",
        "![Loss matrices](fig4.png)",
        "",
        "Fig. 4: mean loss over seeds, early, middle and late (`results/loss_matrix.csv`).",
        "",
        "## Learning curves",
        "",
        *_series_table(fig3),
        "",
        "At Cs = 0 the transfer of +d and −d differs by its sign alone. The last column is what the sign makes of the "
        "loss, over all defoci; what of it depends on rate and batch, no measure of conditions alone can know.",
        "",
        "![Learning curves](fig3.png)",
        "",
        "Fig. 3: loss on the training defocus, in focus, and on all other defoci (mean over conditions; line: mean "
        "over seeds, band: their range; `results/learning_curves.csv`).",
    ]


def _series_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """List the final losses of each series, in distribution and out of it."""
    last = max(row["epoch"] for row in rows)
    lines = [
        "Losses after the last epoch, mean ± standard deviation over seeds:",
        "",
        "| trained at (nm) | rate | batch | own defocus | in focus | other defoci | overfocus less underfocus |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = sorted({(row["train_defocus_nm"], *_series(row)) for row in rows})
    for defocus, rate, batch in keys:
        mine = [
            r for r in rows if (r["train_defocus_nm"], *_series(r)) == (defocus, rate, batch) and r["epoch"] == last
        ]
        cells = [
            _mean_over_seeds([r for r in mine if r["eval_defocus_nm"] == defocus]),
            _mean_over_seeds([r for r in mine if r["eval_defocus_nm"] == 0.0]),
            _mean_over_seeds([r for r in mine if r["eval_defocus_nm"] not in (0.0, defocus)]),
            _pm(sign_asymmetry(mine)),
        ]
        lines.append(f"| {defocus:+g} | {rate:g} | {batch} | " + " | ".join(cells) + " |")
    return lines


def sign_asymmetry(rows: Sequence[dict[str, Any]]) -> Array:
    """Mean loss at overfocus less that at underfocus, for each seed: no metric of |T| alone can tell the two apart."""
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        sides = [
            [row["loss"] for row in rows if row["seed"] == seed and sign * row["eval_defocus_nm"] > 0.0]
            for sign in (-1.0, 1.0)
        ]
        found.append(float(np.mean(sides[0]) - np.mean(sides[1])))
    return np.array(found)


def _mean_over_seeds(rows: Sequence[dict[str, Any]]) -> str:
    seeds = sorted({row["seed"] for row in rows})
    return _pm(np.array([np.mean([row["loss"] for row in rows if row["seed"] == seed]) for seed in seeds])).lstrip("+")


if __name__ == "__main__":
    report_command(report, doc=__doc__ or "", script=Path(__file__))
