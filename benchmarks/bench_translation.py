"""Translation: what an image pair costs in training, beside a plain loop of the same networks, and FLOPs at full size.

    OMP_NUM_THREADS=1 python benchmarks/bench_translation.py --threads 1

Speed: 64² pixels, batches of 8, 16 channels, discriminators of images and spectra; noise instead of micrographs, for
the time does not depend on what is seen. CPU seconds of a training in a process of its own, less those of one with a
single step, by the number of pairs; memory is the largest resident set. "Plain" is a loop as in the papers' code: the
same networks and losses, one call of a network for each use, a list as the pool of generated images, no checkpoints, no
validation. The aim: no slower than the plain loop.

FLOPs: of the convolutions and products of one training step at 256², 64 channels, one pair, forward and backward,
counted by `torch.utils.flop_counter` on tensors without numbers. Of the specification: U-Net 0.36 TFLOP, ResNet-9 1.9,
with discriminators of the spectra of whole crops, which cost 16 and 3 % of it; here they see segments of half the side.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from passband.generation.contrastive import OneWayLearner
from passband.generation.cyclegan import CycleLearner
from passband.generation.domain import Domain
from passband.generation.domain_discriminators import DomainDiscriminators
from passband.generation.paired_crops import DomainBatch, PairedCrops
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.translation import TranslationNetworks
from passband.generation.translation_recipe import Contrastive, CycleGAN, TranslationRecipe
from passband.generation.translation_training import TRAINING, train_translation
from passband.generation.translator_resnet import ResNetTranslator
from passband.generation.translator_unet import UNetTranslator

STEPS, BATCH, REPETITIONS = 9, 8, 2
GENERATORS = {"unet": UNetTranslator(width=16, depth=4), "resnet": ResNetTranslator(width=16, blocks=4)}


def recipe_of(name: str, method: CycleGAN | Contrastive) -> TranslationRecipe:
    return TranslationRecipe(method=method, generator=GENERATORS[name], noise=0.15)


def sets() -> tuple[Domain, Domain]:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 4, 128, 128)).astype(np.float32)
    return Domain.of_arrays("simulated", images[0], 0.2), Domain.of_arrays("real", images[1], 0.2)


def ours(recipe: TranslationRecipe, steps: int) -> None:
    training = TRAINING.model_copy(update={"epochs": 1, "steps_per_epoch": steps, "batch_size": BATCH})
    with tempfile.TemporaryDirectory() as folder:
        train_translation(*sets(), recipe, folder, training=training)


def plain(recipe: TranslationRecipe, steps: int) -> None:
    crops = PairedCrops(*sets(), size=recipe.size, seed=0, symmetries=recipe.symmetries)
    plain_loop(recipe, (crops(step, BATCH) for step in range(steps)), "cpu")


def plain_loop(recipe: TranslationRecipe, batches: Iterable[DomainBatch], device: str) -> None:
    """The loop of the papers' code, every network called for every use."""
    assert isinstance(recipe.method, CycleGAN)
    method, distance = recipe.method, nn.L1Loss()
    to_real, to_simulated = recipe.generator.build().to(device), recipe.generator.build().to(device)
    judge_simulated, judge_real = DomainDiscriminators(recipe).to(device), DomainDiscriminators(recipe).to(device)
    generators = torch.optim.Adam(chain(to_real.parameters(), to_simulated.parameters()), lr=2e-4, betas=(0.5, 0.999))
    judges = torch.optim.Adam(chain(judge_simulated.parameters(), judge_real.parameters()), lr=2e-4, betas=(0.5, 0.999))
    rng = np.random.default_rng(0)
    pools: tuple[list[Tensor], list[Tensor]] = ([], [])
    for batch in batches:
        x, y = batch.simulated.to(device), batch.real.to(device)
        x = x + (recipe.noise or 0.0) * torch.randn_like(x)
        for parameter in chain(judge_simulated.parameters(), judge_real.parameters()):
            parameter.requires_grad_(False)
        generators.zero_grad()
        fake_y, fake_x = to_real(x), to_simulated(y)
        loss = judge_real.fooled(fake_y, rng) + judge_simulated.fooled(fake_x, rng)
        loss = loss + method.cycle_weight * (distance(to_simulated(fake_y), x) + distance(to_real(fake_x), y))
        loss = loss + method.identity_weight * (distance(to_real(y), y) + distance(to_simulated(x), x))
        loss.backward()
        generators.step()
        for parameter in chain(judge_simulated.parameters(), judge_real.parameters()):
            parameter.requires_grad_(True)
        judges.zero_grad()
        told = judge_simulated.told(x, pooled(fake_x.detach(), pools[0], method.replay), rng)
        told = told + judge_real.told(y, pooled(fake_y.detach(), pools[1], method.replay), rng)
        told.backward()  # type: ignore[no-untyped-call]
        judges.step()


