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

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from pydantic import ValidationError

from passband.dataset.memory import Memory
from passband.dataset.physics import WAVES
from passband.dataset.simulation import Simulation
from passband.documents import parse_json, read_document
from passband.recipe import PassbandError

FORMAT = "passband-wave-store"
VERSION = 2
BEAM_KEPT = 0.99  # of the beam; a wave that holds less is worth a warning
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


def beam_warning(store: "WaveStore") -> str:
    """Return in one line what a user should know of electrons that left the band of a store's waves, or nothing."""
    least, recipe = float(store.transmitted.min()), store.recipe
    if least >= BEAM_KEPT:
        return ""
    few = int((store.transmitted < BEAM_KEPT).sum())
    return (
        f"the waves of {few} of {len(store)} structures hold less than {100 * BEAM_KEPT:g} % of the beam (least "
        f"{100 * least:.1f} %): the rest is scattered beyond {1e3 * recipe.band_angle:.1f} mrad, which pixel_size="
        f"{recipe.pixel_size:g} Å cannot hold; images get it back as an incoherent background, and a smaller "
        f"simulation.pixel_size, such as {recipe.pixel_size / 2:g}, holds more of it"
    )


def split_sizes(structures: int, validation: float, test: float) -> tuple[int, int]:
    """Structures to validate and to test on; a share above 0 is at least one.

    Raises
    ------
    PassbandError
        The shares are negative or leave nothing to train on.
    """
    sizes = tuple(max(1, round(share * structures)) if share > 0 else 0 for share in (validation, test))
    if min(validation, test) < 0 or sum(sizes) >= structures:
        raise PassbandError(
            f"validation={validation:g} and test={test:g} of {structures} structures leave none to train on; make the "
            "shares smaller or the store larger: training, validation and test each need one"
        )
    return sizes[0], sizes[1]


def split_structures(structures: int, *, seed: int, validation: float, test: float) -> dict[str, npt.NDArray[np.int64]]:
    """Numbers of the structures to train on, to validate on and to test on; no structure is in two of them.

    Which structure goes where depends on their number, the two shares and the seed of the recipe alone. A share above 0
    of two or more structures gets at least one.

    Raises
    ------
    PassbandError
        The shares are negative or leave nothing to train on.
    """
    sizes = split_sizes(structures, validation, test)
    order = np.random.default_rng(np.random.SeedSequence([seed, structures])).permutation(structures)
    cuts = np.split(order, [sizes[0], sizes[0] + sizes[1]])
    return dict(zip(("validation", "test", "train"), (np.sort(cut) for cut in cuts), strict=True))


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
    memory
        What is kept of it by all who image its waves.
    """

    def __init__(self, directory: str | os.PathLike[str], *, memory: Memory | None = None) -> None:
        self.directory = Path(directory)
        self.memory = memory or Memory()
        self.recipe = read_recipe(self.directory)
        self.pixel_size = self.recipe.stored_sampling
        if not (self.directory / "scenes.parquet").exists():
            done = len(list(self.directory.glob("parts/*.parquet")))
            raise StoreError(
                f"{self.directory} is not complete ({done} of {len(shards_of(self.recipe))} parts); "
                "run the same simulate command again to finish it"
            )
        scenes = read_table(self.directory / "scenes.parquet", ROW, ROW.names)
        if scenes.num_rows != self.recipe.structures:
            raise StoreError(f"{self.directory / 'scenes.parquet'} is damaged or missing; {REPAIR}")
        self._scenes = scenes
        self._arrays = {name: self._open(name) for name in ARRAYS}

    @classmethod
    def open(cls, directory: str | os.PathLike[str], *, memory: Memory | None = None) -> Self:
        """Open a complete store; give the `memory` of another to have one budget for both.

        Raises
        ------
        StoreError
            It is not there, not a store, not complete, of another version, or damaged.
        """
        return cls(directory, memory=memory)

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

    @property
    def transmitted(self) -> npt.NDArray[np.float64]:
        """Intensity that the waves of each structure hold, `(n,)`: 1 if no electron has left their band."""
        return np.asarray(self._scenes["transmitted"].to_numpy(), dtype=np.float64)

    def atoms(self, index: int) -> dict[str, npt.NDArray[Any]]:
        """Point truth: `x`, `y`, `z` in Å, atomic `number` and `particle` of every particle atom of one structure."""
        shard, row = divmod(self._checked(index), SHARD)
        part = read_table(part_path(self.directory, shard), PART, [f"atom_{name}" for name in ATOMS])
        return {name: np.asarray(part[f"atom_{name}"][row].values) for name in ATOMS}

    def splits(self, *, validation: float = 0.1, test: float = 0.1) -> dict[str, npt.NDArray[np.int64]]:
        """Structures to train on, to validate on and to test on, as `split_structures` divides those of this store."""
        return split_structures(len(self), seed=self.recipe.seed, validation=validation, test=test)

    def _checked(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise StoreError(f"structure {index} is not in the store of {len(self)}; count from 0 to {len(self) - 1}")
        return int(index)

    def _open(self, name: str) -> Any:
        try:
            return zarr.open_array(self.directory / name, mode="r", zarr_format=3)
        except Exception as error:  # whatever Zarr raises about metadata it cannot read
            raise StoreError(f"{self.directory / name / 'zarr.json'} is damaged or missing; {REPAIR}") from error

    def _read(self, name: str, index: int) -> npt.NDArray[Any]:
        path = chunk_path(self.directory, name, self._checked(index))
        if not path.exists():  # Zarr would answer with the fill value
            raise StoreError(f"{path} is missing; run the same simulate command again, which remakes it")
        try:
            return np.asarray(self._arrays[name][index])
        except Exception as error:  # checksum, decompression or length: each codec raises its own kind
            raise StoreError(f"{path} is damaged ({type(error).__name__}); {REPAIR}") from error
