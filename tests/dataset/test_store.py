"""A store is plain Zarr and Parquet, checked on every read, and says in one line what is wrong with it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from passband import locking
from passband.dataset.layout import StoreError
from passband.dataset.physics import WAVES
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.structure import simulate_structure
from passband.recipe import PassbandError


@pytest.fixture
def copied(tiny_store: WaveStore, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_store.directory, tmp_path / "store"))


def test_what_was_simulated_is_what_is_read(tiny_store: WaveStore, tiny_recipe: Simulation) -> None:
    made = simulate_structure(tiny_recipe, 5)
    assert len(tiny_store) == 10
    assert tiny_store.recipe == tiny_recipe
    np.testing.assert_array_equal(tiny_store.wave(5), made.arrays["waves"])
    np.testing.assert_array_equal(tiny_store.mask(5), made.arrays["masks"])
    np.testing.assert_array_equal(tiny_store.labels(5), made.arrays["labels"])
    scene = tiny_store.scene(5)
    assert scene["parameters"] == json.loads(made.row["parameters"])
    assert scene["focus_offset"] == made.row["focus_offset"]
    for name, values in tiny_store.atoms(5).items():
        np.testing.assert_array_equal(values, made.atoms[name])


def test_any_reader_of_zarr_and_parquet_opens_it(tiny_store: WaveStore) -> None:
    group = zarr.open(tiny_store.directory, mode="r")
    assert group["waves"].shape == (10, 2, 80, 80)
    assert group["waves"].dtype == np.complex64
    np.testing.assert_array_equal(group["masks"][3], tiny_store.mask(3))
    np.testing.assert_array_equal(group["labels"][:] > 0, group["masks"][:] > 0)
    scenes = pq.read_table(tiny_store.directory / "scenes.parquet")
    assert scenes["structure"].to_pylist() == list(range(10))


def test_splits_share_no_structure_and_do_not_change(tiny_store: WaveStore) -> None:
    splits = tiny_store.splits(validation=0.2, test=0.1)
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [7, 2, 1]
    assert sorted(np.concatenate(list(splits.values()))) == list(range(10))
    again = WaveStore.open(tiny_store.directory).splits(validation=0.2, test=0.1)
    assert all(np.array_equal(splits[name], again[name]) for name in splits)
    assert len(tiny_store.splits(validation=0.0, test=0.0)["train"]) == 10
    with pytest.raises(PassbandError, match="none to train on"):
        tiny_store.splits(validation=0.5, test=0.5)


@pytest.mark.parametrize("index", [-1, 10])
def test_a_structure_that_is_not_there(tiny_store: WaveStore, index: int) -> None:
    with pytest.raises(StoreError, match="count from 0 to 9"):
        tiny_store.wave(index)
    with pytest.raises(StoreError, match="count from 0 to 9"):
        tiny_store.scene(index)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [truncate, empty, flip, Path.unlink])
@pytest.mark.parametrize(("name", "chunk"), [("wave", "waves/c/2/0/0/0"), ("mask", "masks/c/2/0/0")])
def test_a_damaged_chunk_is_an_error_and_never_an_array(
    copied: Path, damage: Callable[[Path], None], name: str, chunk: str
) -> None:
    damage(copied / chunk)
    opened = WaveStore.open(copied)
    with pytest.raises(StoreError, match=r"c.2.*(is damaged|is missing)"):
        getattr(opened, name)(2)
    getattr(opened, name)(3)


def rename_column(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"focus_offset", b"focus_0ffset"))


@pytest.mark.parametrize("damage", [truncate, empty, flip, rename_column])
def test_damaged_tables_are_errors(copied: Path, damage: Callable[[Path], None]) -> None:
    damage(copied / "parts" / "00001.parquet")
    with pytest.raises(StoreError, match=r"damaged|columns"):
        WaveStore.open(copied).atoms(5)
    damage(copied / "scenes.parquet")
    with pytest.raises(StoreError, match=r"damaged|columns"):
        WaveStore.open(copied)


@pytest.mark.parametrize(
    "lost", ["waves/c/2/0/0/0", "labels/c/9/0/0", "parts/00000.parquet", "scenes.parquet", "masks/zarr.json"]
)
def test_what_was_lost_is_made_again(
    copied: Path, tiny_store: WaveStore, lost: str, hashes: Callable[[Path], dict[str, str]]
) -> None:
    (copied / lost).unlink()
    simulate(tiny_store.recipe, copied)
    assert hashes(copied) == hashes(tiny_store.directory)


def test_half_written_files_of_a_killed_run_are_removed(
    copied: Path, tiny_store: WaveStore, hashes: Callable[[Path], dict[str, str]]
) -> None:
    (copied / "waves/c/2/0/0/.0.tmp").write_bytes(b"half")
    (copied / ".scenes.parquet.tmp").write_bytes(b"half")
    simulate(tiny_store.recipe, copied)
    assert hashes(copied) == hashes(tiny_store.directory)


def edit(directory: Path, **attributes: object) -> None:
    path = directory / "zarr.json"
    metadata = json.loads(path.read_text())
    metadata["attributes"].update(attributes)
    path.write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"version": 99}, "store version 99; this passband reads version 2; update passband"),
        ({"format": "spectra"}, "holds 'spectra', not 'passband-wave-store'"),
        ({"recipe": {"structures": -1, "physics": WAVES}}, "recipe in .* cannot be read"),
        ({"identity": "0123456789abcdef"}, "but the store says 0123456789abcdef"),
    ],
)
def test_a_store_that_another_program_made(copied: Path, attributes: dict[str, object], message: str) -> None:
    edit(copied, **attributes)
    with pytest.raises(StoreError, match=message):
        WaveStore.open(copied)


def test_a_directory_that_is_no_store(tmp_path: Path, tiny_recipe: Simulation) -> None:
    with pytest.raises(StoreError, match="is not a store"):
        WaveStore.open(tmp_path / "nowhere")
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(StoreError, match="not empty and not a store"):
        simulate(tiny_recipe, tmp_path)
    with pytest.raises(StoreError, match="cannot be read"):
        simulate(tiny_recipe, tmp_path / "thesis.txt")
    (tmp_path / "zarr.json").write_text("[]")
    with pytest.raises(StoreError, match="does not describe a store"):
        WaveStore.open(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_store_of_another_recipe_is_left_alone(
    tiny_store: WaveStore, hashes: Callable[[Path], dict[str, str]]
) -> None:
    before = hashes(tiny_store.directory)
    other = tiny_store.recipe.model_copy(update={"seed": 8})
    with pytest.raises(StoreError, match=r"another recipe \(simulation.seed 3 → 8\); .* another directory"):
        simulate(other, tiny_store.directory)
    assert hashes(tiny_store.directory) == before


def test_an_unfinished_store_says_how_to_finish_it(copied: Path) -> None:
    (copied / "scenes.parquet").unlink()
    (copied / "parts" / "00002.parquet").unlink()
    with pytest.raises(StoreError, match=r"not complete \(2 of 3 parts\); run the same"):
        WaveStore.open(copied)


def test_where_there_are_no_locks_a_store_is_simulated_here_and_after_a_kill(
    tiny_store: WaveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashes: Callable[[Path], dict[str, str]]
) -> None:
    """Rejects a lock that must be put beside ".", and one that the killed run still holds."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store.lease").touch()
    monkeypatch.setattr(locking, "fcntl", None)
    monkeypatch.chdir(tmp_path / "store")
    for place in (Path(), tmp_path / "store"):
        simulate(tiny_store.recipe, place)
    assert hashes(tmp_path / "store") == hashes(tiny_store.directory)


def test_two_runs_do_not_write_the_same_store(copied: Path, tiny_recipe: Simulation) -> None:
    fcntl = pytest.importorskip("fcntl")
    descriptor = os.open(copied, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert len(simulate(tiny_recipe, copied)) == tiny_recipe.structures  # there is nothing to write in it
        (copied / "scenes.parquet").unlink()
        with pytest.raises(StoreError, match="another run is writing"):
            simulate(tiny_recipe, copied)
    finally:
        os.close(descriptor)
    simulate(tiny_recipe, copied)


def test_a_plan_says_what_to_simulate(tiny_store: WaveStore) -> None:
    # rejects a store of the plan instead of its simulation's, and an AttributeError for the name of a plan
    plan = SimpleNamespace(simulation=tiny_store.recipe)
    assert simulate(plan, tiny_store.directory).recipe == tiny_store.recipe
    with pytest.raises(PassbandError, match="'demo' is neither a simulation nor a plan; read a plan with load_plan"):
        simulate("demo", tiny_store.directory)  # type: ignore[arg-type]
