"""Where weights of others lie on this machine, and whether each file is the publisher's."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from passband.cache import cache_folder
from passband.recipe import PassbandError
from passband.zero_shot.weights.catalogue import Weights, WeightsFile

_PIECE = 1 << 20  # bytes
_AGAIN = "get it again with passband weights fetch"


class WeightsError(PassbandError):
    """Weights that are missing, cannot be had, or are not what they are called."""


def weights_folder(weights: Weights) -> Path:
    """Return the folder in the cache for the files of one network."""
    return cache_folder("weights", weights.name)


def is_there(weights: Weights) -> bool:
    """Whether all files are in the cache; nothing is said of their content."""
    return all((weights_folder(weights) / file.name).is_file() for file in weights.files)


def find_weights(weights: Weights) -> list[Path]:
    """Return the files of one network in the cache, in the order of the catalogue.

    Raises
    ------
    WeightsError
        They are not all there.
    """
    if not is_there(weights):
        raise WeightsError(
            f"{weights.name} is not on this machine ({weights_folder(weights)}); get it once with "
            f"passband weights fetch {weights.name} ({weights.size / 1e6:.0f} MB)"
        )
    return [weights_folder(weights) / file.name for file in weights.files]


def check_file(path: Path, wanted: WeightsFile) -> None:
    """Raise WeightsError where a file is not the publisher's, by its size and its SHA-256."""
    with path.open("rb") as file:
        check_open(file, wanted, str(path))


def read_checked(path: Path, wanted: WeightsFile) -> bytes:
    """Return the content of a file after its size and SHA-256 were found to be the publisher's."""
    with path.open("rb") as file:
        check_open(file, wanted, str(path))
        return file.read(wanted.size)


def check_open(file: BinaryIO, wanted: WeightsFile, shown: str) -> None:
    """Check an open file and leave it at its beginning, so that what was checked is what is read.

    Parameters
    ----------
    file
        Open for reading.
    wanted
        What it should be.
    shown
        What messages call it.

    Raises
    ------
    WeightsError
        Another size or another SHA-256.
    """
    file.seek(0)
    for _ in checked_pieces(file, wanted, shown):
        pass
    file.seek(0)


def checked_pieces(file: IO[bytes], wanted: WeightsFile, shown: str) -> Iterator[bytes]:
    """Give the content of a stream part by part; after the last part it is known to be the publisher's.

    Raises
    ------
    WeightsError
        It is longer, as soon as it is; or it is shorter or has another SHA-256, at its end.
    """
    digest, size = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        size += len(piece)
        if size > wanted.size:
            raise WeightsError(f"{shown} has more than the {wanted.size:,} bytes of {wanted.name}; {_AGAIN}")
        digest.update(piece)
        yield piece
    if size != wanted.size:
        raise WeightsError(f"{shown} has {size:,} bytes and {wanted.name} {wanted.size:,}: it is cut; {_AGAIN}")
    if digest.hexdigest() != wanted.sha256:
        raise WeightsError(
            f"{shown} is not {wanted.name} (SHA-256 {digest.hexdigest()[:12]}…, not {wanted.sha256[:12]}…); {_AGAIN}"
        )
