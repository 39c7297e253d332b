"""The incoherent model: single atoms against multislice, deposits between pixels, layers, refusals."""

import numpy as np
import pytest
import torch
from ase import Atoms

from passband.microscope.aberrations import Aberrations
from passband.microscope.scanning.absorption import Absorption
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Columns, Incoherent, columns_of, incoherent_series
from passband.microscope.scanning.cross_sections import cross_section
from passband.microscope.scanning.detected_beams import Multislice
from passband.microscope.scanning.image import images_of_columns, scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.recipe import PassbandError

LENS = Aberrations(C10=-60.0, C12=20.0, phi12=0.5, C21=400.0, phi21=1.0)
HAADF = Detectors(annuli={"HAADF": Annulus(inner=60e-3, outer=180e-3)})
SIDES = (24.0, 30.0)


def scan(**values):
    probe = Probe(energy=200e3, semi_angle=25e-3, aberrations=LENS)
    return Scan(**{"probe": probe, "detectors": HAADF, "shape": (48, 60), "pixel_size": 0.5} | values)


def columns(places, numbers, atoms=None, layers=None, depths=(0.0,)):
    count = len(numbers)
    return Columns(
        np.array(places, dtype=np.float64).reshape(-1, 2),
        np.array(numbers, dtype=np.int64),
        np.ones(count) if atoms is None else np.array(atoms),
        np.zeros(count, dtype=np.int64) if layers is None else np.array(layers),
        np.array(depths),
        SIDES,
    )


@pytest.mark.parametrize(
    ("number", "energy", "lens", "tolerance"),
    [
        (38, 200e3, Aberrations(), 0.01),
        (38, 200e3, LENS, 0.03),  # the object is not the same for all pairs of beams; a mirrored probe errs by 22 %
        (6, 80e3, Aberrations(), 0.03),
        (74, 200e3, Aberrations(), 0.03),  # 11 % with atoms as points
    ],
)
def test_single_atom_is_that_of_multislice(number, energy, lens, tolerance):
    atom = Atoms([number], [[5.03, 5.21, 0.0]], cell=[10.0, 10.0, 2.0])
    probe = Probe(energy=energy, semi_angle=25e-3, aberrations=lens)
    one = scan(probe=probe, shape=(12, 12), pixel_size=0.3, origin=(3.5, 3.4))
    expected = scan_image(atom, one, model=Multislice())
    found = scan_image(atom, one, model=Incoherent())
    assert float((found - expected).abs().max()) < tolerance * float(expected.max())


def test_image_adds_up_to_the_cross_sections():
    fine = scan(shape=(120, 150), pixel_size=0.2)
    found = images_of_columns(columns([[3.0, 4.0], [20.1, 11.3]], [38, 8], atoms=[3.0, 0.5]), fine)
    weights = [cross_section(number, scan().probe, HAADF.annuli["HAADF"]) for number in (38, 8)]
    expected = 3.0 * weights[0] + 0.5 * weights[1]
    assert float(found.double().mean()) * SIDES[0] * SIDES[1] == pytest.approx(expected, rel=1e-4)


def test_columns_between_pixels_are_exact():
    # an atom a third of a pixel away has its image there: rejects deposits on the nearest pixel and bilinear ones
    still = images_of_columns(columns([[6.0, 9.0]], [38]), scan())
    moved = images_of_columns(columns([[6.17, 8.77]], [38]), scan(origin=(-0.23, 0.17)))
    assert float((still - moved).abs().max()) < 1e-4 * float(still.max())


def test_positions_that_divide_the_cell_agree_with_those_one_by_one():
    atoms = columns([[6.1, 9.0], [8.0, 2.0]], [38, 8])
    fine = {"shape": (120, 150), "pixel_size": 0.2}
    whole = images_of_columns(atoms, scan(**fine))  # by a Fourier transform, for the pixels hold the band
    part = images_of_columns(atoms, scan(shape=(7, 9), pixel_size=1.0, origin=(2.0, 3.0)))
    torch.testing.assert_close(part, whole[:, 10:45:5, 15:60:5], rtol=1e-4, atol=1e-8)
    moved = images_of_columns(atoms, scan(**fine, origin=(0.4, -0.2)))
    torch.testing.assert_close(moved, whole.roll((-2, 1), (1, 2)), rtol=1e-4, atol=1e-8)


def test_vibration_is_a_gaussian_of_positions():
    rng = np.random.default_rng(2)
    places = 9.0 + 0.2 * rng.standard_normal((20000, 2))
    cloud = images_of_columns(columns(places, [38] * 20000, atoms=np.full(20000, 1 / 20000)), scan())
    blurred = images_of_columns(columns([[9.0, 9.0]], [38]), scan(), displacement={"Sr": 0.2})
    assert float((cloud - blurred).abs().max()) < 0.01 * float(blurred.max())
    sharp = images_of_columns(columns([[9.0, 9.0]], [38]), scan())
    assert float(blurred.max()) < 0.95 * float(sharp.max())


