"""What is written of the atom columns of one micrograph: table, structure, lattice, picture, and a row for scripts."""

from pathlib import Path
from typing import Any

from passband.description.atom_files import lattice_of, lattice_report, write_columns
from passband.description.columns import no_columns_remark, spacing_remark
from passband.durable import write_atomically
from passband.figures.atoms import columns_picture
from passband.files.micrograph import Micrograph
from passband.files.own_files import refuse_foreign
from passband.verdict.finding import ColumnFinder, NetworkView


def write_atoms(micrograph: Micrograph, finder: ColumnFinder, path: Path, output: Path, *, stem: str) -> dict[str, Any]:
    """Find the columns of a micrograph of known pixel size and write their files, the picture last; return its row.

    Raises
    ------
    PassbandError
        A network cannot look at it, or a picture of the same name is not passband's.
    """
    picture = output / f"{stem}.atoms.png"
    refuse_foreign(picture)
    found, view = finder.find(micrograph)
    lattice = lattice_of(found)
    report = lattice_report(found, lattice)
    files = {**write_columns(found, output, stem=stem, report=report), "picture": picture}
    write_atomically(picture, columns_picture(micrograph.array, found, lattice=lattice))
    none = "" if len(found) else no_columns_remark(micrograph.array)
    return {
        "image": str(path),
        "columns": report["columns"],
        **lattice_row(report),
        "verdict": view.verdict,
        "reason": view.reason,
        "flags": list(view.flags),
        "predicted_f1": None if view.f1 is None else view.f1.as_dict(),
        "model": view.network,
        "warning": columns_warning(path, view, report, none),
        "pixel_size_A": list(micrograph.known_pixel_size),
        "outputs": {kind: str(file) for kind, file in files.items()},
    }


def columns_warning(path: Path, view: NetworkView, report: dict[str, Any], *more: str) -> str:
    """Say on one line why the columns of a file should not be believed, by verdict and `lattice_report`; or nothing."""
    distrust = f"do not trust these columns: {view.reason}" if view.verdict == "outside" else ""
    apart = spacing_remark(report["spacing_A"], columns=report["columns"])
    said = [text for text in (view.warning, distrust, *more, apart) if text]
    return f"{path}: {'; '.join(said)}" if said else ""


def lattice_row(report: dict[str, Any]) -> dict[str, Any]:
    """Spacing and lattice of a `lattice_report`, as they stand in a row."""
    lattice = report["lattice"]
    names = ("vectors_A", "lengths_A", "angle_deg", "share")
    return {
        "spacing_A": report["spacing_A"],
        "lattice": None if lattice is None else {name: lattice[name] for name in names},
    }
