"""Weights on disk: of the network that the card describes, as long as that needs, finite, and as they were saved."""

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from passband.documents import DocumentError, naming, parse_json, read_beginning, read_document
from passband.recipe import PassbandError

_LONGEST_HEADER = 2**22
_WIDEST = 8  # bytes of a number


class ModelError(PassbandError):
    """A model that cannot be read, written or used on this image."""


class Buildable(Protocol):
    """The recipe of a network, as far as weights are compared with it."""

    def may_have(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether tensors of these shapes can be its own: False where `build_meta` would take too much memory."""

    def build(self) -> nn.Module:
        """Build the network."""

    def build_meta(self) -> nn.Module:
        """Build it on the meta device: the shapes of its tensors without their numbers."""


def read_weights(path: Path, architecture: Buildable, sha256: str) -> dict[str, Tensor]:
    """Tensors of a safetensors file, by name.

    Shapes are compared with the architecture before any tensor is read, so that neither a card nor a file can ask for
    more memory than the other agrees to.

    Raises
    ------
    ModelError
        The file is missing or no safetensors file, does not fit the architecture, is not the one with this SHA-256 (an
        empty one fits nothing), or a tensor holds NaN or infinity.
    """
    with naming(path, ModelError):
        try:
            shapes = _shapes(path)
            check_shapes(architecture, shapes, str(path))
            content = read_document(path, most=8 + _LONGEST_HEADER + _WIDEST * _numbers(shapes))
            state = load(content)
        except OSError as error:
            cure = "a model is a directory with weights.safetensors and card.json"
            raise ModelError(f"cannot read {path}: {error.strerror}; {cure}") from error
        except (SafetensorError, KeyError) as error:
            raise DocumentError(f"is no safetensors file ({error}); copy the model again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        said = "SHA-256 differs" if sha256 else "it gives no SHA-256"
        raise ModelError(f"{path} is not the file that the card describes ({said}); copy both files again")
    refuse_not_finite(state, str(path))
    return state


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor, from the header alone."""
    head = read_beginning(path, 8 + _LONGEST_HEADER)
    if head[:2] == b"PK" or (head[:1] == b"\x80" and head[8:9] != b"{"):  # a header may be 128 or 640 bytes long
        raise DocumentError("is a pickle or torch.save file, which can run code; convert the weights to safetensors")
    (length,) = struct.unpack("<Q", head[:8]) if len(head) >= 8 else (0,)
    if not 2 <= length <= min(_LONGEST_HEADER, len(head) - 8):
        raise DocumentError("is no safetensors file (its header is cut or too long); copy the model again")
    try:
        header = parse_json(head[8 : 8 + length])
        return {name: _shape(entry) for name, entry in header.items() if name != "__metadata__"}
    except (DocumentError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DocumentError(f"is no safetensors file ({error}); copy the model again") from error


def _shape(entry: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(side) for side in entry["shape"])


def _numbers(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(int(torch.Size(shape).numel()) for shape in shapes.values())


def check_shapes(architecture: Buildable, shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    """Compare tensors with those of an architecture, of which only the shapes are made.

    Raises
    ------
    ModelError
        Some are missing, too many, or of another shape.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    if architecture.may_have(shapes):  # a card may ask for billions, which take memory even as mere shapes
        wanted = {name: tuple(tensor.shape) for name, tensor in architecture.build_meta().state_dict().items()}
    missing, unexpected = sorted(wanted.keys() - shapes.keys()), sorted(shapes.keys() - wanted.keys())
    wrong = sorted(name for name in wanted.keys() & shapes.keys() if wanted[name] != shapes[name])
    problems = [
        f"{len(names)} {what} (first {names[0]})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        if names
    ]
    if problems:
        raise ModelError(
            f"{source} does not fit the architecture on the card: {', '.join(problems)} tensors; use its own card"
        )


def refuse_not_finite(state: Mapping[str, Tensor], source: str) -> None:
    """Raise ModelError where a tensor holds NaN or infinity, or a variance is negative, and name it."""
    for name, tensor in sorted(state.items()):
        values = tensor.float()
        bad = int(torch.count_nonzero(~torch.isfinite(values)))
        if bad:
            raise ModelError(
                f"{source}: {bad} of {tensor.numel()} numbers of {name} are NaN or infinite; its training diverged or "
                "the file is damaged: train again or copy an earlier model"
            )
        if name.endswith("running_var") and bool((values < 0).any()):
            raise ModelError(f"{source}: {name} holds negative variances; the file is damaged, copy the model again")
