"""CIF files of every kind: the right cell, or one line that says what is missing. All files are made here."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, equivalent_planes, nearest_distance, read_cif, unit_cell

SILICON = (5.43, 5.43, 5.43, 90, 90, 90)
GOLD = (4.078, 4.078, 4.078, 90, 90, 90)
WURTZITE = (4.3, 4.3, 7.0, 90, 90, 120)
MONOCLINIC = (5.0, 6.0, 7.0, 90, 100, 90)
CENTRED = ("x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+1/2,z")
CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")

Write = Callable[..., Path]


def cif(
    *sites: str,
    cell: tuple[object, ...] = GOLD,
    columns: str = "label type_symbol fract_x fract_y fract_z",
    operations: tuple[str, ...] = (),
    **said: object,
) -> str:
    """Text of a CIF; `said` are hm, hall, number, choice."""
    names = {
        "hm": "_symmetry_space_group_name_H-M",
        "hm_alt": "_space_group_name_H-M_alt",
        "hall": "_space_group_name_Hall",
        "number": "_space_group_IT_number",
        "choice": "_space_group_IT_coordinate_system_code",
    }
    lines = ["data_x", *(f"_cell_{part} {value}" for part, value in zip(CELL, cell, strict=True))]
    lines += [f"{names[key]} '{value}'" for key, value in said.items()]
    if operations:
        lines += ["loop_", "_space_group_symop_operation_xyz", *(f"'{one}'" for one in operations)]
    lines += ["loop_", *(f"_atom_site_{column}" for column in columns.split()), *sites]
    return "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(text: str | bytes) -> Path:
        path = tmp_path / "made.cif"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return call


AT_ORIGIN, AT_EIGHTH = "Si1 Si 0 0 0", "Si1 Si 0.125 0.125 0.125"


@pytest.mark.parametrize(
    ("said", "site"),
    [
        ({"hm": "F d -3 m :1"}, AT_ORIGIN),
        ({"hm": "F d -3 m S"}, AT_ORIGIN),
        ({"hm": "F D -3 M S"}, AT_ORIGIN),
        ({"hm": "F d -3 m :2"}, AT_EIGHTH),
        ({"hm": "F d -3 m:2", "number": 227}, AT_EIGHTH),
        ({"hm": "F d -3 m Z", "number": 227}, AT_EIGHTH),
        ({"hm": "Fd-3mZ"}, AT_EIGHTH),
        ({"hm": "F d -3 m O2"}, AT_EIGHTH),
        ({"hm": "F d -3 m (origin choice 2)"}, AT_EIGHTH),
        ({"hm": "F d -3 m", "choice": "2"}, AT_EIGHTH),
        ({"hm": "F d -3 m", "hall": "-F 4vw 2vw 3"}, AT_EIGHTH),
        ({"hall": "F 4d 2 3 -1d"}, AT_ORIGIN),
        ({"hm": "F d -3 m", "hm_alt": "F d -3 m :2"}, AT_EIGHTH),
    ],
)
def test_origin_choices_are_those_of_the_file(write: Write, said: dict[str, object], site: str) -> None:
    # the other origin gives 16 atoms, 1.92 Å apart
    material = read_cif(write(cif(site, cell=SILICON, **said)))
    assert unit_cell(material).get_chemical_formula() == "Si8"
    assert nearest_distance(material) == pytest.approx(5.43 * 3**0.5 / 4)


@pytest.mark.parametrize("said", [{"hm": "F d -3 m"}, {"number": 227}, {"hm": "F d 3 m", "number": 227}])
def test_an_origin_that_is_not_said_is_not_guessed(write: Write, said: dict[str, object]) -> None:
    with pytest.raises(PassbandError, match=r"has 2 settings \(F d -3 m:1, F d -3 m:2\) .* write one of these symbols"):
        read_cif(write(cif(AT_EIGHTH, cell=SILICON, **said)))


@pytest.mark.parametrize(
    ("said", "cell", "atoms"),
    [
        ({"hm": "R -3 m :H"}, (4, 4, 11, 90, 90, 120), 3),
        ({"hm": "R -3 m H"}, (4, 4, 11, 90, 90, 120), 3),
        ({"hm": "R -3 m", "number": 166}, (4, 4, 11, 90, 90, 120), 3),
        ({"number": 166}, (4, 4, 4, 57, 57, 57), 1),
        ({"hm": "R -3 m :R"}, (4, 4, 4, 57, 57, 57), 1),
    ],
)
def test_rhombohedral_cells_are_told_by_their_shape(
    write: Write, said: dict[str, object], cell: tuple[float, ...], atoms: int
) -> None:
    assert len(unit_cell(read_cif(write(cif("Bi1 Bi 0 0 0", cell=cell, **said))))) == atoms


def test_axes_are_those_of_the_symbol(write: Write) -> None:
    # glides (x, ½−y, ½+z) and (½+x, ½−y, ½+z)
    found = {}
    for symbol in ("P 1 21/c 1", "P 1 21/n 1", "P 21/c"):
        cell = unit_cell(read_cif(write(cif("Au1 Au 0.1 0.2 0.3", cell=MONOCLINIC, hm=symbol, number=14))))
        found[symbol] = {tuple(place) for place in (np.rint(cell.get_scaled_positions() * 1e3).astype(int) % 1000)}
    assert found["P 1 21/c 1"] == {(100, 200, 300), (900, 700, 200), (900, 800, 700), (100, 300, 800)}
    assert found["P 1 21/n 1"] == {(100, 200, 300), (400, 700, 200), (900, 800, 700), (600, 300, 800)}
    assert found["P 21/c"] == found["P 1 21/c 1"]


def test_a_setting_that_ase_lacks_keeps_its_symmetry(write: Write) -> None:
    # CaTiO3 after Sasaki, Prewitt, Bass & Schulze, Acta Cryst. C 43 (1987) 1668, in Pbnm
    sites = ("Ca1 Ca -0.0067 0.0359 0.25", "Ti1 Ti 0 0.5 0", "O1 O 0.0714 0.4838 0.25", "O2 O 0.7108 0.2888 0.0371")
    material = read_cif(write(cif(*sites, cell=(5.3789, 5.4361, 7.6388, 90, 90, 90), hm="P b n m")))
    cell = unit_cell(material)
    assert (cell.get_chemical_formula(), material.spacegroup, len(material.symbols)) == ("Ca4O12Ti4", 62, 4)
    distances = cell.get_all_distances(mic=True)[cell.numbers == 22][:, cell.numbers == 8]
    assert ((distances > 1.93) & (distances < 1.98)).sum(axis=1).tolist() == [6] * 4  # octahedra
    assert Crystal.model_validate_json(material.model_dump_json()) == material
    assert len(equivalent_planes(material, (1, 1, 0))) == 4
    assert len(equivalent_planes(material, (1, 1, 1))) == 8


@pytest.mark.parametrize(
    ("number", "setting", "hall"), [(186, 1, "P 6c -2c"), (227, 2, "-F 4vw 2vw 3"), (14, 1, "-P 2ybc")]
)
def test_hall_symbols_build_what_the_numbers_build(number: int, setting: int, hall: str) -> None:
    shapes = {186: WURTZITE, 227: SILICON, 14: MONOCLINIC}
    given = {
        "name": "x",
        "spacegroup": number,
        "cell": shapes[number],
        "symbols": ("Au",),
        "basis": ((0.11, 0.3, 0.42),),
    }
    ours, theirs = (unit_cell(Crystal(**given, setting=one)).get_scaled_positions() for one in (hall, setting))
    offsets = ours[:, None] - theirs[None]
    assert ours.shape == theirs.shape
    assert (np.abs(offsets - np.rint(offsets)).max(-1).min(1) < 1e-9).all()


@pytest.mark.parametrize(
    ("hall", "message"), [("P 2yb", "is no setting of space group 225"), ("nonsense", "is no Hall symbol")]
)
def test_hall_symbols_are_checked(hall: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Crystal(name="x", spacegroup=225, setting=hall, cell=GOLD, symbols=("Au",), basis=((0, 0, 0),))


def test_coinciding_sites_under_a_hall_symbol_are_refused() -> None:
    twice = Crystal(
        name="x", spacegroup=225, setting="-F 4 2 3", cell=GOLD, symbols=("Au", "Cu"), basis=((0, 0, 0), (0, 0.5, 0.5))
    )
    with pytest.raises(PassbandError, match="check spacegroup, setting and basis"):
        unit_cell(twice)


def test_operations_alone_are_enough(write: Write) -> None:
    material = read_cif(write(cif("Au1 Au 0 0 0", operations=CENTRED)))
    assert unit_cell(material).get_chemical_formula() == "Au4"
    assert nearest_distance(material) == pytest.approx(4.078 / 2**0.5)


def test_operations_with_an_origin_that_no_table_has(write: Write) -> None:
    # inversion at (⅛, 0, 0): no symbol says it, so that all atoms are listed
    operations = ("x,y,z", "-x+1/4,-y,-z")
    material = read_cif(write(cif("Au1 Au 0 0.1 0.2", cell=(4, 5, 6, 80, 85, 95), hm="P -1", operations=operations)))
    assert (material.spacegroup, len(material.symbols)) == (1, 2)
    np.testing.assert_allclose(unit_cell(material).get_scaled_positions(), [[0, 0.1, 0.2], [0.25, 0.9, 0.8]])


@pytest.mark.parametrize("coordinate", ["0.333", "0.33", "0.3333(5)", "0.33333333"])
def test_rounded_special_positions_are_one_atom_at_their_place(write: Write, coordinate: str) -> None:
    second = f"{1 - float(coordinate[:6].rstrip('(')):.4f}"
    sites = f"Cd1 Cd2+ {coordinate} {second} 0", f"Se1 Se2- {coordinate} {second} 0.376"
    cell = unit_cell(read_cif(write(cif(*sites, cell=WURTZITE, hm="P 63 m c"))))
    assert cell.get_chemical_formula() == "Cd2Se2"
    assert np.sort(cell.get_scaled_positions()[:, 0]) == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("symbol", "element"),
    [
        ("Cd2+", "Cd"),
        ("Cd+2", "Cd"),
        ("O2-", "O"),
        ("O1-", "O"),
        ("D", "H"),
        ("CU", "Cu"),
        ("Fe3", "Fe"),
        ("Au0", "Au"),
    ],
)
def test_charges_and_isotopes(write: Write, symbol: str, element: str) -> None:
    assert read_cif(write(cif(f"A1 {symbol} 0 0 0", hm="F m -3 m"))).symbols == (element,)


@pytest.mark.parametrize(
    ("label", "element"), [("Au1", "Au"), ("au1", "Au"), ("AU1", "Au"), ("O1W", "O"), ("Si(1)", "Si"), ("OW", "O")]
)
def test_without_types_the_label_tells(write: Write, label: str, element: str) -> None:
    path = write(cif(f"{label} 0 0 0", columns="label fract_x fract_y fract_z", hm="F m -3 m"))
    assert read_cif(path).symbols == (element,)


@pytest.mark.parametrize("label", ["CD1", "HO1", "Wat1", "X1", "1", "Au,Ag", "Au/Ag1", "Au0.5Ag0.5"])
def test_labels_that_leave_a_doubt_are_refused(write: Write, label: str) -> None:
    path = write(cif(f"'{label}' 0 0 0", columns="label fract_x fract_y fract_z", hm="F m -3 m"))
    with pytest.raises(PassbandError, match=r"add _atom_site_type_symbol|give an ordered structure"):
        read_cif(path)


@pytest.mark.parametrize("symbol", ["'0.75Au + 0.25Ag'", "Au,Ag", "X", "Wat", "OH", "CN", "Vac", "AuAg"])
def test_types_that_are_no_element_are_refused(write: Write, symbol: str) -> None:
    with pytest.raises(PassbandError, match=r"give an ordered structure|not an element; correct it"):
        read_cif(write(cif(f"A1 {symbol} 0 0 0", hm="F m -3 m")))


@pytest.mark.parametrize("occupancy", ["?", ".", "1", "1.000(5)", "0.9999"])
def test_full_sites(write: Write, occupancy: str) -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    assert len(unit_cell(read_cif(write(cif(f"Au1 Au 0 0 0 {occupancy}", columns=columns, hm="F m -3 m"))))) == 4


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("occupancy", "0.5(1)", r"\(occupancy 0.5\(1\)\) is partly occupied; give an ordered structure"),
        ("occupancy", "0.99", "is partly occupied"),
        ("occupancy", "2", "is partly occupied"),
        ("occupancy", "full", "occupancy of site Au1 is 'full'; give a number"),
        ("disorder_group", "1", r"is disordered \(group 1\)"),
        ("disorder_group", "-1", r"is disordered \(group -1\)"),
        ("attached_hydrogens", "2", "has hydrogens without places"),
    ],
)
def test_sites_that_are_no_plain_atoms_are_refused(write: Write, column: str, value: str, message: str) -> None:
    columns = f"label type_symbol fract_x fract_y fract_z {column}"
    with pytest.raises(PassbandError, match=message):
        read_cif(write(cif(f"Au1 Au 0 0 0 {value}", columns=columns, hm="F m -3 m")))


def test_dummy_points_are_no_atoms(write: Write) -> None:
    columns = "label type_symbol fract_x fract_y fract_z calc_flag"
    sites = "Au1 Au 0 0 0 d", "Cg1 ? ? ? ? dum"
    assert read_cif(write(cif(*sites, columns=columns, hm="F m -3 m"))).symbols == ("Au",)


TEXT = cif("Au1 Au 0 0 0", cell=("4.078(2)", "4.078(2)", "4.078(2)", "90.0(1)", 90, 90), hm="F m -3 m")


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        b"# M\xfcller\n" + TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("_atom_site_", "_atom_site.").replace("_cell_", "_cell.").encode(),
        TEXT.replace("_atom_site_fract", "_Atom_Site_FRACT").replace("data_x", "DATA_x").encode(),
        TEXT.replace("loop_", "_note\n;\nit's _cell_length_a 3\nloop_\n;\n_other 'it's'\nloop_", 1).encode(),
        TEXT.replace("loop_", "_note\n;\n_cell_length_a 3\n;\nloop_", 1).replace("\n", "\r").encode(),
        "".join(line for line in TEXT.splitlines(keepends=True) if "angle" not in line).encode(),  # 90° is the default
        TEXT.replace("'F m -3 m'", '"F m -3 m"').encode(),
        (TEXT + "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\nAu1 0.01(2)\n").encode(),
        ("data_global\n_journal_year 1963\n" + TEXT).encode(),
    ],
)
def test_spellings_of_one_file(write: Write, raw: bytes) -> None:
    material = read_cif(write(raw))
    assert unit_cell(material).get_chemical_formula() == "Au4"
    assert material.cell == (4.078, 4.078, 4.078, 90.0, 90.0, 90.0)


def test_one_of_several_structures_is_chosen_by_name(write: Write) -> None:
    path = write(cif(AT_EIGHTH, cell=SILICON, hm="F d -3 m Z") + TEXT.replace("data_x", "data_gold"))
    with pytest.raises(PassbandError, match=r"holds 2 structures \(x, gold\); name one as `block`"):
        read_cif(path)
    assert read_cif(path, block="gold").symbols == ("Au",)
    with pytest.raises(PassbandError, match="has no structure 'silver'; it holds: x, gold"):
        read_cif(path, block="silver")


GOLD_SITE = "Au1 Au 0 0 0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (cif(GOLD_SITE), "the symmetry is not said; give _space_group_symop_operation_xyz, or 'P 1'"),
        (cif(GOLD_SITE, hm="?", number="."), "the symmetry is not said"),
        (cif(GOLD_SITE, hm="Q m -3 m"), "space group 'Q m -3 m' is not known; give _space_group_symop"),
        (cif(GOLD_SITE, number=231), "space group 231 is not known"),
        (cif(GOLD_SITE, hall="X 4"), "'X 4' is no Hall symbol"),
        (cif(GOLD_SITE, hm="F m -3 m :2"), "has no setting '2'"),
        (cif(GOLD_SITE, hm="F m -3 m", number=227), "'F m -3 m' and space group 227 are not the same"),
        (cif(GOLD_SITE, hm="F m -3 m", hm_alt="I m -3 m"), "are not the same; remove the wrong one"),
        (cif(GOLD_SITE, hm="F m -3 m", operations=("x,y,z",)), r"not that of the operations or Hall symbol \(P 1\)"),
        (cif(GOLD_SITE, number=225, operations=CENTRED), "space group 225 is not that of the operations"),
        (cif(AT_EIGHTH, cell=SILICON, hm="F d -3 m :1", hall="-F 4vw 2vw 3"), r"not that .* \(F d -3 m:2\)"),
        (cif(GOLD_SITE, hall="-F 4 2 3", operations=CENTRED), "are different space groups or settings"),
        (cif(GOLD_SITE, hm="P -4 3 m", operations=("x,y,z", "-x+1/4,-y,-z")), "not that of the operations"),
        (cif(GOLD_SITE, cell=MONOCLINIC, number=14), r"space group 14 has 3 settings \(P 1 21/c 1, P 1 21/n 1"),
        (cif(GOLD_SITE, cell=(5, 6, 7, 90, 90, 90), number=62), "space group 62 has 6 settings"),
        (cif(GOLD_SITE, cell=(4, 4, 4.5, 90, 90, 90), hm="F m -3 m"), "the cell 4 4 4.5 90 90 90 does not have"),
        (cif(GOLD_SITE, cell=(4, 4, 4, 57, 57, 57), hm="R -3 m :H"), "does not have the symmetry of the space group"),
        (cif(GOLD_SITE, operations=("x,y,z", "-y,x,z")), "the 2 symmetry operations are no group"),
        (cif(GOLD_SITE, operations=("x,y,z", "x+y,y,z")), "the 2 symmetry operations are no group"),
        (cif(GOLD_SITE, operations=("x,y,z", "x/2,y,z")), "the 2 symmetry operations are no group"),
        (cif(GOLD_SITE, operations=("x,y,z", "x,y")), "a symmetry operation cannot be read"),
        (cif(GOLD_SITE, hm="P 1").replace("_cell_length_b 4.078\n", ""), "_cell_length_b is missing"),
        (cif(GOLD_SITE, cell=(4, 4, "?", 90, 90, 90), hm="P 1"), "_cell_length_c is missing"),
        (cif(GOLD_SITE, cell=(4, 4, 4, 30, 30, 150), hm="P 1"), "encloses no volume"),
        (cif(GOLD_SITE, cell=(0, 4, 4, 90, 90, 90), hm="P 1"), "give a, b, c in Å > 0"),
        (cif(GOLD_SITE, cell=(4, 4, "nan", 90, 90, 90), hm="P 1"), "_cell_length_c is 'nan'; give a number"),
        (cif(GOLD_SITE, cell=(0.4078,) * 3 + (90, 90, 90), hm="F m -3 m"), "two atoms are 0.29 Å apart"),
        (cif(GOLD_SITE, "Au2 Au 0.1 0 0", hm="P 1"), "two atoms are 0.41 Å apart; list each atom once"),
        (cif(GOLD_SITE, "Cu1 Cu 0 0 0", hm="P 1"), "check spacegroup, setting and basis"),
        (cif("Au1 Au ? 0 0", hm="P 1"), "a coordinate of site Au1 is missing"),
        (cif("Au1 Au 1e300 0 0", hm="P 1"), "a coordinate of site Au1 is '1e300'"),
        (cif("Au1 Au 0.03 0 0", hm="F m -3 m"), "site Au1: it lies beside a special position"),
        (cif(GOLD_SITE, hm="P 1", columns="label type_symbol Cartn_x Cartn_y Cartn_z"), "write fractional coordinates"),
        (cif(*[f"Au{k} Au 0 0 {k / 20001}" for k in range(20001)], hm="P 1"), "20001 sites × 1 operations"),
        (cif("Cg1 Au 0 0 0 dum", columns="label type_symbol fract_x fract_y fract_z calc_flag", hm="P 1"), "0 symbols"),
        ("data_x\n_a 'open\n", "cannot be read as CIF"),
        ("data_x\n\0", r"cannot be read as CIF \(it is not text\)"),
        (TEXT + TEXT, "cannot be read as CIF .*duplicate"),
    ],
)  # fmt: skip
def test_what_is_not_said_or_contradictory_is_one_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(PassbandError, match=message) as raised:
        read_cif(write(text))
    assert "\n" not in str(raised.value)
    assert "made.cif" in str(raised.value)


def test_files_of_other_kinds_are_refused_without_reading_them(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.cif"
    os.mkfifo(pipe)
    large = tmp_path / "large.cif"
    large.touch()
    os.truncate(large, 20_000_000_000)  # sparse
    for path, message in ((pipe, "not a regular file"), (tmp_path, "not a regular file"), (large, "more than 16 MB")):
        with pytest.raises(PassbandError, match=message):
            read_cif(path)


def test_many_atoms_are_built_at_once(write: Write) -> None:
    # 19,600 sites take ASE's builder minutes; they become a crystal by way of the Hall symbol
    sites = [f"Au{k} Au {k % 27}.0e-2 {k // 27 % 27}.0e-2 {k // 729}.0e-2" for k in range(0, 19600, 5)]
    material = read_cif(write(cif(*sites, cell=(300, 300, 300, 90, 90, 90), hm="P 1")))
    assert material.setting == "P 1"
    assert len(unit_cell(material)) == len(sites)


@pytest.mark.parametrize("blanks", [100, 5000])
def test_a_long_name_of_a_space_group_costs_no_time(blanks: int) -> None:
    """The pattern takes the cube of the length: minutes for thousands of blanks."""
    from passband.specimen.space_group import _of_symbol

    assert _of_symbol("P" + " " * blanks + "y") == []