def test_source_blurs_by_its_full_width():
    probes = [scan().probe.model_copy(update={"source_size": size}) for size in (0.0, 0.8)]
    fine = [scan(probe=probe, shape=(120, 150), pixel_size=0.2) for probe in probes]
    sharp, wide = (torch.fft.rfft(images_of_columns(columns([[15, 12]], [38]), one)[0].sum(0)) for one in fine)
    q = torch.arange(20) / SIDES[1]
    expected = torch.exp(-2.0 * (np.pi * q * 0.8 / 2.3548) ** 2)
    torch.testing.assert_close((wide / sharp).real[:20], expected, rtol=1e-3, atol=1e-4)


def test_atoms_above_one_another_are_one_column():
    atoms = Atoms("SrSrOTi", [[1, 2, 0], [1, 2, 4], [1, 2, 2], [29.9999, 2, 0]], cell=[30.0, 24.0, 6.0])
    found = columns_of(atoms, Incoherent())
    assert sorted(zip(found.numbers.tolist(), found.atoms.tolist(), strict=True)) == [(8, 1.0), (22, 1.0), (38, 2.0)]
    law = Absorption(coefficients={"Sr": 0.01, "O": 0.0, "Ti": 0.0}, thickest=10.0)
    absorbed = columns_of(atoms, Incoherent(absorption=law))
    assert float(absorbed.atoms[absorbed.numbers == 38][0]) == pytest.approx(1.0 + np.exp(-0.04))


def test_layers_see_the_probe_at_their_depth():
    # an atom 100 Å deep is in focus with C10 = −100 Å, and out of it with the probe of the entrance face
    atoms = Atoms("SrSr", [[9, 9, 1], [20, 9, 101]], cell=[30.0, 24.0, 110.0])
    law = Absorption(coefficients=0.0, thickest=200.0)
    probe = Probe(energy=200e3, semi_angle=25e-3, aberrations=Aberrations(C10=-101.0))
    found = scan_image(atoms, scan(probe=probe), model=Incoherent(absorption=law, depth_step=2.0))
    focused = images_of_columns(
        columns([[20.0, 9.0]], [38]), scan(probe=probe.model_copy(update={"aberrations": Aberrations()}))
    )
    assert float(found[0, 18, 40]) == pytest.approx(float(focused.max()), rel=0.01)
    assert float(found[0, 18, 18]) < 0.7 * float(found[0, 18, 40])
    flat = scan_image(atoms, scan(probe=probe), model=Incoherent(absorption=law))
    assert float(flat[0, 18, 40]) == pytest.approx(float(flat[0, 18, 18]), rel=1e-3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Incoherent(), "is 30 Å thick and the linear model holds to 10 Å; give an absorption"),
        (Incoherent(absorption=Absorption(coefficients=0.0, thickest=25.0)), "from 0 to 25 Å; fit it"),
        (Incoherent(absorption=Absorption(coefficients=0.0, thinnest=35.0, thickest=50.0)), "from 35 to 50 Å"),
    ],
)
def test_specimens_beyond_the_fitted_thickness_are_refused(model, message):
    atoms = Atoms("SrSr", [[1, 2, 10], [1, 2, 40]], cell=[30.0, 24.0, 50.0])
    with pytest.raises(PassbandError, match=message):
        columns_of(atoms, model)


def test_bright_field_and_wide_probes_are_refused():
    with pytest.raises(PassbandError, match="lies in the disc of the beam"):
        incoherent_series(columns([[1, 1]], [38]), scan().probe, Detectors.usual(25e-3))
    wide = scan().probe.model_copy(update={"aberrations": Aberrations(C10=-1500.0)})
    with pytest.raises(PassbandError, match="of the probe lies beyond 12 Å"):
        incoherent_series(columns([[1, 1]], [38]), wide, HAADF)


def test_no_atoms_give_no_signal():
    assert float(scan_image(Atoms(cell=[30.0, 24.0, 5.0]), scan(), model=Incoherent()).abs().max()) == 0.0


def test_inputs_are_left_alone_and_bytes_are_the_same_again():
    atoms = columns([[6.1, 9.0], [8.0, 2.0]], [38, 8])
    before = [array.copy() for array in atoms[:5]]
    first, second = (images_of_columns(atoms, scan()) for _ in range(2))
    assert torch.equal(first, second)
    assert all(np.array_equal(one, other) for one, other in zip(before, atoms[:5], strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_images_of_a_gpu_are_those_of_the_cpu():
    atoms = columns([[6.1, 9.0], [8.0, 2.0]], [38, 8])
    found = images_of_columns(atoms, scan(), device="cuda")
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), images_of_columns(atoms, scan()), rtol=1e-4, atol=1e-8)
