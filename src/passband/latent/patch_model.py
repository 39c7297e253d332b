"""What every network for patches has: a recipe and a shape, and a card with what its images and its training were."""

from abc import abstractmethod
from collections.abc import Mapping

from pydantic import Field, JsonValue
from torch import nn

from passband.latent.patches import LARGEST_SIDE, Scaling
from passband.recipe import Recipe


class PatchNetwork(Recipe):
    """The recipe of a network for patches of one shape (h, w), as weights are compared with it."""

    shape: tuple[int, int]

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether its tensors are no larger than any that are asked for here."""
        del shapes
        return max(self.shape) <= LARGEST_SIDE

    @abstractmethod
    def build(self) -> nn.Module:
        """Build the network; its random start comes from torch's global generator."""

    def build_meta(self) -> nn.Module:
        """Build it without the numbers of its tensors."""
        return self.build().to("meta")


class PatchCard(Recipe):
    """What must be known of a network for patches.

    Attributes
    ----------
    offset, gain
        A patch is (value − offset) / gain of the image to the network; 0 and 1 for maps of probability.
    pixel_size
        Of patches, Å; None where it is not known.
    training
        Recipe of its training, as plain values.
    patches
        How many it was trained on.
    seconds
        That the training took.
    """

    offset: float = 0.0
    gain: float = Field(default=1.0, gt=0.0)
    pixel_size: float | None = None
    training: dict[str, JsonValue] = Field(default={})
    patches: int = 0
    seconds: float = 0.0
    weights_sha256: str = ""

    @property
    def scaling(self) -> Scaling:
        """Of the values of patches."""
        return Scaling(self.offset, self.gain)
