"""Networks too narrow for oneDNN's strided 1×1 convolution: the call is never made, and gradients are right."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from passband.segmentation.learner import SegmentationLearner
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import seeded_networks
from passband.segmentation.unet import ResidualBlock, UNetRecipe


def narrow(width, **options):
    return UNetRecipe(stem=width, encoder=(width,) * 4, decoder=(width,) * 5, blocks=2, **options)


RECIPES = {name: UNetRecipe.preset(name) for name in UNetRecipe.PRESETS} | {
    "1 wide": narrow(1),
    "3 wide, 2 channels": narrow(3, channels=2),
    "7 wide": narrow(7),
}


class Convolutions(TorchDispatchMode):
    """Kernel and stride of every convolution that is computed, forwards and backwards."""

    def __init__(self):
        super().__init__()
        self.forwards, self.backwards = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default:
            self.forwards.append((tuple(args[1].shape[2:]), tuple(args[3])))
        if func is torch.ops.aten.convolution_backward.default:
            self.backwards.append((tuple(args[2].shape[2:]), tuple(args[4])))
        return func(*args, **(kwargs or {}))


def learner(recipe, together):
    if together == "alone":
        return SegmentationLearner(seeded_networks(recipe, [0]), LossRecipe())
    return SegmentationLearner(seeded_networks(recipe, [0, 1]), LossRecipe(), together=together)


def batch(channels):
    images = torch.randn(2, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    return SimpleNamespace(images=images, masks=(images[:, 0] > 0.3).long())


@pytest.mark.parametrize("together", ["alone", "turns", "vmap"])
@pytest.mark.parametrize("name", RECIPES)
def test_no_training_step_holds_a_strided_convolution_of_one_pixel(name, together):
    """oneDNN issue 6035: its weight gradient corrupts memory below 8 channels on AVX2, below 16 on AVX-512."""
    one = learner(RECIPES[name], together)
    with Convolutions() as seen:
        one.loss(batch(RECIPES[name].channels), step=0).backward()
    assert ((3, 3), (2, 2)) in seen.backwards  # the mode sees what has a stride, in the backward pass too
    assert {stride for kernel, stride in seen.forwards + seen.backwards if kernel == (1, 1)} == {(1, 1)}


def relative_error(width_in, width, *, side):
    """Largest error of a strided block's gradients in channels_last, against float64 in the plain layout."""
    torch.manual_seed(width_in)
    block = ResidualBlock(width_in, width, stride=2, project=True)
    x, gradients = torch.randn(8, width_in, side, side), []
    for dtype, layout in ((torch.float64, torch.contiguous_format), (torch.float32, torch.channels_last)):
        block = block.to(dtype=dtype, memory_format=layout)
        block.zero_grad()
        given = x.to(dtype=dtype, memory_format=layout, copy=True).requires_grad_()
        block(given).square().sum().backward()
        gradients.append([t.grad.double().clone() for t in (given, *block.parameters())])
    return max(float((a - b).norm() / a.norm()) for a, b in zip(*gradients, strict=True))


def check_widths():
    for width_in in (1, 2, 3, 5, 7, 8, 12, 15, 16):
        assert relative_error(width_in, 16, side=64) < 1e-4, width_in  # float32 rounding, over 8 · 32² pixels
        assert relative_error(width_in, width_in, side=16) < 1e-4, width_in


@pytest.mark.parametrize("instructions", ["AVX2", "DEFAULT"])
def test_gradients_of_narrow_blocks_are_right_whatever_the_processor_has(instructions):
    """In a process of its own: with a strided projection it dies of a corrupted heap."""
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from test_narrow_networks import check_widths; check_widths()"]
    run = subprocess.run(
        command, env=environment, cwd=os.path.dirname(__file__), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_thinning_keeps_what_a_stride_keeps():
    block = ResidualBlock(3, 4, stride=2, project=True)
    for side in (1, 2, 5, 8):
        x = torch.randn(2, 3, side, side + 1).to(memory_format=torch.channels_last)
        assert torch.equal(block.thin(x), x[..., ::2, ::2])
        assert block.thin(x).is_contiguous(memory_format=torch.channels_last)
