"""What a store takes of a disk, of a file system's inodes and of memory, known from its recipe."""

from pathlib import Path
from typing import NamedTuple

from passband.dataset.simulation import Simulation
from passband.dataset.store import ARRAYS, chunk_path, part_path, shards_of
from passband.microscope.incoherent import part_bytes

COMPLEX = 8  # bytes of a pixel of a wave
TRUTH = 0.2  # masks, labels and atoms, as a share of one wave; measured: gold plan 0.2, small CdSe stores less


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
    return StoreSize(round(recipe.structures * plane * (recipe.stored_waves + TRUTH)), inodes)


def wave_bytes(recipe: Simulation) -> int:
    """Bytes of memory of one structure that is imaged: the spectra of its waves, what left them, and its mask."""
    waves_and_mask = (COMPLEX * recipe.stored_waves + 1) * recipe.stored_pixels**2
    return waves_and_mask + part_bytes(recipe.stored_pixels, recipe.scene.field)
