"""Atoms beside AtomAI: its network, trained on the training images of passband's, and its finder of columns.

    OMP_NUM_THREADS=1 python benchmarks/bench_atomai.py [--peer PYTHON] [--steps 250] [--images 1000]

`$PASSBAND_ATOMAI` or `--peer` names a Python that has AtomAI (MIT licence); without one nothing is compared. Weights
that its authors trained do not come with the package. Its default U-Net (`models.Segmentor("Unet")`, 16 filters) is
trained by its own `fit` with its defaults (Adam, 1e-3, batches of 32) on single patches of 128² at 0.16 Å, with
masks, of the plan `haadf_atoms`, each scaled from 0 to 1 as it scales an image that it is given. Frames are those of
`bench_atom_programs`: resized to 0.16 Å (its `resize`), thresholded at 0.5, centres of mass, refined by Gaussians
(`refine`), all by AtomAI.

Remarks
-------
`haadf_atoms` saw 28,800 patches in 2,400 steps of 12: so this compares programs that one can have, not architectures.
Half an Ångström around the columns of graphene is 30 % of the image, so that as many points at random have an F1 of up
to 0.3.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from atomai_columns import train_and_find
from bench_atom_programs import DOSES, Found, Frames, by_both, cells, frames
from numpy.typing import NDArray
from scanned_columns import ideal_image, scenes

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.experiment.plan import load_plan
from passband.verdict.finding import ColumnFinder

PIXEL = 0.16  # Å, of the training


def training(count: int, folder: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Images and masks (n, y, x) of the plan."""
    plan = load_plan("haadf_atoms")
    store = simulate(plan, folder / "store")
    parts = store.splits(validation=plan.split.validation, test=plan.split.test)
    drawn = Acquisition(store, plan.imaging, indices=parts["train"].tolist(), seed=plan.training.seed)
    size = plan.training.batch_size
    batches = [drawn.batch(step, size) for step in range(-(-count // size))]
    images = np.concatenate([one.images[:, 0].numpy() for one in batches])
    return images[:count], np.concatenate([one.masks.numpy() > 0 for one in batches])[:count].astype(np.uint8)


def by_atomai(peer: Path, lines: list[Frames], steps: int, images: int, folder: Path) -> tuple[list[Found], str]:
    """Columns of each frame, and what was done."""
    shown, masks = training(images, folder)
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place) / "images.npz", Path(place) / "found.npz"
        sides = [round(one.images[0].shape[0] * one.scene.pixel_size / PIXEL) for one in lines]
        given = {f"image{number}": one.images[0] for number, one in enumerate(lines)}
        np.savez(source, training_images=shown, training_masks=masks, steps=steps, sides=np.array(sides), **given)  # type: ignore[arg-type]
        module, name = train_and_find.__module__, train_and_find.__name__
        command = f"from {module} import {name}; {name}({str(source)!r}, {str(target)!r})"
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run([peer, "-c", command], check=True, env=environment, stdout=subprocess.DEVNULL)
        with np.load(target) as told:
            about = f"{told['versions'][0]}: {steps} steps on {len(shown)} patches, {float(told['training']):.0f} CPU s"
            found = [Found(told[f"places{number}"], float(told[f"seconds{number}"])) for number in range(len(lines))]
    return found, about


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a Python that has AtomAI", default=os.environ.get("PASSBAND_ATOMAI"))
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path("out/benchmarks/atomai"))
    given = parser.parse_args()
    if not given.peer:
        print("No AtomAI: name a Python that has it by --peer or $PASSBAND_ATOMAI.")
        return
    torch.set_num_threads(1)
    finder, lines = ColumnFinder("haadf_atoms"), list[Frames]()
    for scene in scenes():
        ideal = ideal_image(scene)
        lines += [frames(scene, ideal, dose, distorted=True) for dose in DOSES[scene.name]]
    theirs, about = by_atomai(given.peer, lines, given.steps, given.images, given.folder)
    print(f"{about}.\n")
    heads = " | ".join(f"{name}: F1 | error, pm | over the bound | s" for name in ("passband", "AtomAI"))
    print(f"| lattice | e⁻/Å² | scan | {heads} |\n" + "|---" * 11 + "|")
    for one, found in zip(lines, theirs, strict=True):
        ours = by_both(one.images[0], one.scene, finder)
        print(f"| {one.label} | {cells([ours], one)} | {cells([found], one)} |")


if __name__ == "__main__":
    main()
