"""Columns of images by AtomAI, in an interpreter that has it; started by `bench_atomai.py`.

A file of training images with masks and of images to look at is read, one of places and CPU seconds written.
"""

import importlib
import importlib.metadata
import time
import warnings
from typing import Any

import numpy as np


def scaled(image: Any) -> Any:
    """Return an image from 0 to 1, as AtomAI scales one image before it is looked at."""
    return (image - image.min()) / max(float(np.ptp(image)), 1e-12)


def found_columns(model: Any, image: Any, side: int) -> tuple[Any, float]:
    """Places (n, 2), x, y in pixels, of the default `Locator`, refined by Gaussians where that fits; and CPU seconds.

    The image is resized to `side` pixels first, as a network wants the pixels of its training.
    """
    start = time.process_time()
    try:
        _, found = model.predict(image, refine=True, resize=(side, side), verbose=False)
    except (ValueError, RuntimeError, IndexError):  # of too few columns for its refinement
        _, found = model.predict(image, refine=False, resize=(side, side), verbose=False)
    places = (found[0][:, 1::-1] + 0.5) * (np.array(image.shape[::-1]) / side) - 0.5
    return places, time.process_time() - start


def train_and_find(source: str, target: str) -> None:
    """Train AtomAI's default U-Net and find the columns of every image."""
    warnings.simplefilter("ignore")
    atomai, torch = importlib.import_module("atomai"), importlib.import_module("torch")
    torch.set_num_threads(1)
    told: dict[str, Any] = {"versions": np.array([f"atomai {importlib.metadata.version('atomai')}"])}
    with np.load(source) as given:
        images = np.stack([scaled(one) for one in given["training_images"]])[:, None].astype(np.float32)
        masks = given["training_masks"][:, None].astype(np.float32)
        held = len(images) // 10
        start = time.process_time()
        model = atomai.models.Segmentor("Unet", nb_classes=1)
        model.fit(
            images[held:],
            masks[held:],
            images[:held],
            masks[:held],
            training_cycles=int(given["steps"]),
            print_loss=100,
            plot_training_history=False,
            filename=target.removesuffix(".npz"),
        )
        told["training"] = time.process_time() - start
        for number, side in enumerate(given["sides"]):
            found = found_columns(model, given[f"image{number}"], int(side))
            told[f"places{number}"], told[f"seconds{number}"] = found
    np.savez(target, **told)
