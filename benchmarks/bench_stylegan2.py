"""StyleGAN2: seconds per thousand images and memory, against the papers' formulas as they stand; what a GPU would take.

    OMP_NUM_THREADS=1 python benchmarks/bench_stylegan2.py --only speed
    OMP_NUM_THREADS=1 python benchmarks/bench_stylegan2.py --only layers
    OMP_NUM_THREADS=1 python benchmarks/bench_stylegan2.py --only flops

Speed: one step of minibatches of 16 images of 64 × 64 with the default widths (capacity 1,024, at most 64 channels),
CPU seconds of one process with one thread, the median of seven after one for warming up; steps with regularisation
counted as often as they are due (R1 every 16, path lengths every 4). The plain network is the same one, with the same
weights and the same images to rounding (checked here): a convolution with weights of its own for each image, in
groups (arXiv 1912.04958, eqs 1 and 3), noise, bias, activation and its √2 one after the other, and filters over
images between whose pixels zeros were put. Its loop is bare: losses, regularisation and Adam, the average of the
generator, no checkpoints. Memory: the largest resident set of a process that does this and nothing else, less that of
one which only imports.

Layers: one styled layer of 3 × 3 forward and backward, images scaled against weights of each image.

FLOPs: counted by torch.utils.flop_counter (multiplications and additions of convolutions and matrix products) on
tensors without numbers. Assumption for one GPU: a tenth of the 495 TFLOP/s that an H100 is said to do with TF32.

Remarks
-------
Modulating images and not weights pays where maps are small and channels many; where maps are large and channels few
the groups are faster by some 10 %. As no image needs weights of its own, images are scaled everywhere. Channels lie
side by side in memory (`channels_last`, on a CPU): about level with these widths, a third less with the narrow networks
of `studies/generation/study_small.toml` (16.0 before and 10.5 CPU s after, 27 November 2026, script not kept). The time
of a GPU is no measurement: no GPU was there.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from math import sqrt
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from passband.generation.ada import AdaptiveAugmentation
from passband.generation.stylegan2 import StyleGAN2
from passband.generation.stylegan2_layers import EqualConvolution, ModulatedConvolution, StyledLayer
from passband.generation.stylegan2_learner import TURNS, StyleGAN2Learner, StyleGAN2Losses

BATCH, REPEATS = 16, 7
DUE = {"generator": 1.0, "path_length": 1 / 4, "discriminator": 1.0, "r1": 1 / 16}
SUSTAINED = 49.5e12  # FLOP/s of one GPU, assumed


def filtered(images: Tensor, gain: float, around: int) -> Tensor:
    """Images under [1, 3, 3, 1] along both axes, zeros around them."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=images.device)
    kernel = (taps[:, None] * taps * gain / 64.0).expand(images.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(images, (around,) * 4), kernel, groups=images.shape[1])


