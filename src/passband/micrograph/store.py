"""A directory of exit waves and truth that any Zarr v3 reader opens, checked by checksums, named by its recipe.

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

import errno
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from pydantic import ValidationError
from zarr.codecs import BytesCodec, Crc32cCodec, ZstdCodec
from zarr.storage import MemoryStore

from passband.micrograph.simulation import Simulation, Structure
from passband.recipe import PassbandError

FORMAT = "passband-wave-store"
VERSION = 1
SHARD = 4  # structures that are simulated, recorded and resumed together
_LEFTOVER = ".*.tmp"
_ROW = pa.schema(
    [
        ("structure", pa.int64()),
        ("particles", pa.int32()),
        ("atoms", pa.int64()),
        ("height", pa.float64()),
        ("focus_offset", pa.float64()),
        ("mask_fraction", pa.float64()),
        ("parameters", pa.string()),
    ]
)
_ATOMS = {"x": pa.float32(), "y": pa.float32(), "z": pa.float32(), "number": pa.uint8(), "particle": pa.int32()}
_PART = pa.schema([*_ROW, *((f"atom_{name}", pa.list_(kind)) for name, kind in _ATOMS.items())])


class StoreError(PassbandError):
    """A store that cannot be written, found, understood or trusted."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at any moment, even of a power cut, it is there whole or not at all.

    Raises
    ------
    StoreError
        The disk is full or cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _disk_error(path, error) from error


