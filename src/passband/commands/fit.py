"""`passband fit`: the defocus and astigmatism of a micrograph, read from the rings in its power spectrum."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.options import AsJson, Frame, PixelSize, parse_pixel_size
from passband.documents import json_text
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.microscope.rings.result import Fit, Refusal


@command(
    group=IMAGES,
    order=3,
    summary="Defocus and astigmatism from a micrograph's rings.",
    examples="""
passband fit micrograph.dm4 --energy 300e3 --cs 0
passband fit film.tif --energy 300kV --cs 1.2mm --pixel-size 0.5 --figure rings.png
passband fit film.tif --energy 300e3 --cs 0 --focal-spread 10 --json
""",
)
def fit(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="One micrograph, of any known format.")],
    energy: Annotated[
        str | None, typer.Option(metavar="EV", help="Beam energy, 300e3 or 300kV; the file's own if absent.")
    ] = None,
    cs: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH", help="Spherical aberration C30, Å or 1.2mm; the file's own if absent, else fitted."
        ),
    ] = None,
    pixel_size: PixelSize = None,
    focal_spread: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Known focal spread (standard deviation), Å; fitted if absent.")
    ] = None,
    amplitude_contrast: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of absorption contrast, 0.07 to 0.1 for ice; fitted if absent."),
    ] = None,
    element: Annotated[str, typer.Option(metavar="SYMBOL", help="Element of the amorphous film.")] = "C",
    largest_defocus: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Search |C10| to here; as far as rings can be seen if absent.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the rings and the fit here.")] = None,
    frame: Frame = None,
    as_json: AsJson = False,
) -> None:
    """Read defocus, two-fold astigmatism and drift from the Thon rings of a micrograph, with intervals.

    Without --cs each spherical aberration that lenses have is tried, and all that fit are told. C10 = −defocus is that
    of the amorphous film's mid-plane. Where the sign cannot be known (Cs = 0) it says so and gives both answers; where
    there are no rings it gives the reason and no numbers.
    """
    from passband.files.own_files import refuse_foreign
    from passband.files.reading import open_micrograph

    if figure is not None:
        refuse_foreign(figure)
    micrograph = open_micrograph(image, pixel_size=parse_pixel_size(pixel_size), frame=frame)
    from passband.commands.terminal import quantities
    from passband.files.fitting import fit_conditions
    from passband.microscope.rings.fitting import FitRecipe
    from passband.microscope.rings.result import Fit

    recipe = FitRecipe.model_validate(
        {
            "amplitude_contrast": amplitude_contrast,
            "element": element,
            "focal_spread": None if focal_spread is None else quantities.signed_length(focal_spread, "focal_spread"),
            "largest_c10": None
            if largest_defocus is None
            else abs(quantities.signed_length(largest_defocus, "largest_defocus")),
        }
    )
    found = fit_conditions(
        micrograph,
        energy=known_energy(image, micrograph, None if energy is None else quantities.energy(energy)),
        cs=None if cs is None else quantities.signed_length(cs, "cs"),
        recipe=recipe,
    )
    written = draw(figure, found) if figure is not None and isinstance(found, Fit) else None
    if as_json:
        typer.echo(json_text({"image": str(image), **as_values(found), "figure": written}))
        return
    report(found)
    if written:
        typer.echo(printable(f"wrote {written}"))


def known_energy(path: Path, micrograph: "Micrograph", given: float | None) -> float:
    """Beam energy of the option, else of the file.

    Raises
    ------
    PassbandError
        Neither says it.
    """
    energy = given if given is not None else micrograph.energy
    if energy is None:
        raise PassbandError(f"{path} does not say its beam energy; give it in eV, for example --energy 300e3")
    return energy


def as_values(found: "Fit | Refusal") -> dict[str, Any]:
    """Plain values for JSON: what was used, and the fit or `refused` with the reason (null where there is a fit)."""
    from passband.microscope.rings.result import Refusal

    used = {"energy_eV": found.energy, "cs_A": found.cs, "pixel_size_A": list(found.pixel_size)}
    if isinstance(found, Refusal):
        return {"refused": found.reason, **used}
    return {
        "refused": None,
        "c10_A": found.c10,
        "c12_A": found.c12,
        "phi12_rad": found.phi12,
        "c10_interval_A": list(found.c10_interval),
        "c12_interval_A": list(found.c12_interval),
        "phi12_interval_rad": list(found.phi12_interval),
        "cs_interval_A": list(found.cs_interval),
        "cs_known": found.cs_known,
        # the envelope of all that damps; the first name is that of before drift and camera were told apart
        "focal_spread_A": found.effective_envelope,
        "focal_spread_interval_A": list(found.effective_envelope_interval),
        "effective_envelope_A": found.effective_envelope,
        "effective_envelope_interval_A": list(found.effective_envelope_interval),
        "drift_A": found.drift,
        "drift_interval_A": list(found.drift_interval),
        "drift_azimuth_rad": found.drift_azimuth,
        "amplitude_contrast": found.amplitude_contrast,
        "amplitude_contrast_interval": list(found.amplitude_contrast_interval),
        "thickness_A": found.thickness,
        "thickness_interval_A": list(found.thickness_interval),
        "confidence": found.confidence,
        "sign_ambiguous": found.sign_ambiguous,
        "alternatives": [
            {"c10_A": lens.c10, "c12_A": lens.c12, "phi12_rad": lens.phi12, "cs_A": lens.cs, "worse_by": lens.worse_by}
            for lens in found.alternatives
        ],
        "evidence": found.evidence,
        "rings": found.rings,
        "notes": list(found.notes),
        **used,
    }


def report(found: "Fit | Refusal") -> None:
    """Print the fit for a person, or why there is none."""
    from rich.console import Console
    from rich.table import Table

    from passband.microscope.aberrations import cs_text
    from passband.microscope.rings.result import Refusal

    console = Console(highlight=False)
    if isinstance(found, Refusal):
        console.print(printable(f"no fit: {found.reason}"), soft_wrap=True, markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("", "value", f"{100.0 * found.confidence:g}% interval"):
        table.add_column(heading)
    for name, value, (low, high), size, unit in (
        ("C10 = −defocus", found.c10, found.c10_interval, 10.0, "nm"),
        ("astigmatism C12", found.c12, found.c12_interval, 10.0, "nm"),
        ("its azimuth φ12", found.phi12, found.phi12_interval, math.pi / 180.0, "°"),
        ("Cs", found.cs, found.cs_interval, 1e7, "mm"),
        ("effective envelope", found.effective_envelope, found.effective_envelope_interval, 10.0, "nm"),
        ("drift", found.drift, found.drift_interval, 10.0, "nm"),
        ("film thickness", found.thickness, found.thickness_interval, 10.0, "nm"),
    ):
        said, start, end = (f"{one / size:.{3 if unit == 'mm' else 2}f}" for one in (value, low, high))
        table.add_row(name, f"{said} {unit}", f"{start} to {end}")
    console.print(table)
    for lens in found.alternatives:
        degrees = lens.phi12 * 180.0 / math.pi
        text = f"C10 {lens.c10 / 10.0:.2f} nm, C12 {lens.c12 / 10.0:.2f} nm, φ12 {degrees:.1f}°, Cs {cs_text(lens.cs)}"
        console.print(f"{'likelier' if lens.worse_by < 0.0 else 'as likely'}: {text}", soft_wrap=True)
    for note in found.notes:
        console.print(printable(note), soft_wrap=True, markup=False)
    if found.sign_ambiguous:
        console.print("The sign of C10 cannot be read from these rings.")


def draw(path: Path, found: "Fit") -> str:
    """Write the figure of the rings and return its path."""
    from passband.figures.rings import ring_figure
    from passband.figures.style import to_png

    path.write_bytes(to_png(ring_figure(found), dpi=120))
    return str(path)
