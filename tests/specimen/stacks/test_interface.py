"""Film stacks: composition, registry, columns and the map of materials are those of the atoms."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.special import erfc

from passband.recipe import PassbandError
from passband.specimen.stacks.interface import build_interface
from passband.specimen.stacks.stack import Contamination, Layer, Roughness, Stack

FIELD = (80.0, 80.0)
FLAT = (Layer(material="SrTiO3", thickness=35.0), Layer(material="LaFeO3"))


def build(*layers, seed=0, **given):
    return build_interface(Stack(**{"field": FIELD, "thickness": 40.0, "layers": layers} | given), seed=seed)


def share(interface, layer, **counts):
    """Fractions of elements in a layer."""
    symbols = np.array(interface.atoms.get_chemical_symbols())[interface.layer_of == layer]
    return {name: float(np.mean(np.isin(symbols, among.split("+")))) for name, among in counts.items()}


def cubes(interface, kind, layer, low=-np.inf, high=np.inf):
    """Columns (x, y) of a kind in a layer."""
    one = interface.columns
    chosen = (one.kind == one.kinds.index(kind)) & (one.layer == layer) & (one.y > low) & (one.y < high)
    return np.stack([one.x[chosen], one.y[chosen]], axis=1)


# composition


@pytest.mark.parametrize(
    ("name", "metals"),
    [
        ("SrTiO3", {"Sr": 0.2, "Ti": 0.2, "O": 0.6}),
        ("La:SrTiO3", {"Sr": 0.19, "La": 0.01, "Ti": 0.2, "O": 0.6}),
        ("Nb:SrTiO3", {"Sr": 0.2, "Nb": 0.002, "Ti": 0.198, "O": 0.6}),
        ("La0.8Sr0.2FeO3", {"La": 0.16, "Sr": 0.04, "Fe": 0.2, "O": 0.6}),
        ("LaMnO3", {"La": 0.2, "Mn": 0.2, "O": 0.6}),
        ("WO3", {"W": 0.25, "O": 0.75}),
        ("MoO3", {"Mo": 0.25, "O": 0.75}),
        ("Ge", {"Ge": 1.0}),
    ],
)
def test_layers_have_the_composition_and_density_of_their_material(name, metals):
    found = build(Layer(material=name), seed=3, thickness=78.1)
    number = len(found.atoms)
    symbols = np.array(found.atoms.get_chemical_symbols())
    for element, fraction in metals.items():
        # dopants are binomial, and cut faces hold half a cell more of one plane: 4 standard deviations and 1.5 %
        bound = 4.0 * np.sqrt(fraction / number) + (0.015 if fraction < 1 else 0.0)
        assert np.mean(symbols == element) == pytest.approx(fraction, abs=bound)
    per_volume = {"SrTiO3": 0.0840, "WO3": 0.0756, "Ge": 0.0442, "MoO3": 0.0788}
    for this, density in per_volume.items():
        if this == name:
            assert number / np.prod(found.box) == pytest.approx(density, rel=0.03)


def test_species_are_exchanged_with_the_profile_of_an_error_function():
    # rejects a width that is a variance, and a profile that jumps at the face
    width = 6.0
    layers = [Layer(material="SrTiO3", thickness=100.0, interdiffusion=width), Layer(material="LaMnO3")]
    found = build(*layers, field=(200.0, 100.0), thickness=60.0)
    atoms, top = found.atoms, found.parameters["layers"][0]["top"]
    for old, new in ((38, 57), (22, 25)):
        chosen = np.isin(atoms.numbers, (old, new))
        distance = atoms.positions[chosen, 1] - top
        mine = atoms.numbers[chosen] == new
        for low in np.arange(-18.0, 18.0, 6.0):
            here = (distance >= low) & (distance < low + 6.0)
            expected = 0.5 * erfc(-distance[here] / (np.sqrt(2.0) * width))
            spread = np.sqrt((expected * (1.0 - expected)).sum()) / here.sum()
            assert mine[here].mean() == pytest.approx(expected.mean(), abs=4.0 * spread + 1e-4)


def test_tungsten_oxide_takes_metal_out_of_the_large_sites_and_germanium_exchanges_nothing():
    width = {"interdiffusion": 8.0}
    mixed = build(Layer(material="SrTiO3", thickness=40.0, **width), Layer(material="WO3"))
    kept = build(Layer(material="SrTiO3", thickness=40.0, **width), Layer(material="Ge"))
    assert share(mixed, 0, W="W")["W"] > 0.01
    one = mixed.columns
    large = cubes(mixed, "A", 0)[:, 1]
    chosen = (one.kind == one.kinds.index("A")) & (one.layer == 0)
    full = one.occupancy[chosen]
    assert full[large < 15.0].mean() > 0.97
    assert full[large > 35.0].mean() < 0.75  # of strontium, where tungsten oxide has nothing; ½ at the face
    assert share(kept, 0, Ge="Ge")["Ge"] == 0.0


def test_platinum_grains_lie_in_carbon_and_apart_from_it():
    found = build(Layer(material="Si", thickness=10.0), Layer(material="Pt/C"), thickness=60.0)
    platinum = found.atoms.positions[found.atoms.numbers == 78]
    carbon = found.atoms.positions[found.atoms.numbers == 6]
    volume = len(platinum) * 3.9231**3 / 4 / (70.0 * found.box[1] * 60.0)
    assert 0.2 < volume < 0.42  # 0.3 with the smallest balls; larger ones have no room everywhere
    assert cKDTree(platinum).query(carbon)[0].min() >= 2.0
    bonds = cKDTree(platinum).query(platinum, k=2)[0][:, 1]
    assert np.median(bonds) == pytest.approx(2.774, abs=1e-3)
    assert bonds.min() > 0.8 * 2.774  # rejects grains whose balls only just do not overlap
    assert (found.column_of[found.layer_of == 1] == -1).all()


# registry


def test_films_in_registry_continue_the_columns_of_the_substrate():
    found = build(*FLAT)
    top = found.parameters["layers"][0]["top"]
    for kind in ("A", "B+O"):
        film = cubes(found, kind, 1, top, top + 30)
        below = cubes(found, kind, 0)
        apart = (film[:, 0] - below[0, 0] + 1.9525) % 3.905 - 1.9525
        assert abs(apart.mean()) < 0.03  # rejects "A" over "B", and a film that is half a cube off
        assert np.abs(apart).max() < 0.45  # the lanthanum's own displacement
    heights = np.unique(np.round(np.concatenate([cubes(found, "B+O", k)[:, 1] for k in (0, 1)]), 1))
    steps = np.diff(heights)[4:-2]
    np.testing.assert_allclose(
        np.sort(np.unique(steps.round(1))), [3.9, 4.0], atol=0.06
    )  # no gap and no crush at the face


@pytest.mark.parametrize(("film", "cubes_of"), [("LaFeO3", (7.8645, 7.8645, 7.854)), ("LaMnO3", (7.980, 7.980, 7.693))])
def test_strained_films_have_the_periods_of_the_substrate_and_keep_to_poisson(film, cubes_of):
    found = build(FLAT[0], Layer(material=film))
    x, y, z = found.parameters["layers"][1]["periods"]
    if film == "LaFeO3":
        assert (x, z) == pytest.approx((7.81, 7.81), abs=1e-9)
    mean = 0.5 * ((x / cubes_of[0] - 1.0) + (z / cubes_of[2] - 1.0)) if film == "LaFeO3" else None
    if mean is not None:
        assert y / cubes_of[1] - 1.0 == pytest.approx(-2.0 / 3.0 * mean, abs=1e-4)  # ν = ¼
    assert found.box[1] == pytest.approx(78.1)  # ten pairs of cubes
    wider = build(FLAT[0], Layer(material=film), field=(80.0, 83.0), thickness=12.0)
    assert wider.box[1] == pytest.approx(85.91)  # eleven pairs; rejects 21 cubes
    assert build(FLAT[0], field=(80.0, 83.0), thickness=12.0).box[1] == pytest.approx(82.005)
    assert found.parameters["periodic"]


def test_relaxed_films_keep_their_own_lattice_and_half_relaxed_ones_are_between():
    for relaxation, period in ((1.0, 7.8645), (0.5, 0.5 * (7.8645 + 7.81)), (0.0, 7.81)):
        found = build(FLAT[0], Layer(material="LaFeO3", relaxation=relaxation, zone=((0, 0, 1), (1, 1, 0))))
        assert found.parameters["layers"][1]["periods"][0] == pytest.approx(period, abs=2e-3)
        film = np.sort(np.unique(cubes(found, "A", 1)[:, 0].round(3)))
        spans = film[-1] - film[0]
        assert spans / round(spans / (period / 2)) == pytest.approx(period / 2, abs=0.03)
        assert found.parameters["periodic"] == (relaxation == 0.0)


def test_germanium_lies_turned_by_45_degrees_on_titanate():
    # [110] of germanium along [100] of titanate, 2.4 % of misfit; rejects the first zone taken for the best
    found = build(FLAT[0], Layer(material="Ge"))
    assert found.parameters["layers"][1]["periods"] == pytest.approx([3.905, 5.747, 3.905], abs=2e-3)
    assert min(found.parameters["layers"][1]["strain"]) == pytest.approx(-0.0238, abs=5e-4)


def test_the_border_along_x_closes_the_lattice():
    # rejects a column at both ends, and one that is missing
    for layers in (FLAT, (FLAT[0], Layer(material="LaMnO3", antiphase=2))):
        found = build(*layers, thickness=12.0)
        assert found.atoms.pbc.tolist() == [True, False, False]
        places = found.atoms.positions % [found.box[1], np.inf, np.inf]
        tree = cKDTree(places, boxsize=[found.box[1], 0, 0])
        ends = (places[:, 0] < 4.0) & (found.layer_of == 0)
        neighbours = np.array([len(one) for one in tree.query_ball_point(places[ends], 2.2)])
        middle = (np.abs(places[:, 0] - 39.0) < 2.0) & (found.layer_of == 0)
        expected = np.array([len(one) for one in tree.query_ball_point(places[middle], 2.2)])
        assert neighbours.mean() == pytest.approx(expected.mean(), rel=0.05)
        assert tree.query(places, k=2)[0][:, 1].min() > 1.5


# columns


def test_columns_are_where_their_atoms_are_and_hold_them():
    rough = Roughness(rms=4.0, correlation_length=20.0)
    found = build(Layer(material="SrTiO3", thickness=35.0, face=rough, interdiffusion=3.0), FLAT[1], tilt=(6.0, -4.0))
    columns, numbers = found.columns, found.atoms.numbers
    elements = np.array(columns.elements)
    symbols = np.array(found.atoms.get_chemical_symbols())
    for one in np.random.default_rng(0).permutation(len(columns))[:150]:
        here = found.column_of == one
        places = found.atoms.positions[here]
        weights = numbers[here].astype(float) ** 2
        x = places[:, 0] - columns.x[one]
        x -= found.box[1] * np.rint(x / found.box[1])
        assert (x * weights).sum() / weights.sum() == pytest.approx(0.0, abs=0.01)
        assert (places[:, 1] * weights).sum() / weights.sum() == pytest.approx(columns.y[one], abs=0.01)
        assert np.hypot(x, places[:, 1] - columns.y[one]).max() < 1.0
        assert here.sum() == columns.atoms[one]
        assert dict(zip(elements, columns.counts[one], strict=True)) == {
            element: int((symbols[here] == element).sum()) for element in elements
        }
    assert (found.column_of >= 0).all()  # of a stack without disordered layers
    assert columns.atoms.sum() == len(found.atoms)


def test_number_of_columns_is_that_of_cells_in_the_field():
    found = build(Layer(material="SrTiO3"), field=(3.905 * 20, 3.905 * 20))
    for kind, per_cell in (("A", 1), ("B+O", 1), ("O", 2)):
        assert len(cubes(found, kind, 0)) == 400 * per_cell
    assert found.columns.sites.max() in (20, 21, 22)  # 40 Å of Ti and O, 3.905 Å each
    np.testing.assert_allclose(found.columns.occupancy, 1.0)


def test_columns_at_a_step_across_the_beam_are_shared_and_not_doubled():
    # a step somewhere along the beam ends a column of one film where that of the other begins
    rough = Roughness(rms=4.0, correlation_length=25.0)
    found = build(Layer(material="SrTiO3", thickness=35.0, face=rough), FLAT[1], thickness=60.0)
    places = np.stack([found.columns.x, found.columns.y], axis=1)
    assert cKDTree(places).query(places, k=2)[0][:, 1].min() > 0.6
    mixed = found.columns.counts[:, [found.columns.elements.index(one) for one in ("Sr", "La")]].min(axis=1) > 0
    assert mixed.sum() > 20
    assert np.median(found.columns.occupancy[mixed]) == pytest.approx(1.0, abs=0.07)


# faces


def test_no_two_atoms_are_nearer_than_four_fifths_of_the_shortest_bond():
    rough = Roughness(rms=4.0, correlation_length=20.0, steps=2)
    shortest = {"SrTiO3": 1.953, "LaFeO3": 2.004, "Ge": 2.45, "WO3": 1.732, "MoO3": 1.67, "a-C": 1.2, "Pt/C": 1.2}
    stacks = [
        [Layer(material="SrTiO3", thickness=25.0, face=rough), Layer(material=one, thickness=25.0, face=rough), last]
        for one in ("LaFeO3", "Ge", "WO3", "MoO3")
        for last in (Layer(material="Pt/C"),)
    ]
    stacks.append([FLAT[0], Layer(material="LaFeO3", grain_boundaries=2, misorientation=0.3)])
    stacks.append([FLAT[0], Layer(material="LaFeO3", antiphase=3)])
    stacks.append([FLAT[0], Layer(material="WO3", lean=(20.0, 20.0))])
    stacks.append([FLAT[0], Layer(material="Ge", relaxation=1.0, rotation=0.3, zone=((0, 0, 1), (0, 1, 0)))])
    for layers in stacks:
        found = build(*layers, thickness=25.0)
        period = found.box[1] if found.parameters["periodic"] else 0.0
        tree = cKDTree(found.atoms.positions, boxsize=[period, 0, 0])
        bond = min(shortest[one.material] for one in layers)
        one, other = tree.query_pairs(2.3, output_type="ndarray").T
        apart = found.atoms.positions[one] - found.atoms.positions[other]
        apart[:, 0] -= period * np.rint(apart[:, 0] / period) if period else 0.0
        apart = np.linalg.norm(apart, axis=1)
        assert apart.min() > 0.8 * bond
        crystals = (found.column_of[one] >= 0) & (found.column_of[other] >= 0)
        metals = crystals & (found.atoms.numbers[[one, other]].min(axis=0) > 8)
        assert apart[metals].min(initial=9.0) > 1.95  # 0.8 of the bond in germanium
        assert (found.layer_of[one] != found.layer_of[other]).any()


@pytest.mark.parametrize("film", ["LaMnO3", "LaFeO3", "Ge", "MoO3"])
def test_flat_films_lose_no_atom_at_their_face(film):
    # rejects a limit that takes oxygen for too near to the lanthanum across the face, and a crystal put down too low
    found = build(FLAT[0], Layer(material=film), thickness=3.905 * 10)
    np.testing.assert_allclose(found.columns.occupancy, 1.0)


@pytest.mark.parametrize("substrate", ["SrTiO3", "Si"])
def test_steps_are_whole_lattice_steps(substrate):
    step = {"SrTiO3": 3.905, "Si": 5.4307 / 2.0}[substrate]
    rough = Roughness(rms=5.0, correlation_length=30.0)
    found = build(Layer(material=substrate, thickness=35.0, face=rough), Layer(material="vacuum"))
    heights = (found.faces[0].heights - 35.0) / step
    np.testing.assert_allclose(heights, np.rint(heights), atol=1e-9)
    assert len(np.unique(np.rint(heights))) >= 3
    one = found.columns
    for x in np.unique(one.x.round(2))[:6]:  # every column of atoms below the face is there, none above
        here = found.atoms.positions[np.abs(found.atoms.positions[:, 0] - x) < 0.02]
        assert (here[:, 1] < found.faces[0].at(here[:, 0], here[:, 2])).all()


def test_single_steps_go_up_and_down_by_one_step():
    found = build(Layer(material="SrTiO3", thickness=35.0, face=Roughness(steps=2)), FLAT[1], seed=4)
    levels, counts = np.unique(found.faces[0].heights.round(6), return_counts=True)
    np.testing.assert_allclose(np.diff(levels), [3.905], atol=1e-6)
    assert counts.min() > 0
    odd = build(Layer(material="SrTiO3", thickness=35.0, face=Roughness(steps=1)), FLAT[1], seed=4)
    assert found.parameters["periodic"]
    assert not odd.parameters["periodic"]


# truth


def test_the_map_of_materials_says_what_most_atoms_at_a_place_are_of():
    rough = Roughness(rms=4.0, correlation_length=25.0)
    layers = [
        Layer(material="SrTiO3", thickness=25.0, face=rough),
        Layer(material="vacuum", thickness=8.0),
        Layer(material="LaFeO3", thickness=20.0, face=rough),
        Layer(material="a-C"),
    ]
    found = build(*layers)
    assert found.parameters["materials"] == ["SrTiO3", "vacuum", "LaFeO3", "a-C"]
    x, y, _ = found.atoms.positions.T
    agree = found.layer_at(y, x) == found.layer_of
    assert agree.mean() > 0.97  # but for what other parts of a rough face hold
    away = np.all([np.abs(y - one.profile(x)) > 12.0 for one in found.faces], axis=0)
    assert agree[away].all()
    assert (found.layer_of != 1).all()  # of a gap there are no atoms
    assert found.material_at([[5.0, 70.0]], 3.0).tolist() == [[0, 3]]
    twice = build(layers[0], layers[2], Layer(material="SrTiO3"))
    assert twice.material_at(75.0, 10.0) == 0  # one material is one class, however often it comes


def test_antiphase_boundaries_shift_the_lattice_by_half_a_step():
    found = build(FLAT[0], Layer(material="LaMnO3", antiphase=2), seed=1)
    first, second = found.boundaries
    x, y = cubes(found, "A", 1, 45.0, 75.0).T
    inside = (x > first.at(y) + 2.0) & (x < second.at(y) - 2.0)
    outside = (x < first.at(y) - 2.0) | (x > second.at(y) + 2.0)
    step = found.parameters["layers"][1]["periods"][1] / 2
    phases = [np.angle(np.exp(2j * np.pi * y[one] / step).mean()) for one in (inside, outside)]
    assert abs(np.angle(np.exp(1j * (phases[0] - phases[1])))) == pytest.approx(np.pi, abs=0.1)
    assert min(inside.sum(), outside.sum()) > 20
    assert found.parameters["boundaries"][0]["kind"] == "antiphase"
    one = found.columns
    film = (one.layer == 1) & (one.y > 40.0) & (one.y < 75.0)
    metals = film & np.isin(one.kind, [one.kinds.index(kind) for kind in ("A", "B+O")])
    lanthanum = one.counts[:, one.elements.index("La")] > 0
    assert one.occupancy[metals & lanthanum].min() == 1.0  # rejects metal taken out where oxygen is too near


def test_grain_boundaries_turn_the_lattice():
    found = build(FLAT[0], Layer(material="SrTiO3", grain_boundaries=1, misorientation=0.2), seed=2)
    (line,) = found.boundaries
    x, y = cubes(found, "A", 1).T
    directions = []
    for side in (x < line.at(y) - 3.0, x > line.at(y) + 3.0):
        places = np.stack([x[side], y[side]], axis=1)
        one, other = cKDTree(places).query_pairs(4.2, output_type="ndarray").T
        apart = places[one] - places[other]
        directions.append(np.angle(np.exp(4j * np.arctan2(apart[:, 1], apart[:, 0])).mean()) / 4.0)
    assert directions[0] == pytest.approx(0.0, abs=1e-6)
    assert directions[1] == pytest.approx(line.angle, abs=1e-6)  # rejects a turn to the other side
    assert abs(line.angle) > 0.02
    assert not found.parameters["periodic"]


def test_tilted_columns_lean_about_the_middle_of_the_sample():
    found = build(*FLAT, tilt=(20.0, -10.0), thickness=60.0)
    one = int(np.flatnonzero((found.columns.y > 30) & (found.columns.x > 30) & (found.columns.atoms > 14))[0])
    x, y, z = found.atoms.positions[found.column_of == one].T
    assert np.polyfit(z, y, 1)[0] == pytest.approx(np.tan(20e-3), rel=0.02)
    assert np.polyfit(z, x, 1)[0] == pytest.approx(-np.tan(10e-3), rel=0.02)
    plain = build(*FLAT, thickness=60.0)
    assert np.abs(found.columns.y[one] - plain.columns.y).min() < 0.1


def test_a_film_off_its_zone_axis_leans_alone():
    found = build(FLAT[0], Layer(material="LaFeO3", lean=(-90.0, 30.0)), thickness=200.0)
    places, one = found.atoms.positions, found.columns
    for middle, lean in ((17.0, (0.0, 0.0)), (58.0, (-90e-3, 30e-3))):
        chosen = int(np.argmin(np.abs(one.y - middle) + np.abs(one.x - 40.0) + 99.0 * (one.kind != 1)))
        x, y, z = places[found.column_of == chosen].T
        assert np.polyfit(z, y, 1)[0] == pytest.approx(np.tan(lean[0]), abs=1e-3)
        assert np.polyfit(z, x, 1)[0] == pytest.approx(np.tan(lean[1]), abs=1e-3)
    film = places[found.layer_of == 1]
    for low in (0.0, 180.0):  # it is as high at both faces of the sample; rejects a room without what leans in
        slab = film[(film[:, 2] >= low) & (film[:, 2] < low + 20.0)]
        assert slab[:, 1].min() < 37.5
        assert len(slab) == pytest.approx(0.082 * 45.0 * found.box[1] * 20.0, rel=0.1)


def test_a_wedge_thins_the_sample_towards_one_side():
    found = build(*FLAT, wedge=(0.3, 0.0), thickness=40.0)
    _, y, z = found.atoms.positions.T
    for low in (0.0, 36.0, 72.0):
        here = (y >= low) & (y < low + 8.0)
        assert z[here].max() == pytest.approx(40.0 + 0.3 * (low + 4.0 - 40.0), abs=2.5)
    assert found.parameters["periodic"]
    assert not build(*FLAT, wedge=(0.0, 0.3)).parameters["periodic"]
    np.testing.assert_allclose(found.columns.occupancy, 1.0)  # rejects sites that are counted beyond the wedge


def test_drops_lie_on_the_faces_of_the_sample():
    found = build(*FLAT, contamination=Contamination(spots=12, diameter=20.0, height=10.0))
    drops = found.atoms.positions[found.layer_of == -1]
    crystal = found.atoms.positions[found.layer_of >= 0]
    low, high = crystal[:, 2].min(), crystal[:, 2].max()
    assert ((drops[:, 2] < low + 0.1) | (drops[:, 2] > high - 2.0)).all()
    assert (drops[:, 2] < low).any()
    assert (drops[:, 2] > high).any()
    assert found.parameters["entrance"] == max(one["height"] for one in found.parameters["drops"] if one["entrance"])
    assert len(found.parameters["drops"]) == 12


def test_all_atoms_are_in_the_box():
    found = build(*FLAT, tilt=(30.0, 30.0), wedge=(0.1, 0.1), contamination=Contamination(spots=5))
    assert (found.atoms.positions >= 0.0).all()
    assert (found.atoms.positions <= found.atoms.cell.lengths()).all()
    assert found.box == pytest.approx(tuple(found.atoms.cell.lengths()[[1, 0, 2]]))
    assert len(found.atoms) == len(found.layer_of) == len(found.column_of) == found.parameters["atoms"]


def test_stacks_without_a_lattice_or_without_room_for_the_last_layer():
    nothing = build(Layer(material="vacuum"))
    assert (len(nothing.atoms), len(nothing.columns)) == (0, 0)
    carbon = build(Layer(material="a-C"), thickness=12.0)
    assert len(carbon.columns) == 0
    assert len(carbon.atoms) / np.prod(carbon.box) == pytest.approx(0.1003, rel=0.06)  # 2 g/cm³
    # half a cell more than was asked for leaves nothing to the last layer
    full = build(
        Layer(material="SrTiO3", thickness=40.0), Layer(material="MoO3", thickness=38.5), Layer(material="a-C")
    )
    assert full.parameters["layers"][1]["top"] > FIELD[0]
    assert full.material_at(79.9, 5.0) == 1
    assert (full.layer_of < 2).all()


# seeds


def test_same_seed_same_bytes_and_other_seed_other_ones():
    stack = Stack(
        field=(60.0, 60.0),
        thickness=20.0,
        layers=(
            Layer(material="La:SrTiO3", thickness=20.0, face=Roughness(rms=3.0)),
            Layer(material="LaFeO3", thickness=20.0, grain_boundaries=2),
            Layer(material="Pt/C"),
        ),
        contamination=Contamination(spots=2),
    )
    first, again, other = (build_interface(stack, seed=seed) for seed in (5, 5, 6))
    assert first.atoms.positions.tobytes() == again.atoms.positions.tobytes()
    assert first.atoms.numbers.tobytes() == again.atoms.numbers.tobytes()
    assert first.parameters == again.parameters
    assert first.columns.x.tobytes() == again.columns.x.tobytes()
    assert first.parameters["boundaries"] != other.parameters["boundaries"]
    with pytest.raises(PassbandError, match="seed=-1 must not be negative"):
        build_interface(stack, seed=-1)
