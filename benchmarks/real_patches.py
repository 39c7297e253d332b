"""The shipped network on six more real micrographs: Dice against masks drawn by hand, and what the verdict said.

    OMP_NUM_THREADS=1 python benchmarks/real_patches.py

Six crops of 130² of aberration-corrected HRTEM micrographs of Au on carbon at 300 kV, 0.7758 Å per pixel, with masks
drawn by hand ($PASSBAND_TEST_DATA/hrtem/au_patches). Their defocus is unknown; they were cut from figures of a
published notebook, so they are resampled and have 8 bits. The network saw simulations only. Each mask is that of
`passband segment`; a pooled Dice counts the pixels of all crops together. The first crop holds next to no gold, so
that its Dice is 0 whatever is found; its false alarms are in the pooled one. The baseline is Otsu's threshold of the
local standard deviation (Gaussian window, σ = 8 pixels): the best of six simple thresholds that were tried on these
same crops (darkness, brightness or standard deviation, σ = 4 or 8).

Remarks
-------
The verdict does not follow the Dice here: it says *holds* of the crop where nearly all that was found is wrong.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from skimage.io import imread

DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PIXEL = "0.7758"  # Å


def segment(paths: list[Path], output: Path) -> dict[str, dict[str, Any]]:
    """Return what `passband segment --json` says, by the stem of each image."""
    code = "from passband.commands.cli import main; main()"
    arguments = [*map(str, paths), "--pixel-size", PIXEL, "-o", str(output), "--json", "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, "segment", *arguments], stdout=subprocess.PIPE, check=True)
    return {Path(row["image"]).stem: row for row in json.loads(done.stdout)["images"]}


def thresholded(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Baseline: where the grey values vary more than Otsu's threshold."""
    grey = image.astype(np.float64)
    spread = np.sqrt(gaussian_filter((grey - gaussian_filter(grey, 8.0)) ** 2, 8.0))
    return np.asarray(spread > threshold_otsu(spread))  # type: ignore[no-untyped-call]


def counts(found: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
    """Pixels that are right, found, and true."""
    return np.array([np.count_nonzero(found & truth), np.count_nonzero(found), np.count_nonzero(truth)])


def scores(right: float, found: float, true: float) -> list[float]:
    """Dice, precision and recall."""
    return [2 * right / (found + true), right / max(found, 1), right / max(true, 1)]


def main() -> None:
    paths = sorted((DATA / "hrtem" / "au_patches").glob("patch_[0-9].png"))
    print("| crop | pixels of gold | found | Dice | precision | recall | Dice of the baseline | verdict |")
    print("|---|---|---|---|---|---|---|---|")
    rows, total = [], np.zeros((2, 3), dtype=np.int64)
    with tempfile.TemporaryDirectory() as folder:
        results = segment(paths, Path(folder))
        for path in paths:
            truth = imread(path.with_suffix(".label.png")) > 0
            masks = imread(results[path.stem]["mask"]) > 0, thresholded(imread(path))
            both = np.stack([counts(mask, truth) for mask in masks])
            total += both
            rows.append((path.stem, both, results[path.stem]["verdict"]))
    for name, (ours, baseline), verdict in [*rows, ("pooled", total, "")]:
        measured = [*scores(*ours), scores(*baseline)[0]]
        text = " | ".join(f"{value:.3f}" for value in measured)
        print(f"| {name} | {ours[2]:,} | {ours[1]:,} | {text} | {verdict} |")


if __name__ == "__main__":
    main()
