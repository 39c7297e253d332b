"""The page of the demo: what was simulated, how the network learned, where it holds, and what it found."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import of_kind
from passband.dataset.imaging import Imaging
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.documents import json_text, parse_json, read_document
from passband.experiment.evaluation import structures
from passband.experiment.plan import Plan
from passband.experiment.study import TrainedStudy, nyquist
from passband.figures.generalisation import score_figure
from passband.figures.segmentation import examples_figure, overlay_figure
from passband.figures.style import to_png
from passband.figures.training import learning_figure
from passband.figures.transfer import mean_transfer_figure
from passband.microscope.conditions import validate_conditions
from passband.microscope.information.curves import Array, mean_transfer
from passband.reports.page import Page, folded, image, paragraph, table

SCORE_COLUMNS = {
    "condition": "condition",
    "images": "images",
    "dice": "Dice",
    "iou": "IoU",
    "boundary_iou": "boundary IoU",
    "paper_loss": "loss (paper scale)",
    "epsilon": "ε",
    "sigma": "σ to training",
    "delta_epsilon": "Δε to training",
}
PARTICLE_COLUMNS = {
    "label": "particle",
    "area_nm2": "area (nm²)",
    "equivalent_diameter_nm": "equivalent diameter (nm)",
    "centroid_x_nm": "centroid x (nm)",
    "centroid_y_nm": "centroid y (nm)",
    "eccentricity": "eccentricity",
}


class Findings(NamedTuple):
    """What a demo found out."""

    plan: Plan
    store: WaveStore
    run: TrainedStudy
    scores: list[dict[str, Any]]
    segmented: dict[str, Any]
    provenance: dict[str, Any]


def write_report(findings: Findings, path: Path) -> None:
    """Write the page."""
    trained = next((row for row in findings.scores if row["trained"]), findings.scores[0])
    worst = min(findings.scores, key=lambda row: float(row["dice"]))
    page = Page(
        "From atoms to a segmented micrograph",
        f"passband {findings.provenance['passband']}, plan {findings.plan.name}, {findings.provenance['date']}",
        {
            "structures simulated": str(len(findings.store)),
            "Dice, conditions as trained": f"{trained['dice']:.3f}",
            f"Dice, worst ({worst['condition']})": f"{worst['dice']:.3f}",
            "particles in the micrograph": str(len(findings.segmented["result"].particles)),
            "time of this call": _minutes(findings.provenance["seconds"]["all"]),
        },
    )
    _simulated(page, findings)
    _learned(page, findings)
    _measured(page, findings)
    _found(page, findings)
    _made(page, findings)
    page.write(path)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _simulated(page: Page, findings: Findings) -> None:
    simulation = of_kind(findings.plan.simulation, Simulation)
    scene = simulation.scene
    experiment = findings.plan.experiment()
    parts = {part: structures(experiment, findings.store, part) for part in ("train", "validation", "test")}
    acquisition = Acquisition(
        findings.store, findings.plan.imaging, indices=parts["train"], seed=findings.plan.training.seed
    )
    batch = acquisition.batch(0, 8)
    titles = [_title(row["conditions"]) for row in batch.rows]
    images, masks = [one[0].numpy() for one in batch.images], [mask.numpy() for mask in batch.masks]
    png = to_png(examples_figure(images, masks, titles, batch.rows[0]["pixel_size"]))
    energies = " and ".join(f"{energy / 1e3:g}" for energy in simulation.energies)
    text = (
        f"{len(findings.store)} structures: {', '.join(scene.materials)} particles on amorphous "
        f"{scene.film_symbol}, {scene.field / 10:g} nm wide, each with its own seed. Their exit waves at "
        f"{energies} kV come from a multislice calculation at {simulation.pixel_size:g} Å and "
        "are stored; micrographs are taken from them while the network learns, each under conditions of its "
        f"own. {len(parts['train'])} structures are for training, {len(parts['validation'])} for validation and "
        f"{len(parts['test'])} for the test; none is in two of them."
    )
    page.section(
        "What was simulated", paragraph(text), image(png, "Training micrographs with the outline of the truth (green).")
    )


def _title(conditions: dict[str, Any]) -> str:
    defocus = -conditions["aberrations"].get("C10", 0.0) / 10.0
    dose = conditions["dose"]
    return f"defocus {defocus:+.1f} nm, " + ("no noise" if dose is None else f"{dose:.0f} e⁻/Å²")


def _learned(page: Page, findings: Findings) -> None:
    rows = findings.run.history.rows
    epochs = sorted({int(row["epoch"]) for row in rows})
    by_set: dict[str, list[float]] = {}
    for row in rows:
        by_set.setdefault(str(row["set"]), []).append(float(row.get("dice", float("nan"))))
    first = str(rows[0]["set"])
    losses = {
        "training": [float(row["train_loss"]) for row in rows if row["set"] == first],
        f"validation, {first}": [float(row.get("training_loss", float("nan"))) for row in rows if row["set"] == first],
    }
    png = to_png(learning_figure(epochs, losses, by_set))
    recipe = findings.plan.training
    text = (
        f"A residual U-Net, {recipe.epochs} epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size} "
        f"micrographs ({recipe.optimiser}, learning rate {recipe.learning_rate:g}), every micrograph new. It "
        f"trained for {_minutes(findings.run.seconds)}."
    )
    caption = "Loss, and Dice on validation structures under each named condition, after every epoch."
    page.section("How the network learned", paragraph(text), image(png, caption))


def _measured(page: Page, findings: Findings) -> None:
    q, curves, trained = transfer(findings.plan)
    intro = (
        "Scores on test structures, which neither training nor validation saw. Dice and IoU are of the "
        "particles, areas summed over all micrographs; boundary IoU is averaged over them. ε is the share of the "
        "object that the conditions transfer, σ the overlap of the contrast transfer with that of the training "
        "conditions (1 = alike), Δε the difference in ε. They are computed from the conditions alone, up to the "
        "camera's Nyquist frequency; the formulas are inferred from arXiv 2512.09067."
    )
    curves_caption = (
        "Root-mean-square contrast transfer of each named condition (line) over that of the training (grey)."
    )
    score_caption = "Dice against what the conditions alone say; the overlap with training falls to the right."
    page.section(
        "Where it holds, and where it does not",
        paragraph(intro),
        table(findings.scores, SCORE_COLUMNS, marked="trained"),
        paragraph("The marked row is what the network was trained through."),
        image(to_png(mean_transfer_figure(q, curves, trained)), curves_caption),
        image(to_png(score_figure(findings.scores)), score_caption),
    )


def transfer(plan: Plan) -> tuple[Array, dict[str, Array], Array]:
    """Frequencies in Å⁻¹, the rms |T| of each named condition, and that of the training, along q at azimuth 0."""
    q = torch.linspace(0.0, nyquist(plan), 600, dtype=torch.float64).numpy()
    curves = {named.name: mean_transfer(q, validate_conditions(named.conditions)) for named in plan.validation}
    return q, curves, mean_transfer(q, of_kind(plan.imaging, Imaging).conditions)


def _found(page: Page, findings: Findings) -> None:
    segmented = findings.segmented
    micrograph, result, truth = segmented["micrograph"], segmented["result"], segmented["truth"]
    size = " × ".join(f"{side:.3g}" for side in micrograph.pixel_size)
    source = "a simulated field that the network never saw" if truth is not None else segmented["path"].name
    text = (
        f"The micrograph is {source}: {micrograph.array.shape[0]} × {micrograph.array.shape[1]} pixels of {size} Å. "
        f"{len(result.particles)} particles cover {100 * float((result.segmentation.labels > 0).mean()):.1f} % of it."
    )
    parts = [paragraph(text)]
    if segmented["warning"]:
        parts.append(paragraph(segmented["warning"], kind="warning"))
    png = to_png(overlay_figure(micrograph.array, result.segmentation.labels, micrograph.pixel_size, truth=truth))
    parts.append(image(png, "The micrograph, and the outlines on it; axes in nm."))
    parts.append(table(result.particles[:50], PARTICLE_COLUMNS))
    page.section("What it found in a micrograph", *parts)


def _made(page: Page, findings: Findings) -> None:
    facts = {name: value for name, value in findings.provenance.items() if name != "plan"}
    card = parse_json(read_document(findings.run.model / "card.json"))
    page.section(
        "How this page was made",
        paragraph("The plan, the versions and the seeds below make the same page again."),
        folded("versions, seeds, durations", json_text(facts, indent=1)),
        folded("the plan, as it was used", json_text(findings.provenance["plan"], indent=1)),
        folded("the card of the network", json_text(card, indent=1)),
    )
