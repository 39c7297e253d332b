"""`passband advise`: before the session, where a network will hold and what conditions to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import CONDITIONS, command
from passband.commands.terminal.options import AsJson, Device, ModelPath
from passband.commands.trust import given_values
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError
from passband.segmentation.shipped import find_model

if TYPE_CHECKING:
    from passband.microscope.conditions import ConditionDistribution, Conditions
    from passband.performance.error_model import ErrorModel
    from passband.verdict.loss_map import Axis

STEPS = (31, 13)
Span = Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="What you can reach; as trained by default.")]


@command(
    group=CONDITIONS,
    order=1,
    summary="Where to record, and what to train on.",
    examples="""
passband advise --model au_hrtem --dose 400 -o advice
passband advise --c10 -100nm,100nm --cs -50um,1.2mm --c12 0,20nm --focal-spread 10 -o advice
passband advise --c10 -60nm,60nm --budget 3 -o advice --json
""",
)
def advise(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for figure and tables.")],
    model: ModelPath = None,
    c10: Span = None,
    cs: Annotated[str | None, typer.Option("--cs", "--c30", metavar="LOW,HIGH", help="Reachable Cs.")] = None,
    c12: Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="Reachable two-fold astigmatism.")] = None,
    focal_spread: Annotated[str | None, typer.Option(metavar="LENGTH", help="Of your microscope.")] = None,
    angular_spread: Annotated[str | None, typer.Option(metavar="ANGLE", help="Of your microscope.")] = None,
    dose: Annotated[float | None, typer.Option(metavar="E", help="That you will record with, e⁻/Å².")] = None,
    budget: Annotated[
        int, typer.Option(metavar="K", min=0, help="Number of training conditions to choose; 0 for none.")
    ] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Map the predicted loss of a network over the conditions that you can reach, before going to the microscope.

    Draws defocus × Cs and defocus × astigmatism, writes the table, and says at what defocus to record. With --budget K
    it chooses the K conditions that, trained on, would cover what you can reach best.
    """
    given = given_values({}, [], focal_spread=focal_spread, angular_spread=angular_spread, dose=dose)
    folder = find_model(model)
    from passband.performance.error_model import ErrorModel
    from passband.segmentation.model import load_model
    from passband.verdict.loss_map import middle_of_training

    card = load_model(folder, device=resolve_device(device)).card
    error_model = ErrorModel.of_card(card)
    if error_model is None:
        raise PassbandError(f"{card.name} is not calibrated; run passband calibrate, then name its model with --model")
    base = middle_of_training(error_model, given)
    axes = _axes(error_model, {"C10": c10, "C30": cs, "C12": c12})
    result = draw(error_model, base, axes, output, name=card.name)
    if budget:
        result["train_on"] = _chosen(base, axes, budget)
    (output / "advice.json").write_text(json_text(result, indent=1) + "\n", encoding="utf-8")
    typer.echo(json_text(result) if as_json else _text(result))


def _axes(error_model: "ErrorModel", spans: dict[str, str | None]) -> dict[str, "Axis"]:
    """Reachable values of each coefficient, by default what the training had, or what the calibration covered."""
    from passband.commands.terminal.quantities import signed_length
    from passband.microscope.instruments.choice import instrument_of
    from passband.verdict.loss_map import axis, covered_range

    axes, instrument = {}, instrument_of(error_model.trained)
    for name, text in spans.items():
        low, high = covered_range(error_model, name)
        if text is not None:
            parts = text.split(",")
            if len(parts) != 2:
                raise PassbandError(f"{name}={text!r} is not a range; write low,high as -60nm,60nm")
            low, high = (signed_length(part, name) for part in parts)
        axes[name] = axis(instrument, name, low, high, STEPS[0] if name == "C10" else STEPS[1])
    return axes


def draw(
    error_model: "ErrorModel", base: "Conditions", axes: dict[str, "Axis"], output: Path, *, name: str
) -> dict[str, Any]:
    """Write the maps, their tables and what they say; return the last."""
    from passband.figures.advice import loss_maps_figure
    from passband.figures.style import to_png
    from passband.tabular import write_csv
    from passband.verdict.evidence import loss_thresholds
    from passband.verdict.loss_map import loss_map

    thresholds = loss_thresholds(error_model.table)
    maps = [(second, loss_map(error_model, base, axes["C10"], axes[second])) for second in ("C30", "C12")]
    dose = "no noise" if base.dose is None else f"{base.dose:.3g} e⁻/Å²"
    title = f"{name}, {dose}, focal spread {base.focal_spread:.3g} Å"
    output.mkdir(parents=True, exist_ok=True)
    figure = loss_maps_figure([(title, maps[0][1]), (title, maps[1][1])], thresholds=thresholds)
    (output / "advice.png").write_bytes(to_png(figure, dpi=130))
    for second, one in maps:
        write_csv(output / f"loss_C10_{second}.csv", one.rows())
    return {
        "model": name,
        "usual_loss": thresholds.usual,
        "worst_loss_inside": thresholds.worst,
        "conditions": base.model_dump(mode="json"),
        "best": [one.best() for _, one in maps],
        "usual": {f"C10_{second}": float((one.loss.value <= thresholds.usual).mean()) for second, one in maps},
        "files": [str(output / file) for file in ("advice.png", "loss_C10_C30.csv", "loss_C10_C12.csv")],
    }


def _chosen(base: "Conditions", axes: dict[str, "Axis"], budget: int) -> list[dict[str, Any]]:
    from passband.forecast.choosing import choose_conditions
    from passband.microscope.instruments.choice import instrument_of

    instrument = instrument_of(base)
    reachable = [
        instrument.with_values(base, {"C10": float(x), "C30": float(y)})
        for x in axes["C10"].values[::2]
        for y in axes["C30"].values[::3]
    ]
    chosen: tuple[ConditionDistribution, ...] = choose_conditions(reachable, budget)
    return [one.model_dump(mode="json") for one in chosen]


def _text(result: dict[str, Any]) -> str:
    lines = [f"usual inside the training: a predicted loss of at most {result['usual_loss']:.3g}"]
    for one, (name, share) in zip(result["best"], result["usual"].items(), strict=True):
        second = name.removeprefix("C10_")
        lines.append(f"C10 × {second}: {share:.1%} of what you can reach; best at {_said(one, ('C10', second))}")
        lines.append(f"  predicted loss {one['predicted_loss']:.3g}, Dice {one['predicted_dice']:.2f}")
    for one in result.get("train_on", ()):
        lines.append(f"train on {_said(one['aberrations'], tuple(one['aberrations'])) or 'no aberrations'}")
    return "\n".join([*lines, *(f"wrote {file}" for file in result["files"])])


def _said(values: dict[str, Any], names: tuple[str, ...]) -> str:
    """Coefficients in nm, Cs in µm."""
    units = {"C30": (1e4, "µm")}
    parts = []
    for name in names:
        factor, unit = units.get(name, (10.0, "nm"))
        parts.append(f"{name} = {values[name] / factor:.3g} {unit}".replace("-", "\u2212"))
    return ", ".join(parts)
