"""Simulated micrographs of a plan: those to learn from, and others, of other structures, to be judged by."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.durable import write_atomically
from passband.experiment.plan import load_plan
from studies.generation.study import Micrographs

Images = NDArray[np.float32]
SPLIT = 0.75  # of the structures are learned from
AT_ONCE = 50  # micrographs


class Simulated(NamedTuple):
    """Micrographs (n, size, size) of mean 0 and deviation 1, and their pixel size in Å."""

    training: Images
    held_out: Images
    pixel_size: float


def simulated(recipe: Micrographs, count: int, work: Path) -> Simulated:
    """Return `count` micrographs to learn from and those held out, simulated once and kept in the folder of work."""
    size, dose = recipe.size, recipe.dose
    changes = (f"simulation.structures={recipe.structures}", f"imaging.patch={size}", f"imaging.conditions.dose={dose}")
    plan = load_plan(recipe.plan, changes, trains=False)
    kept = work / f"micrographs-{recipe.identity}-{plan.simulation.identity}-{count}.npz"
    pixel_size = plan.imaging.pixel_size
    assert isinstance(pixel_size, float)
    if not kept.exists():
        store = simulate(plan.simulation, work / "stores" / plan.simulation.identity)
        first = round(SPLIT * len(store))
        made = {}
        parts = {"training": (range(first), count), "held_out": (range(first, len(store)), recipe.held_out)}
        for name, (indices, wanted) in parts.items():
            stream = Acquisition(store, plan.imaging, indices=indices, seed=recipe.seed)
            batches = stream.batches(range(-(-wanted // AT_ONCE)), AT_ONCE)
            made[name] = np.concatenate([one.images[:, 0].numpy() for one in batches])[:wanted]
        buffer = BytesIO()
        np.savez(buffer, training=made["training"], held_out=made["held_out"])
        write_atomically(kept, buffer.getvalue())
    with np.load(kept) as arrays:
        return Simulated(arrays["training"], arrays["held_out"], pixel_size)