def _flush_directory(directory: Path) -> None:
    if os.name == "posix":  # elsewhere a directory cannot be opened, and the rename is as durable as it gets
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _disk_error(path: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        cure = "free some space and run the same command again; finished structures are kept"
        return StoreError(f"the disk is full while writing {path}; {cure}")
    return StoreError(f"{path} cannot be written ({error.strerror or error}); check the directory and its permissions")


def _arrays(recipe: Simulation, structures: int) -> dict[str, tuple[tuple[int, ...], str, Any, list[Any]]]:
    side = recipe.stored_pixels
    packed = [ZstdCodec(level=3), Crc32cCodec()]
    wave = (structures, recipe.stored_waves, side, side)
    return {
        "waves": (wave, "complex64", complex(np.nan, np.nan), [Crc32cCodec()]),
        "masks": ((structures, side, side), "uint8", 0, packed),
        "labels": ((structures, side, side), "uint16", 0, packed),
    }


def _encoded(recipe: Simulation, name: str, values: npt.NDArray[Any] | None, structures: int) -> dict[str, bytes]:
    """Files, by path inside the array, that Zarr makes of an array's metadata and, if given, its one chunk."""
    shape, dtype, fill, codecs = _arrays(recipe, structures)[name]
    files: dict[str, Any] = {}
    array = zarr.create_array(
        MemoryStore(files),
        shape=shape,
        chunks=(1, *shape[1:]),
        dtype=dtype,
        fill_value=fill,
        filters=None,
        serializer=BytesCodec(endian="little"),
        compressors=codecs,
        dimension_names=["structure", "phonon", "y", "x"] if len(shape) == 4 else ["structure", "y", "x"],
        config={"write_empty_chunks": True},
    )
    if values is not None:
        array[0] = values
    return {path: buffer.to_bytes() for path, buffer in files.items()}


def _chunk(directory: Path, name: str, index: int) -> Path:
    return directory / name / "c" / str(index) / ("0/0/0" if name == "waves" else "0/0")


def _part(directory: Path, shard: int) -> Path:
    return directory / "parts" / f"{shard:05d}.parquet"


def shards_of(recipe: Simulation) -> list[range]:
    """Structures of each shard."""
    n = recipe.structures
    return [range(first, min(first + SHARD, n)) for first in range(0, n, SHARD)]


def prepare_store(directory: Path, recipe: Simulation) -> None:
    """Make the directory a store of this recipe, or find that it already is one.

    Raises
    ------
    StoreError
        The directory holds a store of another recipe or version, or other files, or cannot be written.
    """
    if (directory / "zarr.json").exists():
        found = _read_recipe(directory)
        if found.identity != recipe.identity:
            raise StoreError(
                f"{directory} holds the store {found.identity} and the recipe is {recipe.identity}; "
                "give another directory, or delete this one"
            )
    elif directory.exists() and any(not path.match(_LEFTOVER) for path in _entries(directory)):
        raise StoreError(f"{directory} is not empty and not a wave store; give a new or empty directory")
    else:
        write_atomically(directory / "zarr.json", _group_metadata(recipe))
    for name in _arrays(recipe, recipe.structures):
        path = directory / name / "zarr.json"
        if not path.exists():
            write_atomically(path, _encoded(recipe, name, None, recipe.structures)["zarr.json"])


def _entries(directory: Path) -> Iterator[Path]:
    try:
        yield from directory.iterdir()
    except OSError as error:
        raise StoreError(f"{directory} cannot be read ({error.strerror}); give a directory") from error


def _group_metadata(recipe: Simulation) -> bytes:
    files: dict[str, Any] = {}
    attributes = {"format": FORMAT, "version": VERSION, "identity": recipe.identity}
    zarr.create_group(MemoryStore(files), attributes={**attributes, "recipe": recipe.model_dump(mode="json")})
    data: bytes = files["zarr.json"].to_bytes()
    return data


def remove_leftovers(directory: Path) -> None:
    """Delete the half-written files of a run that was killed; only one run at a time may use the directory."""
    for path in directory.rglob(_LEFTOVER):
        path.unlink(missing_ok=True)


def shard_is_complete(directory: Path, shard: int, structures: Sequence[int]) -> bool:
    """Whether every file of a shard is there; its part is written last."""
    return _part(directory, shard).exists() and all(
        _chunk(directory, name, index).exists() for index in structures for name in ("waves", "masks", "labels")
    )


def write_structure(directory: Path, recipe: Simulation, structure: Structure) -> dict[str, Any]:
    """Write the arrays of one structure and return its row for `write_part`.

    Raises
    ------
    StoreError
        The disk is full or cannot be written.
    """
    index = structure.row["structure"]
    for name, values in (("waves", structure.waves), ("masks", structure.mask), ("labels", structure.labels)):
        files = _encoded(recipe, name, values, 1)
        (data,) = (data for path, data in files.items() if path != "zarr.json")
        write_atomically(_chunk(directory, name, index), data)
    return {**structure.row, **{f"atom_{name}": values for name, values in structure.atoms.items()}}


def write_part(directory: Path, shard: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record that the structures of a shard are complete.

    Raises
    ------
    StoreError
        The disk is full or cannot be written.
    """
    buffer = io.BytesIO()
    with _table_writer(buffer, _PART) as writer:
        writer.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=_PART))
    write_atomically(_part(directory, shard), buffer.getvalue())


def _table_writer(sink: io.BytesIO, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink, schema, compression="zstd", write_page_checksum=True, write_statistics=False, store_schema=False
    )


def finish_store(directory: Path, recipe: Simulation) -> None:
    """Gather the rows of all shards in scenes.parquet, which makes the store complete.

    Raises
    ------
    StoreError
        A part is damaged, or the disk is full.
    """
    buffer = io.BytesIO()
    with _table_writer(buffer, _ROW) as writer:
        gathered: list[pa.Table] = []
        for shard in range(len(shards_of(recipe))):
            gathered.append(_read_table(_part(directory, shard), _PART, _ROW.names))
            if len(gathered) == 256:
                writer.write_table(pa.concat_tables(gathered).combine_chunks())
                gathered = []
        if gathered:
            writer.write_table(pa.concat_tables(gathered).combine_chunks())
    write_atomically(directory / "scenes.parquet", buffer.getvalue())


def _read_table(path: Path, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Columns of a table that must have this schema; pages have checksums and the names and types are compared."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow.names == schema.names:
                return file.read(columns=list(columns)).cast(pa.schema([schema.field(name) for name in columns]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"{path} is damaged or missing; {_REPAIR}") from error
    raise StoreError(f"{path} has columns {file.schema_arrow.names[:9]}, not those of a store; {_REPAIR}")


_REPAIR = "delete it and run the same simulate command again, which remakes what is missing"


def _read_recipe(directory: Path) -> Simulation:
    path = directory / "zarr.json"
    try:
        attributes = json.loads(path.read_bytes())["attributes"]
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
        recipe = Simulation.model_validate(attributes["recipe"])
    except (ValidationError, KeyError) as error:
        raise StoreError(f"the recipe in {path} cannot be read; simulate the store again") from error
    if recipe.identity != attributes.get("identity"):
        raise StoreError(
            f"the recipe in {path} is {recipe.identity} but the store says {attributes.get('identity')}; it was edited "
            "or made by another passband, so simulate it again"
        )
    return recipe


class WaveStore:
    """A complete store, opened for reading: exit waves, masks, labels, scenes and atoms by structure.

    Attributes
    ----------
    directory
        Where it is.
    recipe
        What made it.
    pixel_size
        Of waves and masks, Å.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self.recipe = _read_recipe(self.directory)
        self.pixel_size = self.recipe.stored_sampling
        if not (self.directory / "scenes.parquet").exists():
            done = len(list(self.directory.glob("parts/*.parquet")))
            raise StoreError(
                f"{self.directory} is not complete ({done} of {len(shards_of(self.recipe))} parts); "
                "run the same simulate command again to finish it"
            )
        scenes = _read_table(self.directory / "scenes.parquet", _ROW, _ROW.names)
        if scenes.num_rows != self.recipe.structures:
            raise StoreError(f"{self.directory / 'scenes.parquet'} is damaged or missing; {_REPAIR}")
        self._scenes = scenes
        self._arrays = {name: self._open(name) for name in ("waves", "masks", "labels")}

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> Self:
        """Open a complete store.

        Raises
        ------
        StoreError
            It is not there, not a store, not complete, of another version, or damaged.
        """
        return cls(directory)

    def __len__(self) -> int:
        return self.recipe.structures

    def wave(self, index: int) -> npt.NDArray[np.complex64]:
        """Exit waves of one structure, `(phonons, y, x)`; vacuum is 1.

        Raises
        ------
        StoreError
            The structure is not in the store, or its chunk is missing, cut short or altered.
        """
        return self._read("waves", index)

    def mask(self, index: int) -> npt.NDArray[np.bool_]:
        """Whether each pixel shows a particle, `(y, x)`; raises as `wave`."""
        return self._read("masks", index).astype(bool)

    def labels(self, index: int) -> npt.NDArray[np.uint16]:
        """Which particle each pixel shows, k + 1 for particle k and 0 for none, `(y, x)`; raises as `wave`."""
        return self._read("labels", index)

    def scene(self, index: int) -> dict[str, Any]:
        """Scalars of one structure; `parameters` is the dictionary of the scene's own."""
        row: dict[str, Any] = self._scenes.slice(self._checked(index), 1).to_pylist()[0]
        return {**row, "parameters": json.loads(row["parameters"])}

    def atoms(self, index: int) -> dict[str, npt.NDArray[Any]]:
        """Point truth: `x`, `y`, `z` in Å, atomic `number` and `particle` of every particle atom of one structure."""
        shard, row = divmod(self._checked(index), SHARD)
        part = _read_table(_part(self.directory, shard), _PART, [f"atom_{name}" for name in _ATOMS])
        return {name: np.asarray(part[f"atom_{name}"][row].values) for name in _ATOMS}

    def splits(self, *, validation: float = 0.1, test: float = 0.1) -> dict[str, npt.NDArray[np.int64]]:
        """Numbers of the structures to train on, to validate on and to test on; no structure is in two of them.

        Which structure goes where depends on their number, the two shares and the recipe's seed alone. A share above 0
        of two or more structures gets at least one.

        Raises
        ------
        PassbandError
            The shares are negative or leave nothing to train on.
        """
        n = len(self)
        sizes = [max(1, round(share * n)) if share > 0 else 0 for share in (validation, test)]
        if min(validation, test) < 0 or sum(sizes) >= n:
            raise PassbandError(
                f"validation={validation:g} and test={test:g} of {n} structures leave none to train on; "
                "make the shares smaller or the store larger"
            )
        order = np.random.default_rng(np.random.SeedSequence([self.recipe.seed, n])).permutation(n)
        cuts = np.split(order, [sizes[0], sizes[0] + sizes[1]])
        return dict(zip(("validation", "test", "train"), (np.sort(cut) for cut in cuts), strict=True))

    def _checked(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise StoreError(f"structure {index} is not in the store of {len(self)}; count from 0 to {len(self) - 1}")
        return int(index)

    def _open(self, name: str) -> Any:
        try:
            return zarr.open_array(self.directory / name, mode="r", zarr_format=3)
        except Exception as error:  # whatever Zarr raises about metadata it cannot read
            raise StoreError(f"{self.directory / name / 'zarr.json'} is damaged or missing; {_REPAIR}") from error

    def _read(self, name: str, index: int) -> npt.NDArray[Any]:
        path = _chunk(self.directory, name, self._checked(index))
        if not path.exists():  # Zarr would answer with the fill value
            raise StoreError(f"{path} is missing; run the same simulate command again, which remakes it")
        try:
            return np.asarray(self._arrays[name][index])
        except Exception as error:  # checksum, decompression or length: each codec raises its own kind
            raise StoreError(f"{path} is damaged ({type(error).__name__}); {_REPAIR}") from error
