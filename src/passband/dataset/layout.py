"""How a store of exit waves lies on a disk: its files, its tables, its recipe, and how much it takes.

Layout of a store of n structures::

    zarr.json               group; attributes hold the format, its version, the recipe and its identity
    waves/                  complex64 (n, phonons, y, x), one chunk file per structure, CRC-32C
    masks/                  uint8     (n, y, x), 1 = particle, one chunk file per structure, Zstandard, CRC-32C
    labels/                 uint16    (n, y, x), k + 1 = particle k, likewise
    parts/00000.parquet     scene parameters and particle atoms of structures 0 to 3; written after their chunks
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

from passband.dataset.physics import WAVES
from passband.dataset.simulation import COMPLEX, Simulation
from passband.documents import parse_json, read_document
from passband.microscope.incoherent import part_bytes
from passband.recipe import PassbandError

FORMAT = "passband-wave-store"
VERSION = 2
TRUTH_SHARE = 0.2  # masks, labels and atoms, as a share of one wave; measured: gold plan 0.2, small CdSe stores less
SHARD = 4  # structures that are simulated, recorded and resumed together
ARRAYS = ("waves", "masks", "labels")
REPAIR = "delete it and run the same simulate command again, which remakes what is missing"
ROW = pa.schema(
    [
        ("structure", pa.int64()),
        ("particles", pa.int32()),
        ("atoms", pa.int64()),
        ("height", pa.float64()),
        ("focus_offset", pa.float64()),
        ("transmitted", pa.float64()),
        ("mask_fraction", pa.float64()),
        ("parameters", pa.string()),
    ]
)
ATOMS = {"x": pa.float32(), "y": pa.float32(), "z": pa.float32(), "number": pa.uint8(), "particle": pa.int32()}
PART = pa.schema([*ROW, *((f"atom_{name}", pa.list_(kind)) for name, kind in ATOMS.items())])


class StoreError(PassbandError):
    """A store that cannot be written, found, understood or trusted."""


def chunk_path(directory: Path, name: str, index: int) -> Path:
    """File of one structure in one of `ARRAYS`."""
    return directory / name / "c" / str(index) / ("0/0/0" if name == "waves" else "0/0")


def part_path(directory: Path, shard: int) -> Path:
    """Table of the structures of one shard."""
    return directory / "parts" / f"{shard:05d}.parquet"


def shards_of(recipe: Simulation) -> list[range]:
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


def read_recipe(directory: Path) -> Simulation:
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
        raise StoreError(f"{directory} is not a wave store; make one with `passband simulate`") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} does not describe a wave store; give the directory of one") from error
    if found != FORMAT:
        raise StoreError(f"{directory} holds {found!r}, not {FORMAT!r}; give the directory of a wave store")
    if version != VERSION:
        cure = "update passband, or simulate the store again with this version"
        raise StoreError(f"{directory} has store version {version}; this passband reads version {VERSION}; {cure}")
    try:
        _refuse_other_physics(directory, attributes["recipe"])
        recipe = Simulation.model_validate(attributes["recipe"])
    except (ValidationError, KeyError) as error:
        raise StoreError(f"the recipe in {path} cannot be read; simulate the store again") from error
    if recipe.identity != attributes.get("identity"):
        raise StoreError(
            f"the recipe in {path} is {recipe.identity} but the store says {attributes.get('identity')}; it was edited "
            "or made by another passband, so simulate it again"
        )
    return recipe


def _refuse_other_physics(directory: Path, recorded: Any) -> None:
    found = recorded.get("physics", 0) if isinstance(recorded, dict) else WAVES  # 0: before there were versions
    if found != WAVES:
        raise StoreError(
            f"{directory} holds exit waves of physics version {found} and this passband makes version {WAVES}; "
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


def store_size(recipe: Simulation) -> StoreSize:
    """Size of the store of a recipe."""
    root = Path("store")
    files = [root / "zarr.json", root / "scenes.parquet", *(root / name / "zarr.json" for name in ARRAYS)]
    files += [part_path(root, shard) for shard in range(len(shards_of(recipe)))]
    folders = {path.parent for path in files}
    chunks = [chunk_path(root, name, 0) for name in ARRAYS]
    own = {folder for path in chunks for folder in path.parents if len(folder.parts) > 3}  # inside <store>/<array>/c
    inodes = len(files) + len(folders) + len(ARRAYS) + recipe.structures * (len(chunks) + len(own))
    plane = COMPLEX * recipe.stored_pixels**2
    return StoreSize(round(recipe.structures * plane * (recipe.stored_waves + TRUTH_SHARE)), inodes)


def wave_bytes(recipe: Simulation) -> int:
    """Bytes of memory of one structure that is imaged: the spectra of its waves, what left them, and its mask."""
    waves_and_mask = (COMPLEX * recipe.stored_waves + 1) * recipe.stored_pixels**2
    return waves_and_mask + part_bytes(recipe.stored_pixels, recipe.scene.field)
