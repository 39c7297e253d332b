"""Random weights that a network starts from."""

from torch import nn


def initialise(network: nn.Module, head: nn.Conv2d) -> None:
    """Draw the weights of convolutions as He et al. do (arXiv 1502.01852), the mode for rectified units; a small head.

    They come from torch's global generator, in the order of the modules. The head's are small, so that training starts
    from undecided pixels.
    """
    if head.weight.is_meta:  # shapes alone are wanted; to draw none of them torch would load its compiler
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    nn.init.normal_(head.weight, std=1e-2)
    assert head.bias is not None
    nn.init.zeros_(head.bias)
