"""A folder with weights and a card, of whatever network: written, read, and compared with one another."""

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from safetensors.torch import save
from torch import nn

from passband.documents import naming, parse_json, read_document
from passband.durable import write_atomically
from passband.recipe import Recipe
from passband.segmentation.shipped import CARD, WEIGHTS
from passband.segmentation.weights import Buildable, ModelError, check_shapes, read_weights, refuse_not_finite
from passband.validation import first_error

Card = TypeVar("Card", bound=Recipe)
"""A recipe with a field `weights_sha256`, which is filled in when the weights are saved."""


def save_network(directory: str | Path, network: nn.Module, architecture: Buildable, card: Card) -> Card:
    """Write the weights of a network and its card; return the card with their SHA-256.

    Raises
    ------
    ModelError
        The weights do not fit the architecture, are not finite, or the directory cannot be written.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    check_shapes(architecture, {name: tuple(tensor.shape) for name, tensor in state.items()}, "network")
    refuse_not_finite(state, "network")
    content = save(state)
    complete = card.model_copy(update={"weights_sha256": hashlib.sha256(content).hexdigest()})
    directory = Path(directory)
    if not _holds(directory / WEIGHTS, content):  # weights that are there already stay untouched
        write_atomically(directory / WEIGHTS, content, error=ModelError)
    write_atomically(directory / CARD, (complete.model_dump_json(indent=1) + "\n").encode(), error=ModelError)
    return complete


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def load_network(directory: str | Path, architecture: Buildable, sha256: str) -> nn.Module:
    """Build the network of a folder, with its weights.

    Raises
    ------
    ModelError
        The weights are missing, no safetensors file, altered since they were saved, or do not fit the architecture.
    """
    path = Path(directory) / WEIGHTS
    state = read_weights(path, architecture, sha256)
    network = architecture.build()
    network.load_state_dict(state)
    refuse_not_finite(network.state_dict(), str(path))  # what was finite in more bits
    return network


def read_card_as(kind: type[Card], directory: str | Path) -> Card:
    """Read the card of a folder, of some kind, without its weights.

    Raises
    ------
    ModelError
        It is missing or no card of that kind.
    """
    path = Path(directory) / CARD
    try:
        with naming(f"{path} is no model card: it", ModelError):
            content = read_document(path)
            parse_json(content)
        return kind.model_validate_json(content)
    except OSError as error:
        raise ModelError(
            f"cannot read {path}: {error.strerror}; a model is a directory with {WEIGHTS} and {CARD}"
        ) from error
    except ValidationError as error:
        reason = first_error(error, whole="the file")
        raise ModelError(f"{path} is no model card: {reason}; copy the model again") from error
