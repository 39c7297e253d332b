"""Versions of what passband computes: part of the identity of all simulated data, raised when their bytes change.

The fields of a recipe say what was asked for. What came out depends on the code too: a mended formula, another way of
storing a wave or of summing an image gives other bytes for the same recipe. **Whoever changes simulated bytes raises
the number here**, so that old exit waves, trainings and evaluations are not taken for new ones. The golden test
`tests/dataset/test_physics.py` fails until that is done, and says so.
"""

from typing import Annotated

from pydantic import AfterValidator

from passband.recipe import PassbandError

#: Of exit waves and truth: everything that a store holds.
WAVES = 3
#: Of micrographs made from stored waves: everything between the exit wave and the network.
IMAGES = 3
#: Of columns and the truth about a scan, and of the frames made from them.
COLUMNS = 1
FRAMES = 1


def _waves(version: int) -> int:
    return _checked(version, WAVES, "exit waves", "simulate them again")


def _images(version: int) -> int:
    return _checked(version, IMAGES, "micrographs", "train and measure again")


def _columns(version: int) -> int:
    return _checked(version, COLUMNS, "columns", "simulate them again")


def _frames(version: int) -> int:
    return _checked(version, FRAMES, "scanned frames", "train and measure again")


def _checked(version: int, current: int, what: str, cure: str) -> int:
    if version != current:
        raise PassbandError(
            f"physics={version} is another passband's: this one makes {what} of version {current}; leave it out, "
            f"and {cure}"
        )
    return version


#: The version in a recipe of exit waves, and in one of micrographs; another one than the present is refused.
WavesVersion = Annotated[int, AfterValidator(_waves)]
ImagesVersion = Annotated[int, AfterValidator(_images)]
ColumnsVersion = Annotated[int, AfterValidator(_columns)]
FramesVersion = Annotated[int, AfterValidator(_frames)]
