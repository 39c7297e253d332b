"""The surroundings of the atoms of a movie, frame by frame onto the disk: memory does not grow with the movie."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.description.columns import AtomColumns
from passband.description.lattice import nearest_distances
from passband.latent.cutting import AtomWindow, cut_patches, drawn_patches
from passband.recipe import PassbandError

Shown = Literal["image", "network", "atoms"]
WIDTH = 0.25  # standard deviation of a drawn atom, in distances to the nearest


class AtomFrame(NamedTuple):
    """Atoms of one frame, which of the movie each is (n,), and where there are such the image and a map, (y, x).

    The map `seen` is a network's probability that a pixel belongs to any column.
    """

    frame: int
    columns: AtomColumns
    atom: NDArray[np.intp]
    image: NDArray[np.float64] | None
    seen: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class AtomPatches:
    """Patches about atoms, and which atom of which frame each is about; n of them.

    Attributes
    ----------
    images
        (n, h, w), float32, on the disk.
    window
        Of each.
    frame, atom
        (n,): numbers.
    places
        (n, 2): y, x in pixels of the frame.
    kinds
        (n,): names of the classes.
    left_out
        Atoms whose window the border of their frame cuts, or pixels without a value.
    across
        Distances to the nearest atom in the side of a window.
    """

    images: NDArray[np.float32]
    window: AtomWindow
    frame: NDArray[np.int64]
    atom: NDArray[np.int64]
    places: NDArray[np.float64]
    kinds: NDArray[Any]
    left_out: int
    across: float


class PatchCollector:
    """Writes the patches of one window, frame after frame.

    Parameters
    ----------
    path
        Of a file for the pixels, which is begun anew.
    window
        Of the patches.
    shown
        "image": the pixels of the frame, less their mean and over their deviation; "network": its map; "atoms": what a
        perfect map of the atoms would show.
    """

    def __init__(self, path: Path, window: AtomWindow, shown: Shown) -> None:
        self.path, self.window, self.shown = path, window, shown
        self.left_out = 0
        self._nearest: list[float] = []
        self._rows: list[tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]] = []
        path.write_bytes(b"")

    def add(self, frame: AtomFrame) -> None:
        """Write the patches of the atoms of a frame."""
        columns = frame.columns
        places = np.stack([columns.y, columns.x], axis=1)
        whole = np.flatnonzero(self.window.inside(places, columns.shape, columns.pixel_size))
        if not whole.size:
            self.left_out += len(columns)
            return
        distances = nearest_distances(columns.positions)
        nearest = float(np.median(distances)) if distances.size else self.window.side
        self._nearest.append(nearest)
        if self.shown == "atoms":
            patches = drawn_patches(columns.positions, whole, self.window, sigma=WIDTH * nearest)
        else:
            image = frame.seen if self.shown == "network" else _standardised(frame.image)
            assert image is not None
            patches = cut_patches(image, places[whole], self.window, columns.pixel_size)
            known = np.isfinite(patches).all((1, 2))
            whole, patches = whole[known], patches[known]
        self.left_out += len(columns) - len(whole)
        with self.path.open("ab") as file:
            file.write(patches.tobytes())
        names = np.array([columns.names[number] for number in whole])
        numbers = np.full(len(whole), frame.frame, dtype=np.int64)
        self._rows.append((places[whole], numbers, frame.atom[whole].astype(np.int64), names))

    def patches(self) -> AtomPatches:
        """Return all that was written.

        Raises
        ------
        PassbandError
            Nothing was.
        """
        if not self._rows:
            raise PassbandError(
                f"no atom has a window of {self.window.side:.3g} Å about it that the border does not cut; use a "
                "smaller --window, or images with more atoms"
            )
        places, frame, atom, kinds = map(np.concatenate, zip(*self._rows, strict=True))
        shape = (len(places), self.window.pixels, self.window.pixels)
        images = np.memmap(self.path, dtype=np.float32, mode="r", shape=shape)
        across = self.window.side / float(np.median(self._nearest))
        return AtomPatches(images, self.window, frame, atom, places, kinds, self.left_out, across)


def _standardised(image: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Image less its mean and over its deviation; pixels without a value count for neither."""
    assert image is not None
    known = image[np.isfinite(image)]
    return np.asarray((image - known.mean()) / (float(known.std()) or 1.0))


class Collected(NamedTuple):
    """Every atom of every frame: `frame`, `atom` (n,), `positions` (n, 2) x, y in Å, `places` (n, 2) y, x in pixels."""

    frame: NDArray[np.int64]
    atom: NDArray[np.int64]
    positions: NDArray[np.float64]
    places: NDArray[np.float64]


def collect(frames: Iterable[AtomFrame], collectors: Sequence[PatchCollector]) -> Collected:
    """Give every frame to each collector; return where all atoms are."""
    found: list[tuple[NDArray[Any], ...]] = []
    for one in frames:
        for collector in collectors:
            collector.add(one)
        numbers = np.full(len(one.columns), one.frame, dtype=np.int64)
        places = np.stack([one.columns.y, one.columns.x], axis=1)
        found.append((numbers, one.atom.astype(np.int64), one.columns.positions, places))
    return Collected(*map(np.concatenate, zip(*found, strict=True)))
