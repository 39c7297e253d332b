"""Every real file of the shared folder: what it is, and how large its pixels are."""

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from passband.micrograph.formats import FormatError, inspect_file, read_micrograph
from passband.micrograph.grey import data_bar_rows

# file, shape, type, pixel size in Å (None: the file does not say), energy in eV, instrument, mode
REAL = [
    ("atomic_stem/example_Au_nanoparticle.emd", (2048, 2048), "uint16", 0.07498401490, 300e3, "Titan", "STEM"),
    ("atomic_stem/example_Se_implanted_MoS2.dm3", (1024, 1024), "uint32", 0.126953125, 60e3, None, "STEM"),
    ("atomic_stem/MoS2_stem_Exp-000-2.npy", (512, 512), "float64", 90 / 512, 60e3, None, "STEM"),
    ("atomic_stem/SrTiO3_test_ADF_cropped.hdf5", (400, 380), "float16", None, None, None, None),
    ("atomic_stem/Si110_5nmX25us_03_none_none.png", (512, 512), "uint8", None, None, None, None),
    ("stem_misc/high_entropy_alloy.npy", (1024, 1024), "uint16", None, None, None, None),
    ("stem_misc/hrstem_example.ser", (1024, 1024), "uint16", 0.524071946, None, None, None),
    ("stem_misc/particlespy/JEOL_HAADF_Image.dm4", (112, 112), "float32", 12.490135851, 80e3, "JEOL COM", "STEM"),
    ("stem_misc/particlespy/SiO2_HAADF_Image.hspy", (128, 128), "float32", 85.5244603, 200e3, "JEOL COM", "STEM"),
    ("hrtem/au_scott_lab/au_hrtem_image.png", (201, 201), "uint8", None, None, None, None),
    ("hrtem/low_dose_tem_16bit/train_0001.tif", (512, 512), "uint16", 29.88456748, None, None, None),
    ("hrtem/soot_fringes/ExampleImage.tif", (512, 512), "uint8", None, None, None, None),
    ("sem_nanoporous_gold/Sample.tif", (768, 1024), "uint8", 5.429688, 20e3, "Zeiss 1550", "SEM"),
    ("sem_superalloy/Super1/test/spot2_0d_0.tif", (512, 512), "uint8", None, None, None, None),
    ("interface_haadf/fig2_b_LaO/LaO.png", (790, 787), "uint8", None, None, None, None),
    ("interface_haadf/fig2_c_MoO3/MoO3_16bit.tiff", (512, 512), "uint16", None, 300e3, "JEM-ARM300F", "STEM"),
    ("stem_nanoparticles/images/PtC1.jpg", (2048, 2048), "uint8", None, None, None, None),
    ("native_formats/digitalmicrograph/2D/test_STEM_image.dm3",
     (68, 68), "uint32", 2.4853801727, 200e3, "FEI Tecnai Remote", "STEM"),
    ("native_formats/digitalmicrograph/Fei_HAADF-UK_location.dm3",
     (4, 16), "uint16", 55.06073125, 200e3, "FEI Tecnai Remote", "STEM"),
    ("native_formats/emd/example_image.emd", (3, 3), "int32", None, None, None, None),
    ("native_formats/jeol/Sample/00_View000/View000_0000000.img",
     (512, 512), "uint8", 86.9140625, 200e3, "JEM-2100F(UHR)", "STEM"),
    ("native_formats/mrc/HAADFscan.mrc", (16, 16), "uint16", 56.791313171, 300e3, "Spectra", None),
    ("native_formats/pantarhei/panta_rhei_sample.prz", (16, 16), "uint16", 77.95828293, 200e3, None, "STEM"),
    ("native_formats/tia/new/128x128_TEM_acquire-sum1_1.ser",
     (128, 128), "int32", 214.793175, 200e3, "TalosF200X 200 kV D6308 XTwin", "TEM"),
    ("native_formats/tia/new/128x128_TEM_acquire-sum1.emi",
     (128, 128), "int32", 214.793175, 200e3, "TalosF200X 200 kV D6308 XTwin", "TEM"),
    ("native_formats/tiff/olympus_SIS.tif", (101, 112), "uint16", 0.2392791776, None, "Quemesa", "TEM"),
    ("native_formats/tiff/test_dm_image_um_unit.dm3", (68, 68), "int32", 1686.746925, 200e3, "FEI Tecnai", "TEM"),
    ("native_formats/tiff/test_loading_image_saved_with_DM.tif", (68, 68), "int32", 1686.746925, None, None, None),
    ("native_formats/tiff/test_loading_image_saved_with_imageJ.tif", (68, 68), "float32", 1686.74711, None, None, None),
    ("native_formats/velox_from_hyperspy_1.7.6/fei_emd_image.emd",
     (512, 512), "uint16", 53.02414838, 200e3, "Talos", "STEM"),
    ("native_formats/velox_from_hyperspy_1.7.6/1532_Camera_Ceta.emd",
     (64, 64), "int16", 2.155734170, 80e3, "Talos", "TEM"),
    ("native_formats/zeiss_from_hyperspy_1.7.6/test_tiff_Zeiss_SEM_1k.tif",
     (768, 1024), "uint8", 26145.14, 25e3, "Zeiss Merlin", "SEM"),
    ("native_formats/zeiss_from_hyperspy_1.7.6/test_tiff_Zeiss_SEM_512pix.tif",
     (384, 512), "uint8", 116.49976, 5e3, "Zeiss ULTRA 55-36-06", "SEM"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "dtype", "pixel_size", "energy", "instrument", "mode"), REAL)
