"""HDF5 in the dialects of open EMD, Velox, HyperSpy and Gatan: the image is found, what lies beside it is named."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

IMAGE = np.random.default_rng(0).integers(0, 60000, (24, 31)).astype(np.uint16)
WAVE = np.exp(1j * np.random.default_rng(1).standard_normal((24, 31))).astype(np.complex64)
FFT = np.zeros((20, 11, 1), [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")])
Signal = tuple[str, NDArray[np.generic], str, float, str]


def _velox(path: Path, signals: Sequence[Signal], *, spectra: bool = False) -> None:
    """Each signal: key, pixels (y, x, n), detector, pixel size and its unit."""
    with h5py.File(path, "w") as file:
        for key, array, detector, size, unit in signals:
            meta = {"BinaryResult": {"PixelSize": {"width": str(size), "height": str(size)}, "PixelUnitX": unit,
                                     "PixelUnitY": unit, "Detector": detector}}  # fmt: skip
            file[f"Data/Image/{key}/Data"] = array
            raw = np.frombuffer(json.dumps(meta).encode().ljust(1000, b"\0"), np.uint8)
            file[f"Data/Image/{key}/Metadata"] = raw[:, None]
        if spectra:
            file["Data/SpectrumStream/aa/Data"] = np.zeros((50, 1), np.uint16)


CETA: Signal = ("1b", IMAGE[..., None], "BM-Ceta", 5e-11, "m")


@pytest.mark.parametrize(
    ("others", "note"),
    [
        ([("0a", FFT, "BM-Ceta", 5.2e5, "1/m")], "1 Fourier transform (FFT of BM-Ceta 20 × 11) not used"),
        ([("2c", FFT, "BM-Ceta", 5.2e5, "1/m")], "1 Fourier transform (FFT of BM-Ceta 20 × 11) not used"),
        ([("0a", WAVE[..., None], "BM-Ceta", 1.0, "1/m")], "1 Fourier transform (FFT of BM-Ceta 24 × 31) not used"),
        ([("0a", FFT, "HAADF", 1.0, "1/m"), ("2c", FFT, "BM-Ceta", 1.0, "1/m")],
         "2 Fourier transforms (FFT of HAADF 20 × 11, FFT of BM-Ceta 20 × 11) not used"),
        ([("0a", IMAGE[..., None], "CBED", 5.2e5, "1/m")], "1 diffraction pattern (CBED 24 × 31) not used"),
        ([("0a", IMAGE[:9, :9, None], "SuperXG2", 5e-11, "m")],
         "1 map computed from spectra (SuperXG2 9 × 9) not used"),
    ],
)  # fmt: skip
def test_what_lies_beside_the_image_of_a_velox_file_is_named(tmp_path: Path, others: list[Signal], note: str) -> None:
    _velox(tmp_path / "a.emd", [*others, CETA])
    micrograph = read_micrograph(tmp_path / "a.emd")
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    assert micrograph.pixel_size == pytest.approx((0.5, 0.5))
    assert f"BM-Ceta is the micrograph; {note}" in micrograph.provenance["notes"]
    assert inspect(tmp_path / "a.emd")["usable"]


def test_spectra_beside_an_image_are_named_and_alone_refused(tmp_path: Path) -> None:
    _velox(tmp_path / "both.emd", [CETA], spectra=True)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "both.emd").array, IMAGE)
    assert any("spectra (SpectrumStream" in note for note in inspect(tmp_path / "both.emd")["notes"])
    _velox(tmp_path / "alone.emd", [], spectra=True)
    with pytest.raises(FormatError, match="spectra, not an image"):
        read_micrograph(tmp_path / "alone.emd")
    assert "spectra, not an image" in inspect(tmp_path / "alone.emd")["reason"]


def test_a_transform_alone_is_refused(tmp_path: Path) -> None:
    _velox(tmp_path / "a.emd", [("0a", FFT, "BM-Ceta", 5.2e5, "1/m")])
    with pytest.raises(FormatError, match="complex array"):
        read_micrograph(tmp_path / "a.emd")
    assert not inspect(tmp_path / "a.emd")["usable"]


def test_frames_of_one_detector_get_numbers_and_share_a_pixel_size_only_if_they_have_the_same(tmp_path: Path) -> None:
    _velox(
        tmp_path / "a.emd", [("0", IMAGE[..., None], "HAADF", 1e-10, "m"), ("1", IMAGE[..., None], "HAADF", 2e-10, "m")]
    )
    with pytest.raises(FormatError, match=r"holds 2 frames \(0 HAADF 0, 1 HAADF 1\)"):
        read_micrograph(tmp_path / "a.emd")
    assert read_micrograph(tmp_path / "a.emd", frame=1).pixel_size is None
    assert any("different pixel sizes" in note for note in inspect(tmp_path / "a.emd")["notes"])


def _emd(
    path: Path,
    data: NDArray[np.generic],
    axes: Sequence[tuple[float, str | bytes]],
    *,
    first: int = 1,
    name: str = "data",
    kind: object = 1,
    full: bool = False,
    inside: str = "data/image",
) -> None:
    with h5py.File(path, "a") as file:
        group = file.create_group(inside)
        group.attrs["emd_group_type"] = kind
        group[name] = data
        for index, (step, unit) in enumerate(axes):
            values = np.arange(data.shape[index] if full else 2) * step
            group[f"dim{index + first}"] = values
            group[f"dim{index + first}"].attrs["units"] = unit


@pytest.mark.parametrize("suffix", ["emd", "h5", "hdf5"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("first", "kind", "unit", "inside", "name"),
    [
        (0, "array", "A", "root/image", "data"),  # emdfile, py4DSTEM since 0.14
        (0, "array", "nm", "root/tree/image", "data"),
        (1, 1, "[n_m]", "data/image", "data"),  # NCEM
        (1, 1, b"[n_m]", "data/image", "data"),
        (1, 1, np.array([b"[\xc3\x85]".ljust(256, b"\0")]), "4DSTEM_simulation/data/realslices/annular", "realslice"),
        (1, 1, "[Å]", "4DSTEM_experiment/data/realslices/virtual", "data"),
    ],
)
def test_the_dialects_of_open_emd(
    tmp_path: Path, suffix: str, full: bool, first: int, kind: object, unit: str, inside: str, name: str
) -> None:
    factor = 10.0 if "n" in str(unit) else 1.0
    path = tmp_path / f"a.{suffix}"
    _emd(path, IMAGE, [(0.5, unit), (0.25, unit)], first=first, kind=kind, full=full, inside=inside, name=name)
    micrograph = read_micrograph(path)
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    assert micrograph.pixel_size == pytest.approx((0.5 * factor, 0.25 * factor))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        (np.bytes_(b"\xb5m"), 1e4),
        (np.bytes_(b"\xc5"), 1.0),
        (np.bytes_("µm".encode()), 1e4),
        (np.bytes_(b"\xe5ngstr\xf6m"), 1.0),
    ],
)
def test_units_in_latin_1_are_understood(tmp_path: Path, unit: np.bytes_, factor: float) -> None:
    _emd(tmp_path / "a.emd", IMAGE, [(0.5, unit), (0.5, unit)])
    assert read_micrograph(tmp_path / "a.emd").pixel_size == pytest.approx((0.5 * factor, 0.5 * factor))


def test_axes_beside_the_data_are_enough_where_the_mark_is_missing(tmp_path: Path) -> None:
    _emd(tmp_path / "a.emd", IMAGE, [(0.5, "[n_m]"), (0.5, "[n_m]")])
    with h5py.File(tmp_path / "a.emd", "a") as file:
        del file["data/image"].attrs["emd_group_type"]
    assert read_micrograph(tmp_path / "a.emd").pixel_size == (5.0, 5.0)


def test_prismatic_has_its_detector_bins_behind_and_other_data_beside(tmp_path: Path) -> None:
    bins = np.stack([IMAGE, IMAGE[::-1], IMAGE // 2], axis=-1).astype("f4")
    _emd(tmp_path / "a.h5", bins, [(0.5, "[Å]"), (0.5, "[Å]"), (1.0, "[mrad]")], name="realslice", inside="s/virtual")
    for frame in range(3):
        micrograph = read_micrograph(tmp_path / "a.h5", frame=frame)
        np.testing.assert_array_equal(micrograph.array, bins[..., frame])
        assert micrograph.pixel_size == (0.5, 0.5)
    _emd(tmp_path / "a.h5", IMAGE, [(0.5, "[Å]"), (0.5, "[Å]")], name="realslice", inside="s/annular")
    _emd(
        tmp_path / "a.h5",
        np.zeros((3, 3, 4, 4)),
        [(0.5, "[Å]")] * 2 + [(1.0, "[Å^-1]")] * 2,
        name="datacube",
        inside="s/4d",
    )
    micrograph = read_micrograph(tmp_path / "a.h5")
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    notes = micrograph.provenance["notes"]
    assert "annular is the micrograph; 1 stack (virtual 3 × 24 × 31) not used" in notes
    assert any("4d 3 × 3 × 4 × 4" in note for note in notes)


@pytest.mark.parametrize(
    ("shape", "units", "reason"),
    [
        ((10,), ["A"], "a line or a number"),
        ((3, 4, 5, 6), ["A", "A", "A^-1", "A^-1"], "4-dimensional"),
        ((24, 31), ["A^-1", "A^-1"], "diffraction pattern"),
        ((4, 24, 31), ["", "1 / nm", "1 / nm"], "diffraction pattern"),
        ((24, 31), ["nm", "eV"], "spectra"),
        ((4, 24, 31), ["nm", "nm", "eV"], "spectra"),
        ((4, 24, 31), ["[e_V]", "[n_m]", "[n_m]"], "spectra"),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_what_emd_holds_besides_images_is_refused(
    tmp_path: Path, shape: tuple[int, ...], units: list[str], reason: str, first: int
) -> None:
    _emd(tmp_path / "a.emd", np.ones(shape), [(0.5, unit) for unit in units], first=first)
    described = inspect(tmp_path / "a.emd")
    assert not described["usable"]
    assert reason in described["reason"]
    with pytest.raises(FormatError, match=reason):
        read_micrograph(tmp_path / "a.emd")


def _hspy(path: Path, data: NDArray[np.generic], units: Sequence[str], *, scanned: Sequence[bool] = ()) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("Experiments/signal")
        group["data"] = data
        for index, unit in enumerate(units):
            navigate = bool(scanned[index]) if scanned else False
            group.create_group(f"axis-{index}").attrs.update({"scale": 0.5, "units": unit, "navigate": navigate})


def _save(path: Path, data: NDArray[np.generic]) -> None:
    np.save(path, data)


def _archive(path: Path, data: NDArray[np.generic]) -> None:
    np.savez(path, data=data)


def _bare(path: Path, data: NDArray[np.generic]) -> None:
    with h5py.File(path, "w") as file:
        file["image"] = data


def _signal(path: Path, data: NDArray[np.generic]) -> None:
    _hspy(path, data, ["nm"] * data.ndim)


def _open_emd(path: Path, data: NDArray[np.generic]) -> None:
    _emd(path, data, [(0.5, "nm")] * data.ndim)


WRITERS: list[tuple[str, Callable[[Path, NDArray[np.generic]], None]]] = [
    ("a.npy", _save),
    ("a.npz", _archive),
    ("a.h5", _bare),
    ("a.hspy", _signal),
    ("a.emd", _open_emd),
]


@pytest.mark.parametrize(
    "index", [np.s_[..., None], np.s_[None], np.s_[None, ..., None], np.s_[:, None], np.s_[None, None]]
)
@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
def test_axes_of_one_value_are_dropped(
    tmp_path: Path, name: str, write: Callable[[Path, NDArray[np.generic]], None], index: object
) -> None:
    write(tmp_path / name, IMAGE[index])  # type: ignore[index]
    np.testing.assert_array_equal(read_micrograph(tmp_path / name).array, IMAGE)
    described = inspect(tmp_path / name)
    assert (described["shape"], described["frames"], described["usable"]) == ([24, 31], 1, True)
    assert any("dropped" in note or "squeezed" in note for note in described["notes"])
    if name in ("a.hspy", "a.emd"):
        assert described["pixel_size_A"] == pytest.approx([5.0, 5.0])


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
def test_a_stack_with_axes_of_one_value_keeps_its_frames(
    tmp_path: Path, name: str, write: Callable[[Path, NDArray[np.generic]], None]
) -> None:
    stack = np.stack([IMAGE, IMAGE[::-1], IMAGE // 2])
    write(tmp_path / name, stack[:, None, ..., None])
    for frame in range(3):
        np.testing.assert_array_equal(read_micrograph(tmp_path / name, frame=frame).array, stack[frame])


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_column_and_a_row_stay_images(tmp_path: Path, order: str) -> None:
    for shape in ((1, 31), (31, 1), (1, 1)):
        _save(tmp_path / "a.npy", np.asarray(np.arange(np.prod(shape)).reshape(shape), order=order))  # type: ignore[call-overload]
        assert read_micrograph(tmp_path / "a.npy").array.shape == shape


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
def test_waves_are_refused_by_both_in_one_sentence(
    tmp_path: Path, name: str, write: Callable[[Path, NDArray[np.generic]], None]
) -> None:
    write(tmp_path / name, WAVE)
    described = inspect(tmp_path / name)
    with pytest.raises(FormatError, match="is a complex array") as caught:
        read_micrograph(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {described['reason']}"


@pytest.mark.parametrize(
    ("shape", "units", "scanned"),
    [((40, 512), ["nm", "eV"], []), ((40, 512), ["nm", "eV"], [True, False]), ((6, 8, 40), ["nm", "nm", "keV"], [])],
)
def test_spectra_of_hyperspy_are_refused(
    tmp_path: Path, shape: tuple[int, ...], units: list[str], scanned: list[bool]
) -> None:
    _hspy(tmp_path / "a.hspy", np.ones(shape), units, scanned=scanned)
    with pytest.raises(FormatError, match="spectr"):
        read_micrograph(tmp_path / "a.hspy")


def _dm5(path: Path, data: NDArray[np.generic], axes: Sequence[tuple[float, bytes]], *, form: bytes = b"") -> None:
    with h5py.File(path, "w") as file:
        for index, pixels in enumerate((np.zeros((8, 8), "i4"), data)):  # a thumbnail comes first
            image = file.create_group(f"ImageList/[{index}]/ImageData")
            image["Data"] = pixels
            image.attrs["DataType"] = 23 if index == 0 else 10
            for k, (scale, unit) in enumerate(axes):
                dimension = image.create_group(f"Calibrations/Dimension/[{k}]")
                dimension.attrs.update({"Scale": np.float32(scale), "Units": np.bytes_(unit)})
        tags = file.create_group("ImageList/[1]/ImageTags")
        tags.create_group("Microscope Info").attrs.update({"Voltage": 3e5, "Operation Mode": np.bytes_(b"SCANNING")})
        if form:
            tags.create_group("Meta Data").attrs["Format"] = np.bytes_(form)
        file.create_group("ImageSourceList/[0]").attrs["ImageRef"] = np.uint64(1)


def test_dm5_is_read_as_its_dm4_twin(tmp_path: Path) -> None:
    _dm5(tmp_path / "a.dm5", IMAGE, [(0.05, b"nm"), (0.04, b"nm")])
    micrograph = read_micrograph(tmp_path / "a.dm5")
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    assert micrograph.pixel_size == pytest.approx((0.4, 0.5))  # x is calibrated first
    assert (micrograph.energy, micrograph.mode) == (300e3, "STEM")
    assert micrograph.provenance["format"] == "Digital Micrograph 5"


@pytest.mark.parametrize(
    ("shape", "axes", "form", "reason"),
    [
        ((40, 6, 8), [(1, b"nm"), (1, b"nm"), (0.5, b"eV")], b"Spectrum image", "spectrum image of shape"),
        ((40, 6, 8), [(1, b"nm"), (1, b"nm"), (0.5, b"eV")], b"", "spectrum image of shape"),
        ((40, 6, 8), [(1, b""), (1, b""), (0.5, b"")], b"Spectrum image", "spectrum image of shape"),
        ((40, 512), [(0.5, b"eV"), (1, b"nm")], b"", "line of spectra"),
        ((24, 31), [(0.1, b"1/nm"), (0.1, b"1/nm")], b"", "diffraction pattern"),
        ((512,), [(0.5, b"eV")], b"", "line of 512 values"),
        ((3, 4, 5, 6), [(1, b"nm")] * 4, b"", "4-dimensional"),
    ],
)
def test_dm5_without_an_image_is_refused(
    tmp_path: Path, shape: tuple[int, ...], axes: list[tuple[float, bytes]], form: bytes, reason: str
) -> None:
    _dm5(tmp_path / "a.dm5", np.ones(shape, "f4"), axes, form=form)
    assert reason in inspect(tmp_path / "a.dm5")["reason"]
    with pytest.raises(FormatError, match=reason):
        read_micrograph(tmp_path / "a.dm5")


def test_a_stack_in_dm5_has_frames(tmp_path: Path) -> None:
    stack = np.stack([IMAGE, IMAGE[::-1]])
    _dm5(tmp_path / "a.dm5", stack, [(0.05, b"nm"), (0.05, b"nm"), (1, b"s")])
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.dm5", frame=1).array, stack[1])


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_file_that_another_program_holds_open_says_so(tmp_path: Path, libver: str) -> None:
    _signal(tmp_path / "a.hspy", IMAGE)
    hold = (
        f"import h5py, sys; f = h5py.File({str(tmp_path / 'a.hspy')!r}, 'r+', libver={libver!r}); "
        "print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == b"open\n"
        for read in (read_micrograph, inspect):
            with pytest.raises(FormatError, match="is open in another program; close it there"):
                read(tmp_path / "a.hspy")
    finally:
        other.stdin.close()
        other.wait()
        other.stdout.close()
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.hspy").array, IMAGE)


def test_a_file_that_a_crashed_program_left_open_says_so(tmp_path: Path) -> None:
    crash = (
        f"import h5py, os; f = h5py.File({str(tmp_path / 'a.h5')!r}, 'w', libver='latest'); "
        "f['image'] = [[1, 2], [3, 4]]; f.swmr_mode = True; f.flush(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", crash], check=True)
    with pytest.raises(FormatError, match=r"not closed by the one that wrote it; close it there, or, .* h5clear -s"):
        read_micrograph(tmp_path / "a.h5")
