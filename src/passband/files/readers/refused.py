"""Kinds of files that passband knows and does not read: what each is, and what to do instead."""

from passband.files.formats import Format, register

_SPECTRA = "open it in a program for spectra; passband takes images"
_CONVERT = "load it with HyperSpy (or RosettaSciIO) and save the image as .hspy or TIFF"
_PICKLES = tuple(bytes((0x80, protocol, opcode)) for protocol in (2, 3, 4, 5) for opcode in b"\x95(]}c\x8c")
REFUSED = (
    # stores that are folders
    Format(
        name="ZSPY",
        endings=(".zspy",),
        marks=(b"PK\x03\x04",),
        shared_mark=True,
        folder=True,
        advice="is a HyperSpy store in Zarr, which is not read; load it with HyperSpy and save it as .hspy or TIFF",
    ),
    Format(
        name="Zarr",
        endings=(".zarr", ".n5"),
        folder=True,
        advice="is a Zarr store, which is not read as a micrograph; save the array as .npy or TIFF",
    ),
    # electron microscopes
    Format(
        name="TVIPS",
        endings=(".tvips",),
        advice="is an image series of TVIPS cameras, which is not read; export the frame as TIFF in EMMENU, "
        "or load it with RosettaSciIO and save it as TIFF",
    ),
    Format(
        name="Bruker composite",
        endings=(".bcf",),
        marks=(b"AAMVHFSS",),
        advice="is a Bruker composite of spectra and images, which is not read; export the image as TIFF in Esprit, "
        f"or {_CONVERT}",
    ),
    Format(
        name="JEOL project",
        endings=(".asw",),
        advice="is a JEOL Analysis Station project, which only points at images; open the .img files beside it",
    ),
    Format(
        name="JEOL spectra",
        endings=(".eds", ".pts"),
        advice=f"holds JEOL X-ray spectra, not an image; {_SPECTRA}",
    ),
    Format(
        name="EMSA/MAS",
        endings=(".msa", ".emsa", ".ems"),
        marks=(b"#FORMAT",),
        advice=f"is a spectrum (EMSA/MAS), not an image; {_SPECTRA}",
    ),
    Format(
        name="EDAX",
        endings=(".spc", ".spd"),
        advice=f"holds EDAX spectra, not an image; {_SPECTRA}",
    ),
    Format(
        name="SEMPER",
        endings=(".unf",),
        advice=f"is a SEMPER image, which is not read; {_CONVERT}",
    ),
    Format(
        name="Merlin",
        endings=(".mib",),
        marks=(b"MQ1,",),
        advice="holds frames of a Merlin (Medipix) detector, usually diffraction, which is not read; make an image of "
        "it with LiberTEM or py4DSTEM and save that as TIFF",
    ),
    Format(
        name="TimePix events",
        endings=(".tpx3",),
        marks=(b"TPX3",),
        advice="is a stream of electron events, which is not read; sum it to an image and save that as TIFF",
    ),
    Format(
        name="movie",
        endings=(".seq", ".eer", ".gtg", ".mp4", ".avi", ".mov"),
        advice="is a movie, which is not read; sum or export the frames as MRC or TIFF",
    ),
    Format(
        name="raw stream",
        endings=(".bin",),
        advice="is raw data of a camera or program, whose layout it does not say; export the image as TIFF",
    ),
    Format(
        name="raw numbers",
        endings=(".raw", ".dat", ".rpl", ".dens"),
        advice="holds numbers without a header that is known; export the image as TIFF, or read it with "
        "numpy.fromfile(...).reshape(rows, columns) and save it with numpy.save",
    ),
    Format(
        name="header",
        endings=(".hdr", ".xml", ".json", ".hed"),
        advice="is a header or description without pixels; name the image file beside it",
    ),
    # light and other microscopes
    Format(
        name="CZI",
        endings=(".czi",),
        marks=(b"ZISRAWFILE",),
        advice="is a Zeiss CZI file, which is not read; export the image as TIFF in ZEN or Fiji",
    ),
    Format(
        name="LIF",
        endings=(".lif", ".lof"),
        advice="is a Leica file, which is not read; export the image as TIFF in LAS X or Fiji",
    ),
    Format(
        name="ND2",
        endings=(".nd2",),
        marks=(b"\xda\xce\xbe\x0a",),
        advice="is a Nikon ND2 file, which is not read; export the image as TIFF in NIS-Elements or Fiji",
    ),
    Format(
        name="Olympus",
        endings=(".oif", ".oib", ".oir", ".vsi"),
        advice="is an Olympus file, which is not read; export the image as TIFF in the Olympus program or Fiji",
    ),
    Format(
        name="Nanonis",
        endings=(".sxm", ".3ds"),
        marks=(b":NANONIS_VERSION:",),
        advice="is a scanning-probe file of Nanonis, not an electron micrograph; export the image as TIFF in Gwyddion",
    ),
    Format(
        name="Igor",
        endings=(".ibw", ".pxp"),
        advice="is an Igor binary wave, which is not read; export the image as TIFF in Igor or Gwyddion",
    ),
    Format(
        name="scanning probe",
        endings=(".spm", ".nid", ".gwy", ".mtrx", ".jpk", ".gsf"),
        advice="is a scanning-probe file, not an electron micrograph; export the image as TIFF in Gwyddion",
    ),
    Format(
        name="surface",
        endings=(".sur", ".pro"),
        advice=f"is a Digital Surf file (Mountains, Attolight), which is not read; {_CONVERT}",
    ),
    Format(
        name="FITS",
        endings=(".fits", ".fit", ".fts"),
        marks=(b"SIMPLE  =",),
        advice="is a FITS file, which is not read; save the image as TIFF or .npy",
    ),
    Format(
        name="DICOM",
        endings=(".dcm",),
        marks=((128, b"DICM"),),
        advice="is a DICOM file, which is not read; export the image as TIFF",
    ),
    Format(
        name="picture",
        endings=(".webp", ".jp2", ".heic", ".avif", ".svg", ".eps", ".psd", ".xcf"),
        marks=((8, b"WEBP"), b"\0\0\0\x0cjP  ", b"8BPS", b"gimp xcf"),
        advice="is a picture of a kind that is not read; save it as TIFF or PNG",
    ),
    # documents and archives
    Format(
        name="gzip", endings=(".gz", ".tgz"), marks=(b"\x1f\x8b",), advice="is compressed with gzip; unpack it first"
    ),
    Format(
        name="archive",
        endings=(".bz2", ".xz", ".zst", ".7z", ".rar", ".tar"),
        marks=(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", (257, b"ustar")),
        advice="is compressed or an archive; unpack it first",
    ),
    Format(
        name="Office document",
        endings=(".pptx", ".docx", ".xlsx", ".odp", ".odt"),
        marks=(b"PK\x03\x04",),
        shared_mark=True,
        advice="is a document; save the image in it as TIFF or PNG, or better take the file of the microscope",
    ),
    Format(
        name="ZIP",
        endings=(".zip",),
        marks=(b"PK\x03\x04",),
        advice="is a ZIP archive; unpack it and open the file inside",
    ),
    Format(name="PDF", endings=(".pdf",), marks=(b"%PDF",), advice="is a PDF; export the image itself as TIFF"),
    Format(
        name="pickle",
        endings=(".pkl", ".pickle", ".pick"),
        marks=_PICKLES,
        advice="is a Python pickle, which can run code and is never loaded; save the image as .npy or TIFF",
    ),
    Format(name="MATLAB", endings=(".mat",), marks=(b"MATLAB",), advice="is a MATLAB file; save the image as TIFF"),
    Format(
        name="OLE",
        endings=(".zvi", ".ppt", ".doc"),
        marks=(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
        advice="is an OLE container (Olympus, Zeiss ZVI, Office), which is not read; export the image as TIFF",
    ),
    Format(
        name="structure",
        endings=(".cif", ".pdb", ".vasp", ".poscar"),
        advice="holds atoms, not an image; name it in the plan of a simulation",
    ),
    Format(
        name="text",
        endings=(".csv", ".asc"),
        advice="is a text file; read it with numpy.loadtxt and save the image with numpy.save",
    ),
)
register(*REFUSED)