def test_real_files_are_read_into_house_units(
    shared_data: Path,
    name: str,
    shape: tuple[int, int],
    dtype: str,
    pixel_size: float | None,
    energy: float | None,
    instrument: str | None,
    mode: str | None,
) -> None:
    micrograph = read_micrograph(shared_data / name)
    assert micrograph.array.shape == shape
    assert micrograph.array.dtype == np.dtype(dtype)
    assert micrograph.array.dtype.isnative
    expected = None if pixel_size is None else pytest.approx((pixel_size, pixel_size), rel=1e-8)
    assert micrograph.pixel_size == expected
    assert (micrograph.energy, micrograph.instrument, micrograph.mode) == (energy, instrument, mode)
    described = inspect_file(shared_data / name)
    assert described["usable"]
    assert described["shape"] == list(shape)
    assert described["dtype"] == dtype
    assert described["pixel_size_A"] == (None if pixel_size is None else list(micrograph.pixel_size or ()))
    assert described["energy_eV"] == energy
    assert described["statistics"]["max"] == float(micrograph.array.max())
    json.dumps(described, allow_nan=False)


ORACLE = {
    "atomic_stem/example_Au_nanoparticle.emd": "emd",
    "atomic_stem/example_Se_implanted_MoS2.dm3": "digitalmicrograph",
    "atomic_stem/SrTiO3_test_ABF_cropped.hdf5": "hspy",
    "stem_misc/hrstem_example.ser": "tia",
    "stem_misc/particlespy/JEOL_HAADF_Image.dm4": "digitalmicrograph",
    "native_formats/tia/old/03_Scanning_Preview_1.ser": "tia",
    "native_formats/emd/fei_example_tem_stack.emd": "emd",
    "native_formats/jeol/Sample/00_View000/View000_0000000.img": "jeol",
    "native_formats/mrc/HAADFscan.mrc": "mrc",
    "native_formats/pantarhei/panta_rhei_sample.prz": "pantarhei",
    "native_formats/tiff/test_dm_image_um_unit.dm3": "digitalmicrograph",
    "native_formats/velox_from_hyperspy_1.7.6/fei_emd_image.emd": "emd",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ORACLE)
