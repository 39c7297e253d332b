"""Files of atom columns: a table, extended XYZ for ASE and OVITO, and the lattice as JSON numbers."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from passband.description.columns import AtomColumns
from passband.description.lattice import FittedLattice, nearest_distances
from passband.description.sites import find_sites
from passband.description.sublattices import find_grains
from passband.durable import write_atomically, written_atomically
from passband.files.own_files import ATOM_ENDINGS
from passband.tabular import write_csv

COLUMNS = ("x_px", "y_px", "x_A", "y_A", "class", "height", "sigma_A", "confidence")
_UNKNOWN = "X"  # ASE's symbol of no element


def atom_files(output: Path, stem: str) -> dict[str, Path]:
    """Where the files of the columns of an image go: `table`, `structure` and `lattice`."""
    return {kind: output / f"{stem}{ATOM_ENDINGS[kind]}" for kind in ("table", "structure", "lattice")}


def column_rows(columns: AtomColumns) -> list[dict[str, Any]]:
    """Return rows of a table, one a column, with the names in `COLUMNS`; places count from the first pixel's centre."""
    table = np.column_stack(
        [columns.x, columns.y, columns.positions, columns.height, columns.sigma, columns.confidence]
    )
    names = [name for name in COLUMNS if name != "class"]
    rows = [dict(zip(names, values, strict=True)) for values in table.tolist()]
    return [{**row, "class": name} for row, name in zip(rows, columns.names, strict=True)]


def write_columns(
    columns: AtomColumns, output: Path, *, stem: str, report: dict[str, Any] | None = None
) -> dict[str, Path]:
    """Write the table, the structure and the lattice report of one image; return the files by name (`atom_files`).

    `report` is that of `lattice_report`, which is made where it is not given.
    """
    output.mkdir(parents=True, exist_ok=True)
    files = atom_files(output, stem)
    write_csv(files["table"], column_rows(columns), COLUMNS, digits=7, line_end="\n")
    write_extended_xyz(files["structure"], [columns])
    text = json.dumps(report or lattice_report(columns), indent=1, allow_nan=False)
    write_atomically(files["lattice"], f"{text}\n".encode())
    return files


def write_extended_xyz(
    path: Path, frames: Sequence[AtomColumns], *, identities: Sequence[Sequence[int]] | None = None
) -> None:
    """Write columns as extended XYZ, one image after the other; `identities` are those of linked atoms, per frame."""
    numbers = [None] * len(frames) if identities is None else identities
    with written_atomically(path) as file:
        for columns, identity in zip(frames, numbers, strict=True):
            file.write(extended_xyz(columns, identity=identity))


def extended_xyz(columns: AtomColumns, *, identity: ArrayLike | None = None, frame: int | None = None) -> bytes:
    """Return the columns of one image as extended XYZ.

    z is 0, and x and y are those of the image: y points down in it. Classes that are chemical symbols become
    elements, others X; the class itself, height, sigma (Å) and confidence are further columns, and so is `identity`
    (n,), the number of each atom in a movie; the number of the `frame` stands in the second line.
    """
    from ase import Atoms
    from ase.data import atomic_numbers
    from ase.io import write

    names = columns.names
    height, width = (length * step for length, step in zip(columns.shape, columns.pixel_size, strict=True))
    structure = Atoms(
        [name if name in atomic_numbers else _UNKNOWN for name in names],
        positions=np.column_stack([columns.positions, np.zeros(len(columns))]),
        cell=[width, height, 0.0],
        pbc=False,
    )
    structure.set_array("class", np.array([name.replace(" ", "_") for name in names], dtype=str))
    for name in ("height", "sigma", "confidence"):
        structure.set_array(name, getattr(columns, name))
    if identity is not None:
        structure.set_array("identity", np.asarray(identity, dtype=int))
    if frame is not None:
        structure.info["frame"] = frame
    text = io.StringIO()
    write(text, structure, format="extxyz")
    return text.getvalue().encode()


def lattice_of(columns: AtomColumns) -> FittedLattice | None:
    """Fit the lattice of the dominant grain of an image's columns; see `find_grains`."""
    return next((grain.lattice for grain in find_grains(columns, most=1)), None)


def lattice_report(columns: AtomColumns, lattice: FittedLattice | None = None) -> dict[str, Any]:
    """Return the number of columns, their spacing, lattice and sites as JSON numbers; null where there are none.

    `lattice` is that of `lattice_of`, which is fitted where it is not given. `spacing_A` is the median distance to the
    nearest column. A site has its `fraction` of a and b, the number of its columns and their median height, and the
    class of most of them. `grains` are the lattices of all grains, that one first.
    """
    nearest = nearest_distances(columns.positions)
    lattice = lattice or lattice_of(columns)
    report: dict[str, Any] = {
        "columns": len(columns),
        "spacing_A": float(np.median(nearest)) if nearest.size else None,
        "lattice": None if lattice is None else lattice.report(),
        "sites": [],
        "grains": [one.lattice.report() for one in find_grains(columns)],
    }
    if lattice is not None:
        sites = find_sites(columns.positions, lattice)
        for number, fraction in enumerate(sites.fractions.tolist()):
            here = sites.index == number
            height = float(np.median(columns.height[here])) if here.any() else None
            usual = columns.classes[np.bincount(columns.label[here]).argmax()] if here.any() else None
            report["sites"].append({"fraction": fraction, "columns": int(here.sum()), "height": height, "class": usual})
    return report
