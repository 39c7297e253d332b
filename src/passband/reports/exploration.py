"""What varies from atom to atom in movies: patches collected, explored window by window, and written down."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from passband.description.frame_record import FrameRecord
from passband.description.lattice import nearest_distances
from passband.description.selection import ColumnFinding
from passband.documents import json_text
from passband.durable import write_atomically
from passband.files.movie import Movie, open_movie
from passband.files.own_files import refuse_foreign
from passband.latent.collecting import AtomFrame, Collected, PatchCollector, collect
from passband.latent.exploration import Exploration, Explored, explore, latent_columns, window_for
from passband.locking import exclusive
from passband.recipe import PassbandError
from passband.reports.atom_frames import NetworkMap, found_columns, frames_of_both, frames_of_movie, frames_of_table
from passband.reports.exploration_page import exploration_page
from passband.tabular import write_columns
from passband.training import TrainingProgress
from passband.verdict.finding import ColumnFinder

TABLE = ".csv"
_CRYSTALS = (0.7, 8.0)  # Å between a column and the nearest: 0.78 of silicon along [112], more of complex oxides


class _Source(NamedTuple):
    """A movie with the record of its columns or a table of them, or a table of atoms alone."""

    path: Path
    movie: Movie | None
    record: FrameRecord | None
    table: Path | None
    pixel_size: float | None


class Explorer:
    """Takes movies and tables of atoms one after the other, and then explores all atoms together.

    Parameters
    ----------
    recipe
        How patches are explored.
    windows
        Sides in Å; none: one of five times the distance of neighbours.
    output
        Folder, which is made where it is missing.
    model, dark, device
        Of the network that finds atoms, as in `passband atoms`.

    Raises
    ------
    PassbandError
        A report that is not passband's is there, or there is no such network.
    """

    def __init__(
        self,
        recipe: Exploration,
        windows: tuple[float, ...],
        output: Path,
        *,
        model: str | None = None,
        dark: bool = False,
        device: str = "cpu",
    ) -> None:
        self.recipe, self.windows, self.output = recipe, windows, output
        self.report = output / "report.html"
        refuse_foreign(self.report)
        output.mkdir(parents=True, exist_ok=True)
        finding = ColumnFinding(contrast="dark" if dark else "bright")
        self._finding: Callable[[], ColumnFinder] = lambda: ColumnFinder(model, device=device, finding=finding)
        self._finder: ColumnFinder | None = None
        self._parts: list[_Source] = []
        self._remarks: list[str] = []

    def add(
        self,
        path: Path,
        *,
        table: Path | None = None,
        pixel_size: float | None = None,
        workers: int = 1,
        bar: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Add a stack, an image, a folder of frames, or a table of atoms.

        The atoms of the former are found here, or are those of a `table`.

        Raises
        ------
        PassbandError
            It cannot be read, another process works on it, or it is a table and patches are to show the image.
        """
        if path.suffix.lower() == TABLE:
            if self.recipe.shown != "atoms" or table is not None:
                raise PassbandError(
                    f"{path} is a table and has no image; write --patches atoms, or MOVIE --atoms {path}"
                )
            self._parts.append(_Source(path, None, None, path, pixel_size))
            return
        movie = open_movie(path, pixel_size=pixel_size)
        if self.recipe.shown == "network" or table is None:
            self._finder = self._finder or self._finding()
        if table is not None:
            self._parts.append(_Source(path, movie, None, table, pixel_size))
            return
        assert self._finder is not None
        kept = self.output / f"{len(self._parts)}.atoms.partial"
        with exclusive(kept) as ours:
            if not ours:
                raise PassbandError(f"{path} is being looked at by another process, into {self.output}; wait for it")
            record = found_columns(movie, self._finder, kept, workers=workers, bar=bar)
        if all(one.columns is None for one in record):  # nothing of it can be read
            fault = next(iter(record))
            record.remove()
            raise PassbandError(movie.frames[fault.frame].told(fault.remark))
        self._remarks += [movie.frames[one.frame].told(one.remark) for one in record if one.remark]
        self._parts.append(_Source(path, movie, record, None, pixel_size))

    def finish(self, progress: Callable[[TrainingProgress], None] | None = None) -> dict[str, Any]:
        """Explore what was added and write tables, models and the report, which is last; return a row for scripts.

        Raises
        ------
        PassbandError
            There are no atoms, fewer than two whole windows, or patches that are all alike.
        """
        first = next(self._frames(), None)
        if first is None:
            raise PassbandError(
                f"no frame shows an atom ({self._remarks[0]})"
                if self._remarks
                else "no frame shows an atom; look at the images with passband atoms, or give --model or --dark"
            )
        collectors = self._collectors(first)
        atoms = collect(self._frames(), collectors)
        found = []
        for one in collectors:
            folder = self.output / f"window_{one.window.side:.3g}A"
            found.append(explore(one.patches(), self.recipe, folder, progress))
            write_columns(self._table(found[-1], len(found)), latent_columns(found[-1]))
        row = self._row(found, atoms)
        exploration_page(found, atoms, first, row).write(self.report)
        for one in collectors:
            one.path.unlink()
        for part in self._parts:
            if part.record is not None:
                part.record.remove()
        return row

    def _collectors(self, first: AtomFrame) -> list[PatchCollector]:
        spacing = float(np.median(nearest_distances(first.columns.positions))) if len(first.columns) > 1 else 0.0
        if not self.windows and spacing == 0.0:
            raise PassbandError("a frame of one atom has no distance of neighbours; give --window, such as 7.5A")
        sides = self.windows or (None,)
        pixel = min(first.columns.pixel_size)
        windows = [window_for(side, spacing, pixel) for side in sides]
        return [
            PatchCollector(self.output / f"{number}.patches.partial", window, self.recipe.shown)
            for number, window in enumerate(windows)
        ]

    def _frames(self) -> Iterator[AtomFrame]:
        """Yield the frames of all parts; numbers of frames and atoms go on."""
        frame, atom = 0, 0
        for part in self._parts:
            frames = self._frames_of(part, frame, atom)
            last, most = frame, atom
            for one in frames:
                last, most = one.frame + 1, max(most, 1 + int(one.atom.max(initial=-1)))
                yield one
            frame, atom = max(last, frame + (len(part.movie.frames) if part.movie else 0)), most

    def _frames_of(self, part: _Source, first: int, atoms: int) -> Iterator[AtomFrame]:
        seen = None
        if self.recipe.shown == "network":
            assert self._finder is not None
            seen = NetworkMap(self._finder)
        if part.movie is None:
            return frames_of_table(part.path, pixel_size=part.pixel_size, first=first, atoms=atoms)
        if part.table is not None:
            return frames_of_both(part.movie, part.table, seen=seen, first=first, atoms=atoms)
        assert part.record is not None
        return frames_of_movie(part.movie, part.record, seen=seen, first=first, atoms=atoms)

    def _table(self, found: Explored, number: int) -> Path:
        name = "latents.parquet" if number == 1 else f"latents_{found.patches.window.side:.3g}A.parquet"
        return self.output / name

    def _row(self, found: list[Explored], atoms: Collected) -> dict[str, Any]:
        each = [
            {
                "window_A": one.patches.window.side,
                "patches": len(one.patches.images),
                "left_out": one.patches.left_out,
                "symmetry": one.symmetry,
                "elbo_nats": one.autoencoder.card.elbo_nats,
                "collapsed": one.collapsed,
                "says_nothing": list(one.autoencoder.card.collapsed),
                "told_classes": list(one.told),
                "kinds": len(one.mixture.weights),
                "latents": str(self._table(one, number)),
            }
            for number, one in enumerate(found, start=1)
        ]
        row = {
            "report": str(self.report),
            **{key: each[0][key] for key in ("patches", "symmetry", "elbo_nats", "collapsed", "latents")},
            "frames": len(np.unique(atoms.frame)),
            "windows": each,
            "remarks": [*self._remarks, *_remarks(found)],
            "shown": self.recipe.shown,
            "seed": self.recipe.seed,
        }
        write_atomically(self.output / "summary.json", f"{json_text(row, indent=1)}\n".encode())
        return row


def _remarks(found: list[Explored]) -> list[str]:
    """Say in words what collapsed, which windows show too little, of which the border cut many, and odd distances."""
    said = []
    nearest = found[0].patches.window.side / found[0].patches.across
    if not _CRYSTALS[0] <= nearest <= _CRYSTALS[1]:
        said.append(f"atoms are {nearest:.3g} Å from the nearest, which no crystal shows; look at the pixel size")
    for one in found:
        side = f"window of {one.patches.window.side:.3g} Å"
        if one.collapsed:
            said.append(f"{side}: the autoencoder collapsed, its angle says nothing; try another --seed or --symmetry")
        if "content" in one.autoencoder.card.collapsed:
            said.append(f"{side}: but for turns the patches are alike, z1 and z2 say nothing")
        if one.patches.across < 2.0:
            said.append(f"{side}: the nearest atoms, {nearest:.3g} Å away, are outside; patches show one atom alone")
        if one.patches.left_out > len(one.patches.images):
            said.append(f"{side}: the border cuts that of {one.patches.left_out} atoms, more than are explored")
    return said
