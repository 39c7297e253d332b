"""`passband simulate`: a plan becomes a store of exit waves and truth; killed, the same command continues."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passband.campaign.shortage import simulation_shortage
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Device, Overrides, PlanName, Quiet, Seed, Workers
from passband.commands.terminal.progress import ProgressBars
from passband.devices import resolve_device
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.dataset.store import WaveStore


@command(
    group=NETWORKS,
    order=1,
    summary="A plan becomes a store of exit waves.",
    examples="""
passband simulate demo -o out/store
passband simulate cdse -o cdse_store --workers 8
passband simulate haadf_atoms -o scans --set simulation.structures=40      (columns, for a scanning microscope)
passband simulate wse2_defects -o store --micrographs 64 --pristine --set imaging.patch=256   (for translate train)
passband simulate au_hrtem -o au_store --set simulation.structures=50 --seed 7
""",
)
def simulate(
    plan: PlanName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the store.")],
    micrographs: Annotated[
        int,
        typer.Option(
            "--micrographs", metavar="N", min=0, help="Write so many images with masks into OUTPUT/micrographs."
        ),
    ] = 0,
    without_noise: Annotated[
        bool, typer.Option("--pristine", help="These without scan and noise, for a translation; of a scanning plan.")
    ] = False,
    overrides: Overrides = None,
    seed: Seed = None,
    device: Device = "auto",
    workers: Workers = 1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate the structures of a plan into a store, of exit waves or of the columns of a scan.

    Finished structures are found, not recomputed; a store of another recipe is refused and left alone.
    """
    from passband.dataset import simulate as simulating
    from passband.dataset.store import beam_warning
    from passband.experiment.plan import load_plan

    recipe = load_plan(plan, overrides or (), seed=seed, trains=False)
    started = time.monotonic()
    with ProgressBars(quiet=quiet) as bars, bars.bar("simulate", unit="structures") as bar:
        for line in simulation_shortage(recipe.simulation, output, workers=workers):
            bars.warn(f"warning: {line}")
        store = simulating.simulate(recipe, output, workers=workers, device=resolve_device(device), progress=bar)
        if micrographs:
            from passband.experiment.micrographs import pristine, write_micrographs

            plain = recipe.model_copy(update={"imaging": pristine(recipe.imaging)}) if without_noise else recipe
            with bars.bar("micrographs", unit="images") as shown:
                write_micrographs(plain, store, output / "micrographs", micrographs, progress=shown)
        warning = beam_warning(store)
        if warning:
            bars.warn(f"warning: {warning}")
    seconds = time.monotonic() - started
    if as_json:
        row = {
            "store": str(output),
            "structures": len(store),
            "identity": recipe.simulation.identity,
            **_transmitted(store),
            "warning": warning,
            "seconds": seconds,
        }
        typer.echo(json_text(row))
    elif not quiet:
        typer.echo(f"{len(store)} structures in {printable(str(output))} ({recipe.simulation.identity})")
        for held in _transmitted(store).values():
            mean, least = 100 * held["mean"], 100 * held["least"]
            from passband.dataset.beam_path import of_kind
            from passband.dataset.simulation import Simulation

            angle = 1e3 * of_kind(recipe.simulation, Simulation).band_angle
            typer.echo(f"  their waves hold {mean:.2f} % of the beam, within {angle:.1f} mrad (least {least:.2f} %)")


def _transmitted(store: "WaveStore") -> dict[str, dict[str, float]]:
    """Intensity that waves hold, for a store of waves."""
    held = store.transmitted
    return {} if held is None else {"transmitted": {"mean": float(held.mean()), "least": float(held.min())}}
