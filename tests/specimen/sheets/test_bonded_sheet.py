"""What hangs loose leaves a sheet."""

import numpy as np

from passband.specimen.sheets.bonded_sheet import BondedSheet


def test_an_atom_with_two_bonds_on_no_ring_leaves_and_ring_atoms_stay():
    turn = np.exp(1j * np.pi / 3.0 * np.arange(6))
    places = 1.42 * np.concatenate([-3.0 + turn, 3.0 - turn, [0.0]])  # two rings, and an atom that bridges them
    around = [[(k + 1) % 6, (k - 1) % 6] for k in range(6)]
    neighbours = around + [[6 + v for v in row] for row in around] + [[6, 0]]
    neighbours[0] = [12, 1, 5]
    neighbours[6] = [12, 7, 11]
    sheet = BondedSheet(np.column_stack([places.real, places.imag]), neighbours, None)
    assert sorted(len(walk) for walk in sheet.graph.faces.values()) == [6, 6, 16]
    sheet.trim()
    sheet.classify()
    assert sheet.present.tolist() == list(range(12))
    assert sheet.graph.neighbours[0] == [1, 5]
