"""exp(i·phase) of real phases."""

import numpy as np
import torch
from torch import Tensor


def phasor(phase: Tensor) -> Tensor:
    """exp(i·phase), complex and of the precision of `phase` in rad.

    On the CPU by NumPy, whose sine and cosine of single precision take 0.4 of the time of torch's on one thread.
    """
    if phase.device.type != "cpu":
        return torch.complex(torch.cos(phase), torch.sin(phase))
    values = phase.numpy()
    with np.errstate(invalid="ignore"):  # infinite phases are NaN, as in torch
        return torch.complex(torch.from_numpy(np.cos(values)), torch.from_numpy(np.sin(values)))
