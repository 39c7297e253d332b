"""What a generator and its discriminator descend: the logistic losses of Goodfellow et al. (2014), and R1."""

import torch
from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean −log D(real) − log(1 − D(fake)) of logits of any shape; 2 ln 2 where nothing tells them apart.

    The least value over all discriminators is 2 ln 2 less twice the Jensen-Shannon divergence of the two
    distributions (arXiv 1406.2661, theorem 1).
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Return the mean −log D(fake) of logits of any shape, the non-saturating loss; ln 2 where nothing tells it apart.

    Its gradient does not vanish where the discriminator is sure, as that of log(1 − D(fake)) does.
    """
    return F.softplus(-fake).mean()


def r1_penalty(logits: Tensor, inputs: Tensor, gamma: float) -> Tensor:
    """Return ½γ E‖∇D‖² at real inputs (n, …), which need gradients (Mescheder et al. 2018, arXiv 1801.04406, eq. 9).

    Of a linear discriminator w·x it is ½γ‖w‖².
    """
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return 0.5 * gamma * gradient.square().flatten(1).sum(1).mean()
