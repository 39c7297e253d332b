"""What every model of patches is: a network for one shape and a card, kept in a folder without pickle."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

from pydantic import Field, JsonValue
from torch import nn

from passband.latent.patches import LARGEST_SIDE, Scaling
from passband.recipe import Recipe
from passband.segmentation.saving import load_network, read_card_as, save_network


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
    network
        Its recipe and the shape of its patches.
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

    network: PatchNetwork
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


Network = TypeVar("Network", bound=nn.Module)
Card = TypeVar("Card", bound=PatchCard)


class PatchModel(Generic[Network, Card]):
    """A network for patches, ready to be asked, and its card."""

    def __init__(self, network: Network, card: Card) -> None:
        self.network, self.card = network.eval(), card

    def save(self, directory: str | Path) -> Self:
        """Write weights and card into a folder."""
        return type(self)(self.network, save_network(directory, self.network, self.card.network, self.card))


def read_model(directory: str | Path, card: type[Card], network: type[Network]) -> tuple[Network, Card]:
    """Read the network and the card of a model that was saved.

    Raises
    ------
    ModelError
        A file is missing, altered or of another kind of model.
    """
    known = read_card_as(card, directory)
    found = load_network(directory, known.network, known.weights_sha256)
    assert isinstance(found, network)
    return found, known
