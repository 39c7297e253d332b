"""`passband information`: how much of a specimen some conditions show, and how alike two conditions are."""

import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from passband.commands.terminal.choices import OneOf
from passband.commands.terminal.entry import CONDITIONS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson
from passband.documents import json_text

if TYPE_CHECKING:
    from passband.microscope.conditions import Conditions
    from passband.microscope.information.metric import Metric

_LENGTH = "Å, or with a unit (-8nm, 25um)"

Length = Annotated[str | None, typer.Option(metavar="LENGTH", help=_LENGTH)]


def _values(field: str) -> Iterable[str]:
    """Return the values that a field of the metric may have."""
    from passband.microscope.information.metric import Metric

    values: tuple[str, ...] = get_args(Metric.model_fields[field].annotation)
    return values


def _overlaps() -> Iterable[str]:
    from passband.microscope.information.overlaps import OVERLAPS

    return OVERLAPS


@command(
    group=CONDITIONS,
    order=2,
    summary="What conditions transfer, and how alike two are.",
    examples="""
passband information --energy 300e3 --focal-spread 10 --c10 -80 --c30 2.5e5
passband information --focal-spread 1nm --c10 -8nm --c30 25um --against c10=-250,c30=2.5e5 --json
passband information --c10 -80 --aberration C21=200nm,phi21=1 --aberration trefoil=150nm --odd naive
passband information --c10 -80 --c30 25um --against defocus=25nm,cs=25um -o figures
""",
)
def information(
    energy: Annotated[str, typer.Option(metavar="EV", help="Beam energy: 300e3 or 300kV.")] = "300e3",
    focal_spread: Annotated[str, typer.Option(metavar="LENGTH", help="Standard deviation of the defocus, Å.")] = "10",
    angular_spread: Annotated[
        str, typer.Option(metavar="ANGLE", help="Standard deviation of the illumination, rad or 0.1mrad.")
    ] = "0",
    aperture: Annotated[
        str | None, typer.Option(metavar="ANGLE", help="Half-angle, rad or 20mrad; open if absent.")
    ] = None,
    c10: Length = None,
    c12: Length = None,
    c21: Length = None,
    c23: Length = None,
    c30: Length = None,
    c50: Length = None,
    aberration: Annotated[
        list[str] | None,
        typer.Option(
            "--aberration", "-a", metavar="NAME=VALUE", help="Any other, e.g. C21=2000,phi21=1; may be repeated."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME=VALUE,…", help="Compare with these aberrations (and no others) as the evaluation."),
    ] = None,
    weight: Annotated[
        str, typer.Option(help="Count every |q|, or every pixel, alike."), OneOf(partial(_values, "weight"))
    ] = "radial",
    power: Annotated[int, typer.Option(metavar="P", min=1, max=2, help="p in ε = ⟨|T|^p⟩/⟨E^p⟩.")] = 1,
    odd: Annotated[str, typer.Option(help="Treatment of coma, trefoil …"), OneOf(partial(_values, "odd"))] = "exact",
    overlap: Annotated[str, typer.Option(help="Variant of σ."), OneOf(_overlaps)] = "cosine",
    qmax: Annotated[float, typer.Option(metavar="Q", help="Largest spatial frequency, Å⁻¹.")] = 2.5,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Draw the CTFs and the map of ε here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the information transfer ε of imaging conditions and, with --against, the overlap σ and difference Δε.

    Underfocus is positive: C10 = −defocus. Lengths are in Å unless they carry a unit.
    """
    from passband.commands.terminal import quantities
    from passband.microscope.conditions import Conditions
    from passband.microscope.information.metric import Metric

    direct = {"C10": c10, "C12": c12, "C21": c21, "C23": c23, "C30": c30, "C50": c50}
    named = [(name, text) for name, text in direct.items() if text is not None]
    here = Conditions.model_validate(
        {
            "energy": quantities.energy(energy),
            "aberrations": quantities.aberration_values([*named, *quantities.assignments(aberration or [])]),
            "focal_spread": quantities.signed_length(focal_spread, "focal_spread"),
            "angular_spread": quantities.angle(angular_spread, "angular_spread"),
            "aperture": None if aperture is None else quantities.angle(aperture, "aperture"),
        }
    )
    there = None if against is None else quantities.changed_conditions(here, against)
    choices = {"weight": weight, "power": power, "odd": odd, "overlap": overlap, "qmax": qmax}
    metric = Metric.model_validate(choices)
    values = measure(here, there, metric)
    written = [] if output is None else draw(output, here, there, metric)
    if as_json:
        settings = {
            "conditions": here.model_dump(mode="json"),
            "metric": choices,
            "files": [str(path) for path in written],
        }
        typer.echo(json_text({**values, **settings}))
        return
    report(values, written)


def measure(here: "Conditions", there: "Conditions | None", metric: "Metric") -> dict[str, float | None]:
    """ε, and σ, Δε, ε′ where there is something to compare with; None (null) where a quantity is not defined."""
    from passband.microscope.information.information import compare_information, transfer_information

    if there is None:
        return {"epsilon": _finite(transfer_information([here], metric=metric).item())}
    compared = compare_information([here], [there], metric=metric)
    return {
        "epsilon": _finite(compared.epsilon_training.item()),
        "sigma": _finite(compared.sigma.item()),
        "delta_epsilon": _finite(compared.delta_epsilon.item()),
        "epsilon_against": _finite(compared.epsilon_evaluation.item()),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def report(values: dict[str, float | None], written: list[Path]) -> None:
    """Print a small table for a person, and where the figures are."""
    from rich.console import Console
    from rich.table import Table

    meanings = {
        "epsilon": ("ε", "information transfer, 0 to 1"),
        "sigma": ("σ", "overlap with --against, 1 when alike"),
        "delta_epsilon": ("Δε", "ε(--against) − ε"),
        "epsilon_against": ("ε′", "information transfer of --against"),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        symbol, meaning = meanings[name]
        table.add_row(symbol, "undefined: the CTF is zero" if value is None else f"{value:.5f}", meaning)
    console = Console()
    console.print(table)
    for path in written:
        console.print(printable(f"wrote {path}"), soft_wrap=True, markup=False)


def draw(folder: Path, here: "Conditions", there: "Conditions | None", metric: "Metric") -> list[Path]:
    """Write the CTFs and the map of ε over C10 and C30, as PNG and CSV, and return their paths."""
    import numpy as np

    from passband.figures.information import information_map_figure
    from passband.figures.style import to_png
    from passband.figures.transfer import ctf_figure
    from passband.microscope.information.curves import transfer_curve
    from passband.microscope.information.information import information_map
    from passband.tabular import write_csv

    folder.mkdir(parents=True, exist_ok=True)
    shown = {"conditions": here} | ({} if there is None else {"against": there})
    q = np.linspace(0.0, metric.qmax, 1251)
    curves = {name: transfer_curve(q, one, metric.odd) for name, one in shown.items()}
    c10, c30 = np.linspace(-300.0, 300.0, 121), np.linspace(-1e6, 1e6, 121)
    epsilon = information_map(c10, c30, conditions=here, metric=metric)
    marks = {name: (one.aberrations.C10, one.aberrations.C30) for name, one in shown.items()}
    title = f"ε at {here.energy / 1e3:g} kV, focal spread {here.focal_spread:g} Å; other aberrations 0"
    paths = [folder / name for name in ("ctf.png", "information_map.png", "ctf.csv", "information_map.csv")]
    titled = {f"{name}: {describe(one)}": curves[name] for name, one in shown.items()}
    paths[0].write_bytes(to_png(ctf_figure(q, titled), dpi=120))
    paths[1].write_bytes(to_png(information_map_figure(c10, c30, epsilon, title=title, marks=marks), dpi=120))
    columns: dict[str, Any] = {"q_per_A": q} | {f"T_{name}": curve.transfer for name, curve in curves.items()}
    write_csv(
        paths[2], [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]
    )
    rows = [{"C10_A": x, "C30_A": y, "epsilon": epsilon[j, i]} for j, y in enumerate(c30) for i, x in enumerate(c10)]
    write_csv(paths[3], [{name: float(value) for name, value in row.items()} for row in rows])
    return paths


def describe(conditions: "Conditions") -> str:
    """Short text of the aberrations that are not zero: lengths in nm or µm, azimuths in rad."""
    parts = []
    for name, value in conditions.aberrations.nonzero().items():
        factor, unit = (1.0, "rad") if name.startswith("phi") else (1e4, "µm") if abs(value) >= 1e4 else (10.0, "nm")
        parts.append(f"{name} {value / factor:.4g} {unit}".replace("-", "\u2212"))
    return ", ".join(parts) or "no aberrations"
