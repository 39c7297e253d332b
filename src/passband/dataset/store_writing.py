"""Write a store so that it is never half-written: every file whole or absent, and the same bytes every time."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from passband.dataset.beam_path import ArrayLayout, SimulatedStructure, SimulationRecipe
from passband.dataset.layout import (
    VERSION,
    StoreError,
    chunk_path,
    part_path,
    part_schema,
    read_recipe,
    read_table,
    row_schema,
    shards_of,
)
from passband.differences import differences
from passband.durable import LEFTOVER, write_atomically

_TABLES_AT_ONCE = 256  # parts gathered into one row group of scenes.parquet


def _encoded(stored: ArrayLayout, values: npt.NDArray[Any] | None, structures: int) -> dict[str, bytes]:
    """Files, by path inside the array, that Zarr makes of an array's metadata and, if given, its one chunk."""
    files: dict[str, Any] = {}
    array = zarr.create_array(
        MemoryStore(files),
        shape=(structures, *stored.shape),
        chunks=(1, *stored.shape),
        dtype=stored.dtype,
        fill_value=stored.fill,
        filters=None,
        serializer=BytesCodec(endian="little"),
        compressors=[ZstdCodec(level=3), Crc32cCodec()] if stored.packed else [Crc32cCodec()],
        dimension_names=["structure", *stored.axes],
        config={"write_empty_chunks": True},
    )
    if values is not None:
        array[0] = values
    return {path: buffer.to_bytes() for path, buffer in files.items()}


def prepare_store(directory: Path, recipe: SimulationRecipe) -> None:
    """Make the directory a store of this recipe, or find that it already is one.

    Raises
    ------
    StoreError
        The directory holds a store of another recipe or version, or other files, or cannot be written.
    """
    if (directory / "zarr.json").exists():
        found = read_recipe(directory)
        if found.identity != recipe.identity:
            differing = differences(found.model_dump(mode="json"), recipe.model_dump(mode="json"), prefix="simulation.")
            cure = "change the plan back, give another directory (with --store or -o), or delete this one"
            raise StoreError(f"{directory} holds {found.WHAT} of another recipe ({differing}); {cure}")
    elif directory.exists() and any(not path.match(LEFTOVER) for path in _entries(directory)):
        raise StoreError(f"{directory} is not empty and not a store; give a new or empty directory")
    else:
        write_atomically(directory / "zarr.json", _group_metadata(recipe), error=StoreError)
    for name, stored in recipe.layout.arrays.items():
        path = directory / name / "zarr.json"
        if not path.exists():
            write_atomically(path, _encoded(stored, None, recipe.structures)["zarr.json"], error=StoreError)


def _entries(directory: Path) -> Iterator[Path]:
    try:
        yield from directory.iterdir()
    except OSError as error:
        raise StoreError(f"{directory} cannot be read ({error.strerror}); give a directory") from error


def _group_metadata(recipe: SimulationRecipe) -> bytes:
    files: dict[str, Any] = {}
    attributes = {"format": recipe.FORMAT, "version": VERSION, "identity": recipe.identity}
    zarr.create_group(MemoryStore(files), attributes={**attributes, "recipe": recipe.model_dump(mode="json")})
    data: bytes = files["zarr.json"].to_bytes()
    return data


def shard_is_complete(directory: Path, recipe: SimulationRecipe, shard: int) -> bool:
    """Whether every file of a shard is there; its part is written last."""
    return part_path(directory, shard).exists() and all(
        chunk_path(directory, recipe, name, index).exists()
        for index in shards_of(recipe)[shard]
        for name in recipe.layout.arrays
    )


def write_structure(directory: Path, recipe: SimulationRecipe, structure: SimulatedStructure) -> dict[str, Any]:
    """Write the arrays of one structure and return its row for `write_part`.

    Raises
    ------
    StoreError
        The disk is full or cannot be written.
    """
    index = structure.row["structure"]
    for name, stored in recipe.layout.arrays.items():
        files = _encoded(stored, structure.arrays[name], 1)
        (data,) = (data for path, data in files.items() if path != "zarr.json")
        write_atomically(chunk_path(directory, recipe, name, index), data, error=StoreError)
    return {**structure.row, **{f"atom_{name}": values for name, values in structure.atoms.items()}}


def write_part(directory: Path, recipe: SimulationRecipe, shard: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record that the structures of a shard are complete.

    Raises
    ------
    StoreError
        The disk is full or cannot be written.
    """
    buffer = io.BytesIO()
    schema = part_schema(recipe)
    with _table_writer(buffer, schema) as writer:
        writer.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema))
    write_atomically(part_path(directory, shard), buffer.getvalue(), error=StoreError)


def _table_writer(sink: io.BytesIO, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink, schema, compression="zstd", write_page_checksum=True, write_statistics=False, store_schema=False
    )


def is_finished(directory: Path) -> bool:
    """Whether the table that is written last is there."""
    return (directory / "scenes.parquet").exists()


def finish_store(directory: Path, recipe: SimulationRecipe) -> None:
    """Gather the rows of all shards in scenes.parquet, which makes the store complete.

    Raises
    ------
    StoreError
        A part is damaged, or the disk is full.
    """
    buffer, schema = io.BytesIO(), row_schema(recipe)
    with _table_writer(buffer, schema) as writer:
        gathered: list[pa.Table] = []
        for shard in range(len(shards_of(recipe))):
            gathered.append(read_table(part_path(directory, shard), part_schema(recipe), schema.names))
            if len(gathered) == _TABLES_AT_ONCE:
                writer.write_table(pa.concat_tables(gathered).combine_chunks())
                gathered = []
        if gathered:
            writer.write_table(pa.concat_tables(gathered).combine_chunks())
    write_atomically(directory / "scenes.parquet", buffer.getvalue(), error=StoreError)