def test_pixels_agree_with_rosettasciio(shared_data: Path, name: str) -> None:
    import importlib

    reader = importlib.import_module(f"rsciio.{ORACLE[name]}")
    expected = np.asarray(reader.file_reader(str(shared_data / name))[0]["data"])
    frames = expected if expected.ndim == 3 else expected[None]
    for index, frame in enumerate(frames):
        ours = read_micrograph(shared_data / name, frame=index if len(frames) > 1 else None)
        np.testing.assert_array_equal(ours.array, frame)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("native_formats/blockfile/test1.blo", "4D-STEM: 3 × 2 diffraction patterns of 144 × 144"),
        (
            "native_formats/digitalmicrograph/2D/test_diffraction_pattern.dm3",
            r"diffraction pattern \(0.174433 1/nm per pixel\)",
        ),
        ("native_formats/hspy/example2_v3.1.hspy", "diffraction pattern"),
        ("native_formats/digitalmicrograph/3D/EELS_SI.dm4", r"spectrum image of shape \(2048, 2, 2\)"),
        ("native_formats/emd/fei_example_tem_stack.emd", "holds 2 frames; choose one with --frame N"),
        ("native_formats/velox_from_hyperspy_1.7.6/fei_emd_si.emd", "holds 5 frames"),
        ("native_formats/tia/old/03_Scanning_Preview_1.ser", "holds 5 frames"),
        ("sem_superalloy/Super1/test_annot/spot2_0d_0_mask.tif", "colour picture"),
        ("native_formats/emd/velox_emd_version11.zip", "ZIP archive; unpack it"),
        ("native_formats/tiff/JEOL-SightX-TEM-mag-dummy.tif.gz", "gzip; unpack it"),
        ("hrtem/soot_fringes/ExampleImage_1_roi.mat", "MATLAB file; save the image as TIFF"),
        ("native_formats/COPYING.txt", "kind that is not known; readable are TIFF, PNG"),
    ],
)
def test_real_files_that_are_no_micrograph_say_what_they_are(shared_data: Path, name: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read_micrograph(shared_data / name)
    assert str(shared_data / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "word"),
    [
        ("native_formats/digitalmicrograph/2D/test_diffraction_pattern.dm3", [87, 87], "diffraction"),
        ("native_formats/blockfile/test1.blo", [3, 2, 144, 144], "4D-STEM"),
        ("native_formats/digitalmicrograph/3D/EELS_SI.dm4", [2048, 2, 2], "spectrum"),
        ("native_formats/tia/old/03_Scanning_Preview_1.ser", [5, 128, 128], "--frame"),
        ("sem_superalloy/Super1/test_annot/spot2_0d_0_mask.tif", [512, 512, 4], "colour"),
    ],
)
def test_inspect_describes_even_what_cannot_be_used(shared_data: Path, name: str, shape: list[int], word: str) -> None:
    described = inspect_file(shared_data / name)
    assert described["shape"] == shape
    assert not described["usable"]
    assert word in described["reason"]
    assert described["pixel_size_A"] is None or word != "diffraction"


@pytest.mark.parametrize(
    ("archive", "member", "pixel_size", "energy"),
    [
        ("tiff/TVIPS_bin4.zip", "TVIPS_bin4.tif", 14.208036661, 99e3),
        ("tiff/tiff_FEI_Helios.zip", "FEI-Helios-Ebeam-16bits.tif", 33724.0, 5e3),
        ("tiff/tiff_FEI_Helios.zip", "FEI-Helios-navcam-with-no-IRBeam-bad-floats.tif", None, None),
        ("emd/velox_emd_version11.zip", "Test SI 16x16 ReducedData 215 kx.emd", 35.992492560, 300e3),
        ("tiff/JEOL-SightX-TEM-mag-dummy.tif.gz", "JEOL.tif", 18.20788530, 200e3),
    ],
)
def test_files_in_archives(
    shared_data: Path, tmp_path: Path, archive: str, member: str, pixel_size: float | None, energy: float | None
) -> None:
    packed = shared_data / "native_formats" / archive
    if packed.suffix == ".gz":
        (tmp_path / member).write_bytes(gzip.decompress(packed.read_bytes()))
    else:
        with zipfile.ZipFile(packed) as opened:
            opened.extract(member, tmp_path)
    micrograph = read_micrograph(tmp_path / member)
    expected = None if pixel_size is None else pytest.approx((pixel_size, pixel_size), rel=1e-8)
    assert (micrograph.pixel_size, micrograph.energy) == (expected, energy)


