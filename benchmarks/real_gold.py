"""The shipped network on a real micrograph: Dice against the hand mask, over pixel size and averaging.

    OMP_NUM_THREADS=2 python benchmarks/real_gold.py

Au on carbon, 201², "about 0.5 Å" per pixel, with a mask drawn by hand ($PASSBAND_TEST_DATA/hrtem/au_scott_lab); the
network saw simulations only. Aim: Dice of 0.90.
"""

import os
from pathlib import Path

import numpy as np
from skimage.io import imread

from passband.scores.overlap import overlap_scores
from passband.segmentation.model import load_model
from passband.segmentation.shipped import find_model

DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def main() -> None:
    folder = DATA / "hrtem" / "au_scott_lab"
    image = imread(folder / "au_hrtem_image.png")
    truth = (imread(folder / "au_hrtem_mask.png") > 0).astype(np.uint8)
    model = load_model(find_model(None))
    print("| pixel size (Å) | symmetries | Dice | precision | recall | boundary IoU |\n|---|---|---|---|---|---|")
    for symmetries in (1, 8):
        for pixel_size in (0.45, 0.475, 0.5, 0.525, 0.55):
            mask = model.segment(image, pixel_size, symmetries=symmetries).labels
            scores = overlap_scores(mask, truth, classes=2)
            row = [scores[name][1] for name in ("dice", "precision", "recall", "boundary_iou")]
            print(f"| {pixel_size} | {symmetries} | " + " | ".join(f"{float(value):.3f}" for value in row) + " |")


if __name__ == "__main__":
    main()
