"""A network on a real micrograph: Dice against the hand mask, over pixel size and averaging.

    PYTHONPATH=. OMP_NUM_THREADS=2 python benchmarks/real_gold.py [--model MODEL]

Au on carbon, 201², "about 0.5 Å" per pixel, with a mask drawn by hand ($PASSBAND_TEST_DATA/hrtem/au_scott_lab); the
network (the shipped one by default) saw simulations only. Aim: Dice of 0.92. Baselines: Otsu's threshold of the image
or of its local standard deviation, after a Gaussian of σ pixels (dark is gold, and so is varied), and the network that
the package had until November 2026, from the record of `studies/real_gold`. False gold is the share of the film that
was called gold.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from passband.scores.overlap import overlap_scores
from passband.segmentation.model import load_model
from passband.segmentation.segment import segment
from studies.real_gold.open_images import SINGLE, count, dice, false_area, open_images
from studies.real_gold.score import RESULTS, read_record


def thresholded(image: NDArray[np.uint8], kind: str, sigma: float) -> NDArray[np.bool_]:
    """Baseline: where the image is darker, or varies more, than Otsu's threshold."""
    grey = image.astype(np.float64)
    smooth = gaussian_filter(grey, sigma)
    value = -smooth if kind == "dark" else np.sqrt(gaussian_filter((grey - smooth) ** 2, sigma))
    return np.asarray(value > threshold_otsu(value))  # type: ignore[no-untyped-call]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or name of a model")
    model = load_model(parser.parse_args().model)
    (one,) = (image for image in open_images() if image.name == SINGLE)
    truth = one.gold.astype(np.uint8)
    header = "pixel size (Å) | symmetries | Dice | precision | recall | boundary IoU | false gold %"
    print(f"| {header} |\n|---|---|---|---|---|---|---|")
    for symmetries in (1, 8):
        for pixel_size in (0.45, 0.475, 0.5, 0.525, 0.55):
            mask = segment(one.image, model, pixel_size=pixel_size, symmetries=symmetries).labels
            scores = overlap_scores(mask, truth, classes=2)
            row = [f"{scores[name][1]:.3f}" for name in ("dice", "precision", "recall", "boundary_iou")]
            print(
                f"| {pixel_size} | {symmetries} | {' | '.join(row)} | {100 * false_area([count(mask > 0, one)]):.1f} |"
            )
    print("\n| baseline | σ | symmetries | Dice | false gold % |\n|---|---|---|---|---|")
    for kind in ("dark", "varied"):
        for sigma in (2.0, 4.0, 8.0):
            counts = count(thresholded(one.image, kind, sigma), one)
            print(f"| {kind} | {sigma:g} | | {dice([counts]):.3f} | {100 * false_area([counts]):.1f} |")
    for row_before in read_record(RESULTS):
        if (row_before["variant"], row_before["image"]) == ("old", SINGLE):
            shown = f"{dice([row_before]):.3f} | {100 * false_area([row_before]):.1f}"
            print(f"| old network | | {row_before['symmetries']} | {shown} |")


if __name__ == "__main__":
    main()
