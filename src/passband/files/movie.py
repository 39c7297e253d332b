"""A movie: the images of a stack or of a folder one after the other, each read when it is asked for."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from passband.files.listing import find_images
from passband.files.micrograph import NO_PIXEL_SIZE, Micrograph
from passband.files.opening import open_file
from passband.files.own_files import is_result
from passband.files.reading import open_micrograph, read_frame
from passband.files.source_file import MAX_BYTES, FormatError
from passband.natural_order import natural_key


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a movie: its file, its number in a stack, and how it is read (errors as `open_micrograph`)."""

    path: Path
    load: Callable[[], Micrograph]
    number: int | None = None

    def told(self, text: str) -> str:
        """Return a line about this frame, before which the name of its file may stand already."""
        name = str(self.path) if self.number is None else f"{self.path}, frame {self.number}"
        return f"{name}: {text.removeprefix(f'{self.path}: ').removeprefix(f'{self.path} ')}"


@dataclass(frozen=True, eq=False)
class Movie:
    """Images that follow one another in time.

    Attributes
    ----------
    path
        Of the stack or of the folder.
    frames
        In order.
    identity
        Changes with the files, their names, sizes and times, and with the pixel size that was given.
    """

    path: Path
    frames: tuple[Frame, ...]
    identity: str


def open_movie(path: Path, *, pixel_size: float | None = None) -> Movie:
    """Open the images of a stack, or all images of a folder, as one movie; no pixel is read.

    Images of a folder come in the order of their names, numbers in them ordered as numbers; of a stack in it every
    image counts. Images that were recorded together, as by several detectors, are no movie: such a file is one frame,
    which cannot be read without saying which image.

    Parameters
    ----------
    path
        Of the file or of the folder.
    pixel_size
        Å, instead of what the files say.

    Raises
    ------
    PassbandError
        The file is no image, or the folder holds none. What is wrong with one file of a folder is raised when that
        frame is read.
    """
    if not path.is_dir():
        return Movie(path, _frames(path, pixel_size), _identity([path], pixel_size))
    files = sorted(find_images([str(path)]), key=lambda file: natural_key(file.name))
    frames = [frame for file in files for frame in _frames_or_fault(file, pixel_size)]
    return Movie(path, tuple(frames), _identity(files, pixel_size))


def list_frames(arguments: Sequence[str], *, pixel_size: float | None = None) -> list[Frame]:
    """Images of paths, folders and patterns, every one of a stack for itself; no pixel is read, or size of one asked.

    What is wrong with one of several files is raised when it is read.

    Raises
    ------
    PassbandError
        A folder holds no micrograph or a pattern matches nothing.
    """
    files = find_images(arguments)
    return [frame for file in files for frame in _frames_or_fault(file, pixel_size, need_pixel_size=False)]


def _frames(path: Path, pixel_size: float | None, *, need_pixel_size: bool = True) -> tuple[Frame, ...]:
    source, content = open_file(path, MAX_BYTES)
    if content.frames == 1 or content.frame_names or is_result(path):
        whole = partial(open_micrograph, path, pixel_size=pixel_size, need_pixel_size=need_pixel_size)
        return (Frame(path, whole),)
    if need_pixel_size and pixel_size is None and content.pixel_size is None:
        raise source.error(NO_PIXEL_SIZE)
    return tuple(
        Frame(path, partial(read_frame, source, content, number, pixel_size=pixel_size), number)
        for number in range(content.frames)
    )


def _frames_or_fault(path: Path, pixel_size: float | None, *, need_pixel_size: bool = True) -> tuple[Frame, ...]:
    try:
        return _frames(path, pixel_size, need_pixel_size=need_pixel_size)
    except FormatError:  # raised again when the frame is read
        return (Frame(path, partial(open_micrograph, path, pixel_size=pixel_size)),)


def _identity(files: list[Path], pixel_size: float | None) -> str:
    digest = hashlib.sha256(repr(pixel_size).encode())
    for file in files:
        known = file.stat()
        digest.update(f"\0{file.name}\0{known.st_size}\0{known.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
