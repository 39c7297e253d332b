"""Tables, structures and reports of columns, read back."""

import csv
import json

import numpy as np
import pytest
from ase.io import read
from tests.description.sheets import columns_at, lattice_points

from passband.description.atom_files import COLUMNS, atom_files, lattice_report, write_columns, write_extended_xyz
from passband.description.sublattices import name_sublattices


def test_the_table_has_its_columns_and_values(tmp_path):
    columns = columns_at([[4.0, 7.0], [1.25, 2.5]], classes=("Sr", "Ti"), label=[1, 0])
    files = write_columns(columns, tmp_path / "a", stem="img")
    assert files == atom_files(tmp_path / "a", "img")
    assert files["table"].name == "img.atoms.csv"
    assert files["table"].read_text().splitlines()[0] == "x_px,y_px,x_A,y_A,class,height,sigma_A,confidence"
    first, second = csv.DictReader(files["table"].read_text().splitlines())
    assert [float(first[name]) for name in COLUMNS if name != "class"] == [20.0, 70.0, 4.0, 7.0, 5.0, 0.5, 0.9]
    assert (first["class"], second["class"]) == ("Ti", "Sr")


def test_no_columns_make_a_header_and_an_empty_report(tmp_path):
    files = write_columns(columns_at(np.empty((0, 2))), tmp_path, stem="none")
    assert files["table"].read_text() == ",".join(COLUMNS) + "\n"
    nothing = {"columns": 0, "spacing_A": None, "lattice": None, "sites": [], "grains": []}
    assert json.loads(files["lattice"].read_text()) == nothing
    assert len(read(files["structure"], format="extxyz")) == 0


def test_structures_are_read_back_by_ase(tmp_path):
    one = columns_at([[4.0, 7.0], [1.0, 2.0]], classes=("Mo", "2 S"), label=[0, 1])
    write_extended_xyz(tmp_path / "movie.xyz", [one, one.chosen(np.array([1]))], identities=[[3, 8], [8]])
    first, second = read(tmp_path / "movie.xyz", index=":", format="extxyz")
    assert first.get_chemical_symbols() == ["Mo", "X"]
    assert first.positions == pytest.approx(np.array([[4.0, 7.0, 0.0], [1.0, 2.0, 0.0]]))
    assert first.cell.lengths()[:2] == pytest.approx([60.0, 50.0])
    assert first.arrays["class"].tolist() == ["Mo", "2_S"]
    assert second.arrays["identity"].tolist() == [8]
    assert second.arrays["confidence"] == pytest.approx([0.9])


def test_the_report_is_of_json_numbers_and_heights_tell_the_sites():
    places = lattice_points((3.905, 0.0), (0.0, 3.905), 10, basis=((0.0, 0.0), (1.9525, 1.9525)))
    heights = np.repeat([8.0, 3.0], 100) + np.random.default_rng(0).normal(0.0, 0.2, 200)
    report = json.loads(json.dumps(lattice_report(columns_at(places, height=heights)), allow_nan=False))
    assert report["columns"] == 200
    assert report["spacing_A"] == pytest.approx(2.761, abs=0.001)
    assert report["lattice"]["lengths_A"] == pytest.approx([3.905, 3.905])
    assert report["lattice"]["angle_deg"] == pytest.approx(90.0)
    assert sorted(site["columns"] for site in report["sites"]) == [100, 100]
    assert sorted(site["height"] for site in report["sites"]) == pytest.approx([3.0, 8.0], abs=0.1)
    assert [grain["vectors_A"] for grain in report["grains"]] == [report["lattice"]["vectors_A"]]
    named = lattice_report(name_sublattices(columns_at(places, height=heights)))
    assert {site["class"]: round(site["height"]) for site in named["sites"]} == {"A": 8, "B": 3}
