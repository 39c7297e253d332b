"""Score every network of a finished run on the open real micrographs, and keep count of how often that was done.

    python -m studies.real_gold.score out/real_gold [--also old=au_hrtem]

Each network once as it is and once averaged over the square's eight symmetries, at a threshold of ½. Appends to
results/open_images.csv, which is the record of every look at these images; a network that is in it is not scored again.
The scores on held-out simulated cameras are copied to results/held_out.csv.
"""

import argparse
import csv
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from passband.segmentation.model import load_model
from passband.segmentation.segment import segment
from passband.segmentation.segmenter import Segmenter
from passband.segmentation.shipped import WEIGHTS, find_model
from passband.tabular import write_csv
from studies.real_gold.open_images import OpenImage, count, open_images, thresholded

RESULTS = Path(__file__).with_name("results")
RECORD, HELD_OUT = "open_images.csv", "held_out.csv"
SYMMETRIES = (1, 8)
THRESHOLD = "threshold"  # name of the baseline that is no network
COLUMNS = ("date", "variant", "seed", "weights", "image", "symmetries", "pixels", "gold", "found", "right")


class Candidate(NamedTuple):
    """A network to score: its variant and seed, its folder, and which weights it has."""

    variant: str
    seed: int
    folder: Path

    @property
    def weights(self) -> str:
        """First digits of the SHA-256 of its weights."""
        return hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()[:12]


def candidates(directory: Path) -> list[Candidate]:
    """Networks of a run that are finished, by the names of their folders: variant, seed, plan."""
    folders = sorted(path.parent for path in directory.glob(f"networks/*/{WEIGHTS}"))
    finished = [path for path in folders if (path / "scores.csv").exists()]
    named = [path.name.rsplit("-", 2) for path in finished]
    return [Candidate(name[0], int(name[1]), path) for name, path in zip(named, finished, strict=True)]


def read_record(results: Path) -> list[dict[str, str]]:
    """Return the record; nothing where none was begun."""
    path = results / RECORD
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(segmenter: Segmenter, images: Sequence[OpenImage], symmetries: int) -> Iterator[dict[str, Any]]:
    """Yield the counts of each image, as `passband segment` finds them."""
    for one in images:
        found = segment(one.image, segmenter, pixel_size=one.pixel_size, symmetries=symmetries).labels > 0
        yield {"image": one.name, "symmetries": symmetries, **count(found, one)}


def baseline(images: Sequence[OpenImage]) -> Iterator[dict[str, Any]]:
    """Yield the counts of each image under the threshold."""
    for one in images:
        yield {"image": one.name, "symmetries": 1, **count(thresholded(one.image), one)}


def append(found: Sequence[Candidate], results: Path) -> int:
    """Score the networks that are not in the record, and the threshold; return how many lines are new.

    The record is written after each network, so that a look that was interrupted counts too.
    """
    rows: list[dict[str, Any]] = [*read_record(results)]
    done, before = {row["weights"] for row in rows}, len(rows)
    images = open_images()
    results.mkdir(parents=True, exist_ok=True)
    for one in (None, *found):
        weights = THRESHOLD if one is None else one.weights
        if weights not in done:
            told: dict[str, Any] = {"variant": THRESHOLD, "seed": 0} if one is None else dict(one._asdict())
            told |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "weights": weights}
            rows += [{**told, **counts} for counts in (baseline(images) if one is None else _looks(one, images))]
            write_csv(results / RECORD, rows, COLUMNS)
    return len(rows) - before


def _looks(one: Candidate, images: Sequence[OpenImage]) -> Iterator[dict[str, Any]]:
    model = load_model(one.folder)
    for symmetries in SYMMETRIES:
        yield from score(model, images, symmetries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", help="of the run; none scores only what --also names")
    parser.add_argument("--also", nargs="+", default=[], metavar="LABEL=MODEL", help="other networks")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    others = [label.partition("=") for label in given.also]
    found = [Candidate(label, 0, find_model(model)) for label, _, model in others]
    if given.directory is not None:
        found += candidates(given.directory)
    print(f"{append(found, given.results)} new lines in {given.results / RECORD}")
    if given.directory is not None:
        shutil.copyfile(given.directory / "results.csv", given.results / HELD_OUT)


if __name__ == "__main__":
    main()
