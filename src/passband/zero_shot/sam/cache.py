"""Embeddings are kept: the same image and weights cost the encoder once, in this session and in the next."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.cache import cache_folder, kept_array
from passband.zero_shot.sam.network import MaskNetwork
from passband.zero_shot.sam.view import View

#: Embeddings that are kept, of about 4 MB each; the one used longest ago goes.
MOST = 256


def embedded(network: MaskNetwork, view: View, levels: NDArray[np.float32]) -> Tensor:
    """Return the embedding of a view of an image with grey values (y, x), from the cache where it is there.

    A cache that cannot be written costs time and nothing else.
    """
    path = cache_folder("embeddings") / f"{_key(network, view, levels)}.npy"
    kept = kept_array(path, lambda: network.encode(view.pixels(levels)).cpu().numpy(), axes=4, most=MOST)
    return torch.from_numpy(kept)


def _key(network: MaskNetwork, view: View, levels: NDArray[np.float32]) -> str:
    digest = hashlib.sha256(f"{network.identity} {view} {levels.shape}".encode())
    digest.update(np.ascontiguousarray(levels).data)
    return digest.hexdigest()
