"""Layers of dichalcogenides: sites, thickness, defects and labels are those that were asked for."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree

from passband.specimen.sheets.dichalcogenide import COLUMN_LABELS, MONOLAYERS, Dichalcogenide, dichalcogenide

# Å from metal to chalcogen in 2H crystals, as textbooks have them to 0.02 Å; that of W–Se, 2.526 Å, from the paper
BONDS = {"MoS2": 2.41, "MoSe2": 2.53, "MoTe2": 2.72, "WS2": 2.41, "WSe2": 2.526, "WTe2": 2.73}


def layer(seed=0, **recipe):
    return dichalcogenide(Dichalcogenide(**{"field": 60.0} | recipe), rng=np.random.default_rng(seed))


def counts(found):
    return dict(zip(COLUMN_LABELS, np.bincount(found.column_label, minlength=7).tolist(), strict=True))


@pytest.mark.parametrize("material", list(MONOLAYERS))
def test_each_metal_has_six_neighbours_at_the_bond_length(material):
    found = layer(material=material)
    distances = found.atoms.get_all_distances(mic=True)
    metal = found.atoms.symbols == MONOLAYERS[material].metal
    to_metal = np.sort(distances[metal][:, ~metal], axis=1)
    assert to_metal[:, :6] == pytest.approx(BONDS[material], abs=0.02)
    assert to_metal[:, 6].min() > 3.5
    assert (~metal).sum() == 2 * metal.sum()
    assert np.sort(distances[metal][:, metal], axis=1)[:, 1:7] == pytest.approx(MONOLAYERS[material].lattice, abs=1e-6)


def test_chalcogen_columns_hold_two_atoms_one_above_the_other():
    found = layer()
    per_column = np.bincount(found.column_of, minlength=len(found.columns))
    assert set(per_column[: found.metal_columns]) == {1}
    assert set(per_column[found.metal_columns :]) == {2}
    assert found.atoms.positions[:, :2] == pytest.approx(found.columns[found.column_of])
    z = found.atoms.positions[:, 2].reshape(-1)[found.metal_columns :].reshape(-1, 2)
    assert np.diff(z, axis=1) == pytest.approx(3.34)
    assert z.mean() == pytest.approx(found.atoms.cell[2, 2] / 2.0)
    assert counts(found)["pristine"] == len(found.columns)


def test_columns_are_a_honeycomb_across_the_borders():
    found = layer()
    cell = found.atoms.cell.lengths()[:2]
    near = cKDTree(found.columns, boxsize=cell).query(found.columns, 4)
    assert near[0][:, 1:] == pytest.approx(3.282 / np.sqrt(3.0))
    other = near[1][:, 1:] < found.metal_columns
    assert (other != (np.arange(len(found.columns)) < found.metal_columns)[:, None]).all()


@pytest.mark.parametrize(
    ("key", "label", "atoms", "foreign"),
    [
        ("single_vacancies", "single_vacancy", 1, 0),
        ("double_vacancies", "double_vacancy", 0, 0),
        ("single_substitutions", "single_substitution", 2, 1),
        ("double_substitutions", "double_substitution", 2, 2),
        ("metal_vacancies", "metal_vacancy", 0, 0),
        ("metal_substitutions", "metal_substitution", 1, 1),
    ],
)
def test_each_defect_is_what_it_says_and_as_frequent(key, label, atoms, foreign):
    found = layer(field=200.0, **{key: 0.2})
    chosen = np.flatnonzero(found.column_label == COLUMN_LABELS.index(label))
    sites = found.metal_columns if key.startswith("metal") else len(found.columns) - found.metal_columns
    assert len(chosen) == pytest.approx(0.2 * sites, abs=4.0 * np.sqrt(0.16 * sites))
    assert (chosen < found.metal_columns).all() == key.startswith("metal")
    there = found.column_of[np.isin(found.column_of, chosen)]
    assert len(there) == atoms * len(chosen)
    substituents = found.column_of[np.isin(found.atoms.symbols, ["Te", "Mo"])]
    assert np.bincount(substituents, minlength=len(found.columns))[chosen].tolist() == [foreign] * len(chosen)
    assert len(substituents) == foreign * len(chosen)
    assert counts(found)["pristine"] == len(found.columns) - len(chosen)
    assert (found.label == found.column_label[found.column_of]).all()


def test_vacancies_are_above_as_often_as_below():
    found = layer(field=200.0, single_vacancies=0.5)
    alone = found.atoms.positions[found.label == 1, 2] > found.atoms.cell[2, 2] / 2.0
    assert alone.mean() == pytest.approx(0.5, abs=4.0 * 0.5 / np.sqrt(len(alone)))


def test_alloy_is_binomial_and_widens_the_lattice():
    found = layer(field=200.0, alloy=0.3)
    share = np.array([counts(found)[name] for name in ("single_substitution", "double_substitution")])
    share = share / (len(found.columns) - found.metal_columns)
    assert share == pytest.approx([2 * 0.3 * 0.7, 0.3**2], abs=0.04)
    metals = found.columns[: found.metal_columns]
    nearest = cKDTree(metals, boxsize=found.atoms.cell.lengths()[:2]).query(metals, 2)[0][:, 1]
    assert nearest == pytest.approx(3.282 + 0.3 * (3.55 - 3.282))
    te = found.atoms.positions[found.atoms.symbols == "Te", 2] - found.atoms.cell[2, 2] / 2.0
    assert np.abs(te) == pytest.approx(3.61 / 2.0)


def test_open_layer_is_turned_and_within_the_field():
    found = layer(periodic=False, orientation=0.3, field=80.0)
    assert ((found.atoms.positions >= 0) & (found.atoms.positions <= found.atoms.cell.lengths())).all()
    metals = found.columns[: found.metal_columns]
    pairs = cKDTree(metals).query_pairs(3.4, output_type="ndarray")
    offset = metals[pairs[:, 1]] - metals[pairs[:, 0]]
    assert np.arctan2(offset[:, 1], offset[:, 0]) % (np.pi / 3.0) == pytest.approx(0.3)
    chalcogens = found.columns[found.metal_columns :]
    middle = (np.abs(chalcogens - 40.0) < 35.0).all(axis=1)
    assert cKDTree(metals).query(chalcogens[middle], 3)[0] == pytest.approx(3.282 / np.sqrt(3.0))
    area = np.sqrt(3.0) / 2.0 * 3.282**2
    assert found.metal_columns == pytest.approx(80.0**2 / area, rel=0.05)
    assert len(found.columns) == pytest.approx(2 * 80.0**2 / area, rel=0.05)


def test_same_seed_same_bytes_and_identity_is_the_site():
    recipe = {"single_vacancies": 0.05, "metal_substitutions": 0.05, "alloy": 0.2}
    a, b, other = layer(1, **recipe), layer(1, **recipe), layer(2, **recipe)
    for name in ("identity", "label", "columns", "column_label", "column_of"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes()
    assert a.atoms.positions.tobytes() == b.atoms.positions.tobytes()
    assert a.label.tobytes() != other.label.tobytes()
    missing = np.setdiff1d(np.arange(len(a.columns) * 2 - a.metal_columns), a.identity)
    assert len(missing) == counts(a)["single_vacancy"]  # the only kind of vacancy here
    assert json.loads(json.dumps(a.parameters)) == a.parameters
    assert Dichalcogenide.model_validate(a.parameters["recipe"]).alloy == 0.2


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"material": "WSe3"}, "'WSe3' is no dichalcogenide; did you mean 'WSe2'"),
        ({"substituent": "Se"}, "substituent='Se' is in WSe2 already"),
        ({"metal_substituent": "W"}, "metal_substituent='W' is in WSe2 already"),
        ({"substituent": "te"}, "'te' is not a chemical element; write 'Te'"),
        ({"single_vacancies": 0.6, "double_substitutions": 0.6}, "all together at most 1"),
        ({"metal_vacancies": -0.1}, "metal defects of probability -0.1 to -0.1, 0 to 0"),
        ({"alloy": 1.5}, "alloy of probability 1.5 to 1.5"),
        ({"orientation": 0.1}, "orientation=0.1 does not fit a periodic layer"),
    ],
)
def test_impossible_recipes_are_refused(recipe, message):
    with pytest.raises(ValidationError, match=message):
        Dichalcogenide(**recipe)
