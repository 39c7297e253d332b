from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from passband.recipe import PassbandError
from passband.specimen.crystal import (
    Crystal,
    equivalent_planes,
    nearest_distance,
    read_cif,
    unit_cell,
)
from passband.specimen.materials import CRYSTALS, crystal

# atoms per cell, density in g/cm³ (CRC Handbook), nearest neighbours in Å
KNOWN = {
    "CdSe": ("Cd2Se2", 5.66, 2.63),
    "ZnS": ("S2Zn2", 4.09, 2.34),
    "Au": ("Au4", 19.30, 2.884),
    "Cu": ("Cu4", 8.96, 2.556),
    "Ag": ("Ag4", 10.50, 2.889),
    "C": ("C8", 3.51, 1.545),
    "Si": ("Si8", 2.33, 2.352),
    "Fe": ("Fe2", 7.87, 2.482),
    "Fe3O4": ("Fe24O32", 5.20, 1.889),
    "Co3O4": ("Co24O32", 6.05, 1.922),
    "Ge": ("Ge8", 5.323, 2.450),
    "Pt": ("Pt4", 21.45, 2.774),
    "SrTiO3": ("O3SrTi", 5.12, 1.953),
    "LaFeO3": ("Fe4La4O12", 6.64, 2.004),
    "LaMnO3": ("La4Mn4O12", 6.57, 1.906),
    "WO3": ("O24W8", 7.27, 1.732),  # 7.16 in the handbook, of powders
    "MoO3": ("Mo4O12", 4.71, 1.671),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_built_in_crystals_have_known_stoichiometry_density_and_bond(name):
    formula, density, bond = KNOWN[name]
    cell = unit_cell(crystal(name))
    assert cell.get_chemical_formula() == formula
    assert cell.get_masses().sum() / cell.get_volume() / 0.602214 == pytest.approx(density, rel=0.015)
    assert nearest_distance(crystal(name)) == pytest.approx(bond, abs=0.006)


@pytest.mark.parametrize("name", ["Fe3O4", "Co3O4"])
def test_spinels_have_tetrahedral_and_octahedral_metal(name):
    # the setting with the origin at -43m gives the same formula from wrong coordinates, but not these shells
    cell = unit_cell(crystal(name))
    distances = cell.get_all_distances(mic=True)
    oxygen = cell.numbers == 8
    neighbours = (distances[~oxygen][:, oxygen] < 2.3).sum(axis=1)
    assert sorted(neighbours.tolist()) == [4] * 8 + [6] * 16


# six nearest oxygens of each metal, Å: Marezio & Dernier (1971), Rodríguez-Carvajal et al. (1998), Kihlborg (1963)
OCTAHEDRA = {
    "LaFeO3": ("Fe", (2.00, 2.00, 2.01, 2.01, 2.01, 2.01)),
    "LaMnO3": ("Mn", (1.91, 1.91, 1.97, 1.97, 2.18, 2.18)),
    "MoO3": ("Mo", (1.67, 1.73, 1.95, 1.95, 2.25, 2.33)),
}


@pytest.mark.parametrize("name", OCTAHEDRA)
def test_oxides_have_the_bonds_of_their_octahedra(name):
    # rejects Pnma coordinates read as Pbnm, and exchanged oxygens: density and formula are the same
    metal, bonds = OCTAHEDRA[name]
    cell = unit_cell(crystal(name)).repeat(2)
    distances = cell.get_all_distances(mic=True)
    oxygen = cell.numbers == 8
    for row in distances[np.array(cell.get_chemical_symbols()) == metal][:, oxygen]:
        np.testing.assert_allclose(np.sort(row)[:6], bonds, atol=0.008)
    assert distances[oxygen][:, oxygen][distances[oxygen][:, oxygen] > 0].min() > 2.5


def test_tungsten_is_off_the_middle_of_its_octahedra_and_has_six_oxygens():
    cell = unit_cell(crystal("WO3"))
    near = np.sort(cell.get_all_distances(mic=True)[cell.numbers == 74][:, cell.numbers == 8], axis=1)
    assert (near[:, :6] < 2.2).all()
    assert (near[:, 6] > 3.0).all()
    assert (near[:, 0] < 1.76).all()


def test_wurtzite_is_tetrahedral_with_unlike_neighbours():
    cell = unit_cell(crystal("CdSe")).repeat((4, 4, 3))
    near = cell.get_all_distances(mic=True) < 2.8
    unlike = cell.numbers[:, None] != cell.numbers[None]
    np.fill_diagonal(near, False)
    assert (near.sum(axis=1) == 4).all()
    assert unlike[near].all()


@pytest.mark.parametrize(
    ("name", "plane", "count"), [("Au", (1, 1, 1), 8), ("Si", (1, 1, 1), 8), ("CdSe", (0, 0, 1), 1)]
)
def test_equivalent_planes_follow_the_crystal_class(name, plane, count):
    normals = equivalent_planes(crystal(name), plane)
    assert normals.shape == (count, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)


def test_unknown_material_suggests_the_near_one():
    with pytest.raises(PassbandError, match=r"unknown material 'cdse'; did you mean 'CdSe'\?"):
        crystal("cdse")


def test_unit_cell_is_a_copy():
    unit_cell(crystal("Au")).positions += 1.0
    assert unit_cell(crystal("Au")).positions.min() == 0.0


CIF_CONTENT = {
    "Ag": ("Ag4", 225),
    "Au": ("Au4", 225),
    "BaTiO3_cubic": ("BaO3Ti", 221),
    "Cu": ("Cu4", 225),
    "Ge": ("Ge8", 227),
    "Pd": ("Pd4", 225),
    "Pt": ("Pt4", 225),
    "Si": ("Si8", 227),
    "diamond": ("C8", 227),
}


@pytest.mark.parametrize("name", CIF_CONTENT)
def test_cif_files_give_their_crystals(shared_data: Path, name):
    material = read_cif(shared_data / "structures" / "cod_cif" / f"{name}.cif")
    assert (unit_cell(material).get_chemical_formula(), material.spacegroup) == CIF_CONTENT[name]
    assert material.name == name
    assert len(material.symbols) == (3 if name == "BaTiO3_cubic" else 1)  # the asymmetric unit, not the cell


def test_every_cif_in_the_folder_is_expected(shared_data: Path):
    found = {path.stem for path in (shared_data / "structures" / "cod_cif").glob("*.cif")}
    assert found == set(CIF_CONTENT)


def test_cif_au_equals_the_built_in(shared_data: Path):
    material = read_cif(shared_data / "structures" / "cod_cif" / "Au.cif")
    np.testing.assert_allclose(unit_cell(material).positions, unit_cell(crystal("Au")).positions, atol=1e-9)


CIF = """data_x
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""


def test_cif_with_partial_occupancy_is_refused(tmp_path):
    path = tmp_path / "alloy.cif"
    path.write_text(CIF + "Au1 Au 0 0 0 0.5\nCu1 Cu 0 0 0 0.5\n")
    with pytest.raises(PassbandError, match="partly occupied; give an ordered structure"):
        read_cif(path)


@pytest.mark.parametrize("text", ["", "no cif at all\n", CIF, "data_x\n_cell_length_a nonsense\n"])
def test_broken_cif_is_one_clear_error(tmp_path, text):
    path = tmp_path / "broken.cif"
    path.write_text(text)
    with pytest.raises(PassbandError, match=r"broken\.cif (cannot be read as CIF|holds no atoms)"):
        read_cif(path)


def test_missing_cif(tmp_path):
    with pytest.raises(PassbandError, match="does not exist; give the path of a CIF file"):
        read_cif(tmp_path / "none.cif")


GOOD = {"name": "x", "spacegroup": 225, "cell": (4, 4, 4, 90, 90, 90), "symbols": ("Au",), "basis": ((0, 0, 0),)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": ("au",)}, "'au' is not a chemical element; write 'Au'"),
        ({"symbols": ("Au", "Cu")}, "2 symbols and 1 sites; give one symbol for each site"),
        ({"cell": (0, 4, 4, 90, 90, 90)}, "give a, b, c in Å > 0"),
        ({"cell": (4, 4, 4, 90, 90, 190)}, "angles in degrees"),
        ({"cell": (4, 4, 4, 30, 30, 150)}, "encloses no volume"),
        ({"spacegroup": 231}, "less than or equal to 230"),
    ],
)
def test_impossible_crystals_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Crystal(**(GOOD | change))


@pytest.mark.parametrize("change", [{"setting": 2}, {"symbols": ("Au", "Cu"), "basis": ((0, 0, 0), (0, 0.5, 0.5))}])
def test_symmetry_that_cannot_be_built_is_refused(change):
    with pytest.raises(PassbandError, match="check spacegroup, setting and basis"):
        unit_cell(Crystal(**(GOOD | change)))


def test_prism_planes_of_wurtzite_are_sixty_degrees_apart():
    # indices turn by the transpose of the matrix that turns coordinates: the wrong one mixes {100} with {110}
    normals = equivalent_planes(crystal("CdSe"), (1, 0, 0))
    azimuths = np.sort(np.degrees(np.arctan2(normals[:, 1], normals[:, 0])))
    np.testing.assert_allclose(np.diff(azimuths), 60.0)
