"""Files of torch.save as others publish them: their tensors and nothing else, for nothing in them is run."""

import hashlib
import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from passband.zero_shot.weights.cache import WeightsError

_LARGEST = 1 << 32  # bytes of weights; the largest Segment Anything has 2.6e9


def plain_tensors(file: io.BufferedReader, path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the tensors of an open file by their names, and its SHA-256.

    Parameters
    ----------
    file
        Open for reading, so that what was hashed is what is read.
    path
        What messages call it.

    Raises
    ------
    WeightsError
        It is no plain list of tensors, or too large.
    """
    size = path.stat().st_size
    if size > _LARGEST:
        raise WeightsError(f"{path} has {size:,} bytes, more than any checkpoint that is read; check the file")
    identity = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols that may not be understood; what is not is refused below
            state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} is no checkpoint, or damaged ({reason:.80}); get it again") from error
    if not isinstance(state, Mapping) or not all(isinstance(one, Tensor) for one in state.values()):
        raise WeightsError(f"{path} holds no plain list of tensors; get the weights alone")
    return {str(name): tensor for name, tensor in state.items()}, identity
