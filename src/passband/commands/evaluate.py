"""`passband evaluate`: one table of scores, a row for each named condition."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.options import AsJson, Device, ModelName, Overrides, Quiet, Workers
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text
from passband.experiment.plan_files import shipped_plans
from passband.recipe import PassbandError
from passband.segmentation.shipped import find_model
from passband.tabular import write_csv, write_parquet


@command(
    group=NETWORKS,
    order=3,
    summary="Scores of a network on named conditions.",
    examples="""
passband evaluate out/run/model demo --store out/run/store
passband evaluate cdse_run cdse --store cdse_store -o scores --set patches_per_structure=4
passband evaluate au_hrtem au_hrtem --json
""",
)
def evaluate(
    model: ModelName,
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="Plan whose test structures and named conditions are used.")
    ],
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="Store of the plan; simulated in OUTPUT/store by default."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the tables.")] = Path(
        "evaluation"
    ),
    overrides: Overrides = None,
    device: Device = "auto",
    workers: Workers = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure a network on the held-out structures of a plan under each of its named conditions.

    Writes scores.csv, scores.parquet and scores.json: Dice and IoU of all pixels together, boundary IoU and Dice as
    means over images, and the loss on the scale of arXiv 2512.09067.
    """
    if model in shipped_plans() or model.endswith(".toml"):
        raise PassbandError(f"model {model!r} is a plan; the model comes first: passband evaluate MODEL PLAN")
    folder = find_model(model)
    from passband.dataset.simulate import simulate
    from passband.experiment import study
    from passband.experiment.plan import load_plan
    from passband.segmentation.model import load_model

    recipe = load_plan(plan, overrides or ())
    where = resolve_device(device)
    network = load_model(folder, device=where)
    with ProgressBars(quiet=quiet) as bars:
        with bars.bar("simulate", unit="structures") as bar:
            waves = simulate(recipe, store or output / "store", workers=workers, device=where, progress=bar)
        with bars.bar("evaluate", unit="conditions") as bar:
            rows = study.evaluate(network, recipe, waves, device=where, progress=bar)
    output.mkdir(parents=True, exist_ok=True)
    write_csv(output / "scores.csv", rows)
    write_parquet(output / "scores.parquet", rows)
    # precision is undefined where nothing was predicted, and JSON has no NaN
    scores = [{name: None if _undefined(value) else value for name, value in row.items()} for row in rows]
    text = json_text({"model": str(folder), "plan": recipe.name, "scores": scores})
    (output / "scores.json").write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    elif not quiet:
        typer.echo(table(rows))


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def table(rows: list[dict[str, Any]]) -> str:
    """Scores as aligned text, a row for each named condition."""
    from passband.scores.overlap import SCORES

    names = [name for name in (*SCORES, "paper_loss") if name in rows[0]]
    width = max(len("condition"), *(len(str(row["condition"])) for row in rows))
    lines = [f"{'condition':<{width}}" + "".join(f"{name:>14}" for name in names)]
    lines += [f"{row['condition']:<{width}}" + "".join(f"{row[name]:>14.4f}" for name in names) for row in rows]
    return "\n".join(lines)
