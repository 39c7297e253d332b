"""What is written of the materials of one micrograph: map, table of regions, pictures, and a row for scripts."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from passband.description.regions import measure_regions, region_columns
from passband.documents import DocumentError, json_text, parse_json, read_document
from passband.durable import write_atomically
from passband.figures.microstructure import material_colours, stages_picture
from passband.files.micrograph import Micrograph
from passband.files.own_files import MATERIAL_ENDINGS, refuse_foreign
from passband.files.writing import write_mask_tiff, write_overlay_png
from passband.recipe import PassbandError
from passband.tabular import write_csv
from passband.zero_shot.microstructure import Microstructure, ZeroShot, materials_of
from passband.zero_shot.prompts import Proposer

VERSION = 3  # of what is found; raised where the same question gives another answer
_MOST = 255  # materials in a map of one byte


def write_materials(
    micrograph: Micrograph, proposer: Proposer, asked: ZeroShot, path: Path, output: Path, *, stem: str
) -> dict[str, Any]:
    """Find the materials of a micrograph and write their files; return its row.

    Where the files are there already and answer the same question of the same pixels, they are left as they are.

    Raises
    ------
    PassbandError
        As `zero_shot.microstructure.materials_of`, or a map or picture of the same name is not passband's.
    """
    files = {kind: output / f"{stem}{ending}" for kind, ending in MATERIAL_ENDINGS.items()}
    for kind in ("labels", "overlay", "stages"):
        refuse_foreign(files[kind])
    question = _question(micrograph, asked)
    if (known := _answered(files, question)) is not None:
        return known | {"image": str(path)} | _paths(files)
    found = materials_of(micrograph, proposer, asked)
    rows = measure_regions(
        found.labels, image=micrograph.array, confidence=found.confidence, pixel_size=found.pixel_size
    )
    row = _row(found, asked, len(rows))
    _write(micrograph, found, rows, files)
    write_atomically(files["asked"], json_text({"question": question, "row": row}, indent=2).encode())
    return row | {"image": str(path)} | _paths(files)


def _question(micrograph: Micrograph, asked: ZeroShot) -> str:
    """Hash of the pixels, their size, and what is asked of them."""
    array = np.ascontiguousarray(micrograph.array)
    said = json.dumps([VERSION, asked.to_json(), str(array.dtype), array.shape, micrograph.pixel_size])
    return hashlib.sha256(said.encode() + array.tobytes()).hexdigest()[:32]


def _answered(files: dict[str, Path], question: str) -> dict[str, Any] | None:
    """Row of an earlier command that was asked the same, if its files are all there."""
    if not all(file.is_file() for file in files.values()):
        return None
    try:
        before = parse_json(read_document(files["asked"]))
    except DocumentError:
        return None
    row = before.get("row") if isinstance(before, dict) and before.get("question") == question else None
    return dict(row) if isinstance(row, dict) else None


def _row(found: Microstructure, asked: ZeroShot, regions: int) -> dict[str, Any]:
    return {
        "materials": found.materials,
        "proposals": found.proposals,
        "regions": regions,
        "confidence": found.mean_confidence,
        "unassigned": float((found.labels == 0).mean()),
        "data_bar_rows": found.bar.top + found.bar.bottom,
        "proposer": asked.proposals,
        "pixel_size_A": None if found.pixel_size is None else list(found.pixel_size),
    }


def _paths(files: dict[str, Path]) -> dict[str, Any]:
    return {"labels": str(files["labels"]), "outputs": {kind: str(file) for kind, file in files.items()}}


def _write(micrograph: Micrograph, found: Microstructure, rows: list[dict[str, Any]], files: dict[str, Path]) -> None:
    """Write all but the answer, which comes last."""
    files["asked"].unlink(missing_ok=True)
    if found.labels.max(initial=0) > _MOST:
        raise PassbandError(f"{found.labels.max()} materials are more than a map of one byte holds; ask for fewer")
    paint = np.rint(material_colours(int(found.labels.max(initial=0))) * 255).astype(int)
    colours = [(int(red), int(green), int(blue)) for red, green, blue in paint]
    write_mask_tiff(files["labels"], found.labels, found.pixel_size)
    write_csv(files["regions"], rows, region_columns(found.pixel_size), line_end="\n")
    write_overlay_png(files["overlay"], micrograph.array, found.labels, found.pixel_size, colours=colours)
    write_atomically(files["stages"], stages_picture(micrograph.array, found))
