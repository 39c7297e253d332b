"""Networks that say of a patch how it is turned, moved and scaled, and what it shows.

The equivariant encoder sees a patch in polar coordinates, where a turn is a shift along the angle, and a network of
circular convolutions that commutes with it. A patch that is turned by a step of the angle gets an angle that is more
by just that (an idea of TARGET-VAE, Nasiri & Bepler, NeurIPS 2022, there by turned copies).
"""

from dataclasses import dataclass
from itertools import pairwise
from math import pi
from typing import Literal

import torch
from torch import Tensor, nn

from passband.latent.coordinates import turned

EncoderKind = Literal["equivariant", "dense", "convolutional"]


@dataclass(frozen=True)
class Heads:
    """What an encoder is asked for: numbers of `content`, known `classes`, `discrete` states, `symmetry` of the angle.

    `symmetry` of None asks for an angle about zero, as a number; another for one on a circle.
    """

    content: int
    classes: int
    discrete: int
    symmetry: int | None

    @property
    def numbers(self) -> int:
        """How many: two for each of content, shift and scale, the deviation of the angle, logits of the states."""
        return 2 * (self.content + 2 + 1) + 1 + self.discrete


@dataclass(frozen=True)
class Posterior:
    """What is believed of n patches: means and logarithms of deviations.

    `angle`, `log_angle` (n,) in rad; `shift`, `log_shift` (n, 2) in half windows; `scale`, `log_scale` (n,), of the
    logarithm of the scale; `content`, `log_content` (n, d); `logits` (n, states).
    """

    angle: Tensor
    log_angle: Tensor
    shift: Tensor
    log_shift: Tensor
    scale: Tensor
    log_scale: Tensor
    content: Tensor
    log_content: Tensor
    logits: Tensor


def posterior_of(numbers: Tensor, angle: Tensor, heads: Heads, *, follows: bool) -> Posterior:
    """Take the numbers of `Heads` apart; a shift that `follows` is told in the frame of the object and turned back."""
    d = heads.content
    sizes = [d, d, 2, 2, 1, 1, 1, heads.discrete]
    content, log_content, shift, log_shift, scale, log_scale, log_angle, logits = torch.split(numbers, sizes, dim=1)
    if follows:
        shift = turned(shift, angle)
    return Posterior(
        angle, log_angle[:, 0], shift, log_shift, scale[:, 0], log_scale[:, 0], content, log_content, logits
    )


