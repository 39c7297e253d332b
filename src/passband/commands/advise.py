"""`passband advise`: before the session, where a network will hold and what conditions to train on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import CONDITIONS, command
from passband.commands.terminal.options import AsJson, Device, ModelPath
from passband.commands.trust import given_values, other_values
from passband.devices import resolve_device
from passband.documents import json_text
from passband.recipe import PassbandError
from passband.segmentation.shipped import find_model

if TYPE_CHECKING:
    from passband.microscope.conditions import ConditionDistribution
    from passband.microscope.instruments.instrument import Instrument, Setting
    from passband.performance.error_model import ErrorModel
    from passband.verdict.loss_map import Axis

STEPS = (31, 13)
HELD = ("dose", "focal_spread", "source_size", "jitter")  # that the title of a map says
Span = Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="What you can reach; as trained by default.")]


@command(
    group=CONDITIONS,
    order=1,
    summary="Where to record, and what to train on.",
    examples="""
passband advise --model au_hrtem --dose 400 -o advice
passband advise --c10 -100nm,100nm --cs -50um,1.2mm --c12 0,20nm --focal-spread 10 -o advice
passband advise --c10 -60nm,60nm --budget 3 -o advice --json
passband advise --model haadf_atoms --reach dose=1e3,1e6 --reach source_size=0.6,1.4 --set jitter=0.2 -o advice
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
    reach: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LOW,HIGH", help="What you can reach of any quantity that is mapped; repeatable."),
    ] = None,
    quantity: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other quantity of your microscope.")
    ] = None,
    budget: Annotated[
        int, typer.Option(metavar="K", min=0, help="Number of training conditions to choose; 0 for none.")
    ] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Map the predicted loss of a network over the conditions that you can reach, before going to the microscope.

    For a transmission microscope it draws defocus × Cs and defocus × astigmatism, for a scanning one dose × source size
    and dose × defocus; writes the tables, and says where to record, or from which dose on it is enough. With --budget K
    it chooses the K conditions that, trained on, would cover what you can reach best (transmission only).
    """
    given = given_values({}, [], focal_spread=focal_spread, angular_spread=angular_spread, dose=dose)
    given |= other_values(quantity or [], given)
    folder = find_model(model)
    from passband.microscope.instruments.choice import instrument_of
    from passband.performance.error_model import ErrorModel
    from passband.segmentation.model import load_model
    from passband.verdict.loss_map import middle_of_training

    card = load_model(folder, device=resolve_device(device)).card
    error_model = ErrorModel.of_card(card)
    if error_model is None:
        raise PassbandError(f"{card.name} is not calibrated; run passband calibrate, then name its model with --model")
    instrument, base = instrument_of(error_model.trained), middle_of_training(error_model, given)
    spans = [f"{name}={text}" for name, text in (("C10", c10), ("C30", cs), ("C12", c12)) if text is not None]
    axes = _axes(error_model, instrument, spans=[*spans, *(reach or [])], given=given)
    if budget and instrument.MODE != "TEM":
        raise PassbandError(
            f"--budget {budget} chooses by contrast transfer, which {card.name} has none of; leave it out"
        )
    result = draw(error_model, base, axes, output, name=card.name)
    if budget:
        result["train_on"] = _chosen(base, axes, budget)
    (output / "advice.json").write_text(json_text(result, indent=1) + "\n", encoding="utf-8")
    typer.echo(json_text(result) if as_json else _text(result, instrument))


def _axes(
    error_model: "ErrorModel", instrument: "Instrument", *, spans: Sequence[str], given: Mapping[str, float]
) -> dict[str, "Axis"]:
    """Reachable values of each quantity that is mapped, by default of the training, or of what was calibrated."""
    from passband.verdict.loss_map import axis, covered_range

    mapped = tuple(dict.fromkeys(name for pair in instrument.MAPPED for name in pair))
    reached: dict[str, tuple[float, float]] = {}
    for text in spans:
        name, low, high = _span(text)
        if name not in mapped:
            raise PassbandError(f"{text}: the maps are of {', '.join(mapped)}; write a single value, as --set {name}=…")
        reached[name] = low, high
    fixed = [name for name in mapped if name in given]
    if fixed:
        raise PassbandError(f"{fixed[0]} is on an axis of the maps; write --reach {fixed[0]}=LOW,HIGH")
    leading = {first for first, _ in instrument.MAPPED}
    return {
        name: axis(
            instrument, name, *reached.get(name, covered_range(error_model, name)), STEPS[0 if name in leading else 1]
        )
        for name in mapped
    }


def _span(text: str) -> tuple[str, float, float]:
    """Symbol of a quantity with the ends of what can be reached, from `C10=-60nm,60nm`."""
    from passband.commands.terminal.quantities import quantity_values

    name, _, span = text.partition("=")
    ends = span.split(",")
    if len(ends) != 2 or not name:
        raise PassbandError(f"{text!r} is not a range; write NAME=LOW,HIGH, as C10=-60nm,60nm or dose=1e3,1e5")
    low, high = (quantity_values([f"{name}={end}"]) for end in ends)
    (symbol,) = low
    if name == symbol and low[symbol] > high[symbol]:
        raise PassbandError(f"{text!r} runs backwards; write low < high")
    ordered = sorted((low[symbol], high[symbol]))
    return symbol, ordered[0], ordered[1]


def draw(
    error_model: "ErrorModel", base: "Setting", axes: dict[str, "Axis"], output: Path, *, name: str
) -> dict[str, Any]:
    """Write the maps, their tables and what they say; return the last."""
    from passband.figures.advice import loss_maps_figure
    from passband.figures.style import to_png
    from passband.microscope.instruments.choice import instrument_of
    from passband.tabular import write_csv
    from passband.verdict.evidence import loss_thresholds
    from passband.verdict.loss_map import loss_map

    instrument, thresholds = instrument_of(base), loss_thresholds(error_model.table)
    maps = {pair: loss_map(error_model, base, axes[pair[0]], axes[pair[1]]) for pair in instrument.MAPPED}
    output.mkdir(parents=True, exist_ok=True)
    titles = [(_title(instrument, base, pair, name), one) for pair, one in maps.items()]
    (output / "advice.png").write_bytes(to_png(loss_maps_figure(titles, thresholds=thresholds), dpi=130))
    tables = {f"loss_{first}_{second}.csv": one for (first, second), one in maps.items()}
    for file, one in tables.items():
        write_csv(output / file, one.rows())
    return {
        "model": name,
        "usual_loss": thresholds.usual,
        "worst_loss_inside": thresholds.worst,
        "conditions": base.model_dump(mode="json"),
        "best": [one.best() for one in maps.values()],
        "enough": [one.enough(thresholds.usual) for one in maps.values()],
        "usual": {"_".join(pair): float((one.loss.value <= thresholds.usual).mean()) for pair, one in maps.items()},
        "files": [str(output / file) for file in ("advice.png", *tables)],
    }


def _title(instrument: "Instrument", base: "Setting", pair: tuple[str, str], name: str) -> str:
    """Name of the network, and numbers of the setting that a map holds still."""
    said, values = [name], instrument.values(base)
    for quantity in instrument.QUANTITIES:
        value = values[quantity.name]
        if quantity.name in pair or quantity.name not in HELD or (value is None and not quantity.logarithmic):
            continue
        nothing = quantity.logarithmic and not value
        said.append("no noise" if nothing else instrument.value_said(quantity.name, value or 0.0))
    return ", ".join(said)


def _chosen(base: "Setting", axes: dict[str, "Axis"], budget: int) -> list[dict[str, Any]]:
    from passband.forecast.choosing import choose_conditions
    from passband.microscope.conditions import Conditions
    from passband.microscope.instruments.choice import instrument_of
    from passband.microscope.instruments.lens import own

    own_base = own(base, Conditions, "a transmission microscope")
    reachable = [
        instrument_of(base).with_values(own_base, {"C10": float(x), "C30": float(y)})
        for x in axes["C10"].values[::2]
        for y in axes["C30"].values[::3]
    ]
    chosen: tuple[ConditionDistribution, ...] = choose_conditions(reachable, budget)
    return [one.model_dump(mode="json") for one in chosen]


def _text(result: dict[str, Any], instrument: "Instrument") -> str:
    lines = [f"usual inside the training: a predicted loss of at most {result['usual_loss']:.3g}"]
    parts = zip(instrument.MAPPED, result["best"], result["enough"], result["usual"].values(), strict=True)
    for pair, one, enough, share in parts:
        best = ", ".join(instrument.value_said(name, one[name]) for name in pair)
        lines.append(f"{' × '.join(pair)}: {share:.1%} of what you can reach; best at {best}")
        lines.append(f"  predicted loss {one['predicted_loss']:.3g}, Dice {one['predicted_dice']:.2f}")
        if enough is not None:
            least = instrument.value_said(pair[0], enough[pair[0]])
            lines.append(
                f"  as usual from {least} on (Dice {enough['predicted_dice']:.2f} there), {pair[1]} in the middle"
            )
    for one in result.get("train_on", ()):
        lens = ", ".join(instrument.value_said(name, value) for name, value in one["aberrations"].items())
        lines.append(f"train on {lens or 'no aberrations'}")
    return "\n".join([*lines, *(f"wrote {file}" for file in result["files"])])