def with_zeros(images: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    spread = images.new_zeros(count, channels, 2 * height + 1, 2 * width + 1)
    spread[:, :, 1::2, 1::2] = images
    return spread


class PlainModulated(ModulatedConvolution):
    """Weights of each image, in groups; twice the pixels before the convolution."""

    def forward(self, images: Tensor, w: Tensor, *, gain: float = 1.0) -> Tensor:
        count, inputs, *_ = images.shape
        outputs, _, side, _ = self.weight.shape
        weight = self.weight[None] * self.scale * self.style(w)[:, None, :, None, None]
        if self.demodulated:
            weight = weight / torch.sqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        if self.doubling:
            images = with_zeros(images)
            weight = weight.flip(3, 4)
        flat = images.reshape(1, count * inputs, *images.shape[2:])
        found = F.conv2d(flat, weight.reshape(count * outputs, inputs, side, side), padding=side // 2, groups=count)
        found = found.reshape(count, outputs, *found.shape[2:])
        return gain * (filtered(found, 4.0, 1) if self.doubling else found)


class PlainLayer(StyledLayer):
    """One thing after the other."""

    def forward(self, images: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        found = self.convolution(images, w)
        found = found + self.strength * noise
        found = found + self.bias[:, None, None]
        return F.leaky_relu(found, 0.2) * sqrt(2.0)


class PlainConvolution(EqualConvolution):
    """One thing after the other."""

    def forward(self, images: Tensor, *, gain: float = 1.0) -> Tensor:
        weight = self.weight * self.scale
        if self.halving:
            found = F.conv2d(filtered(images, 1.0, 2), weight, stride=2)
        else:
            found = F.conv2d(images, weight, padding=weight.shape[-1] // 2)
        if self.bias is not None:
            found = F.leaky_relu(found + self.bias[:, None, None], 0.2) * sqrt(2.0)
        return found * gain


PLAIN = {ModulatedConvolution: PlainModulated, StyledLayer: PlainLayer, EqualConvolution: PlainConvolution}


def plain(network: nn.Module) -> None:
    """Make the layers of a network those of the papers' formulas, with the same weights."""
    for module in network.modules():
        module.__class__ = PLAIN.get(type(module), type(module))


def players(
    augmentation: AdaptiveAugmentation | None = None, *, formulas: bool = False, recipe: StyleGAN2 | None = None
) -> StyleGAN2Learner:
    torch.manual_seed(0)
    learner = StyleGAN2Learner(recipe or StyleGAN2(), StyleGAN2Losses(), augmentation, batch=BATCH)
    if formulas:
        plain(learner)
    return learner


def checked() -> float:
    """Largest difference of images and logits between the networks, in their standard deviations."""
    latents = torch.randn(4, StyleGAN2().latents)
    found = []
    for formulas in (False, True):
        learner = players(formulas=formulas)
        for layer in learner.generator.modules():
            if isinstance(layer, StyledLayer):
                layer.strength.data.fill_(0.3)
        with torch.no_grad():
            images = learner.generator(latents)
            found.append((images / images.std(), learner.discriminator(images / images.std())))
    return max(float((one - other).abs().max()) for one, other in zip(*found, strict=True))


def turns_of(learner: StyleGAN2Learner) -> dict[str, Callable[[], None]]:
    """One call of each turn: loss, gradient, a step of Adam."""
    side = learner.recipe.size
    reals = torch.randn(BATCH, 1, side, side, generator=torch.Generator().manual_seed(1))
    calls: dict[str, Callable[[], None]] = {}
    optimisers: dict[int, torch.optim.Optimizer] = {}
    for turn in learner.turns():
        own = {id(one) for one in turn.parameters}
        key = id(turn.parameters[0])
        if key not in optimisers:
            optimisers[key] = torch.optim.Adam(turn.parameters, lr=0.0025 * turn.rate, betas=turn.betas)

        def call(name: str = turn.name, own: set[int] = own, adam: torch.optim.Optimizer = optimisers[key]) -> None:
            for one in learner.parameters():
                one.requires_grad_(id(one) in own)
            adam.zero_grad()
            loss = learner.loss(reals, step=0, turn=name)
            assert loss is not None
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()

        calls[turn.name] = call
    return calls


def seconds(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return median(times)


def megabytes(what: str) -> float:
    """Largest resident set of a process of its own."""
    run = subprocess.run([sys.executable, __file__, "--memory", what], check=True, capture_output=True, text=True)
    return float(run.stdout)


def memory(what: str) -> None:
    if what != "nothing":
        for call in turns_of(players(formulas=what == "plain")).values():
            for _ in range(2):
                call()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


def speed() -> None:
    print(f"\nThe networks agree to {checked():.1g} of the deviation of images and logits.\n")
    head = " | ".join(name.replace("_", " ") for name in TURNS)
    print(f"| network | {head} | average | CPU s per kimg | memory, MiB |")
    print("|---|" + "---|" * (len(TURNS) + 3))
    idle = megabytes("nothing")
    ada = AdaptiveAugmentation(fixed=0.5, rotations=True)
    for name, learner, what in (
        ("passband", players(), "ours"),
        ("the papers' formulas", players(formulas=True), "plain"),
        ("passband, augmented at p = 0.5", players(ada), ""),
    ):
        times = {turn: seconds(call) for turn, call in turns_of(learner).items()}
        average = seconds(lambda: learner.stepped(10**6))  # noqa: B023 - called at once
        total = (sum(times[turn] * DUE[turn] for turn in TURNS) + average) * 1000.0 / BATCH
        room = f"{megabytes(what) - idle:.0f}" if what else ""
        each = " | ".join(f"{times[turn]:.3f}" for turn in TURNS)
        print(f"| {name} | {each} | {average:.4f} | {total:.1f} | {room} |", flush=True)


def layers() -> None:
    print("\n| channels | pixels | images scaled, ms | weights of each image, ms |")
    print("|---|---|---|---|")
    for channels, side in ((16, 64), (32, 32), (64, 16), (64, 8), (64, 4)):
        torch.manual_seed(0)
        layer = StyledLayer(channels, channels, 64)
        images, w = torch.randn(BATCH, channels, side, side, requires_grad=True), torch.randn(BATCH, 64)
        noise = torch.randn(BATCH, 1, side, side)
        times = []
        for formulas in (False, True):
            if formulas:
                plain(layer)
            times.append(seconds(lambda: layer(images, w, noise).sum().backward()))  # noqa: B023 - called at once
        print(f"| {channels} | {side} × {side} | {times[0] * 1e3:.1f} | {times[1] * 1e3:.1f} |", flush=True)


class _Nowhere(nullcontext[None]):
    """In place of the tracker of modules, which cannot be there while gradients of gradients are taken."""

    parents = frozenset({"Global"})


def operations(recipe: StyleGAN2, batch: int) -> dict[str, float]:
    """FLOPs of each turn for one real image."""
    found = {}
    with FakeTensorMode(allow_non_fake_inputs=True):
        learner = StyleGAN2Learner(recipe, StyleGAN2Losses(), None, batch=batch)
        learner.control.see = lambda logits: None  # type: ignore[method-assign]
        reals = torch.randn(batch, 1, recipe.size, recipe.size)
        for turn in learner.turns():
            own = {id(one) for one in turn.parameters}
            for one in learner.parameters():
                one.requires_grad_(id(one) in own)
            counter: Any = FlopCounterMode(display=False)
            counter.mod_tracker = _Nowhere()
            with counter:
                loss = learner.loss(reals, step=0, turn=turn.name)
                assert loss is not None
                loss.backward()  # type: ignore[no-untyped-call]
            found[turn.name] = counter.get_total_flops() / batch
    return found


def flops() -> None:
    print(
        "\n| size | capacity, channels | weights, M | GFLOP per image | GPU: s a kimg | 1,000 kimg, h | 5,000 kimg, h |"
    )
    print("|---|---|---|---|---|---|---|")
    for size, capacity, most in ((64, 1024, 64), (64, 16384, 512), (256, 16384, 512), (512, 32768, 512)):
        recipe = StyleGAN2(size=size, capacity=capacity, most_channels=most, latent=64 if most == 64 else 512)
        each = operations(recipe, 4)
        total = sum(each[turn] * DUE[turn] for turn in TURNS)
        with torch.device("meta"):
            learner = StyleGAN2Learner(recipe, StyleGAN2Losses(), None, batch=4)
        weights = sum(one.numel() for one in learner.parameters()) / 1e6
        kimg = 1000.0 * total / SUSTAINED
        print(
            f"| {size} | {capacity}, {most} | {weights:.1f} | {total / 1e9:.1f} | {kimg:.2g} "
            f"| {1000 * kimg / 3600:.2g} | {5000 * kimg / 3600:.2g} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["speed", "layers", "flops"])
    parser.add_argument("--memory", choices=["ours", "plain", "nothing"])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.memory:
        memory(chosen.memory)
        return
    for name, part in {"speed": speed, "layers": layers, "flops": flops}.items():
        if chosen.only in (None, name):
            part()


if __name__ == "__main__":
    main()
