"""Feature extractors: found by name, their features kept by content."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.recipe import PassbandError
from passband.scores.extractor import Extractor
from passband.scores.extractors import EXTRACTORS, ExtractorKind, extracted, find_extractor

CROPS = np.random.default_rng(0).normal(size=(5, 40, 40)).astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))
    return tmp_path / "features"


def counting(calls: list[int]) -> Extractor:
    def features(crops: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(len(crops))
        return crops.mean(1)

    return Extractor("mean", "FD-mean", "mean 1", features)


def test_the_same_pixels_are_looked_at_once_by_each_extractor(cache: Path) -> None:
    calls: list[int] = []
    extractor = counting(calls)
    first = extracted(extractor, CROPS)
    np.testing.assert_array_equal(extracted(extractor, CROPS.copy()), first)
    assert calls == [5]
    extracted(extractor, CROPS + 1e-6)
    extracted(extractor, CROPS.reshape(10, 20, 40))  # the same bytes of other images
    extracted(replace(extractor, identity="mean 2"), CROPS)
    assert calls == [5, 5, 10, 5]
    assert len(list(cache.glob("*.npy"))) == 4
    assert first.dtype == np.float64


@pytest.mark.parametrize("name", ["textures", "random"])
def test_each_image_has_features_of_its_own(name: str) -> None:
    """Whatever stands beside it: normalisation over a batch would make it another one."""
    extractor = find_extractor(name)
    together, alone = extractor.features(CROPS), extractor.features(CROPS[2:3])
    assert together.shape == (5, 64)
    np.testing.assert_allclose(together[2], alone[0], atol=1e-5)
    assert np.ptp(together, axis=0).max() > 1e-3


def test_features_of_textures_have_a_mean_square_of_one() -> None:
    np.testing.assert_allclose(np.square(find_extractor("textures").features(CROPS)).mean(1), 1.0, rtol=1e-4)


def test_random_ones_follow_their_seed() -> None:
    one, same, other = (find_extractor(text) for text in ("random", "random=0", "random=1"))
    np.testing.assert_array_equal(one.features(CROPS), same.features(CROPS))
    assert one.identity == same.identity != other.identity
    assert not np.allclose(one.features(CROPS), other.features(CROPS))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("texture", "did you mean 'textures'"),
        ("random=x", "no seed"),
        ("textures=/nowhere", "/nowhere"),
    ],
)
def test_what_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        find_extractor(text)


def test_one_is_added_by_one_entry() -> None:
    EXTRACTORS.add(ExtractorKind("mean", "means of columns", lambda place: counting([])))
    try:
        assert extracted(find_extractor("mean"), CROPS).shape == (5, 40)
    finally:
        EXTRACTORS.remove("mean")
