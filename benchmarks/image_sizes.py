"""Sizes of images: does the verdict of a shipped network say of large and small images what it says of its training's.

    OMP_NUM_THREADS=1 python benchmarks/image_sizes.py [--images 32]

Structures that neither training nor calibration saw, simulated in fields as wide as the table's largest images (kept in
`out/benchmarks/sizes`), are imaged at the network's pixel size under the conditions and cameras of its training. Side
by side: the share of images that get no objection and of those for which no error area is predicted, for features or
spectrum are too far from the calibration; the median of the distance of features; and, of networks that find columns
or defects, the share with an F1 of ½ or more. An image beside a calibration's has borders elsewhere: in a square of 96
pixels every deep feature has seen one. Aim: shares that hardly depend on the side.

Remarks
-------
`wse2_defects` was calibrated on images of 96 pixels alone until 27 November 2026, and its checks took the defects that
it sees for the columns of the image. With that card 92, 50, 46 and 38 % of 24 images of 96, 240, 480 and 960 pixels had
no objection, and for 0, 38, 50 and 50 % no error area was predicted.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.beam_paths import imaging_on_card, simulation_on_card
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.files.micrograph import Micrograph
from passband.performance.scoring import scores_of_mask
from passband.segmentation.model import load_model
from passband.verdict.assessment import Assessor

KEPT, SEED, STRUCTURES = Path("out/benchmarks/sizes"), 5027, 8
#: Of each network: a field in Å, None for that of its training, and sides of images in pixels of the network.
SIZES: dict[str, tuple[float | None, tuple[int, ...]]] = {
    "au_hrtem": (360.0, (96, 160, 256, 432)),
    "haadf_atoms": (None, (80, 128, 208, 352)),
    "wse2_defects": (240.0, (64, 96, 240, 480, 960)),
}


def wide(recipe: SimulationRecipe, field: float | None) -> SimulationRecipe:
    """Return the recipe of structures of another seed, as wide as that."""
    changes = {"seed": SEED, "structures": STRUCTURES}
    if field is None:
        return recipe.model_copy(update=changes)
    name = "scene" if "scene" in type(recipe).model_fields else "specimens"
    part = getattr(recipe, name).model_copy(update={"field": field})
    return recipe.model_copy(update={**changes, name: part})


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    count = parser.parse_args().images
    torch.set_num_threads(1)
    print("| network | side, pixels | no objection, % | none predicted, % | distance of features | F1 ≥ ½, % |")
    print("|---" * 6 + "|")
    for name, (field, sides) in SIZES.items():
        model = load_model(name)
        folder = KEPT / name
        recipe = wide(simulation_on_card(model.card.simulation), field)
        store = WaveStore.open(folder) if folder.exists() else simulate(recipe, folder)
        assessor, imaging = Assessor(model), imaging_on_card(model.card.imaging)
        pixel = model.card.pixel_size
        for side in sides:
            alone = imaging.model_copy(update={"patches_per_field": 1}).at_pixel(pixel, side)
            drawing = Acquisition(store, alone, seed=SEED)
            quiet, without, distances, right = [], [], [], []
            for number in range(count):
                image, mask = (one.numpy() for one in drawing.image_from_row(drawing.row(number, 0, 1)))
                verdict = assessor.assess(Micrograph(image, pixel_size=(pixel, pixel)), fit=False, quick=True)
                assert verdict.segmentation is not None
                quiet.append(verdict.outcome == "no objection")
                without.append(verdict.error_area is None)
                distances.append(verdict.signals["feature_distance"].value)
                right.append(scores_of_mask(verdict.segmentation, mask, model.card).get("f1", np.nan) >= 0.5)
            found = f"{100 * np.mean(right):.0f}" if name != "au_hrtem" else ""
            shares = f"{100 * np.mean(quiet):.0f} | {100 * np.mean(without):.0f} | {np.median(distances):.2f}"
            print(f"| {name} | {side} | {shares} | {found} |", flush=True)


if __name__ == "__main__":
    main()
