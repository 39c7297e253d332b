"""Simulated micrographs of a plan: those to learn from, and others, of other structures, to be judged by."""

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.durable import write_atomically
from passband.experiment.plan import load_plan
from studies.generation.study import Micrographs

Images = NDArray[np.float32]
Masks = NDArray[np.uint8]
SPLIT = 0.75  # of the structures are learned from
AT_ONCE = 50  # micrographs


class Simulated(NamedTuple):
    """Micrographs (n, size, size) of mean 0 and deviation 1, pixel size in Å, and masks: 1 where particles are."""

    training: Images
    held_out: Images
    pixel_size: float
    training_masks: Masks
    held_out_masks: Masks


def simulated(recipe: Micrographs, count: int, work: Path) -> Simulated:
    """Return `count` micrographs to learn from and those held out, simulated once and kept in the folder of work."""
    size, dose = recipe.size, recipe.dose
    changes = (f"simulation.structures={recipe.structures}", f"imaging.patch={size}", f"imaging.conditions.dose={dose}")
    plan = load_plan(recipe.plan, changes, trains=False)
    kept = work / f"labelled-{recipe.identity}-{plan.simulation.identity}-{count}.npz"
    pixel_size = plan.imaging.pixel_size
    assert isinstance(pixel_size, float)
    if not kept.exists():
        store = simulate(plan.simulation, work / "stores" / plan.simulation.identity)
        first = round(SPLIT * len(store))
        made = dict[str, NDArray[Any]]()
        parts = {"training": (range(first), count), "held_out": (range(first, len(store)), recipe.held_out)}
        for name, (indices, wanted) in parts.items():
            stream = Acquisition(store, plan.imaging, indices=indices, seed=recipe.seed)
            batches = list(stream.batches(range(-(-wanted // AT_ONCE)), AT_ONCE))
            made[name] = np.concatenate([one.images[:, 0].numpy() for one in batches])[:wanted]
            masks = np.concatenate([one.masks.numpy() for one in batches])[:wanted]
            made[f"{name}_masks"] = (masks > 0).astype(np.uint8)
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, **made)
        write_atomically(kept, buffer.getvalue())
    with np.load(kept) as arrays:
        return Simulated(
            arrays["training"], arrays["held_out"], pixel_size, arrays["training_masks"], arrays["held_out_masks"]
        )
