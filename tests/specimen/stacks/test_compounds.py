"""Materials of layers: sublattices and dopants, and what is no material."""

import pytest
from pydantic import ValidationError

from passband.recipe import PassbandError
from passband.specimen.crystal import nearest_distance, unit_cell
from passband.specimen.materials import crystal
from passband.specimen.stacks.compounds import MATERIALS, Compound, Disordered, Zone, material

ISSUE = "SrTiO3 La:SrTiO3 Nb:SrTiO3 Ge WO3 LaFeO3 LaMnO3 La0.8Sr0.2FeO3 MoO3 Si Pt/C a-C vacuum"


def test_materials_of_the_films_are_there():
    assert set(ISSUE.split()) <= set(MATERIALS)


@pytest.mark.parametrize(
    ("name", "sublattice", "shares"),
    [
        ("SrTiO3", "A", {"Sr": 1.0}),
        ("La:SrTiO3", "A", {"Sr": 0.95, "La": 0.05}),
        ("Nb:SrTiO3", "B", {"Ti": 0.99, "Nb": 0.01}),
        ("La0.8Sr0.2FeO3", "A", {"La": 0.8, "Sr": 0.2}),
        ("LaMnO3", "B", {"Mn": 1.0}),
        ("WO3", "B", {"W": 1.0}),
        ("WO3", "A", {}),
        ("Ge", "M", {"Ge": 1.0}),
    ],
)
def test_composition_of_a_sublattice(name, sublattice, shares):
    assert material(name).composition(sublattice) == pytest.approx(shares)


def test_ferrite_with_strontium_is_a_little_smaller_than_without():
    # 60.0 Å³ per formula unit at x = 0.2; bonds follow the cube root: rejects a cell scaled by the volumes' ratio
    made_of = material("La0.8Sr0.2FeO3")
    assert isinstance(made_of, Compound)
    assert unit_cell(made_of.crystal).get_volume() / 4.0 == pytest.approx(60.0, abs=0.1)
    assert nearest_distance(made_of.crystal) == pytest.approx(1.996, abs=0.002)
    assert made_of.crystal.cell[0] / crystal("LaFeO3").cell[0] == pytest.approx(0.9960, abs=2e-4)


def test_vacuum_is_nothing_and_platinum_has_its_carbon():
    vacuum, cap = material("vacuum"), material("Pt/C")
    assert isinstance(vacuum, Disordered)
    assert isinstance(cap, Disordered)
    assert (vacuum.symbol, vacuum.density) == ("", 0.0)
    assert (cap.symbol, cap.grains) == ("C", "Pt")


def test_unknown_material_suggests_the_near_one():
    with pytest.raises(PassbandError, match=r"unknown material of a layer 'SrTi03'; did you mean 'SrTiO3'\?"):
        material("SrTi03")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sublattices": (("Sr", "A"), ("O", "O"))}, r"sublattices name \['Sr', 'O'\]; name each element"),
        ({"dopants": (("C", "La", 0.1),)}, r"0\.1 of La on 'C' is no dopant; sublattices are A, B, O"),
        ({"dopants": (("A", "La", 1.5),)}, r"1\.5 of La on 'A' is no dopant"),
        ({"dopants": (("A", "la", 0.1),)}, r"'la' is not a chemical element; write 'La'"),
    ],
)
def test_compounds_that_cannot_be_are_refused(change, message):
    given = {
        "name": "mine",
        "crystal": crystal("SrTiO3"),
        "sublattices": (("Sr", "A"), ("Ti", "B"), ("O", "O")),
        "framework": "perovskite",
        "zones": (Zone((0, 0, 1), (0, 1, 0)),),
    }
    with pytest.raises(ValidationError, match=message):
        Compound(**given | change)
