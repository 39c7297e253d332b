"""A network on six more real micrographs: Dice against masks drawn by hand, false gold on bare film, the verdict.

    PYTHONPATH=. OMP_NUM_THREADS=1 python benchmarks/real_patches.py [--model MODEL]

Six crops of 130² of aberration-corrected HRTEM micrographs of Au on carbon at 300 kV, 0.7758 Å per pixel, with masks
drawn by hand ($PASSBAND_TEST_DATA/hrtem/au_patches). Their defocus is unknown; they were cut from figures of a
published notebook, so they are resampled and have 8 bits. The network (the shipped one by default) saw simulations
only. Each mask is that of `passband segment`, without or with all eight symmetries of the square. A pooled Dice counts
the pixels of all crops together. The first crop holds next to no gold, so that its Dice is 0 whatever is found: it is
the bare film, whose false area is told, as is that of the film of all six. Error is the false and the missed area, as
a share of the image, beside what the verdict predicts for it.

Baselines: Otsu's threshold of the local standard deviation (Gaussian window, σ = 8 pixels), the best of six simple
thresholds that were tried on these same crops (darkness, brightness or standard deviation, σ = 4 or 8); and the network
that the package had until November 2026, from the record of `studies/real_gold`, which says how often these crops were
looked at.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skimage.io import imread

from studies.real_gold.open_images import SINGLE, OpenImage, count, dice, open_images, summary
from studies.real_gold.score import RESULTS, THRESHOLD, baseline, read_record

Counts = Mapping[str, Any]


def segmented(images: Sequence[OpenImage], model: str, *, tta: bool) -> list[dict[str, Any]]:
    """Counts of each mask of `passband segment`, with its verdict and the error area that it predicts."""
    code = "from passband.commands.cli import main; main()"
    files, size = [str(one.file) for one in images], f"{images[0].pixel_size}"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--model", model, "--pixel-size", size, "-o", folder, "--json", "--quiet", *["--tta"] * tta]
        command = [sys.executable, "-c", code, "segment", *files, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        told = {Path(row["image"]).stem: row for row in json.loads(done.stdout)["images"]}
        return [
            {
                "image": one.name,
                **count(imread(told[one.name]["mask"]) > 0, one),
                "verdict": told[one.name]["verdict"],
                "predicted": told[one.name].get("predicted_error_area"),
            }
            for one in images
        ]


def error(row: Counts) -> float:
    """False and missed area over that of the image."""
    return float(row["found"] + row["gold"] - 2 * row["right"]) / float(row["pixels"])


def predicted(row: Counts) -> str:
    """What the verdict says of the error area, where it says anything."""
    told = row["predicted"]
    if not told or told.get("value") is None:
        return "–"
    low, high = told["interval"]
    return f"{told['value']:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="au_hrtem", help="folder or name of a model")
    model = parser.parse_args().model
    images = [one for one in open_images() if one.name != SINGLE]
    plain, steady = (segmented(images, model, tta=tta) for tta in (False, True))
    threshold = list(baseline(images))
    record = [row for row in read_record(RESULTS) if row["variant"] == "old" and row["image"] != SINGLE]
    old = {n: [row for row in record if row["symmetries"] == n] for n in ("1", "8")}
    header = (
        "crop | gold % | Dice (1) | Dice (8) | old network (8) | threshold | error (1) | predicted (1) | verdict (1)"
    )
    print(f"| {header} |\n|---|---|---|---|---|---|---|---|---|")
    for one, other, before, simple in zip(plain, steady, old["8"], threshold, strict=True):
        scores = " | ".join(f"{dice([row]):.3f}" for row in (one, other, before, simple))
        share = 100.0 * one["gold"] / one["pixels"]
        told = f"{error(one):.3f} | {predicted(one)} | {one['verdict']}"
        print(f"| {one['image']} | {share:.1f} | {scores} | {told} |")
    print(
        "\n| all six | symmetries | pooled Dice | false on bare film % | false on all film % |\n|---|---|---|---|---|"
    )
    lines = [("this network", "1", plain), ("this network", "8", steady)]
    lines += [("old network", n, rows) for n, rows in old.items()]
    for name, symmetries, rows in [*lines, (THRESHOLD, "", threshold)]:
        found = summary(rows)
        shares = f"{100 * found['bare']:.1f} | {100 * found['film']:.1f}"
        print(f"| {name} | {symmetries} | {found['patches']:.3f} | {shares} |")


if __name__ == "__main__":
    main()
