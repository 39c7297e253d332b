"""Files made here: every build of a format, and what is understood of it."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from passband.files.inspection import inspect
from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph, read_micrograph
from passband.files.source_file import FormatError
from passband.recipe import PassbandError

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
    assert any("not square" in note for note in inspect(tmp_path / "a.hspy")["notes"])


@pytest.mark.parametrize("unit", ["1 / nm", "1 / Å", "1 / px", "nm⁻¹", "mrad", "inverse nanometers"])
def test_a_diffraction_pattern_is_refused_however_its_unit_is_spelt(tmp_path: Path, unit: str) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, (unit, unit), (False, False))
    with pytest.raises(FormatError, match="is a diffraction pattern"):
        read_micrograph(tmp_path / "a.hspy")
    described = inspect(tmp_path / "a.hspy")
    assert (described["usable"], described["pixel_size_A"]) == (False, None)


@pytest.mark.parametrize(("unit", "angstrom"), [("nanometre", 5.0), ("nm/pixel", 5.0), ("ångström", 0.5)])
def test_units_in_words_give_a_pixel_size(tmp_path: Path, unit: str, angstrom: float) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, (unit, unit), (False, False))
    assert read_micrograph(tmp_path / "a.hspy").pixel_size == pytest.approx((angstrom, angstrom))


@pytest.mark.parametrize(
    ("size", "unit", "angstrom"),
    [
        ("0.00005", "&#181;m", 0.5),
        ("0,05", "nm", 0.5),
        ("0.5", "&#xC5;", 0.5),
        ("50", "pm", 0.5),
        ("0.00005", None, 0.5),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_ome_xml_in_ascii_and_with_commas(
    tmp_path: Path, size: str, unit: str | None, angstrom: float, quote: str
) -> None:
    units = f' PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"' if unit else ""
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="31" SizeY="24" '
        'SizeZ="1" SizeC="1" SizeT="1" '
        f'PhysicalSizeX="{size}" PhysicalSizeY="{size}"{units}><TiffData/></Pixels></Image></OME>'
    )
    xml = xml.replace('"', quote)
    tifffile.imwrite(tmp_path / "a.ome.tif", IMAGE, description=xml.encode("ascii"), metadata=None)
    assert read_micrograph(tmp_path / "a.ome.tif").pixel_size == pytest.approx((angstrom, angstrom))


@pytest.mark.parametrize(("scale", "unit"), [(1e8, "m"), (2e5, "Å"), (1e-6, "pm"), (1e3, "mm")])
def test_a_pixel_size_that_nobody_can_have_is_not_believed(tmp_path: Path, scale: float, unit: str) -> None:
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        group = file.create_group("Experiments/image")
        group["data"] = IMAGE
        for index in range(2):
            group.create_group(f"axis-{index}").attrs.update({"scale": scale, "units": unit, "navigate": False})
    assert read_micrograph(tmp_path / "a.hspy").pixel_size is None
    assert any("not believed (0.0001 to 100000 Å are)" in note for note in inspect(tmp_path / "a.hspy")["notes"])


def test_a_unit_that_nobody_knows_leaves_the_pixel_size_open(tmp_path: Path) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, ("nm", "furlong"), (False, False))
    assert read_micrograph(tmp_path / "a.hspy").pixel_size is None
    assert any("furlong" in note and "--pixel-size" in note for note in inspect(tmp_path / "a.hspy")["notes"])


@pytest.mark.parametrize("unit", ["px", "pixels", "<undefined>", ""])
def test_a_step_of_one_pixel_is_no_calibration_and_needs_no_note(tmp_path: Path, unit: str) -> None:
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        group = file.create_group("Experiments/image")
        group["data"] = IMAGE
        for index in range(2):
            group.create_group(f"axis-{index}").attrs.update({"scale": 1.0, "units": unit, "navigate": False})
    described = inspect(tmp_path / "a.hspy")
    assert (described["pixel_size_A"], described["notes"]) == (None, [])


@pytest.mark.parametrize("units", [("nm", "1/nm"), ("1/nm", "nm")])
def test_one_reciprocal_axis_is_enough_for_diffraction(tmp_path: Path, units: tuple[str, str]) -> None:
    _hyperspy(tmp_path / "a.hspy", IMAGE, units, (False, False))
    assert "diffraction pattern (0.5 1/nm per pixel)" in inspect(tmp_path / "a.hspy")["reason"]


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
    assert inspect(path)["shape"] == [3, 24, 31]
    assert inspect(path, frame=1)["shape"] == [24, 31]


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


@pytest.mark.parametrize(
    ("sidecar", "pixel_size", "energy"),
    [
        ({"pixel_size": "20 pm"}, 0.2, None),
        ({"pixel_size_nm": 0.02}, 0.2, None),
        ({"pixel_size_A": 0.2, "voltage": "300 kV"}, 0.2, 300e3),
        ({"pixel_size": 0.02, "pixel_size_units": "nm"}, 0.2, None),
        ({"scan": {"field_of_view_x": 0.08, "field_of_view_y": 0.06, "field_of_view_units": "nm"}}, 0.2, None),
        ({"acquisition": {"voltage": "80kV"}}, None, 80e3),
        ({"voltage": 300}, None, None),  # of what? a number without a unit is not guessed
        ({"pixel_size": "0,02 nm"}, 0.2, None),
        ({"pixel_size": "0.02", "pixel_size_units": "nanometre / pixel"}, 0.2, None),
        ({"pixel_size": 0.02, "pixel_size_units": "furlong"}, None, None),
        ({"pixel_size_nm": 1e9}, None, None),  # no microscope has such pixels
    ],
)
def test_sidecars_with_units(
    tmp_path: Path, sidecar: dict[str, object], pixel_size: float | None, energy: float | None
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    (tmp_path / "a.json").write_text(json.dumps(sidecar))
    micrograph = read_micrograph(tmp_path / "a.npy")
    assert micrograph.pixel_size == (None if pixel_size is None else pytest.approx((pixel_size, pixel_size)))
    assert micrograph.energy == energy


@pytest.mark.parametrize(
    "sidecar",
    [{"pixel_size": "0.02 1/nm"}, {"pixel_size": 0.02, "pixel_size_units": "1 / nm"}, {"pixel_size": "3 mrad"}],
)
def test_a_sidecar_can_say_that_it_is_diffraction(tmp_path: Path, sidecar: dict[str, object]) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    (tmp_path / "a.json").write_text(json.dumps(sidecar))
    with pytest.raises(FormatError, match="is a diffraction pattern"):
        read_micrograph(tmp_path / "a.npy")
    assert not inspect(tmp_path / "a.npy")["usable"]


def test_a_broken_sidecar_is_no_obstacle(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    for sidecar in ("{", "[1, 2]", "[" * 100_000, json.dumps({"pixel_size": 0.2}), json.dumps({"voltage": "loud"})):
        (tmp_path / "a.json").write_text(sidecar)
        micrograph = read_micrograph(tmp_path / "a.npy")
        assert (micrograph.pixel_size, micrograph.energy) == (None, None)


def test_statistics_are_those_of_numpy_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.files.inspection._BLOCK", 7)
    image = np.random.default_rng(5).normal(300, 4, (9, 11)).astype(np.float32)
    np.save(tmp_path / "a.npy", image)
    found = inspect(tmp_path / "a.npy")["statistics"]
    wide = image.astype(np.float64)
    expected = [wide.min(), wide.max(), wide.mean(), wide.std()]
    assert [found[name] for name in ("min", "max", "mean", "std")] == pytest.approx(expected, rel=1e-12)


def test_inspect_describes_values_whose_squares_overflow(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1e300, 3e300], [-1e300, 1e300]]))
    found = inspect(tmp_path / "a.npy")["statistics"]
    assert found["mean"] == pytest.approx(1e300)
    assert found["std"] == pytest.approx(2**0.5 * 1e300)


def test_a_micrograph_an_array_and_a_path_are_one_micrograph(tmp_path: Path) -> None:
    # rejects a path that is taken for an array of characters, and a pixel size that the file's replaces
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    read = read_micrograph(tmp_path / "a.png", pixel_size=0.5)
    for image in (read, IMAGE, tmp_path / "a.png", str(tmp_path / "a.png")):
        found = as_micrograph(image, pixel_size=(0.7, 0.8))
        assert found.pixel_size == (0.7, 0.8)
        np.testing.assert_array_equal(found.array, IMAGE)
    assert as_micrograph(IMAGE, pixel_size="77.6pm").pixel_size == pytest.approx((0.776, 0.776))
    assert as_micrograph(read) is read
    assert read.pixel_size == (0.5, 0.5)


def test_an_array_is_what_its_file_would_be_and_a_micrograph_what_it_is(tmp_path: Path) -> None:
    """Rejects hot pixels that only a command takes out, and an input that is edited."""
    image = np.random.default_rng(0).normal(1000.0, 50.0, (128, 128)).astype(np.float32)
    image[[5, 60, 99], [7, 80, 3]] = 1e5, -1e5, 3e6
    tifffile.imwrite(tmp_path / "a.tif", image)
    kept, read = image.copy(), read_micrograph(tmp_path / "a.tif", pixel_size=0.5)
    found = as_micrograph(image, pixel_size=0.5)
    np.testing.assert_array_equal(found.array, read.array)
    np.testing.assert_array_equal(image, kept)
    assert found.array.max() < 2000.0
    (note,) = found.provenance["notes"]
    assert note.startswith("3 outliers")
    assert as_micrograph(Micrograph(image, (0.5, 0.5))).array.max() == 3e6
    assert as_micrograph(IMAGE, pixel_size=0.5).provenance == {}


def _with_a_hit_and_an_infinity() -> np.ndarray:
    image = np.random.default_rng(0).normal(1000.0, 50.0, (64, 64))
    image[5, 5], image[40, 40] = 1e6, np.inf
    return image


# rejects an infinity that is taken for a hit: it is refused with its reason, as in a file
@pytest.mark.parametrize("array", [_with_a_hit_and_an_infinity(), np.zeros((9, 9), complex), np.eye(9, dtype=bool)])
def test_an_array_that_has_no_outliers_to_tell_is_left_to_what_looks_at_it(array: np.ndarray) -> None:
    np.testing.assert_array_equal(as_micrograph(array, pixel_size=0.5).array, array)


@pytest.mark.parametrize("given", ["array", "file"])
def test_what_says_no_pixel_size_is_no_micrograph_yet(tmp_path: Path, given: str) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    with pytest.raises(PassbandError, match=r"does not say its pixel size; .* in Python pixel_size=0\.5$"):
        as_micrograph(IMAGE if given == "array" else tmp_path / "a.png")


def test_a_colour_array_is_no_micrograph() -> None:
    with pytest.raises(PassbandError, match=r"a micrograph of shape \(4, 4, 3\) is not an image"):
        as_micrograph(np.zeros((4, 4, 3)), pixel_size=1.0)
