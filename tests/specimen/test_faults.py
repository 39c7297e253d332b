import numpy as np
import pytest
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import nearest_distance
from passband.specimen.faults import Plane, check_defects, crystal_ball, draw_planes, faulted_ball, stacking
from passband.specimen.materials import crystal

FAULTED = ["CdSe", "ZnS", "Au", "Cu", "Ag", "C", "Si"]
TWINNED = ["Au", "Cu", "Ag", "C", "Si"]
COORDINATION = {"CdSe": 4, "ZnS": 4, "C": 4, "Si": 4, "Au": 12, "Cu": 12, "Ag": 12}


def defective(name, *, faults=0, twins=0, seed=0, radius=22.0):
    material = crystal(name)
    planes = stacking(material)
    chosen = draw_planes(planes, faults=faults, twins=twins, low=-13.0, high=13.0, rng=np.random.default_rng(seed))
    normal = np.array(planes.normal)
    positions, numbers = faulted_ball(material, np.zeros(3), radius, normal=normal, planes=chosen)
    return positions, numbers, normal, chosen


def coordination(positions, bond, radius):
    inner = positions[np.linalg.norm(positions, axis=1) < radius - 1.2 * bond]
    return cKDTree(positions).query_ball_point(inner, 1.1 * bond, return_length=True) - 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FAULTED)
def test_faults_keep_coordination_and_bonds(name, seed):
    bond = nearest_distance(crystal(name))
    twins = 1 if name in TWINNED else 0
    positions, _, _, chosen = defective(name, faults=2, twins=twins, seed=seed)
    assert len(chosen) == 2 + twins
    assert cKDTree(positions).query(positions, k=2)[0][:, 1].min() == pytest.approx(bond, rel=0.005)
    assert set(coordination(positions, bond, 22.0).tolist()) == {COORDINATION[name]}


@pytest.mark.parametrize("name", FAULTED)
def test_a_fault_moves_the_upper_part_by_the_partial_vector(name):
    material = crystal(name)
    positions, _, normal, (plane,) = defective(name, faults=1)
    perfect = cKDTree(crystal_ball(material, np.zeros(3), 30.0)[0])
    height = positions @ normal
    assert perfect.query(positions[height < plane.cut])[0].max() < 1e-6
    length = material.cell[0] / np.sqrt(3.0 if name in ("CdSe", "ZnS") else 6.0)  # ⅓⟨10-10⟩ and ⅙⟨112⟩
    assert np.linalg.norm(plane.shift) == pytest.approx(length)
    assert np.dot(plane.shift, normal) == pytest.approx(0.0, abs=1e-9)
    upper = positions[height > plane.cut]
    assert perfect.query(upper)[0].max() > 0.4  # it is a fault, not a lattice vector
    assert perfect.query(upper - np.array(plane.shift))[0].max() < 1e-6


def test_wurtzite_fault_sequence_is_the_intrinsic_one():
    # ABABAB… becomes ABAB|CBCB or ABAB|CACA…: two different stackings, and A, B, C all occur
    positions, numbers, normal, (plane,) = defective("CdSe", faults=1)
    a = crystal("CdSe").cell[0]
    cadmium = positions[numbers == 48]
    reduced = cadmium @ np.linalg.inv([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 1.0]])
    site = np.rint(3 * reduced[:, :2]).astype(int) % 3
    below = {tuple(s) for s in site[cadmium @ normal < plane.cut].tolist()}
    above = {tuple(s) for s in site[cadmium @ normal > plane.cut].tolist()}
    assert len(below) == len(above) == 2
    assert len(below | above) == 3


@pytest.mark.parametrize("name", TWINNED)
def test_twin_halves_are_mirror_images(name):
    positions, numbers, normal, (plane,) = defective(name, twins=1)
    mirrored = positions - 2.0 * np.outer(positions @ normal - plane.mirror, normal)
    inside = np.linalg.norm(mirrored, axis=1) < 22.0 - 1e-6
    distance, partner = cKDTree(positions).query(mirrored[inside])
    assert distance.max() < 1e-6
    assert (numbers[partner] == numbers[inside]).all()
    perfect = cKDTree(crystal_ball(crystal(name), np.zeros(3), 30.0)[0])
    assert perfect.query(positions)[0].max() > 0.4  # a mirror plane of the perfect crystal would be no twin


def test_planes_are_distinct_and_within_bounds():
    planes = stacking(crystal("Au"))
    chosen = draw_planes(planes, faults=4, twins=4, low=-10.0, high=10.0, rng=np.random.default_rng(3))
    cuts = [plane.cut for plane in chosen]
    assert cuts == sorted(cuts)
    assert min(np.diff(cuts)) > 2.0  # one {111} layer of gold is 2.35 Å
    assert cuts[0] > -10.0
    assert cuts[-1] < 10.0
    assert sum(plane.shift is None for plane in chosen) == 4 or len(chosen) < 8


def test_shuffle_planes_are_not_offered():
    # in wurtzite the long gap (0.376 c) holds the bonds along c; only the two short gaps may slip
    assert [round(plane.cut / 7.0152, 3) for plane in stacking(crystal("CdSe")).faults] == [0.438, 0.938]


@pytest.mark.parametrize("name", ["Fe", "Fe3O4", "Co3O4"])
def test_crystals_without_rule_have_none(name):
    assert stacking(crystal(name)) is None
    with pytest.raises(PassbandError, match=f"{name} has no stacking fault here .* set faults=0"):
        check_defects(crystal(name), faults=1, twins=0)


def test_wurtzite_has_no_twin_and_counts_are_not_negative():
    with pytest.raises(PassbandError, match=r"CdSe has no \{111\} twin here"):
        check_defects(crystal("CdSe"), faults=0, twins=1)
    with pytest.raises(PassbandError, match="must not be negative"):
        check_defects(crystal("Au"), faults=-1, twins=0)


def test_no_planes_is_the_perfect_crystal():
    ball = crystal_ball(crystal("Au"), np.zeros(3), 12.0)[0]
    piled = faulted_ball(crystal("Au"), np.zeros(3), 12.0, normal=np.array([0, 0, 1.0]), planes=[])[0]
    np.testing.assert_allclose(piled, ball, atol=1e-9)
    assert isinstance(stacking(crystal("Au")).twins[0], Plane)
