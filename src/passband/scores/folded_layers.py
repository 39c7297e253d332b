"""Convolutions of a published checkpoint, each with its batch normalisation folded in, ready for inference."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from passband.zero_shot.weights.cache import WeightsError
from passband.zero_shot.weights.torch_checkpoint import plain_tensors

EPSILON = 1e-3  # of the batch normalisation of networks that come from TensorFlow


def read_state(path: str, what: str, *, sha256: str = "") -> tuple[dict[str, Tensor], str]:
    """Return the tensors of a checkpoint and its SHA-256.

    Parameters
    ----------
    path
        Of the file.
    what
        The network, for messages.
    sha256
        What the SHA-256 has to begin with.

    Raises
    ------
    WeightsError
        There is no such file, it is damaged, or it is another one.
    """
    file = Path(path)
    if not path or not file.is_file():
        raise WeightsError(f"{path or 'nothing'} is no file; name the weights of {what} behind =")
    with file.open("rb") as opened:
        state, found = plain_tensors(opened, file)
    if not found.startswith(sha256):
        raise WeightsError(f"{path} is not {what}: its SHA-256 begins with {found[:8]}, not with {sha256}")
    return state, found


class FoldedLayers:
    """Convolutions (weight and bias) of a network by name.

    Parameters
    ----------
    state
        Tensors by name.
    path
        What messages call the file.
    """

    def __init__(self, state: Mapping[str, Tensor], path: str) -> None:
        self._state, self._path = state, path
        self._folded: dict[str, tuple[Tensor, Tensor]] = {}

    def fold(self, name: str, convolution: str, normalisation: str, shape: tuple[int, ...]) -> None:
        """Fold a convolution and the batch normalisation behind it, from tensors that begin with these names.

        Raises
        ------
        WeightsError
            A tensor is missing, or its shape is another one.
        """
        weight = self._tensor(f"{convolution}.weight", shape)
        scale, shift, mean, variance = (
            self._tensor(f"{normalisation}.{part}", shape[:1])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / (variance + EPSILON).sqrt()
        self._folded[name] = weight * factor[:, None, None, None], shift - mean * factor

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        found = self._state.get(name)
        if found is None or tuple(found.shape) != shape:
            said = "is not there" if found is None else f"has the shape {tuple(found.shape)}"
            raise WeightsError(f"{self._path} is of another network: {name} {said}, and {shape} is needed")
        return found.float()

    def convolved(self, name: str, images: Tensor, *, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """Convolve images (n, c, y, x) with a layer; one of a single input channel for all is depthwise."""
        weight, bias = self._folded[name]
        groups = images.shape[1] // weight.shape[1]
        return F.conv2d(images, weight, bias, stride=stride, padding=padding, groups=groups)
