"""A directory of exit waves and truth that any Zarr v3 reader opens, checked by checksums, named by its recipe."""

import json
import os
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import zarr

from passband.dataset.layout import (
    REPAIR,
    StoreError,
    chunk_path,
    part_path,
    part_schema,
    place_in_shard,
    read_recipe,
    read_table,
    row_schema,
    shards_of,
)
from passband.dataset.memory import Memory
from passband.dataset.simulation import Simulation
from passband.recipe import PassbandError

BEAM_KEPT = 0.99  # of the beam; a wave that holds less is worth a warning


def beam_warning(store: "WaveStore") -> str:
    """Return in one line what a user should know of electrons that left the band of a store's waves, or nothing."""
    held, recipe = store.transmitted, store.recipe
    least = 1.0 if held is None else float(held.min())
    if held is None or least >= BEAM_KEPT or not isinstance(recipe, Simulation):
        return ""
    few = int((held < BEAM_KEPT).sum())
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
    """A complete store, opened for reading: waves or columns, masks, labels, scenes and points by structure.

    Attributes
    ----------
    directory
        Where it is.
    recipe
        What made it.
    identity
        Of that recipe.
    pixel_size
        The finest of its micrographs, Å; of a store of waves that of its waves and masks.
    memory
        What is kept of it by all who image its waves.
    """

    def __init__(self, directory: str | os.PathLike[str], *, memory: Memory | None = None) -> None:
        self.directory = Path(directory)
        self.memory = memory or Memory()
        self.recipe = read_recipe(self.directory)
        self.identity = self.recipe.identity
        self.pixel_size = self.recipe.finest_pixel
        if not (self.directory / "scenes.parquet").exists():
            done = len(list(self.directory.glob("parts/*.parquet")))
            raise StoreError(
                f"{self.directory} is not complete ({done} of {len(shards_of(self.recipe))} parts); "
                "run the same simulate command again to finish it"
            )
        self._layout = self.recipe.layout
        row = row_schema(self.recipe)
        scenes = read_table(self.directory / "scenes.parquet", row, row.names)
        if scenes.num_rows != self.recipe.structures:
            raise StoreError(f"{self.directory / 'scenes.parquet'} is damaged or missing; {REPAIR}")
        self._scenes = scenes
        self._arrays = {name: self._open(name) for name in self._layout.arrays}

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

    def material(self, index: int) -> npt.NDArray[np.uint8]:
        """Class of each pixel, `(y, x)`; raises as `wave`."""
        return self._read("masks", index)

    def labels(self, index: int) -> npt.NDArray[np.uint16]:
        """Which particle, or layer, each pixel shows, k + 1 for number k and 0 for none, `(y, x)`; raises as `wave`."""
        return self._read("labels", index)

    def scene(self, index: int) -> dict[str, Any]:
        """Scalars of one structure; `parameters` is the dictionary of the scene's own."""
        row: dict[str, Any] = self._scenes.slice(self._checked(index), 1).to_pylist()[0]
        return {**row, "parameters": json.loads(row["parameters"])}

    @property
    def transmitted(self) -> npt.NDArray[np.float64] | None:
        """Intensity that the waves of each structure hold, `(n,)`: 1 if no electron has left their band.

        None in a store that holds no waves.
        """
        if "transmitted" not in self._layout.row:
            return None
        return np.asarray(self._scenes["transmitted"].to_numpy(), dtype=np.float64)

    def atoms(self, index: int) -> dict[str, npt.NDArray[Any]]:
        """Points of one structure: of waves `x`, `y`, `z` in Å, `number` and `particle` of every particle atom.

        Of a scan those that `scan_structure` tells of.
        """
        shard, row = place_in_shard(self._checked(index))
        names = self._layout.points
        part = read_table(
            part_path(self.directory, shard), part_schema(self.recipe), [f"atom_{name}" for name in names]
        )
        return {name: np.asarray(part[f"atom_{name}"][row].values) for name in names}

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
        if name not in self._arrays:
            raise StoreError(f"{self.directory} holds {self.recipe.WHAT} and no {name}; open a store that does")
        path = chunk_path(self.directory, self.recipe, name, self._checked(index))
        if not path.exists():  # Zarr would answer with the fill value
            raise StoreError(f"{path} is missing; run the same simulate command again, which remakes it")
        try:
            return np.asarray(self._arrays[name][index])
        except Exception as error:  # checksum, decompression or length: each codec raises its own kind
            raise StoreError(f"{path} is damaged ({type(error).__name__}); {REPAIR}") from error
