"""Generation on a GPU: what the networks of the papers' sizes take.

    python benchmarks/bench_gpu.py --only stylegan2
    python benchmarks/bench_gpu.py --only translation

StyleGAN2: seconds for a thousand images, as `bench_stylegan2.py` counts them, in minibatches of 16; beside the papers'
formulas as they stand. Translation: milliseconds for an image pair of 256², 64 channels, 16 pairs a step, with
discriminators of images and spectra, in the project's trainer (less a training of fewer steps, so that start and last
checkpoint do not count) and in the plain loop of `bench_translation.py`; *bfloat16* is the trainer's mixed precision.
By the clock, each call waited for. Memory is the most that tensors took. Single precision is torch's default, without
TF32 in products (cuDNN's convolutions use it).

Remarks
-------
`--device cpu --small` goes through all of it in a minute, with networks of no use, to see that it runs.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from bench_stylegan2 import BATCH, DUE, players, turns_of
from bench_translation import plain_loop

from passband.generation.domain import Domain
from passband.generation.paired_crops import PairedCrops
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.translation_recipe import Contrastive, TranslationRecipe
from passband.generation.translation_training import GPU_TRAINING, TranslationOptions, train_translation
from passband.generation.translator_resnet import ResNetTranslator
from passband.generation.translator_unet import UNetTranslator

WHERE = "cuda"
SIZES = [(64, 1024, 64), (64, 16384, 512), (256, 16384, 512), (512, 32768, 512)]
REPEATS = 3
STEPS = (3, 11)  # of trainings of translations, whose difference counts
GB = 1e9
SIDE, JUDGE = 256, PatchDiscriminator()
GENERATORS: dict[str, UNetTranslator | ResNetTranslator] = {"unet": UNetTranslator(), "resnet": ResNetTranslator()}


def _wait() -> None:
    if WHERE == "cuda":
        torch.cuda.synchronize()


def memory() -> float:
    """Most that tensors took since it was last asked, GB; 0 on a CPU."""
    if WHERE != "cuda":
        return 0.0
    found = torch.cuda.max_memory_allocated() / GB
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return found


def waited(call: Callable[[], object]) -> float:
    """Seconds by the clock, the GPU waited for."""
    _wait()
    start = time.perf_counter()
    call()
    _wait()
    return time.perf_counter() - start


def kimg(recipe: StyleGAN2, *, formulas: bool) -> tuple[float, float]:
    """Seconds for a thousand images, and the most memory, GB."""
    memory()
    learner = players(formulas=formulas, recipe=recipe).to(WHERE)
    total = 0.0
    for name, call in turns_of(learner).items():
        for _ in range(2):
            call()
        total += DUE[name] * median(waited(call) for _ in range(REPEATS))
    return total * 1000.0 / BATCH, memory()


def stylegan2() -> None:
    print("\n| size | capacity, channels | s a kimg | memory, GB | the papers' formulas: s a kimg | memory, GB |")
    print("|---|---|---|---|---|---|")
    for size, capacity, most in SIZES:
        recipe = StyleGAN2(size=size, capacity=capacity, most_channels=most, latent=64 if most == 64 else 512)
        cells = [f"{value:.3g}" for formulas in (False, True) for value in kimg(recipe, formulas=formulas)]
        print(f"| {size} | {capacity}, {most} | {' | '.join(cells)} |", flush=True)


def sets() -> tuple[Domain, Domain]:
    images = np.random.default_rng(0).standard_normal((2, 4, 2 * SIDE, 2 * SIDE)).astype(np.float32)
    return Domain.of_arrays("simulated", images[0], 0.2), Domain.of_arrays("real", images[1], 0.2)


def ours(recipe: TranslationRecipe, precision: str, steps: int) -> None:
    training = GPU_TRAINING.model_copy(update={"epochs": 1, "steps_per_epoch": steps, "precision": precision})
    with tempfile.TemporaryDirectory() as folder:
        options = TranslationOptions(device=WHERE)
        train_translation(*sets(), recipe, folder, training=training, options=options)


def plain(recipe: TranslationRecipe, steps: int) -> None:
    crops = PairedCrops(*sets(), size=recipe.size, seed=0, symmetries=recipe.symmetries)
    plain_loop(recipe, (crops(step, GPU_TRAINING.batch_size) for step in range(steps)), WHERE)


def translation() -> None:
    print("\n| generator | training | ms a pair | memory, GB |")
    print("|---|---|---|---|")
    for name, generator in GENERATORS.items():
        recipe = TranslationRecipe(generator=generator, discriminator=JUDGE, size=SIDE, noise=0.15)
        one_way = recipe.model_copy(update={"method": Contrastive()})
        loops: dict[str, Callable[[int], None]] = {
            "cyclegan": lambda steps: ours(recipe, "float32", steps),  # noqa: B023 - called in this turn
            "cyclegan, bfloat16": lambda steps: ours(recipe, "bfloat16", steps),  # noqa: B023
            "plain cyclegan": lambda steps: plain(recipe, steps),  # noqa: B023
            "contrastive": lambda steps: ours(one_way, "float32", steps),  # noqa: B023
        }
        for training, loop in loops.items():
            loop(1)  # what is chosen and compiled once
            memory()
            few, many = (waited(lambda: loop(steps)) for steps in STEPS)  # noqa: B023
            pair = 1e3 * (many - few) / ((STEPS[1] - STEPS[0]) * GPU_TRAINING.batch_size)
            print(f"| {name} | {training} | {pair:.1f} | {memory():.1f} |", flush=True)


def small() -> None:
    """Take networks that a CPU goes through in a minute."""
    global SIDE, JUDGE, STEPS
    SIDE, JUDGE, STEPS = 32, PatchDiscriminator(width=4), (1, 2)
    SIZES[:] = [(64, 256, 8)]
    GENERATORS.update(unet=UNetTranslator(width=4, depth=4), resnet=ResNetTranslator(width=4, blocks=1))


def main() -> None:
    global WHERE
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["stylegan2", "translation"])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    WHERE = chosen.device
    if chosen.small:
        small()
    if WHERE == "cuda" and not torch.cuda.is_available():
        print("No GPU is here.")
        return
    print(f"{torch.cuda.get_device_name() if WHERE == 'cuda' else 'CPU'}, torch {torch.__version__}")
    for name, part in {"stylegan2": stylegan2, "translation": translation}.items():
        if chosen.only in (None, name):
            part()


if __name__ == "__main__":
    main()
