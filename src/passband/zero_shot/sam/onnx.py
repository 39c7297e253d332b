"""MobileSAM on onnxruntime: an encoder and a decoder as two small files, without PyTorch's weights or transformers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.recipe import PassbandError
from passband.zero_shot.sam.network import Label
from passband.zero_shot.weights.cache import find_weights, read_checked
from passband.zero_shot.weights.catalogue import WEIGHTS

_LOW = 256  # rows and columns of a mask from the decoder


@dataclass(frozen=True)
class _Profile:
    """Where in the graph of one decoder, known by its SHA-256, all four masks and their qualities are."""

    masks: str
    quality: str


_PROFILES = {"mobile-sam": _Profile("/Reshape_9_output_0", "/iou_prediction_head/layers.2/Gemm_output_0")}


class OnnxSam:
    """A network of two ONNX files, on the CPU; see `sam.network.MaskNetwork`.

    Parameters
    ----------
    name
        Of the weights in the catalogue.

    Raises
    ------
    PassbandError
        onnxruntime is not installed.
    WeightsError
        The files are not on this machine, or are not the publisher's.
    """

    side, stretches = 1024, False

    def __init__(self, name: str = "mobile-sam") -> None:
        weights, self._profile = WEIGHTS[name], _PROFILES[name]
        encoder, decoder = (
            read_checked(path, file) for path, file in zip(find_weights(weights), weights.files, strict=True)
        )
        self.name = name
        self.identity = "+".join(file.sha256 for file in weights.files)
        self._encoder = _session(encoder)
        self._decoder = _session(_with_outputs(decoder, (self._profile.masks, self._profile.quality)))

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the embedding of an image."""
        (embedding,) = self._encoder.run(None, {self._encoder.get_inputs()[0].name: pixels.cpu().numpy()})
        return torch.from_numpy(embedding)

    def decode(
        self, embedding: Tensor, places: NDArray[np.float32], labels: NDArray[np.int64], *, several: bool
    ) -> tuple[Tensor, Tensor]:
        """Answer prompts, one after the other, as the graph takes no more at once."""
        masks, quality = zip(*(self._answer(embedding, *one) for one in zip(places, labels, strict=True)), strict=True)
        wanted = slice(1, None) if several else slice(0, 1)
        return torch.from_numpy(np.concatenate(masks)[:, wanted]), torch.from_numpy(np.concatenate(quality)[:, wanted])

    def _answer(
        self, embedding: Tensor, places: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if Label.UPPER_LEFT not in labels:  # the graph was trained with one place that says nothing, or with a box
            places, labels = np.append(places, np.zeros((1, 2), np.float32), axis=0), np.append(labels, Label.NONE)
        fed = {
            "image_embeddings": embedding.cpu().numpy(),
            "point_coords": places[None].astype(np.float32),
            "point_labels": labels[None].astype(np.float32),
            "mask_input": np.zeros((1, 1, _LOW, _LOW), dtype=np.float32),
            "has_mask_input": np.zeros(1, dtype=np.float32),
            "orig_im_size": np.full(2, _LOW, dtype=np.float32),  # of the one mask that is not asked for
        }
        masks, quality = self._decoder.run([self._profile.masks, self._profile.quality], fed, _asked_alone())
        return masks, quality


def _session(model: bytes) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _asked_alone() -> Any:
    """Say that only what leads to the wanted outputs is to be computed."""
    options = _runtime().RunOptions()
    options.only_execute_path_to_fetches = True
    return options


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise PassbandError("mobile-sam needs onnxruntime; pip install 'passband[sam-onnx]'") from error
    return onnxruntime


def _with_outputs(model: bytes, names: tuple[str, ...]) -> bytes:
    """Return a model that offers inner results too.

    Protocol buffers that stand one behind the other are read as one, their lists joined. So it is enough to append a
    model that has nothing but a graph (field 7) with outputs (field 12) of a name (field 1).
    """
    outputs = b"".join(_field(12, _field(1, name.encode())) for name in names)
    return model + _field(7, outputs)


def _field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes: its number and type, the length in groups of seven bits, the lowest first, content."""
    length, groups = len(content), []
    while length > 0x7F:
        groups.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *groups, length]) + content
