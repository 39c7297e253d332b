"""Weights of an extractor from an address: fetched once, kept in the cache, known by their SHA-256."""

import hashlib
import urllib.error
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from passband.cache import cache_folder
from passband.durable import written_atomically
from passband.zero_shot.weights.cache import WeightsError
from passband.zero_shot.weights.fetching import Answer, open_url

_PIECE = 1 << 20  # bytes
_LARGEST = 1 << 28


def is_address(text: str) -> bool:
    """Whether a text is an address and no path."""
    return "://" in text


def fetched(url: str, sha256: str, *, opening: Callable[[str, int], Answer] = open_url) -> Path:
    """Return the file of an address in the cache, which is brought there if it is not.

    Parameters
    ----------
    url
        Of https.
    sha256
        What the SHA-256 of the file begins with; what is another file is not kept.
    opening
        Opens an address from a byte on.

    Raises
    ------
    WeightsError
        No network, a server that refuses, no https, or another file.
    """
    path = cache_folder("weights", "extractors") / (Path(urlsplit(url).path).name or "weights")
    if path.is_file():
        return path
    digest, size = hashlib.sha256(), 0
    try:
        with closing(opening(url, 0)) as answer, written_atomically(path, error=WeightsError) as file:
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > _LARGEST:
                    raise WeightsError(f"{url} sends more than {_LARGEST:,} bytes; it is another file")
                digest.update(piece)
                file.write(piece)
            if not digest.hexdigest().startswith(sha256):
                raise WeightsError(
                    f"{url} sends a file whose SHA-256 begins with {digest.hexdigest()[:8]}, not {sha256}"
                )
    except (urllib.error.URLError, ConnectionError, TimeoutError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"{url} cannot be had ({reason}); get it where there is a network and name the file"
        ) from error
    return path