def test_an_image_beside_element_maps_is_the_acquired_one(shared_data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared_data / "native_formats/emd/velox_emd_version11.zip") as opened:
        path = Path(opened.extract("Test SI 16x16 ReducedData 215 kx.emd", tmp_path))
    micrograph = read_micrograph(path)
    assert micrograph.array.dtype == np.uint16  # the maps are float32
    assert any("HAADF is the micrograph; 4 maps" in note for note in micrograph.provenance["notes"])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("interface_haadf/fig2_b_LaO/LaO.png", "JPEG in a .png name"),
        ("atomic_stem/example_Au_nanoparticle.emd", r"Velox EMD (y, x, 1) squeezed"),
        ("native_formats/tiff/test_loading_image_saved_with_imageJ.tif", "ImageJ resolution tag"),
        ("hrtem/low_dose_tem_16bit/train_0001.tif", "compressed with LZW"),
        ("hrtem/low_dose_tem_16bit/train_0001.tif", "unit 'ƒÊm' read as μm"),
        ("atomic_stem/SrTiO3_test_ADF_cropped.hdf5", "if it is nm, give --pixel-size 0.00932627nm"),
        ("sem_nanoporous_gold/Sample.tif", "data bar in the bottom 77 rows"),
        ("hrtem/soot_fringes/ExampleImage.tif", "turned into luminance"),
        ("native_formats/tiff/olympus_SIS.tif", "page 1 is the micrograph; other pages are not used"),
    ],
)
def test_inspect_says_how_a_trap_was_understood(shared_data: Path, name: str, note: str) -> None:
    assert any(note in said for said in inspect_file(shared_data / name)["notes"])


def test_the_pixel_size_that_strontium_titanate_hints_at_gives_its_lattice(shared_data: Path) -> None:
    micrograph = read_micrograph(shared_data / "atomic_stem/SrTiO3_test_ADF_cropped.hdf5", pixel_size="0.00932627nm")
    assert micrograph.pixel_size is not None
    image = micrograph.array.astype(float)
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
    qy, qx = np.fft.fftfreq(400, micrograph.pixel_size[0])[:, None], np.fft.rfftfreq(380, micrograph.pixel_size[1])
    q = np.hypot(qy, qx)
    ring = (q > 0.2) & (q < 0.33)  # {100} at 1/3.905 Å⁻¹; frequencies are 1/37 Å⁻¹ apart
    assert q[ring][power[ring].argmax()] == pytest.approx(1 / 3.905, abs=0.5 * np.hypot(1 / 37.3, 1 / 35.4))


def test_vacuum_at_the_bottom_is_no_data_bar(shared_data: Path) -> None:
    assert data_bar_rows(read_micrograph(shared_data / "stem_nanoparticles/images/Pt2.jpg").array) == 0


def test_the_pixel_size_given_wins_and_is_noted(shared_data: Path) -> None:
    micrograph = read_micrograph(shared_data / "stem_misc/hrstem_example.ser", pixel_size="52pm")
    assert micrograph.pixel_size == (0.52, 0.52)
    assert any("0.52 Å given; the file says (0.524" in note for note in micrograph.provenance["notes"])


