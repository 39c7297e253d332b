"""Embeddings are kept: the same image and weights cost the encoder once, in this session and in the next."""

import contextlib
import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.durable import write_atomically
from passband.recipe import PassbandError
from passband.zero_shot.sam_network import MaskNetwork
from passband.zero_shot.sam_view import View
from passband.zero_shot.weights_cache import cache_folder

#: Embeddings that are kept, of about 4 MB each; the one used longest ago goes.
MOST = 256
_LONGEST = 1 << 26  # bytes of one


def embedded(network: MaskNetwork, view: View, levels: NDArray[np.float32]) -> Tensor:
    """Return the embedding of a view of an image with grey values (y, x), from the cache where it is there.

    A cache that cannot be written costs time and nothing else.
    """
    path = cache_folder("embeddings") / f"{_key(network, view, levels)}.npy"
    kept = _kept(path)
    if kept is not None:
        return kept
    embedding = network.encode(view.pixels(levels))
    buffer = io.BytesIO()
    np.save(buffer, embedding.cpu().numpy(), allow_pickle=False)
    with contextlib.suppress(PassbandError, OSError):
        write_atomically(path, buffer.getvalue())
        _thin_out(path.parent)
    return embedding


def _key(network: MaskNetwork, view: View, levels: NDArray[np.float32]) -> str:
    digest = hashlib.sha256(f"{network.identity} {view} {levels.shape}".encode())
    digest.update(np.ascontiguousarray(levels).data)
    return digest.hexdigest()


def _kept(path: Path) -> Tensor | None:
    try:
        if not 0 < path.stat().st_size < _LONGEST:
            return None
        values = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        path.touch()
    except (OSError, ValueError, EOFError):
        return None
    right = values.dtype == np.float32 and values.ndim == 4 and bool(np.isfinite(values).all())
    return torch.from_numpy(values) if right else None


def _thin_out(folder: Path) -> None:
    files = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - MOST)]:
        file.unlink(missing_ok=True)
