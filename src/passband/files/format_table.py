"""The table of formats: how each kind of file is told, who reads it, and for those that are not read, what to do.

Everything that must know the formats derives from `FORMATS`: what a folder is searched for, what `read_micrograph`
opens, what `inspect_file` and the error messages say. A new format is one module in `readers` and one entry here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passband.files.readers.content import Content, Source

_READERS = "passband.files.readers"
#: As many bytes of a file as `Format.marked` wants to see.
HEAD = 512


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file.

    Attributes
    ----------
    name
        What a microscopist calls it.
    suffixes
        Endings of its names, lower case, with the dot.
    marks
        What such files begin with; a pair (offset, bytes) where the mark stands further in.
    reader
        "module:function", imported only when such a file is opened; empty where passband does not read it.
    advice
        Where it is not read: what it is and the cure, to stand behind the name of a file.
    unmarked
        Whether some writers leave the mark out, so that the name alone must tell.
    named
        Whether the mark is shared with other kinds, so that the name must agree.
    folder
        Whether such a "file" is a folder.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    marks: tuple[bytes | tuple[int, bytes], ...] = ()
    reader: str = ""
    advice: str = ""
    unmarked: bool = False
    named: bool = False
    folder: bool = False

    def marked(self, head: bytes) -> bool:
        """Whether a file that begins with `head` carries a mark of this kind."""
        pairs = [mark if isinstance(mark, tuple) else (0, mark) for mark in self.marks]
        return any(head[offset : offset + len(mark)] == mark for offset, mark in pairs)

    def load(self) -> "Callable[[Source], Content]":
        """Import and return the reader."""
        module, _, function = self.reader.partition(":")
        found: Callable[[Source], Content] = getattr(import_module(module), function)
        return found


_READ = (
    Format(
        name="TIFF",
        suffixes=(".tif", ".tiff", ".btf"),
        marks=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        reader=f"{_READERS}.tiff:read_tiff",
    ),
    Format(name="PNG", suffixes=(".png",), marks=(b"\x89PNG",), reader=f"{_READERS}.pictures:read_picture"),
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe"),
        marks=(b"\xff\xd8\xff",),
        reader=f"{_READERS}.pictures:read_picture",
    ),
    Format(name="BMP", suffixes=(".bmp",), marks=(b"BM",), reader=f"{_READERS}.pictures:read_picture"),
    Format(name="GIF", suffixes=(".gif",), marks=(b"GIF8",), reader=f"{_READERS}.pictures:read_picture"),
    Format(
        name="DM3/DM4",
        suffixes=(".dm3", ".dm4"),
        marks=(b"\0\0\0\x03", b"\0\0\0\x04"),
        reader=f"{_READERS}.gatan:read_gatan",
    ),
    Format(
        name="EMD/HSPY/DM5/HDF5",
        suffixes=(".emd", ".hspy", ".dm5", ".hdf5", ".h5"),
        marks=(b"\x89HDF\r\n\x1a\n",),
        reader=f"{_READERS}.hdf5:read_hdf5",
    ),
    Format(name="SER", suffixes=(".ser",), marks=(b"II\x97\x01",), reader=f"{_READERS}.tia:read_ser"),
    Format(name="EMI", suffixes=(".emi",), marks=(b"JK",), reader=f"{_READERS}.tia:read_emi"),
    Format(
        name="MRC",
        suffixes=(".mrc", ".mrcs", ".st", ".rec", ".ali", ".preali", ".ccp4"),
        marks=((208, b"MAP"),),
        reader=f"{_READERS}.mrc:read_mrc",
        unmarked=True,
    ),
    Format(name="NPY", suffixes=(".npy",), marks=(b"\x93NUMPY",), reader=f"{_READERS}.arrays:read_npy"),
    Format(
        name="NPZ/PRZ",
        suffixes=(".npz", ".prz"),
        marks=(b"PK\x03\x04",),
        reader=f"{_READERS}.arrays:read_npz",
        named=True,
    ),
    Format(name="JEOL IMG", suffixes=(".img",), marks=(b"\x34\0\0\0JED-",), reader=f"{_READERS}.jeol:read_jeol"),
    Format(name="BLO", suffixes=(".blo",), marks=(b"IMGBLO",), reader=f"{_READERS}.blockfile:read_blockfile"),
)
_SPECTRA = "open it in a program for spectra; passband takes images"
_CONVERT = "load it with HyperSpy (or RosettaSciIO) and save the image as .hspy or TIFF"
_PICKLES = tuple(bytes((0x80, protocol, opcode)) for protocol in (2, 3, 4, 5) for opcode in b"\x95(]}c\x8c")
_NOT_READ = (
    # stores that are folders
    Format(
        name="ZSPY",
        suffixes=(".zspy",),
        marks=(b"PK\x03\x04",),
        named=True,
        folder=True,
        advice="is a HyperSpy store in Zarr, which is not read; load it with HyperSpy and save it as .hspy or TIFF",
    ),
    Format(
        name="Zarr",
        suffixes=(".zarr", ".n5"),
        folder=True,
        advice="is a Zarr store, which is not read as a micrograph; save the array as .npy or TIFF",
    ),
    # electron microscopes
    Format(
        name="TVIPS",
        suffixes=(".tvips",),
        advice="is an image series of TVIPS cameras, which is not read; export the frame as TIFF in EMMENU, "
        "or load it with RosettaSciIO and save it as TIFF",
    ),
    Format(
        name="Bruker composite",
        suffixes=(".bcf",),
        marks=(b"AAMVHFSS",),
        advice="is a Bruker composite of spectra and images, which is not read; export the image as TIFF in Esprit, "
        f"or {_CONVERT}",
    ),
    Format(
        name="JEOL project",
        suffixes=(".asw",),
        advice="is a JEOL Analysis Station project, which only points at images; open the .img files beside it",
    ),
    Format(
        name="JEOL spectra",
        suffixes=(".eds", ".pts"),
        advice=f"holds JEOL X-ray spectra, not an image; {_SPECTRA}",
    ),
    Format(
        name="EMSA/MAS",
        suffixes=(".msa", ".emsa", ".ems"),
        marks=(b"#FORMAT",),
        advice=f"is a spectrum (EMSA/MAS), not an image; {_SPECTRA}",
    ),
    Format(
        name="EDAX",
        suffixes=(".spc", ".spd"),
        advice=f"holds EDAX spectra, not an image; {_SPECTRA}",
    ),
    Format(
        name="SEMPER",
        suffixes=(".unf",),
        advice=f"is a SEMPER image, which is not read; {_CONVERT}",
    ),
    Format(
        name="Merlin",
        suffixes=(".mib",),
        marks=(b"MQ1,",),
        advice="holds frames of a Merlin (Medipix) detector, usually diffraction, which is not read; make an image of "
        "it with LiberTEM or py4DSTEM and save that as TIFF",
    ),
    Format(
        name="TimePix events",
        suffixes=(".tpx3",),
        marks=(b"TPX3",),
        advice="is a stream of electron events, which is not read; sum it to an image and save that as TIFF",
    ),
    Format(
        name="movie",
        suffixes=(".seq", ".eer", ".gtg", ".mp4", ".avi", ".mov"),
        advice="is a movie, which is not read; sum or export the frames as MRC or TIFF",
    ),
    Format(
        name="raw stream",
        suffixes=(".bin",),
        advice="is raw data of a camera or program, whose layout it does not say; export the image as TIFF",
    ),
    Format(
        name="raw numbers",
        suffixes=(".raw", ".dat", ".rpl", ".dens"),
        advice="holds numbers without a header that is known; export the image as TIFF, or read it with "
        "numpy.fromfile(...).reshape(rows, columns) and save it with numpy.save",
    ),
    Format(
        name="header",
        suffixes=(".hdr", ".xml", ".json", ".hed"),
        advice="is a header or description without pixels; name the image file beside it",
    ),
    # light and other microscopes
    Format(
        name="CZI",
        suffixes=(".czi",),
        marks=(b"ZISRAWFILE",),
        advice="is a Zeiss CZI file, which is not read; export the image as TIFF in ZEN or Fiji",
    ),
    Format(
        name="LIF",
        suffixes=(".lif", ".lof"),
        advice="is a Leica file, which is not read; export the image as TIFF in LAS X or Fiji",
    ),
    Format(
        name="ND2",
        suffixes=(".nd2",),
        marks=(b"\xda\xce\xbe\x0a",),
        advice="is a Nikon ND2 file, which is not read; export the image as TIFF in NIS-Elements or Fiji",
    ),
    Format(
        name="Olympus",
        suffixes=(".oif", ".oib", ".oir", ".vsi"),
        advice="is an Olympus file, which is not read; export the image as TIFF in the Olympus program or Fiji",
    ),
    Format(
        name="Nanonis",
        suffixes=(".sxm", ".3ds"),
        marks=(b":NANONIS_VERSION:",),
        advice="is a scanning-probe file of Nanonis, not an electron micrograph; export the image as TIFF in Gwyddion",
    ),
    Format(
        name="Igor",
        suffixes=(".ibw", ".pxp"),
        advice="is an Igor binary wave, which is not read; export the image as TIFF in Igor or Gwyddion",
    ),
    Format(
        name="scanning probe",
        suffixes=(".spm", ".nid", ".gwy", ".mtrx", ".jpk", ".gsf"),
        advice="is a scanning-probe file, not an electron micrograph; export the image as TIFF in Gwyddion",
    ),
    Format(
        name="surface",
        suffixes=(".sur", ".pro"),
        advice=f"is a Digital Surf file (Mountains, Attolight), which is not read; {_CONVERT}",
    ),
    Format(
        name="FITS",
        suffixes=(".fits", ".fit", ".fts"),
        marks=(b"SIMPLE  =",),
        advice="is a FITS file, which is not read; save the image as TIFF or .npy",
    ),
    Format(
        name="DICOM",
        suffixes=(".dcm",),
        marks=((128, b"DICM"),),
        advice="is a DICOM file, which is not read; export the image as TIFF",
    ),
    Format(
        name="picture",
        suffixes=(".webp", ".jp2", ".heic", ".avif", ".svg", ".eps", ".psd", ".xcf"),
        marks=((8, b"WEBP"), b"\0\0\0\x0cjP  ", b"8BPS", b"gimp xcf"),
        advice="is a picture of a kind that is not read; save it as TIFF or PNG",
    ),
    # documents and archives
    Format(
        name="gzip", suffixes=(".gz", ".tgz"), marks=(b"\x1f\x8b",), advice="is compressed with gzip; unpack it first"
    ),
    Format(
        name="archive",
        suffixes=(".bz2", ".xz", ".zst", ".7z", ".rar", ".tar"),
        marks=(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", (257, b"ustar")),
        advice="is compressed or an archive; unpack it first",
    ),
    Format(
        name="Office document",
        suffixes=(".pptx", ".docx", ".xlsx", ".odp", ".odt"),
        marks=(b"PK\x03\x04",),
        named=True,
        advice="is a document; save the image in it as TIFF or PNG, or better take the file of the microscope",
    ),
    Format(
        name="ZIP",
        suffixes=(".zip",),
        marks=(b"PK\x03\x04",),
        advice="is a ZIP archive; unpack it and open the file inside",
    ),
    Format(name="PDF", suffixes=(".pdf",), marks=(b"%PDF",), advice="is a PDF; export the image itself as TIFF"),
    Format(
        name="pickle",
        suffixes=(".pkl", ".pickle", ".pick"),
        marks=_PICKLES,
        advice="is a Python pickle, which can run code and is never loaded; save the image as .npy or TIFF",
    ),
    Format(name="MATLAB", suffixes=(".mat",), marks=(b"MATLAB",), advice="is a MATLAB file; save the image as TIFF"),
    Format(
        name="OLE",
        suffixes=(".zvi", ".ppt", ".doc"),
        marks=(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
        advice="is an OLE container (Olympus, Zeiss ZVI, Office), which is not read; export the image as TIFF",
    ),
    Format(
        name="structure",
        suffixes=(".cif", ".pdb", ".vasp", ".poscar"),
        advice="holds atoms, not an image; name it in the plan of a simulation",
    ),
    Format(
        name="text",
        suffixes=(".csv", ".asc"),
        advice="is a text file; read it with numpy.loadtxt and save the image with numpy.save",
    ),
)
FORMATS: tuple[Format, ...] = (*_READ, *_NOT_READ)
#: What a folder of micrographs is searched for; a file named on its own may be called anything.
SUFFIXES = frozenset(suffix for entry in FORMATS if entry.reader for suffix in entry.suffixes)
KNOWN_FORMATS = ", ".join(entry.name for entry in FORMATS if entry.reader)


def _told(suffix: str, head: bytes) -> Iterator[Format]:
    """Entries that a file may belong to, the surest first: by its mark, by a name without a mark, by its name."""
    yield from (f for f in FORMATS if f.marked(head) and (suffix in f.suffixes or not f.named))
    yield from (f for f in FORMATS if suffix in f.suffixes and (f.unmarked or not f.reader))


def identify(path: Path, head: bytes) -> Format | None:
    r"""Return the entry of a file that begins with `head`, or None: its content decides, and only then its name.

    Examples
    --------
    >>> identify(Path("wrong.dm3"), b"II*\0").name, identify(Path("a.tvips"), bytes(9)).name
    ('TIFF', 'TVIPS')
    """
    return next(_told(path.suffix.lower(), head), None)


def folder_format(path: Path) -> Format | None:
    """Return the entry of a folder that is one data set, by its name, or None for a folder of files."""
    return next((entry for entry in FORMATS if entry.folder and path.suffix.lower() in entry.suffixes), None)
