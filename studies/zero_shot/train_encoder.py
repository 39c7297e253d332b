"""Train the encoder of textures that comes with passband; killed, the same command goes on.

    python -m studies.zero_shot.train_encoder WORK -o src/passband/weights/textures/encoder

Simulates what `encoder.toml` says into WORK, images it once, trains, and writes weights and card.
"""

import argparse
import os
import platform
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.durable import write_atomically
from passband.experiment.plan_files import read_toml
from passband.recipe import Recipe
from passband.training import FitOptions, History, TrainingProgress, TrainingRecipe, fit
from passband.zero_shot.textures.contrastive import ContrastiveLearner, CropBatch
from passband.zero_shot.textures.encoder import EncoderCard, EncoderRecipe, save_encoder
from passband.zero_shot.textures.simulated_crops import (
    CropRecipe,
    CropStream,
    TextureImage,
    film_images,
    lattice_sheets,
)
from studies.zero_shot.scan_recipes import ChangedPlan, scan_recipes

HELD_OUT = 0.15  # of the structures, that no crop of the training is of
VALIDATION = 12  # batches of a validation
NOTES = (
    "Retrieval is the share of crops whose nearest other crop of the same image is of the same material, on images of "
    "structures that were not trained on. Crops are turned and mirrored while it learns: orientation is no material."
)


class Images(Recipe):
    """How many images are taken to train on, and to validate on."""

    images: int = Field(ge=1)
    validation: int = Field(ge=1)


class EncoderPlan(Recipe):
    """A training: what is simulated and imaged, how crops are drawn of it, the network and the protocol."""

    seed: int
    films: Images
    lattices: Images
    architecture: EncoderRecipe
    crops: CropRecipe
    training: TrainingRecipe
    film_plan: ChangedPlan
    lattice_plan: ChangedPlan


Pools = dict[str, list[TextureImage]]


def pools(plan: EncoderPlan, work: Path) -> Pools:
    """Images to train on ("films", "lattices"), and of other structures ("held-out films", "held-out lattices")."""
    found: Pools = {}
    wanted = {"films": (plan.film_plan, plan.films), "lattices": (plan.lattice_plan, plan.lattices)}
    for name, (changed, images) in wanted.items():
        simulation, imaging = scan_recipes(changed)
        store = simulate(simulation, work / "stores" / simulation.identity)
        first = round((1.0 - HELD_OUT) * len(store))
        parts = {"": (range(first), images.images), "held-out ": (range(first, len(store)), images.validation)}
        for prefix, (indices, count) in parts.items():
            kept = work / "pools" / f"{prefix}{name}-{simulation.identity}-{imaging.identity}-{plan.seed}-{count}.npz"
            if not kept.exists():
                stream = Acquisition(store, imaging, indices=indices, seed=plan.seed)
                made = film_images(stream, count) if name == "films" else lattice_sheets(stream, count, seed=plan.seed)
                _write(kept, made)
            found[prefix + name] = _read(kept)
    return found


def _write(file: Path, images: Sequence[TextureImage]) -> None:
    buffer = BytesIO()
    np.savez(
        buffer,
        images=np.stack([one.image for one in images]).astype(np.float16),
        labels=np.stack([one.labels for one in images]),
        pixel_sizes=np.array([one.pixel_size for one in images]),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, buffer.getvalue())


def _read(file: Path) -> list[TextureImage]:
    with np.load(file) as arrays:
        stacked = zip(arrays["images"], arrays["labels"], arrays["pixel_sizes"], strict=True)
        return [TextureImage(image.astype(np.float32), labels, float(size)) for image, labels, size in stacked]


def trained(plan: EncoderPlan, work: Path, *, device: str | None = None) -> tuple[ContrastiveLearner, History]:
    """Train, or go on with the training in the folder of work."""
    images = pools(plan, work)
    pool = [*images["films"], *images["lattices"]]
    torch.manual_seed(plan.training.seed)
    learner = ContrastiveLearner(plan.architecture.build())
    stream = CropStream(pool, plan.crops, plan.architecture, seed=plan.seed)
    sets = {name: _validation(plan, images[name]) for name in images if name.startswith("held-out")}
    options = FitOptions(device=device, progress=_tell, identity=plan.identity)
    history = fit(learner, stream.batch, sets, plan.training, work / "training", options)
    return learner, history


def _validation(plan: EncoderPlan, pool: Sequence[TextureImage]) -> list[CropBatch]:
    stream = CropStream(pool, plan.crops, plan.architecture, seed=plan.seed + 1)
    return [stream.batch(step, plan.training.batch_size) for step in range(VALIDATION)]


def _tell(state: TrainingProgress) -> None:
    if state.step % 10 == 0 or state.scores:
        print(
            f"step {state.step}/{state.steps}, loss {state.loss:.3f}, {state.rate:.2f}/s",
            state.scores or "",
            flush=True,
        )


def card(plan: EncoderPlan, history: History, device: str) -> EncoderCard:
    """Card of a finished training."""
    last = [row for row in history.rows if row["epoch"] == history.rows[-1]["epoch"]]
    machine = f"{os.cpu_count()} cores of {platform.machine()}"
    return EncoderCard(
        name="encoder",
        architecture=plan.architecture,
        data=plan.model_dump(mode="json", include={"films", "lattices", "film_plan", "lattice_plan", "crops"}),
        training=plan.training.model_dump(mode="json"),
        scores={str(row["set"]): {name: row[name] for name in ("training_loss", "retrieval")} for row in last},
        seed=plan.training.seed,
        cost={
            "seconds": round(history.seconds, 1),
            "device": device,
            "threads": torch.get_num_threads(),
            "machine": machine,
        },
        notes=NOTES,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for stores, images and checkpoints")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("encoder.toml"))
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    plan = EncoderPlan.model_validate(read_toml(given.plan))
    learner, history = trained(plan, given.work, device=given.device)
    print(save_encoder(given.output, learner.encoder, card(plan, history, given.device)).scores)


if __name__ == "__main__":
    main()
