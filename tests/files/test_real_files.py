"""Every real file of the shared folder: what it is, and how large its pixels are."""

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from passband.files.grey import data_bar_rows
from passband.files.inspection import inspect
from passband.files.reading import read_micrograph
from passband.files.source_file import FormatError

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
    described = inspect(shared_data / name)
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
        ("native_formats/COPYING.txt", "kind that is not known; readable are DM3/DM4, .*TIFF, .*PNG"),
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
    described = inspect(shared_data / name)
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
    assert any(note in said for said in inspect(shared_data / name)["notes"])


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
    assert any("0.52 Å given; the file says 0.524" in note for note in micrograph.provenance["notes"])


def test_a_ser_without_its_emi_is_read_all_the_same(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "native_formats/tia/new/128x128_TEM_acquire-sum1_1.ser"
    shutil.copy(source, tmp_path / "a_1.ser")
    micrograph = read_micrograph(tmp_path / "a_1.ser")
    assert micrograph.energy is None
    assert micrograph.pixel_size == read_micrograph(source).pixel_size
