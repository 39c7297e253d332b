"""How a store of simulated structures lies on a disk: its files, its tables, its recipe, and how much it takes.

Layout of a store of n structures; its arrays are those of `SimulationRecipe.layout`, here for a broad beam::

    zarr.json               group; attributes hold the format, its version, the recipe and its identity
    waves/                  complex64 (n, phonons, y, x), one chunk file per structure, CRC-32C
    masks/                  uint8     (n, y, x), class, one chunk file per structure, Zstandard, CRC-32C
    labels/                 uint16    (n, y, x), k + 1 = particle k, likewise
    parts/00000.parquet     parameters and points of structures 0 to 3; written after their chunks
    scenes.parquet          one row per structure; written last, so it says that the store is complete

Every file is written under another name, flushed to the disk and renamed; a reader or a resumed run sees the whole
file or none. No file holds a time, a host or a path: the same recipe gives the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.beam_paths import SIMULATIONS
from passband.documents import parse_json, read_document
from passband.recipe import PassbandError

VERSION = 2
SHARD = 4  # structures that are simulated, recorded and resumed together
REPAIR = "delete it and run the same simulate command again, which remakes what is missing"


class StoreError(PassbandError):
    """A store that cannot be written, found, understood or trusted."""


def chunk_path(directory: Path, recipe: SimulationRecipe, name: str, index: int) -> Path:
    """File of one structure in one of the arrays of a recipe."""
    return directory / name / "c" / str(index) / recipe.layout.arrays[name].chunk


def part_path(directory: Path, shard: int) -> Path:
    """Table of the structures of one shard."""
    return directory / "parts" / f"{shard:05d}.parquet"


def row_schema(recipe: SimulationRecipe) -> pa.Schema:
    """Columns of the table of structures."""
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in recipe.layout.row.items()])


def part_schema(recipe: SimulationRecipe) -> pa.Schema:
    """Columns of the table of a shard: those of the structures, and their points as lists."""
    points = recipe.layout.points.items()
    return pa.schema(
        [*row_schema(recipe), *((f"atom_{name}", pa.list_(pa.type_for_alias(kind))) for name, kind in points)]
    )


def shards_of(recipe: SimulationRecipe) -> list[range]:
    """Structures of each shard."""
    n = recipe.structures
    return [range(first, min(first + SHARD, n)) for first in range(0, n, SHARD)]


def place_in_shard(index: int) -> tuple[int, int]:
    """Shard of a structure, and its row in the table of that shard."""
    return divmod(index, SHARD)


def read_table(path: Path, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Read columns of a table that must have this schema.

    Raises
    ------
    StoreError
        The table is missing, fails its checksums, or has other columns.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow.names == schema.names:
                return file.read(columns=list(columns)).cast(pa.schema([schema.field(name) for name in columns]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"{path} is damaged or missing; {REPAIR}") from error
    raise StoreError(f"{path} has columns {file.schema_arrow.names[:9]}, not those of a store; {REPAIR}")


def read_recipe(directory: Path) -> SimulationRecipe:
    """Read the recipe of a store, complete or not.

    Raises
    ------
    StoreError
        The directory holds no store, one of another version, or one whose recipe is not what made it.
    """
    path = directory / "zarr.json"
    try:
        attributes = parse_json(read_document(path))["attributes"]
        found, version = attributes["format"], attributes["version"]
    except FileNotFoundError as error:
        raise StoreError(f"{directory} is not a store; make one with `passband simulate`") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} does not describe a store; give the directory of one") from error
    kind = _kind_of(directory, found)
    if version != VERSION:
        cure = "update passband, or simulate the store again with this version"
        raise StoreError(f"{directory} has store version {version}; this passband reads version {VERSION}; {cure}")
    try:
        _refuse_other_physics(directory, attributes["recipe"], kind)
        recipe = SIMULATIONS.validate(attributes["recipe"])
    except (ValidationError, KeyError) as error:
        raise StoreError(f"the recipe in {path} cannot be read; simulate the store again") from error
    if recipe.identity != attributes.get("identity"):
        raise StoreError(
            f"the recipe in {path} is {recipe.identity} but the store says {attributes.get('identity')}; it was edited "
            "or made by another passband, so simulate it again"
        )
    return recipe


def _kind_of(directory: Path, found: Any) -> type[SimulationRecipe]:
    kinds = [SIMULATIONS[name] for name in SIMULATIONS]
    for kind in kinds:
        if found == kind.FORMAT:
            return kind
    known = " or ".join(repr(kind.FORMAT) for kind in kinds)
    raise StoreError(f"{directory} holds {found!r:.60}, not {known}; give the directory of a store")


def _refuse_other_physics(directory: Path, recorded: Any, kind: type[SimulationRecipe]) -> None:
    found = recorded.get("physics", 0) if isinstance(recorded, dict) else kind.PHYSICS  # 0: before there were versions
    if found != kind.PHYSICS:
        raise StoreError(
            f"{directory} holds {kind.WHAT} of physics version {found} and this passband makes version {kind.PHYSICS}; "
            "simulate them again, into another directory"
        )


class StoreSize(NamedTuple):
    """Size of a complete store.

    Attributes
    ----------
    disk
        Bytes of its files: the waves exactly, what is compressed by experience.
    inodes
        Files and folders, its own folder included.
    """

    disk: int
    inodes: int


def store_size(recipe: SimulationRecipe) -> StoreSize:
    """Size of the store of a recipe."""
    root, arrays = Path("store"), recipe.layout.arrays
    files = [root / "zarr.json", root / "scenes.parquet", *(root / name / "zarr.json" for name in arrays)]
    files += [part_path(root, shard) for shard in range(len(shards_of(recipe)))]
    folders = {path.parent for path in files}
    chunks = [chunk_path(root, recipe, name, 0) for name in arrays]
    own = {folder for path in chunks for folder in path.parents if len(folder.parts) > 3}  # inside <store>/<array>/c
    inodes = len(files) + len(folders) + len(arrays) + recipe.structures * (len(chunks) + len(own))
    return StoreSize(round(recipe.structures * recipe.layout.disk), inodes)
