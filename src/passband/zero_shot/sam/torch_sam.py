"""Segment Anything (1 and 2) by the networks of transformers: on a CPU or a GPU, in float32 or bfloat16."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from passband.recipe import PassbandError
from passband.zero_shot.sam.checkpoint import SIZES, encoder_of, read_folder, read_official
from passband.zero_shot.sam.network import Label
from passband.zero_shot.weights.cache import WeightsError, find_weights
from passband.zero_shot.weights.catalogue import WEIGHTS

Precision = Literal["float32", "bfloat16"]

#: Segment Anything's decoder normalises with PyTorch's own ε; transformers has 1e-6, which moves masks by 0.3 %.
_EPSILON = 1e-5


class TorchSam:
    """A network of transformers; see `sam.network.MaskNetwork`.

    Parameters
    ----------
    model
        A `SamModel` or `Sam2Model` of transformers.
    name, identity
        See `sam.network.MaskNetwork`.
    device
        Of torch.
    precision
        bfloat16 takes half the time, and moves edges of masks a little.
    """

    def __init__(
        self, model: Any, *, name: str, identity: str, device: str = "cpu", precision: Precision = "float32"
    ) -> None:
        self.name, self.identity = name, f"{identity} {precision}"
        self._second = model.config.model_type == "sam2"
        self.side = int(model.config.prompt_encoder_config.image_size)
        self.stretches = self._second  # as its publisher brings images before it
        self._model = model.eval().requires_grad_(False).to(device)
        self._device, self._precision = torch.device(device), precision

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the embedding of an image; of Segment Anything 2 its three maps in one row."""
        with torch.inference_mode(), self._computing():
            embedding = self._model.get_image_embeddings(pixels.to(self._device))
        parts: list[Tensor] = embedding if self._second else [embedding]
        joined = torch.cat([part.float().flatten() for part in parts])
        return joined.view(1, 1, 1, -1) if self._second else joined.view(parts[0].shape)

    def decode(
        self, embedding: Tensor, places: NDArray[np.float32], labels: NDArray[np.int64], *, several: bool
    ) -> tuple[Tensor, Tensor]:
        """Answer prompts, all at once."""
        placed = torch.from_numpy(places).to(self._device)[None]
        corner = np.isin(labels, (Label.UPPER_LEFT, Label.LOWER_RIGHT))[0]  # the prompts of a batch are alike
        points, boxes = placed[:, :, ~corner], placed[:, :, corner].flatten(2)
        asked: dict[str, Any] = {"multimask_output": several}
        if points.shape[2]:
            asked |= {
                "input_points": points,
                "input_labels": torch.from_numpy(labels[None][:, :, ~corner]).to(points.device),
            }
        if boxes.shape[2]:
            asked["input_boxes"] = boxes
        with torch.inference_mode(), self._computing():
            found = self._model(image_embeddings=self._maps(embedding.to(self._device)), **asked)
        return found.pred_masks[0].float(), found.iou_scores[0].float()

    def _computing(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16")

    def _maps(self, embedding: Tensor) -> Any:
        """Return an embedding as the decoder takes it."""
        if not self._second:
            return embedding
        sizes = [tuple(size) for size in self._model.backbone_feature_sizes]
        hidden = self._model.hidden_dim
        shapes = [
            (1, channels, *size) for channels, size in zip((hidden // 8, hidden // 4, hidden), sizes, strict=True)
        ]
        parts = torch.split(embedding.flatten(), [math.prod(shape) for shape in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def load_sam(
    name: str, weights: Path | None = None, *, device: str = "cpu", precision: Precision = "float32"
) -> TorchSam:
    """Return Segment Anything with the weights of a name in the cache, or with others.

    Parameters
    ----------
    name
        "sam-b", "sam-l" or "sam-h", whose size other weights must have; or "sam", for other weights of any size.
    weights
        An official checkpoint (`.pth`), a fine-tuned one of the same layout, or a folder of Hugging Face with
        `model.safetensors`; there "sam" may be Segment Anything 2.
    device, precision
        See `TorchSam`.

    Raises
    ------
    WeightsError
        There are no such weights here, or they are damaged, of something else, or of another size.
    PassbandError
        transformers is not installed.
    """
    if weights is None:
        if name not in WEIGHTS:
            raise WeightsError(f"{name} has no weights of its own; give a checkpoint or folder with --weights")
        (weights,) = find_weights(WEIGHTS[name])
    networks = _transformers()
    if weights.is_dir():
        model, identity = _from_folder(networks, weights)
    else:
        state, identity = read_official(weights)
        encoder = encoder_of(state, str(weights))
        square = {name: encoder[name] for name in ("image_size", "patch_size")}
        config = networks.SamConfig(vision_config=encoder, prompt_encoder_config=square)
        model = _filled(networks.SamModel, config, state, str(weights))
    _check_size(name, model.config, weights)
    if model.config.model_type == "sam":
        for module in model.mask_decoder.modules():
            if type(module) is nn.LayerNorm:
                module.eps = _EPSILON
    return TorchSam(model, name=name, identity=identity, device=device, precision=precision)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise PassbandError("Segment Anything needs transformers; pip install 'passband[sam]'") from error
    return transformers


def _from_folder(networks: Any, folder: Path) -> tuple[Any, str]:
    config, state, identity = read_folder(folder)
    kinds = {"sam": ("SamConfig", "SamModel"), "sam2": ("Sam2Config", "Sam2Model")}
    kind = str(config.get("model_type"))
    if kind not in kinds:
        raise WeightsError(f"{folder} is a model of type {kind:.40}; sam and sam2 are known")
    configuration, network = (getattr(networks, one) for one in kinds[kind])
    try:
        settings = configuration.from_dict(config)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{folder}/config.json is not accepted ({str(error).splitlines()[0]:.80})") from error
    return _filled(network, settings, state, str(folder)), identity


def _filled(network: Any, config: Any, state: Mapping[str, Tensor], source: str) -> Any:
    """Make a network without numbers of its own, so that nothing is drawn or twice in memory, and give it tensors."""
    try:
        with torch.device("meta"):
            model = network(config)
        wanted = model.state_dict()
    except (RuntimeError, ValueError, TypeError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{source} describes no network ({str(error).splitlines()[0]:.80}); check the file"
        ) from error
    missing, over = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    wrong = sorted(name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape)
    for names, what in ((missing, "lacks"), (wrong, "has of another shape"), (over, "has besides")):
        if names:
            raise WeightsError(f"{source} is not complete or another model: it {what} {names[0]} ({len(names)} such)")
    bad = next((name for name, tensor in sorted(state.items()) if not torch.isfinite(tensor).all()), None)
    if bad is not None:
        raise WeightsError(f"{source}: {bad} holds NaN or infinity; the file is damaged, get it again")
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()}, assign=True)
    return model


def _check_size(name: str, config: Any, weights: Path) -> None:
    """Raise WeightsError where weights are of another size than the name that was asked for."""
    official = {f"sam-{size[-1].lower()}": hidden for hidden, size in SIZES.items()}
    hidden = getattr(config.vision_config, "hidden_size", None)
    if name in official and hidden != official[name]:
        found = SIZES.get(hidden or 0, f"an encoder of {hidden} channels")
        cure = next((other for other, size in official.items() if size == hidden), "sam")
        raise WeightsError(f"{weights} is {found}, not {SIZES[official[name]]}; write --proposals {cure}")