def test_a_ser_without_its_emi_is_read_all_the_same(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "native_formats/tia/new/128x128_TEM_acquire-sum1_1.ser"
    shutil.copy(source, tmp_path / "a_1.ser")
    micrograph = read_micrograph(tmp_path / "a_1.ser")
    assert micrograph.energy is None
    assert micrograph.pixel_size == read_micrograph(source).pixel_size


# ---- files made here -------------------------------------------------------------------------------------------------

IMAGE = np.random.default_rng(0).integers(0, 60000, (24, 31)).astype(np.uint16)


@pytest.mark.parametrize(
    ("unit", "angstrom"), [("n_m", 10.0), ("[n_m]", 10.0), ("nm", 10.0), ("[Å]", 1.0), ("[u_m]", 1e4)]
)
def test_ncem_units(tmp_path: Path, unit: str, angstrom: float) -> None:
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = IMAGE
        for axis, step in (("dim1", 0.5), ("dim2", 0.25)):
            group[axis] = np.arange(2) * step
            group[axis].attrs["units"] = unit
    micrograph = read_micrograph(tmp_path / "a.emd")
    assert micrograph.pixel_size == pytest.approx((0.5 * angstrom, 0.25 * angstrom))
    np.testing.assert_array_equal(micrograph.array, IMAGE)


def _hyperspy(path: Path, data: NDArray[np.uint16], units: tuple[str, ...], navigate: tuple[bool, ...]) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("Experiments/image")
        group["data"] = data
        for index, (unit, nav) in enumerate(zip(units, navigate, strict=True)):
            axis = group.create_group(f"axis-{index}")
            axis.attrs.update({"scale": 0.5, "units": unit, "navigate": nav, "name": "xyz"[index]})


def test_units_that_differ_between_the_axes(tmp_path: Path) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, ("nm", "pm"), (False, False))
    assert read_micrograph(tmp_path / "a.hspy").pixel_size == pytest.approx((5.0, 0.005))
    assert any("not square" in note for note in inspect_file(tmp_path / "a.hspy")["notes"])


def test_a_unit_that_nobody_knows_leaves_the_pixel_size_open(tmp_path: Path) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, ("nm", "furlong"), (False, False))
    assert read_micrograph(tmp_path / "a.hspy").pixel_size is None
    assert any("furlong" in note and "--pixel-size" in note for note in inspect_file(tmp_path / "a.hspy")["notes"])


