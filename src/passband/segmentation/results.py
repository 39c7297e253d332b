"""The files that `passband segment` writes for an image."""

from pathlib import Path

from passband.files.own_files import ENDINGS, is_marked
from passband.recipe import PassbandError


def result_files(output: Path, stem: str) -> dict[str, Path]:
    """Where the results of an image go.

    Raises
    ------
    PassbandError
        A file of one of these names is there and is not passband's: a mask drawn by hand, an image.
    """
    files = {kind: output / f"{stem}{ending}" for kind, ending in ENDINGS.items()}
    for path in (files["probability"], files["mask"]):
        if path.is_file() and not is_marked(path):
            raise PassbandError(f"{path} is there and is not passband's; choose another folder with -o, or move it")
    return files
