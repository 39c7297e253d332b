"""Weights of Segment Anything as they are published: recognised, checked, and renamed for the networks of transformers.

Official checkpoints (`.pth`) hold the tensors of `segment_anything.modeling.Sam`, whose shapes say which encoder it is;
folders of Hugging Face hold `config.json` and `model.safetensors`.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from passband.documents import DocumentError, parse_json, read_document
from passband.zero_shot.weights.cache import WeightsError, check_open
from passband.zero_shot.weights.catalogue import WEIGHTS
from passband.zero_shot.weights.torch_checkpoint import plain_tensors

CONFIG, TENSORS = "config.json", "model.safetensors"
_LARGEST = 1 << 32  # bytes of weights; ViT-H has 2.6e9
#: Channels of the official encoders.
SIZES = {768: "ViT-B", 1024: "ViT-L", 1280: "ViT-H"}

_STEM = "image_encoder."
_SHARED = "prompt_encoder.shared_embedding.positional_embedding"
_IMAGE_WIDE = "shared_image_embedding.positional_embedding"
_MLP = r"(iou_prediction_head|output_hypernetworks_mlps\.\d+)\.layers\."
#: Names in official checkpoints, and what they are called in transformers.
_RENAMED = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^image_encoder\.", "vision_encoder."),
        (r"patch_embed\.proj\.", "patch_embed.projection."),
        (r"\.blocks\.", ".layers."),
        (r"\.norm(?=\d|_|\.)", ".layer_norm"),
        (r"neck\.0\.", "neck.conv1."),
        (r"neck\.1\.", "neck.layer_norm1."),
        (r"neck\.2\.", "neck.conv2."),
        (r"neck\.3\.", "neck.layer_norm2."),
        (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
        (r"point_embeddings\.", "point_embed."),
        (r"mask_downscaling\.0\.", "mask_embed.conv1."),
        (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
        (r"mask_downscaling\.3\.", "mask_embed.conv2."),
        (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
        (r"mask_downscaling\.6\.", "mask_embed.conv3."),
        (r"output_upscaling\.0\.", "upscale_conv1."),
        (r"output_upscaling\.1\.", "upscale_layer_norm."),
        (r"output_upscaling\.3\.", "upscale_conv2."),
        (_MLP + r"0\.", r"\1.proj_in."),
        (_MLP + r"2\.", r"\1.proj_out."),
        (_MLP + r"1\.", r"\1.layers.0."),
    )
]


def renamed(name: str) -> str:
    """Return the name in transformers of a tensor in an official checkpoint.

    Examples
    --------
    >>> renamed("image_encoder.blocks.0.norm1.weight")
    'vision_encoder.layers.0.layer_norm1.weight'
    >>> renamed("mask_decoder.output_hypernetworks_mlps.3.layers.2.bias")
    'mask_decoder.output_hypernetworks_mlps.3.proj_out.bias'
    """
    for pattern, other in _RENAMED:
        name = pattern.sub(other, name)
    return name


def read_official(path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of an official checkpoint under their names in transformers, and the SHA-256 of the file.

    Raises
    ------
    WeightsError
        It is no checkpoint of Segment Anything or damaged; or it is called like one in the catalogue and is not it.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is no file; name a checkpoint of Segment Anything, or a folder of Hugging Face")
    with path.open("rb") as file:
        known = {one.name: one for weights in WEIGHTS.values() for one in weights.files}.get(path.name)
        if known is not None:
            check_open(file, known, str(path))
        state, identity = plain_tensors(file, path)
    if not any(name.startswith(_STEM) for name in state):
        raise WeightsError(f"{path} is no checkpoint of Segment Anything: it has no {_STEM}* tensors")
    state = {renamed(name): tensor for name, tensor in state.items()}
    if _SHARED in state:
        state[_IMAGE_WIDE] = state[_SHARED]
    return state, identity


def encoder_of(state: Mapping[str, Tensor], source: str) -> dict[str, Any]:
    """Return the keys of transformers' `SamVisionConfig` that the shapes of the tensors of an encoder say.

    Raises
    ------
    WeightsError
        Tensors are missing, or their shapes fit no encoder.
    """
    stem = "vision_encoder."
    try:
        position, patch = state[f"{stem}pos_embed"], state[f"{stem}patch_embed.projection.weight"]
        depth = 1 + max(int(name.split(".")[2]) for name in state if name.startswith(f"{stem}layers."))
        reach = [(len(state[f"{stem}layers.{layer}.attn.rel_pos_h"]) + 1) // 2 for layer in range(depth)]
        head = state[f"{stem}layers.0.attn.rel_pos_h"].shape[1]
        hidden, side = patch.shape[0], position.shape[1]
        inner = state[f"{stem}layers.0.mlp.lin1.weight"].shape[0]
        channels = state[f"{stem}neck.conv1.weight"].shape[0]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise WeightsError(f"{source} is no checkpoint of Segment Anything, or a part of one ({error})") from error
    return {
        "hidden_size": hidden,
        "num_hidden_layers": depth,
        "num_attention_heads": max(1, hidden // max(1, head)),
        "mlp_dim": inner,
        "output_channels": channels,
        "patch_size": patch.shape[-1],
        "image_size": side * patch.shape[-1],
        "window_size": min(reach),
        "global_attn_indexes": [layer for layer, count in enumerate(reach) if count == side],
    }


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor], str]:
    """Return configuration, tensors and the SHA-256 of the weights of a folder of Hugging Face.

    Raises
    ------
    WeightsError
        A file is missing or damaged; a pickle (`pytorch_model.bin`) is not read in its stead.
    """
    tensors = folder / TENSORS
    if not (folder / CONFIG).is_file() or not tensors.is_file():
        raise WeightsError(f"{folder} lacks {CONFIG} or {TENSORS}; a folder of Hugging Face has both (no .bin is read)")
    if tensors.stat().st_size > _LARGEST:
        raise WeightsError(f"{tensors} has more than {_LARGEST:,} bytes; check the file")
    try:
        config = parse_json(read_document(folder / CONFIG))
        state = load_file(tensors)
    except (DocumentError, SafetensorError) as error:
        raise WeightsError(f"{folder} cannot be read ({error}); copy it again") from error
    for name, same in ((_SHARED, _IMAGE_WIDE), (_IMAGE_WIDE, _SHARED)):  # one tensor, kept under one of two names
        if config.get("model_type") == "sam" and name in state:
            state.setdefault(same, state[name])
    with tensors.open("rb") as file:
        return dict(config), state, hashlib.file_digest(file, "sha256").hexdigest()