def test_a_spectrum_image_of_hyperspy_is_refused(tmp_path: Path) -> None:
    _hyperspy(tmp_path / "a.hspy", np.zeros((3, 4, 5), np.uint16), ("nm", "nm", "eV"), (True, True, False))
    with pytest.raises(FormatError, match="spectrum image"):
        read_micrograph(tmp_path / "a.hspy")


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", "<f8", "<f2", "|u1", "<i4", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_any_type_and_order_become_native(tmp_path: Path, dtype: str, order: str) -> None:
    data = np.asarray(np.arange(6).reshape(2, 3) % 2, dtype=dtype, order="F" if order == "F" else "C")
    np.save(tmp_path / "a.npy", data)
    array = read_micrograph(tmp_path / "a.npy").array
    assert array.dtype.isnative
    assert array.dtype.itemsize == data.dtype.itemsize
    np.testing.assert_array_equal(array, data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_mrc_of_both_byte_orders(tmp_path: Path, order: str) -> None:
    _mrc(tmp_path / "a.mrc", IMAGE[None], order=order)
    micrograph = read_micrograph(tmp_path / "a.mrc")
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    assert micrograph.pixel_size == pytest.approx((2.0, 3.0))


def _mrc(path: Path, data: NDArray[np.uint16], *, order: str = "<") -> None:
    sections, rows, columns = data.shape
    head = np.zeros(256, f"{order}i4")
    head[:10] = (columns, rows, sections, 6, 0, 0, 0, columns, rows, sections)
    head.view(f"{order}f4")[10:13] = (3 * columns, 2 * rows, 1)
    head.view("S4")[52] = b"MAP "
    head.view("u1")[212:214] = 0x11 if order == ">" else 0x44
    path.write_bytes(head.tobytes() + data.astype(f"{order}u2").tobytes())


@pytest.mark.parametrize("kind", ["mrc", "tif", "npy", "imagej"])
def test_a_stack_wants_a_frame_and_gives_the_right_one(tmp_path: Path, kind: str) -> None:
    stack = np.stack([IMAGE, IMAGE[::-1], IMAGE // 2])
    path = tmp_path / f"a.{'tif' if kind == 'imagej' else kind}"
    if kind == "mrc":
        _mrc(path, stack)
    elif kind == "npy":
        np.save(path, stack)
    else:
        tifffile.imwrite(path, stack, imagej=kind == "imagej", photometric="minisblack")
    with pytest.raises(FormatError, match="holds 3 frames; choose one with --frame N, from 0"):
        read_micrograph(path)
    with pytest.raises(FormatError, match="frame=3 is not there: the file holds frames 0 to 2"):
        read_micrograph(path, frame=3)
    for index in range(3):
        np.testing.assert_array_equal(read_micrograph(path, frame=index).array, stack[index])
    assert inspect_file(path)["shape"] == [3, 24, 31]
    assert inspect_file(path, frame=1)["shape"] == [24, 31]


def test_detectors_recorded_together_are_named_frames(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.emd", "w") as file:
        for name, image in (("HAADF", IMAGE), ("BF", IMAGE[::-1])):
            meta = json.dumps({"BinaryResult": {"Detector": name, "PixelSize": {"width": "1e-10", "height": "2e-10"},
                                                "PixelUnitX": "m", "PixelUnitY": "m"}}).encode()  # fmt: skip
            file[f"Data/Image/{name}/Data"] = image[:, :, None]
            file[f"Data/Image/{name}/Metadata"] = np.frombuffer(meta.ljust(1000, b"\0"), np.uint8)[:, None]
    with pytest.raises(FormatError, match=r"holds 2 frames \(0 BF, 1 HAADF\)"):
        read_micrograph(tmp_path / "a.emd")
    micrograph = read_micrograph(tmp_path / "a.emd", frame=1)
    np.testing.assert_array_equal(micrograph.array, IMAGE)
    assert micrograph.pixel_size == pytest.approx((2.0, 1.0))


def test_a_frame_of_a_single_image_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    with pytest.raises(FormatError, match="holds one image; leave --frame out"):
        read_micrograph(tmp_path / "a.npy", frame=2)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.dm3", "a"])
def test_pictures_are_told_by_their_content(tmp_path: Path, form: str, name: str) -> None:
    Image.fromarray((IMAGE >> 8).astype(np.uint8)).save(
        tmp_path / name, form, **({"quality": 100} if form == "JPEG" else {})
    )
    micrograph = read_micrograph(tmp_path / name)
    assert micrograph.provenance["format"] == form
    np.testing.assert_allclose(micrograph.array, IMAGE >> 8, atol=2 if form == "JPEG" else 0)


def test_a_deep_png_keeps_its_sixteen_bits(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").array, IMAGE)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_of_every_build(tmp_path: Path, compression: str | None, big: bool, byteorder: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, compression=compression, bigtiff=big, byteorder=byteorder)
    array = read_micrograph(tmp_path / "a.tif").array
    np.testing.assert_array_equal(array, IMAGE)
    assert array.dtype.isnative


def test_a_printers_resolution_is_no_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "dpi.tif", IMAGE, resolution=(300, 300), resolutionunit="INCH")
    assert read_micrograph(tmp_path / "dpi.tif").pixel_size is None
    tifffile.imwrite(tmp_path / "nm.tif", IMAGE, resolution=(2e7, 1e7), resolutionunit="CENTIMETER")
    assert read_micrograph(tmp_path / "nm.tif").pixel_size == pytest.approx((10.0, 5.0))


def test_white_as_zero_is_inverted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="miniswhite")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, 65535 - IMAGE)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_equal_channels_are_one_grey(tmp_path: Path, channels: int, planar: str) -> None:
    grey = (IMAGE >> 8).astype(np.uint8)
    colour = np.repeat(grey[..., None], channels, axis=-1)
    if channels == 4:
        colour[..., 3] = 255
    data = colour if planar == "contig" else np.moveaxis(colour, -1, 0)
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planar, **extra)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.tif").array, grey)


def test_a_coloured_scale_bar_is_tolerated_and_noted(tmp_path: Path) -> None:
    colour = np.full((100, 100, 3), 90, np.uint8)
    colour[90:95, 10:40] = (255, 255, 0)  # 1.5 % of the pixels
    Image.fromarray(colour).save(tmp_path / "a.png")
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.array[0, 0] == 90
    assert micrograph.array[92, 20] == round(0.9278 * 255)
    assert any("1.50%" in note for note in micrograph.provenance["notes"])


def test_reading_closes_the_file_and_leaves_an_array_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    array = read_micrograph(tmp_path / "a.npy").array
    (tmp_path / "a.npy").write_bytes(b"")
    np.testing.assert_array_equal(array, IMAGE)
    assert array.flags.writeable
