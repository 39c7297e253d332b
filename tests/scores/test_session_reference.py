"""Images of a training and those of another session are told apart, and damaged or foreign references are refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from passband.recipe import PassbandError
from passband.scores.extractor import Extractor
from passband.scores.session_reference import FILE, SessionReference, session_crops


def session(count: int, blur: float, seed: int = 0, side: int = 192) -> list[np.ndarray]:
    """Images of noise with some blur: sessions of two blurs differ."""
    rng = np.random.default_rng(seed)
    return [40.0 + 7.0 * gaussian_filter(rng.normal(size=(side, side)), blur) for _ in range(count)]


@pytest.fixture(scope="module")
def reference() -> SessionReference:
    return SessionReference.of_images(session(16, 0.8))


def test_images_of_another_session_are_beyond_the_limit_and_those_of_the_same_are_not(
    reference: SessionReference,
) -> None:
    # rejects a limit that is the mean of the own images, and features that know gain and offset alone
    own, other = ([reference.distance(image) for image in session(8, blur, seed=5)] for blur in (0.8, 1.6))
    assert max(one for one in own if one is not None) < reference.limit < 0.3
    assert min(one for one in other if one is not None) > 2.0 * reference.limit
    image = session(1, 0.8, seed=9)[0]
    assert reference.distance(3.0 * image - 100.0) == pytest.approx(reference.distance(image), abs=1e-4)


def test_a_reference_is_kept_beside_the_weights(reference: SessionReference, tmp_path: Path) -> None:
    assert SessionReference.load(tmp_path) is None
    reference.save(tmp_path)
    kept = SessionReference.load(tmp_path)
    assert kept is not None
    assert (kept.limit, kept.extractor) == (reference.limit, reference.extractor)
    image = session(1, 1.6, seed=3)[0]
    assert kept.distance(image) == pytest.approx(reference.distance(image), abs=1e-5)
    content = (tmp_path / FILE).read_bytes()
    for damaged in (content[:50], b"", b"\xff" * 100):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(PassbandError, match="is damaged"):
            SessionReference.load(tmp_path)


def test_what_cannot_be_told_is_said(reference: SessionReference) -> None:
    assert session_crops(np.zeros((200, 70))).shape == (3, 64, 64)
    assert reference.distance(np.zeros((100, 70))) is None  # one crop
    with pytest.raises(PassbandError, match="7 images of two crops of 64 pixels are too few"):
        SessionReference.of_images(session(7, 0.8))
    other = Extractor("textures", "FD", "another", lambda crops: crops[:, 0])
    with pytest.raises(PassbandError, match="of another encoder"):
        reference.distance(np.zeros((200, 200)), other)
