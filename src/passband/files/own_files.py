"""The files that passband writes for a micrograph, and how they are told from the user's own images."""

from collections.abc import Mapping
from pathlib import Path

from passband.files.formats import readable_endings
from passband.recipe import PassbandError

SOFTWARE = "passband"
#: What pages say of themselves.
PAGE_MARK = f'<meta name="generator" content="{SOFTWARE}">'
#: What masks, images, figures and pages of passband hold in their first bytes; the third is in older versions' TIFFs.
MARKS = (
    b"Software\0" + SOFTWARE.encode(),
    SOFTWARE.encode() + b"\0",
    b"pixel_size_angstrom=",
    PAGE_MARK.encode(),
)
#: What stands behind the stem of an image; the mask is written last, so that its presence means that all are there.
ENDINGS: Mapping[str, str] = {
    "probability": ".probability.tif",
    "overlay": ".overlay.png",
    "particles": ".particles.csv",
    "mask": ".mask.tif",
}
#: A table of the classes of particles.
CLASSES_ENDING = ".classes.csv"
#: The same for the columns of an image or a movie; the picture is written last.
ATOM_ENDINGS: Mapping[str, str] = {
    "table": ".atoms.csv",
    "structure": ".atoms.xyz",
    "lattice": ".lattice.json",
    "frames": ".atoms.frames.csv",
    "counts": ".atoms.frames.png",
    "picture": ".atoms.png",
}
#: The same for the point defects of an image.
DEFECT_ENDINGS: Mapping[str, str] = {
    "table": ".defects.csv",
    "parquet": ".defects.parquet",
    "picture": ".defects.png",
}
#: The same for the materials of an image; what was asked is written last.
MATERIAL_ENDINGS: Mapping[str, str] = {
    "labels": ".labels.tif",
    "regions": ".regions.csv",
    "overlay": ".materials.png",
    "stages": ".stages.png",
    "asked": ".materials.json",
}
_ALL_ENDINGS = (
    *ENDINGS.values(),
    *ATOM_ENDINGS.values(),
    *DEFECT_ENDINGS.values(),
    *MATERIAL_ENDINGS.values(),
    CLASSES_ENDING,
)
TABLES = ("summary.csv", "summary.json")  # of all images of a command
_HEAD = 4096  # bytes that hold the mark of a file, for it is written before the pixels


def is_marked(path: Path) -> bool:
    """Whether a TIFF, PNG or HTML page says that passband wrote it; simulated micrographs do as well as results."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return any(mark in head for mark in MARKS)


def refuse_foreign(path: Path) -> None:
    """Refuse to write over a file that passband did not write, such as the micrograph itself.

    Raises
    ------
    PassbandError
        Such a file is there, or a folder.
    """
    if path.exists() and not is_marked(path):
        raise PassbandError(f"{path} is there and is not passband's; choose another name")


def is_result(path: Path) -> bool:
    """Whether passband wrote a file for somebody to look at, and not as a micrograph.

    A picture with passband's mark, or a file whose name is that of a result and that either carries the mark or stands
    beside other results of the same image.
    """
    if path.suffix.lower() == ".png" and is_marked(path):
        return True
    stem, ending = _parts(path)
    if not ending:
        return path.name in TABLES
    others = (path.with_name(f"{stem}{other}") for other in _ALL_ENDINGS if other != ending)
    return is_marked(path) or any(other.is_file() for other in others)


def belongs_to_image(path: Path) -> bool:
    """Whether a file is a result, or is named like one of an image beside it, as a mask drawn by hand may be."""
    stem, ending = _parts(path)
    return is_result(path) or bool(
        ending and any(path.with_name(f"{stem}{suffix}").is_file() for suffix in readable_endings())
    )


def _parts(path: Path) -> tuple[str, str]:
    """Stem of the image and ending of the result; the latter empty for a file that is not named like one."""
    ending = next((one for one in _ALL_ENDINGS if path.name.lower().endswith(one)), "")
    return (path.name[: -len(ending)], ending) if ending else (path.name, "")
