"""Weights from an address: once, whole, and the right ones."""

import hashlib
import io
import urllib.error
from pathlib import Path

import pytest

from passband.scores.remote_weights import fetched
from passband.zero_shot.weights.cache import WeightsError

URL = "https://example.org/weights/net.pth"
CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Sent(io.BytesIO):
    status = 200


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))
    return tmp_path


def test_it_is_fetched_once() -> None:
    asked: list[str] = []

    def opening(url: str, start: int) -> Sent:
        asked.append(url)
        return Sent(CONTENT)

    path = fetched(URL, SHA256[:8], opening=opening)
    assert path.read_bytes() == CONTENT
    assert fetched(URL, SHA256[:8], opening=opening) == path
    assert asked == [URL]


def test_another_file_is_not_kept(cache: Path) -> None:
    with pytest.raises(WeightsError, match=f"begins with {SHA256[:8]}, not 6726825d"):
        fetched(URL, "6726825d", opening=lambda url, start: Sent(CONTENT))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_without_a_network_the_cure_is_said() -> None:
    def opening(url: str, start: int) -> Sent:
        raise urllib.error.URLError("no route")

    with pytest.raises(WeightsError, match=r"no route.*name the file"):
        fetched(URL, SHA256, opening=opening)
    with pytest.raises(WeightsError, match="not https"):
        fetched("http://example.org/net.pth", SHA256)
