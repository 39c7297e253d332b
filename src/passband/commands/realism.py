"""`passband realism`: how alike real and generated micrographs are, score by score."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passband.commands.terminal.choices import Known
from passband.commands.terminal.entry import NETWORKS, command
from passband.commands.terminal.errors import printable
from passband.commands.terminal.loading import loading
from passband.commands.terminal.many_images import Outcome, tried
from passband.commands.terminal.options import AsJson, PixelSize, Quiet, parse_pixel_size
from passband.commands.terminal.progress import ProgressBars
from passband.documents import json_text
from passband.recipe import PassbandError

if TYPE_CHECKING:
    from passband.files.micrograph import Micrograph
    from passband.files.movie import Frame
    from passband.scores.label_preservation import LabelPreservation
    from passband.scores.realism import Realism

_PIXELS = 1 << 28  # of a set, that are read at most
FIGURE, VALUES = "realism.png", "realism.json"

Failures = list[dict[str, str]]


def _extractors() -> list[str]:
    from passband.scores.extractors import EXTRACTORS

    return list(EXTRACTORS)


@command(
    group=NETWORKS,
    order=60,
    summary="How alike real and generated micrographs are.",
    examples="""
passband realism real/ generated/
passband realism session/ generated.npy --json
passband realism real/ translated/ --source simulated/ -o scores
passband realism real/ generated/ --extractor textures --extractor imagenet=efficientnet-lite0-57934424.pth
""",
)
def realism(
    real: Annotated[str, typer.Argument(metavar="REAL", help="Real micrographs: a folder, a file, or a pattern.")],
    generated: Annotated[str, typer.Argument(metavar="GENERATED", help="Generated or simulated ones, likewise.")],
    extractor: Annotated[
        list[str] | None,
        typer.Option(
            "--extractor",
            "-e",
            metavar="NAME[=FILE]",
            help="Feature extractor, after which scores are named; textures by default. May be repeated. Known",
        ),
        Known(_extractors),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="PATH",
            help="What the generated images were made of, in the same order and of the same sizes: whether columns and "
            "contrast were kept.",
        ),
    ] = None,
    side: Annotated[
        int | None,
        typer.Option("--side", metavar="N", help="Pixels of a crop; 64, or fewer where images are smaller."),
    ] = None,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="Crops of each set at most.")] = 1000,
    pixel_size: PixelSize = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of crops and of resampling.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help=f"Write {VALUES} and draw {FIGURE} here.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare generated micrographs with real ones: intensities, spectra, and features of a network.

    Images of any size are cut into crops, resampled to the coarsest pixels of all, and each brought to mean 0 and
    standard deviation 1. Every score stands beside that of one half of the real images against the other, and with an
    interval over images. A stack counts as many images.
    """
    from passband.files.movie import list_frames

    listed = partial(list_frames, pixel_size=parse_pixel_size(pixel_size))
    sets = {"real": listed([real]), "generated": listed([generated])}
    sources = None if source is None else listed([source])
    with loading():
        from passband.scores.extractors import DEFAULT, find_extractor
        from passband.scores.realism import RealismRecipe
        from passband.scores.realism import realism as compare

        recipe = RealismRecipe(side=side, most=most, seed=seed)
        known = [find_extractor(text) for text in dict.fromkeys(extractor or [DEFAULT])]
    failed: Failures = []
    notes: list[str] = []
    with ProgressBars(quiet=quiet) as bars, bars.bar("realism", unit="images") as bar:
        images = {name: _read(name, some, seed, failed, notes) for name, some in sets.items()}
        bar(1, 3, note="features and scores")
        found = compare(images["real"], images["generated"], extractors=known, recipe=recipe)
        bar(2, 3, note="columns" if sources else "")
        kept = None if sources is None else _preservation(sources, sets["generated"])
        bar(3, 3)
    values = as_values(found, kept) | {"failed": failed}
    values["notes"] = [*notes, *values["notes"]]
    values["outputs"] = {} if output is None else _write(output, found, values)
    _tell(values, quiet=quiet, as_json=as_json)


