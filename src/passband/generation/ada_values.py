"""Changes of the values of grey images: brightness, contrast, inversion (arXiv 2006.06676, appendix B)."""

from math import log

import torch
from torch import Tensor

from passband.generation.ada_blitting import chosen

BRIGHTNESS = 0.2
CONTRAST = 0.5 * log(2.0)  # standard deviation of the logarithm


def change_values(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast and sign of images (n, 1, h, w) of −1 to 1, each with probability p.

    Brightness is normal with deviation 0.2, contrast log-normal with 0.5 ln 2; a chosen image is inverted with
    probability ½. The inversion is what the paper's flip of luma is with one channel; its turn of hue and its change of
    saturation are nothing there.
    """
    count, device = len(images), generator.device

    def normal(deviation: float) -> Tensor:
        number = deviation * torch.randn(count, generator=generator, device=device)
        return torch.where(chosen(count, p, generator), number, 0.0)

    level, gain = normal(BRIGHTNESS), normal(CONTRAST).exp()
    inverted = chosen(count, p, generator) & chosen(count, 0.5, generator)
    gain = torch.where(inverted, -gain, gain)
    changed = (images + level[:, None, None, None]) * gain[:, None, None, None]
    return torch.where(((level != 0.0) | (gain != 1.0))[:, None, None, None], changed, images)
