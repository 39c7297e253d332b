"""Regularisation of StyleGAN2's generator: a step in w changes an image as much anywhere (arXiv 1912.04958, 3.2)."""

import torch
from torch import Tensor


def path_lengths(images: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """Return ‖Jᵀy‖ / √pixels of images (n, 1, h, w) after w (n, layers, latent) and normal `y` of their shape: (n,).

    J is the Jacobian of an image after w. Its square is summed over the numbers of w and averaged over the layers, with
    which a weight of 2 is the paper's ln 2 / (r² (ln r − ln 2)) for images of r × r. The lengths can be descended.
    """
    (gradient,) = torch.autograd.grad((images * y).sum() / y[0].numel() ** 0.5, w, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """Return E(length − a)², where a is the running mean of the lengths."""
    return (lengths - mean).square().mean()