def pooled(images: Tensor, pool: list[Tensor], capacity: int) -> Tensor:
    shown = []
    for image in images:
        if len(pool) < capacity:
            pool.append(image.clone())
            shown.append(image)
        elif random.random() < 0.5:
            place = random.randrange(capacity)
            shown.append(pool[place])
            pool[place] = image.clone()
        else:
            shown.append(image)
    return torch.stack(shown)


LOOPS: dict[str, tuple[Callable[[TranslationRecipe, int], None], CycleGAN | Contrastive]] = {
    "cyclegan": (ours, CycleGAN()),
    "plain cyclegan": (plain, CycleGAN()),
    "contrastive": (ours, Contrastive()),
}


def measured(loop: str, network: str, steps: int, threads: int) -> tuple[float, float]:
    """CPU seconds and megabytes of a training in a process of its own."""
    command = [sys.executable, __file__, "--threads", str(threads), "--one", loop, network, str(steps)]
    seconds, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(memory)


def one(loop: str, network: str, steps: int) -> None:
    function, method = LOOPS[loop]
    start = time.process_time()
    function(recipe_of(network, method), steps)
    print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def speed(threads: int) -> None:
    print("\n| generator | training | ms a pair, each repetition | memory, MB |")
    print("|---|---|---|---|")
    least: dict[tuple[str, str], float] = {}
    for network in GENERATORS:
        for loop in LOOPS:
            times, memories = [], []
            for _ in range(REPETITIONS):
                (long, memory), (short, _) = (measured(loop, network, steps, threads) for steps in (STEPS, 1))
                times.append(1e3 * (long - short) / ((STEPS - 1) * BATCH))
                memories.append(memory)
            least[network, loop] = min(times)
            each = ", ".join(f"{value:.1f}" for value in sorted(times))
            print(f"| {network} | {loop} | {each} | {max(memories):.0f} |", flush=True)
    ratios = [f"{name} {least[name, 'cyclegan'] / least[name, 'plain cyclegan']:.2f}" for name in GENERATORS]
    print(f"\nTimes the plain loop, least of each: {', '.join(ratios)}.")


def step_flops(recipe: TranslationRecipe) -> int:
    """FLOPs of one step with one pair: both turns, forward and backward."""
    cycle = isinstance(recipe.method, CycleGAN)
    with FakeTensorMode():
        networks = TranslationNetworks(generator=recipe.generator, ways=("there", "back") if cycle else ("there",))
        learner = (CycleLearner if cycle else OneWayLearner)(recipe, networks.build(), seed=0)
        images = torch.zeros(1, 1, recipe.size, recipe.size)
        batch = DomainBatch(images, images, None)
        with FlopCounterMode(display=False) as counter:
            for turn in learner.turns():
                for parameter in learner.parameters():
                    parameter.requires_grad_(any(parameter is own for own in turn.parameters))
                learner.loss(batch, step=0, turn=turn.name).backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops())


def flops() -> None:
    print("\n| generator | training | parameters | TFLOP a pair | more with discriminators of spectra |")
    print("|---|---|---|---|---|")
    for name, generator in (("unet", UNetTranslator()), ("resnet", ResNetTranslator())):
        with torch.device("meta"):
            parameters = sum(one.numel() for one in generator.build().parameters())
        for method in (CycleGAN(), Contrastive()):
            full = TranslationRecipe(
                method=method, generator=generator, discriminator=PatchDiscriminator(), size=256, spectrum=True
            )
            both, images = (step_flops(full.model_copy(update={"spectrum": told})) for told in (True, False))
            more = f"{both / images - 1:.0%}"
            print(f"| {name} | {method.kind} | {parameters / 1e6:.1f} M | {both / 1e12:.3f} | {more} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=["speed", "flops"])
    parser.add_argument("--one", nargs=3, metavar=("LOOP", "NETWORK", "STEPS"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.one:
        one(arguments.one[0], arguments.one[1], int(arguments.one[2]))
        return
    if arguments.only != "flops":
        speed(arguments.threads)
    if arguments.only != "speed":
        flops()


if __name__ == "__main__":
    main()
