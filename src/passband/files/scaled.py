"""A micrograph of known pixel size: read, and refused before anything that takes long is done with it."""

from pathlib import Path

from passband.files.micrograph import Micrograph
from passband.files.own_files import is_result
from passband.files.reading import read_micrograph
from passband.recipe import PassbandError


def open_micrograph(path: Path, *, pixel_size: float | None = None, frame: int | None = None) -> Micrograph:
    """Read a micrograph whose pixel size its file or the user says, in Å; `frame` is that of a stack.

    Raises
    ------
    PassbandError
        The file cannot be read as one image, nobody says its pixel size, or it is a result of passband.
    """
    if is_result(path):
        raise PassbandError(f"{path} is what passband made of a micrograph; give the micrograph itself")
    micrograph = read_micrograph(path, pixel_size=pixel_size, frame=frame)
    _ = micrograph.known_pixel_size
    return micrograph
