"""What the recipe of a network says of it, so that plans, cards and training need not know which network it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn

from passband.kinds import Kinds
from passband.recipe import Recipe
from passband.segmentation.segmenter import MOST_CLASSES


class Architecture(Recipe, ABC):
    """Recipe of a network that takes images (n, channels, y, x) of any size and gives logits (n, classes, y, x).

    A new one is a subclass with `@ARCHITECTURES.register`, a field `kind` and the methods `stride` and `build`; what
    else is here has a default that is right, if not tight, for every network.

    Attributes
    ----------
    kind
        Name of the architecture in plans and cards.
    channels
        Of the images.
    classes
        Of the answer; class 0 is the background.
    """

    #: Fields of tried networks by a name that a plan may write instead of them.
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    kind: str
    channels: int = Field(default=1, ge=1, le=1024)
    classes: int = Field(default=2, ge=2, le=MOST_CLASSES)

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return ARCHITECTURES.without_default(handler(self))

    @property
    @abstractmethod
    def stride(self) -> int:
        """Side of the coarsest pixel, in pixels of the image; tiles lie on its multiples, so it should divide 128."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Build the network; its random start comes from torch's global generator (`torch.manual_seed`)."""

    def build_meta(self) -> nn.Module:
        """Build it on the meta device: the shapes of its tensors without their numbers."""
        with torch.device("meta"):
            return self.build()

    @property
    def parameters(self) -> int:
        """Numbers that training adjusts."""
        return sum(parameter.numel() for parameter in self.build_meta().parameters())

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own: False where even `build_meta` would take too much memory."""
        return True

    def activations(self, patch: int) -> float:
        """Numbers that a training step keeps of one image `patch` pixels wide, at the least."""
        return float(patch**2 * self.classes)

    def features(self, network: nn.Module) -> nn.Module | None:
        """Return the module of a network whose output (n, d, y, x), rectified, are its features; None: it shows none.

        The distance of the features from those of calibration micrographs is a signal of the verdict.
        """
        return None

    def in_tiles(self, network: nn.Module) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        """Return what is done to whole images (n, channels, y, x) before tiles are cut, and the network after it.

        One after the other they are what the network does to a whole image; here nothing comes before it.
        """
        return as_it_is, network

    @classmethod
    def preset(cls, name: str, *, channels: int = 1, classes: int = 2) -> Self:
        """Return a tried network by its name in `PRESETS`.

        Raises
        ------
        ValueError
            No preset has this name.
        """
        if name not in cls.PRESETS:
            raise ValueError(f"preset={name!r} is unknown; choose one of {', '.join(cls.PRESETS)}")
        return cls.model_validate({"channels": channels, "classes": classes, **cls.PRESETS[name]})


def as_it_is(images: Tensor) -> Tensor:
    """Return images as they are: the preparation of a network that needs none."""
    return images


#: Every architecture by its kind. Cards and plans of before there were several do not say theirs.
ARCHITECTURES: Kinds[Architecture] = Kinds("architecture", default="unet")
