"""`passband models`: the networks that come with passband, and what each is for."""

import typer

from passband.commands.terminal.entry import IMAGES, command
from passband.commands.terminal.options import AsJson
from passband.documents import json_text


@command(
    group=IMAGES,
    order=60,
    summary="Networks that come with passband, and what each is for.",
    examples="""
passband models
passband models --json
""",
)
def models(as_json: AsJson = False) -> None:
    """Print the networks that come with passband: microscope, what they find, pixels, beam, materials.

    Name one with --model. A network is for images as those of its training; passband trust says how far it holds on
    one image.
    """
    from passband.segmentation.catalogue import catalogue

    known = catalogue()
    if as_json:
        typer.echo(json_text([one._asdict() for one in known]))
        return
    for one in known:
        low, high = one.pixel_size_A
        beam = "" if one.energy_kV is None else f", {' to '.join(f'{kV:g}' for kV in sorted(set(one.energy_kV)))} kV"
        typer.echo(f"{one.name}{'  (the default)' if one.default else ''}")
        typer.echo(f"  {one.mode}{beam}, pixels of {low:.2g} to {high:.2g} Å; finds: {one.task}")
        if one.materials:
            typer.echo(f"  trained on {', '.join(one.materials)}")