class PlainEncoder(nn.Module):
    """Dense or convolutional; the angle is a number, or on a circle the direction of two.

    Parameters
    ----------
    shape
        (h, w) of a patch.
    heads
        What is asked for.
    hidden
        Widths of the dense layers.
    convolutional
        Three convolutions with strides of 2 come before them.
    """

    def __init__(self, shape: tuple[int, int], heads: Heads, hidden: tuple[int, ...], *, convolutional: bool) -> None:
        super().__init__()
        self.heads = heads
        self.before: nn.Module = nn.Flatten()
        width = shape[0] * shape[1]
        if convolutional:
            layers: list[nn.Module] = []
            sides, channels = shape, (1, 16, 32, 32)
            for before, after in pairwise(channels):
                layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
                sides = ((sides[0] + 1) // 2, (sides[1] + 1) // 2)
            self.before = nn.Sequential(*layers, nn.Flatten())
            width = channels[-1] * sides[0] * sides[1]
        widths = (width + heads.classes, *hidden)
        self.hidden = nn.Sequential(
            *(layer for before, after in pairwise(widths) for layer in (nn.Linear(before, after), nn.Tanh()))
        )
        self.angle = nn.Linear(widths[-1], 1 if heads.symmetry is None else 2)
        self.heads_of = nn.Linear(widths[-1], heads.numbers)

    def forward(self, images: Tensor, classes: Tensor) -> Posterior:
        """Return what is believed of patches (n, h, w) of known `classes` (n, classes)."""
        found = self.hidden(torch.cat((self.before(images[:, None]), classes), dim=1))  # (n, hidden)
        number = self.angle(found)
        if self.heads.symmetry is None:
            angle = number[:, 0]
        else:
            angle = torch.atan2(number[:, 1], number[:, 0]) / self.heads.symmetry
        return posterior_of(self.heads_of(found), angle, self.heads, follows=False)


class EquivariantEncoder(nn.Module):
    """Polar coordinates, circular convolutions along the angle, and a soft maximum over it.

    Parameters
    ----------
    shape
        (h, w) of a patch; what lies beyond the inscribed circle is not looked at.
    heads
        What is asked for.
    channels
        Of the convolutions.
    angles
        Steps of a turn.
    """

    def __init__(self, shape: tuple[int, int], heads: Heads, channels: int = 48, angles: int = 48) -> None:
        super().__init__()
        self.heads, self.angles = heads, angles
        radii = max(4, round(0.5 * min(shape)))
        self.register_buffer("polar", polar_weights(shape, radii, angles), persistent=False)  # (h·w, radii·angles)
        self.polar: Tensor
        sizes = (radii + heads.classes, channels, channels, channels)
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, 5, padding="same", padding_mode="circular", dilation=dilation)
            for (before, after), dilation in zip(pairwise(sizes), (1, 3, 9), strict=True)
        )
        self.logit = nn.Conv1d(channels, 1, 1)
        self.hidden = nn.Linear(2 * channels, channels)
        self.heads_of = nn.Linear(channels, heads.numbers)

    def forward(self, images: Tensor, classes: Tensor) -> Posterior:
        """Return what is believed of patches (n, h, w) of known `classes` (n, classes)."""
        found = (images.flatten(1) @ self.polar).reshape(len(images), -1, self.angles)  # (n, radii, angles)
        if classes.shape[1]:
            found = torch.cat((found, classes[:, :, None].expand(-1, -1, self.angles)), dim=1)
        for number, layer in enumerate(self.layers):
            new = nn.functional.leaky_relu(layer(found), 0.1)
            found = new if number == 0 else found + new  # (n, channels, angles)
        weight = torch.softmax(self.logit(found)[:, 0], dim=1)  # (n, angles)
        step = 2.0 * pi / self.angles * (self.heads.symmetry or 1)
        phase = step * torch.arange(self.angles, device=found.device, dtype=found.dtype)
        along = torch.stack((weight @ torch.cos(phase), weight @ torch.sin(phase)), dim=1)
        angle = torch.atan2(along[:, 1], along[:, 0]) / (self.heads.symmetry or 1)
        there = (found * weight[:, None]).sum(2)  # as seen from the angle that was found
        pooled = torch.cat((there, found.mean(2)), dim=1)
        numbers = self.heads_of(torch.tanh(self.hidden(pooled)))
        return posterior_of(numbers, angle, self.heads, follows=True)


def polar_weights(shape: tuple[int, int], radii: int, angles: int) -> Tensor:
    """Return what turns a patch (h·w) into its values on `radii` × `angles` polar places, by bilinear interpolation.

    Radii are those of rings of equal width within the inscribed circle, each at its middle; angle 0 is along x.
    """
    height, width = shape
    radius = (torch.arange(radii) + 0.5) / radii * 0.5 * (min(shape) - 1)
    angle = torch.arange(angles) * (2.0 * pi / angles)
    y = 0.5 * (height - 1) + radius[:, None] * torch.sin(angle)
    x = 0.5 * (width - 1) + radius[:, None] * torch.cos(angle)
    weights = torch.zeros(height * width, radii * angles)
    place = torch.arange(radii * angles)
    rows, columns = torch.floor(y).long(), torch.floor(x).long()
    for down in (0, 1):
        for right in (0, 1):
            share = (1.0 - (y - rows - down).abs()) * (1.0 - (x - columns - right).abs())
            row, column = (rows + down).clamp(0, height - 1), (columns + right).clamp(0, width - 1)
            weights[(row * width + column).flatten(), place] += share.flatten()
    return weights


def encoder_of(kind: EncoderKind, shape: tuple[int, int], heads: Heads, hidden: tuple[int, ...]) -> nn.Module:
    """Return an encoder of a kind; `hidden` are the widths of the dense layers of a plain one."""
    if kind == "equivariant":
        return EquivariantEncoder(shape, heads)
    return PlainEncoder(shape, heads, hidden, convolutional=kind == "convolutional")
