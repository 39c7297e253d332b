"""The page about one micrograph: how far to trust the mask, why, under which conditions, and where it is doubtful."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from passband.documents import json_text
from passband.figures.style import to_png
from passband.figures.verdict import doubt_figure, verdict_figure
from passband.files.micrograph import Micrograph
from passband.microscope.instruments.choice import instrument_of
from passband.recipe import PassbandError
from passband.reports.page import Page, folded, image, paragraph, table
from passband.verdict.assessment import Assessor
from passband.verdict.camera_comparison import camera_rows
from passband.verdict.estimate import compatible_settings
from passband.verdict.evidence import value_text
from passband.verdict.image_evidence import probability
from passband.verdict.verdict import Verdict, percent


def draw_verdict(assessor: Assessor, micrograph: Micrograph, verdict: Verdict, *, name: str) -> Figure:
    """Draw where the mask of a micrograph called `name` is doubtful, its contrast transfer and its signals.

    Raises
    ------
    PassbandError
        The network is not calibrated, so that there is nothing to draw.
    """
    error_model, card = assessor.error_model, assessor.model.card
    if error_model is None:
        raise PassbandError(f"{card.name} is not calibrated, so there is nothing to draw; {verdict.advice[0]}")
    known = instrument_of(error_model.trained).LEADING in verdict.conditions.values
    groups = compatible_settings(verdict.conditions, error_model.trained) if known else []
    return verdict_figure(
        verdict,
        micrograph,
        error_model,
        groups,
        nyquist=0.5 / max(*micrograph.known_pixel_size, card.pixel_size),
        title=f"{name} with {card.name}: {verdict.outcome}",
    )


def write_report(assessor: Assessor, micrograph: Micrograph, verdict: Verdict, *, name: str, file: Path) -> None:
    """Write the page about a micrograph called `name`; errors as `draw_verdict`."""
    png = to_png(draw_verdict(assessor, micrograph, verdict, name=name), dpi=130)
    facts: dict[str, str] = {"verdict": verdict.outcome}
    if verdict.error_area is not None:
        facts[f"predicted error area ({100.0 * verdict.error_area.level:g} % interval)"] = percent(verdict.error_area)
    for quantity, one in (
        ("predicted loss", verdict.loss),
        ("predicted Dice", verdict.dice),
        ("predicted F1", verdict.f1),
    ):
        if one is not None:
            facts[f"{quantity}, {100.0 * one.level:g} % interval {one.low:.2g} to {one.high:.2g}"] = f"{one.value:.2g}"
    if verdict.failure_probability is not None:
        facts["probability that the mask fails"] = probability(verdict.failure_probability)
    page = Page(f"{name} with {assessor.model.card.name}", verdict.line(), facts)
    kind = "warning" if verdict.outcome == "outside" else ""
    page.section("Why", *(paragraph(reason, kind=kind) for reason in verdict.reasons))
    if verdict.advice:
        page.section("What to do", *(paragraph(one) for one in verdict.advice))
    _conditions(page, verdict, png)
    _camera(page, verdict)
    _outlines(page, micrograph, verdict)
    page.section("All numbers", folded("as JSON", json_text(verdict.as_dict(), indent=1)))
    page.write(file)


def _conditions(page: Page, verdict: Verdict, png: bytes) -> None:
    known = verdict.conditions
    values = known.values.items()
    rows: list[dict[str, Any]] = [{"quantity": name, "value": value_text(name, value)} for name, value in values]
    text = paragraph(f"{known.source}: {known.note}. Lengths without a unit in Å, angles in rad, dose in e⁻/Å².")
    caption = (
        "The mask and where it is doubtful; contrast transfer of the training and of this micrograph; signals among "
        "those of calibration micrographs."
    )
    known_values = [table(rows, {"quantity": "quantity", "value": "value"})] if rows else []
    page.section("Conditions", text, *known_values, image(png, caption))


def _camera(page: Page, verdict: Verdict) -> None:
    """Camera beside the training's; nothing where it was not compared."""
    if not verdict.camera:
        return
    columns = {
        "quantity": "quantity",
        "value": "this micrograph",
        "trained": "5 to 95 % of the training's images",
        "all": "all of them",
        "place": "it lies",
    }
    said = (
        "Estimates, the same ones of this micrograph and of simulated images as in the training; they decide no word."
    )
    page.section("The camera", paragraph(said), table(camera_rows(verdict.camera), columns))


def _outlines(page: Page, micrograph: Micrograph, verdict: Verdict) -> None:
    seen = to_png(doubt_figure(verdict, micrograph))
    caption = "The micrograph, and the network's outlines on it, red where a pixel may be wrong; axes in nm."
    page.section("What the network says", image(seen, caption))
