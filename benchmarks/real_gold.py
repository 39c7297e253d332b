"""The shipped network on a real micrograph: Dice against the hand mask, over pixel size and averaging.

    OMP_NUM_THREADS=2 python benchmarks/real_gold.py

Au on carbon, 201², "about 0.5 Å" per pixel, with a mask drawn by hand ($PASSBAND_TEST_DATA/hrtem/au_scott_lab); the
network saw simulations only. Aim: Dice of 0.90. The baseline is Otsu's threshold of the image or of its local standard
deviation, after a Gaussian of σ pixels; dark is gold, and so is varied.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from skimage.io import imread

from passband.scores.overlap import overlap_scores
from passband.segmentation.model import load_model
from passband.segmentation.shipped import find_model

DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def thresholded(image: NDArray[np.uint8], kind: str, sigma: float) -> NDArray[np.uint8]:
    """Baseline: where the image is darker, or varies more, than Otsu's threshold."""
    grey = image.astype(np.float64)
    smooth = gaussian_filter(grey, sigma)
    value = -smooth if kind == "dark" else np.sqrt(gaussian_filter((grey - smooth) ** 2, sigma))
    return np.asarray(value > threshold_otsu(value), dtype=np.uint8)  # type: ignore[no-untyped-call]


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
    print("\n| baseline | σ | Dice |\n|---|---|---|")
    for kind in ("dark", "varied"):
        for sigma in (2.0, 4.0, 8.0):
            scores = overlap_scores(thresholded(image, kind, sigma), truth, classes=2)
            print(f"| {kind} | {sigma:g} | {scores['dice'][1]:.3f} |")


if __name__ == "__main__":
    main()