def _read(name: str, frames: "Sequence[Frame]", seed: int, failed: Failures, notes: list[str]) -> "list[Micrograph]":
    """Read a set of images, in an order that the seed draws, as long as they do not fill the memory."""
    import numpy as np

    found: list[Micrograph] = []
    pixels = 0
    for number, index in enumerate(np.random.default_rng(seed).permutation(len(frames))):
        if pixels > _PIXELS:
            notes.append(f"{number} of {len(frames)} {name} images taken, which have {pixels:,} pixels already")
            break
        micrograph = tried(frames[index].load, frames[index].path, failed)
        if micrograph is not None:
            found.append(micrograph)
            pixels += micrograph.array.size
    if not found:
        raise PassbandError(failed[-1]["error"])
    return found


def _preservation(sources: "Sequence[Frame]", generated: "Sequence[Frame]") -> "LabelPreservation":
    """Compare generated images with what they were made of, one to one in their order."""
    from passband.scores.label_preservation import label_preservation

    if len(sources) != len(generated):
        raise PassbandError(
            f"--source has {len(sources)} images and GENERATED {len(generated)}; they are compared in pairs"
        )
    return label_preservation(*([frame.load().array for frame in some] for some in (sources, generated)))


def as_values(found: "Realism", kept: "LabelPreservation | None" = None) -> dict[str, Any]:
    """Plain values for JSON: each score under its name, null where there is none, and what belongs to them."""
    scores = {name: score.value for name, score in found.scores.items()}
    return {
        **scores,
        **(_kept_values(kept) if kept is not None else {}),
        "intervals": {name: score.interval for name, score in found.scores.items()},
        "real_halves": {name: score.baseline for name, score in found.scores.items()},
        "extractors": {one.name: one.identity for one in found.extractors},
        "images": {"real": found.real.images, "generated": found.generated.images},
        "crops": {"real": len(found.real.crops), "generated": len(found.generated.crops)},
        "side": found.real.crops.shape[1],
        "pixel_size_A": found.pixel_size,
        "normalisation": found.recipe.normalisation,
        "seed": found.recipe.seed,
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }


def _kept_values(kept: "LabelPreservation") -> dict[str, float | int | None]:
    return {
        "columns": kept.columns,
        "columns_lost": kept.lost,
        "column_displacement_px": kept.displacement_px,
        "columns_displaced": kept.displaced,
        "columns_displaced_beyond_noise": kept.displaced_beyond_noise,
        "contrast_inverted": kept.inverted,
        "contrast_unrelated": kept.unrelated,
    }


def _write(folder: Path, found: "Realism", values: dict[str, Any]) -> dict[str, str]:
    from passband.figures.realism import realism_figure
    from passband.figures.style import to_png
    from passband.files.own_files import refuse_foreign

    folder.mkdir(parents=True, exist_ok=True)
    refuse_foreign(folder / FIGURE)
    (folder / FIGURE).write_bytes(to_png(realism_figure(found)))
    (folder / VALUES).write_text(json_text(values, indent=1), encoding="utf-8")
    return {"figure": str(folder / FIGURE), "values": str(folder / VALUES)}


def _tell(values: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json_text(values))
    elif not quiet:
        _print_table(values)
    for text in values["warnings"]:
        typer.echo(printable(f"warning: {text}"), err=True)
    Outcome([], values["failed"]).end()


def _print_table(values: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from passband.scores.realism_meanings import meaning

    table = Table(box=None, pad_edge=False)
    table.add_column("score")
    for heading in ("value", "95 %", "real halves"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, within in values["intervals"].items():
        ends = "–" if within is None else " to ".join(_short(one) for one in within)
        table.add_row(name, _short(values[name]), ends, _short(values["real_halves"][name]), meaning(name))
    for name in (name for name in values if name.startswith(("column", "contrast_"))):
        table.add_row(name, _short(values[name]), "", "", meaning(name))
    console = Console()
    console.print(table)
    counts = (
        f"{values['crops'][name]} crops of {values['images'][name]} {name} image{'s' * (values['images'][name] != 1)}"
        for name in ("real", "generated")
    )
    scale = "pixel by pixel" if values["pixel_size_A"] is None else f"at {values['pixel_size_A']:.4g} Å"
    lines = [f"{' and '.join(counts)}, {values['side']} pixels a side, {scale}"]
    lines += [f"note: {text}" for text in values["notes"]] + [f"wrote {path}" for path in values["outputs"].values()]
    for line in lines:
        console.print(printable(line), soft_wrap=True, markup=False, highlight=False)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}".replace("-", "\u2212")
