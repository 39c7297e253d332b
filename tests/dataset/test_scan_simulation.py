"""Stores of columns: the same whoever makes them, what was made is what is read, and what cannot be is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.dataset.beam_path import SIMULATIONS
from passband.dataset.layout import StoreError
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.scan_structure import scan_structure
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.microscope.scanning.absorption import absorbed_signal
from passband.recipe import PassbandError
from passband.specimen.scanned import Lattices, ScanSpecimen
from passband.specimen.stacks.interface_distribution import sample_interface

LAW = {"enhancement": {"uniform": [1.0, 1.8]}, "absorption": 0.003}
INTERFACES: dict[str, Any] = {
    "kind": "interfaces",
    "field": [40.0, 40.0],
    "thickness": {"uniform": [30.0, 50.0]},
    "materials": 2,
    "film_thickness": 15.0,
    "mismatched": 0.0,
    "grain_boundaries": 0.0,
    "antiphase": 0.0,
    "drops": 0,
    "steps": 0,
}
GRAPHENE: dict[str, Any] = {"kind": "graphene", "field": 30.0, "hole_diameter": 10.0}
SHEETS: dict[str, Any] = {"kind": "dichalcogenides", "field": 30.0, "single_vacancies": 0.1}
LATTICES: dict[str, Any] = {"kind": "lattices", "field": 30.0}
KINDS: dict[str, dict[str, Any]] = {
    "interfaces": {"specimens": INTERFACES, "truth": "material", "channelling": LAW},
    "graphene": {"specimens": GRAPHENE, "truth": "kind"},
    "dichalcogenides": {"specimens": SHEETS, "truth": "kind"},
    "lattices": {"specimens": LATTICES, "channelling": LAW},
    "mixture": {
        "specimens": {"kind": "mixture", "among": [INTERFACES, GRAPHENE, SHEETS, LATTICES]},
        "channelling": LAW,
    },
}


def recipe_of(kind: str, **fields: Any) -> ScanSimulation:
    return ScanSimulation.model_validate({"structures": 2, "seed": 4, **KINDS[kind], **fields})


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WaveStore]:
    """One of each kind, made by one process."""
    folder = tmp_path_factory.mktemp("scans")
    return {kind: simulate(recipe_of(kind), folder / kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_reads_back_what_was_made(stores: dict[str, WaveStore], kind: str) -> None:
    # rejects a store that loses a column, narrows or exchanges them, or draws structure 1 after structure 0
    store = stores[kind]
    for index in (1, 0):
        made, told, points = scan_structure(store.recipe, index), store.scene(index), store.atoms(index)
        assert set(points) == set(made.atoms)
        for name, values in made.atoms.items():
            assert points[name].dtype == values.dtype
            np.testing.assert_array_equal(points[name], values)
        assert {**told, "parameters": json.dumps(told["parameters"], sort_keys=True)} == made.row
        assert (told["columns"], told["points"]) == (len(points["x"]), len(points["point_x"]))
        assert told["points"] > 20
        assert set(store._arrays) == set(made.arrays)
        for name, values in made.arrays.items():
            np.testing.assert_array_equal(store._read(name, index), values)


def test_two_workers_make_the_same_bytes(
    stores: dict[str, WaveStore], hashes: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    # rejects generators that are carried from one structure to the next; three shards, structures of every kind
    recipe = recipe_of("mixture", structures=12)
    one, two = (simulate(recipe, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert hashes(one.directory) == hashes(two.directory)
    assert {one.scene(k)["parameters"]["kind"] for k in range(12)} == set(KINDS) - {"mixture"}
    first = stores["mixture"].atoms(1)
    for name, values in two.atoms(1).items():
        np.testing.assert_array_equal(values, first[name])


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_points_lie_in_the_field_and_classes_are_known(stores: dict[str, WaveStore], kind: str) -> None:
    store = stores[kind]
    told, points = store.scene(0), store.atoms(0)
    for axis in "yx":
        side = told[f"side_{axis}"]
        assert side == pytest.approx(store.recipe.extent, rel=0.3)
        assert ((points[axis] > -1.0) & (points[axis] < side + 1.0)).all()
        assert ((points[f"point_{axis}"] > -1.0) & (points[f"point_{axis}"] < side + 1.0)).all()
    assert 1 <= points["point_kind"].min() <= points["point_kind"].max() < max(2, len(store.recipe.classes))
    assert (points["atoms"] > 0).all()


@pytest.mark.parametrize("kind", ["graphene", "lattices"])
def test_points_lie_on_columns(stores: dict[str, WaveStore], kind: str) -> None:
    # rejects x and y exchanged in either table
    told, points = stores[kind].scene(0), stores[kind].atoms(0)
    sides = np.array([told["side_y"], told["side_x"]])
    tree = cKDTree(np.mod(np.column_stack([points["y"], points["x"]]).astype(float), sides), boxsize=sides)
    places = np.mod(np.column_stack([points["point_y"], points["point_x"]]).astype(float), sides)
    assert np.median(tree.query(places)[0]) < 0.01
    assert np.quantile(tree.query(places)[0], 0.9) < 0.6


def test_maps_are_those_of_the_interface(stores: dict[str, WaveStore]) -> None:
    # rejects maps turned, upside down, taken half a pixel off, or numbered as the stack and not as the recipe
    store = stores["interfaces"]
    for index in range(2):
        made = sample_interface(store.recipe.specimens, seed=store.recipe.seed, index=index)
        names, material, layers = store.recipe.classes, store.material(index), store.labels(index)
        assert material.shape == layers.shape == store.recipe.map_shape
        high, wide, _ = made.box
        y = np.arange(material.shape[0])[:, None] * high / material.shape[0]
        x = np.arange(material.shape[1])[None, :] * wide / material.shape[1]
        expected = np.array(made.parameters["materials"])[made.material_at(y, x)]
        np.testing.assert_array_equal(np.array(names)[material], expected)
        np.testing.assert_array_equal(layers, made.layer_at(y, x) + 1)
        assert len(np.unique(expected)) > 1


class AmongHeavyAtoms(Lattices):
    """Oxygen at the corners of squares of 3 Å, which the truth speaks of, and heavy atoms of no lattice between."""

    heavy: str = "Pt"

    def draw(self, *, seed: int, index: int) -> ScanSpecimen:
        corners = 3.0 * np.stack(np.meshgrid(np.arange(10), np.arange(10), indexing="ij"), axis=-1).reshape(-1, 2)
        places = np.concatenate([corners, corners + 1.5])
        places = np.column_stack([places[:, ::-1], np.full(200, 5.0)])
        atoms = Atoms(["O"] * 100 + [self.heavy] * 100, places, cell=[30.0, 30.0, 10.0], pbc=(True, True, False))
        return ScanSpecimen(atoms, (30.0, 30.0), corners, np.zeros(100, dtype=np.int64), None, {})


@pytest.mark.parametrize("heavy", ["C", "Pt"])
def test_what_is_no_lattice_hides_no_column_of_it(heavy: str) -> None:
    # rejects the brightest of all that is near, atoms of amorphous layers among them, as the measure of what is visible
    recipe = recipe_of("lattices").model_copy(update={"specimens": AmongHeavyAtoms(field=30.0, heavy=heavy)})
    made = scan_structure(recipe, 0).atoms
    assert len(made["x"]) == 200
    assert len(made["point_x"]) == 100
    tree = cKDTree(np.column_stack([made["point_y"], made["point_x"]]))
    assert tree.query(np.column_stack([made["y"], made["x"]])[made["number"] == 8])[0].max() < 1e-5


def test_columns_of_a_thick_specimen_count_by_the_law() -> None:
    # rejects a law that is not applied, per atom instead of per depth, or drawn anew for each column
    plain = {"enhancement": 1.0, "absorption": 0.0}
    before, after = (
        scan_structure(recipe_of("lattices", channelling=law), 0)
        for law in (plain, {"enhancement": 2.0, "absorption": 0.01})
    )
    np.testing.assert_array_equal(before.atoms["x"], after.atoms["x"])
    atoms = before.atoms["atoms"].astype(float)
    expected = 2.0 * absorbed_signal(0.01, 3.0 * atoms) * atoms
    np.testing.assert_allclose(after.atoms["atoms"], expected, rtol=1e-5)
    assert (after.atoms["atoms"] < 2.0 * atoms).all()


@pytest.mark.parametrize("kind", ["interfaces", "lattices"])
def test_a_thick_specimen_without_channelling_is_refused_on_one_line(kind: str) -> None:
    with pytest.raises(PassbandError, match=r"is thicker than the linear model.*give simulation\.channelling") as said:
        scan_structure(recipe_of(kind, channelling=None), 0)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"truth": "material"}, "truth='material' of graphene has no regions to tell apart; write 'column' or 'kind'"),
        ({"channelling": {"enhancement": 20.0}}, r"enhancement runs from 20 to 20; it must stay within 0\.1 and 10"),
        ({"channelling": {"absorption": {"uniform": [0.0, 0.2]}}}, r"absorption runs from 0 to 0\.2"),
        ({"structures": 0}, "greater than or equal to 1"),
        ({"specimens": {"kind": "graphite"}}, "graphene"),
        ({"physics": 99}, "physics=99 is another passband's: this one makes columns of version"),
    ],
)
def test_impossible_recipes_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((ValidationError, PassbandError), match=message):
        recipe_of("graphene", **fields)


def test_only_the_newer_kind_is_in_the_json(tiny_recipe: Simulation) -> None:
    # rejects a field `kind` of the oldest: every identity of a store, a run and a card of before would change
    assert "kind" not in json.loads(tiny_recipe.to_json())
    scan = recipe_of("graphene")
    assert json.loads(scan.to_json())["kind"] == "scan"
    for one in (tiny_recipe, scan):
        again = SIMULATIONS.validate(json.loads(one.to_json()))
        assert (type(again), again, again.identity) == (type(one), one, one.identity)


def test_a_store_of_one_kind_is_refused_as_the_others(
    stores: dict[str, WaveStore], tiny_store: WaveStore, tiny_recipe: Simulation
) -> None:
    with pytest.raises(StoreError, match="graphene"):
        simulate(tiny_recipe, stores["graphene"].directory)
    with pytest.raises(StoreError, match=str(tiny_store.directory)):
        simulate(recipe_of("graphene"), tiny_store.directory)
    with pytest.raises(StoreError, match="holds columns and no waves"):
        stores["graphene"].wave(0)
    assert stores["graphene"].transmitted is None
