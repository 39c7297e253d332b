"""`passband train`: a plan and its store become a network with a card; killed, the same command continues."""

from pathlib import Path
from typing import Annotated

import typer

from passband.campaign.shortage import simulation_shortage, training_shortage
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Device, Overrides, PlanName, Quiet, Seed, Workers
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text

Store = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Store of the plan's exit waves; simulated in OUTPUT/store by default."
    ),
]


@command(
    group=NETWORKS,
    order=2,
    summary="A plan and its store become a network.",
    examples="""
passband train demo -o out/run
passband train cdse --store cdse_store -o cdse_run --device cuda --workers 8
passband train au_hrtem -o au_run --set training.epochs=5 --set network=tiny
""",
)
def train(
    plan: PlanName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the run.")],
    store: Store = None,
    overrides: Overrides = None,
    seed: Seed = None,
    device: Device = "auto",
    workers: Workers = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train the network of a plan and save it with its card.

    Writes config.json, history.parquet and the folder model; on a GPU with several workers, these make the
    micrographs. The same command continues a stopped run. A named condition that was added since is measured, and
    nothing is trained for it; another training's folder is refused.
    """
    from passband.dataset.simulate import simulate
    from passband.experiment import study
    from passband.experiment.plan import load_plan

    recipe = load_plan(plan, overrides or (), seed=seed)
    where = resolve_device(device)
    place = store or output / "store"
    with ProgressBars(quiet=quiet) as bars:
        short = simulation_shortage(recipe.simulation, place, workers=workers) + (
            training_shortage(recipe) if where == "cpu" else []
        )
        for line in short:
            bars.warn(f"warning: {line}")
        with bars.bar("simulate", unit="structures") as bar:
            waves = simulate(recipe, place, workers=workers, device=where, progress=bar)
        with bars.bar("train", unit="steps") as bar:
            imaging = workers if where != "cpu" and workers > 1 else 0  # beside a CPU they would only take turns
            result = study.train(recipe, waves, output, device=where, imaging_workers=imaging, progress=bar)
    if as_json:
        typer.echo(json_text({"model": str(result.model), "epochs": result.epochs, "seconds": result.seconds}))
    elif not quiet:
        typer.echo(printable(f"{result.epochs} epoch{'s' * (result.epochs != 1)}; model in {result.model}"))
