"""Networks by what a plan or a card says of them: the name of a preset, or the values of an architecture.

An architecture in a file of its own is imported here, so that it is known wherever a network is named.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, SerializeAsAny
from torch import nn

import passband.segmentation.fine_unet  # noqa: F401  registers its architecture
from passband.segmentation.architecture import ARCHITECTURES, Architecture
from passband.segmentation.unet import UNetRecipe


def named_architecture(name: str) -> Architecture:
    """Return the architecture of a preset, whatever its kind.

    Raises
    ------
    ValueError
        No preset has this name.
    """
    for kind in ARCHITECTURES:  # an older one keeps its names
        if name in ARCHITECTURES[kind].PRESETS:
            return ARCHITECTURES[kind].preset(name)
    known = ", ".join(preset for kind in ARCHITECTURES for preset in ARCHITECTURES[kind].PRESETS)
    raise ValueError(f"preset={name!r} is unknown; choose one of {known}")


def _named(value: Any) -> Architecture:
    return named_architecture(value) if isinstance(value, str) else ARCHITECTURES.validate(value)


#: An architecture of any kind, as on a card.
AnyArchitecture = Annotated[SerializeAsAny[Architecture], BeforeValidator(ARCHITECTURES.validate)]
#: The same, or the name of a preset, as in a plan.
NamedArchitecture = Annotated[SerializeAsAny[Architecture], BeforeValidator(_named)]
#: The network of a plan that names none.
DEFAULT_ARCHITECTURE: Architecture = UNetRecipe()


def seeded_networks(architecture: Architecture, seeds: Sequence[int]) -> list[nn.Module]:
    """Networks of one architecture, each with the initial weights of its seed; the global generator is left alone."""
    networks = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            networks.append(architecture.build())
    return networks
