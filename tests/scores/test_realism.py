"""All scores together: what is worse scores worse, small and equal sets are warned of, seeds decide."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.recipe import PassbandError
from passband.scores.realism import Realism, RealismRecipe, realism

Array = NDArray[np.float64]
NAMES = (
    "kl_real_generated",
    "kl_generated_real",
    "js",
    "wasserstein",
    "spectrum",
    "spectrum_row",
    "spectrum_column",
)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path_factory.mktemp("cache")))


def lattices(seed: int, count: int = 40, *, noise: float = 0.4, side: int = 32) -> Array:
    """Bright columns on a lattice of 8 pixels, shifted at random."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    shift = rng.uniform(0.0, 8.0, size=(2, count, 1, 1))
    columns = np.exp(2.0 * (np.cos(2 * np.pi * (y - shift[0]) / 8) + np.cos(2 * np.pi * (x - shift[1]) / 8) - 2.0))
    return columns + noise * rng.normal(size=columns.shape)


def compared(generated: Array, **recipe: object) -> Realism:
    options = RealismRecipe(replicates=20, **recipe)  # type: ignore[arg-type]
    return realism(lattices(0), generated, extractors=["random"], recipe=options)


def value(found: Realism, name: str) -> float:
    score = found.scores[name].value
    assert score is not None
    return score


def test_images_of_the_same_source_are_as_near_as_the_real_halves() -> None:
    found = compared(lattices(1))
    for name in (*NAMES, "frechet_random"):
        baseline = found.scores[name].baseline
        assert baseline is not None
        assert value(found, name) < 2.0 * baseline
    low, high = found.scores["kid_random"].interval or (1.0, 0.0)
    assert low < 0.0 < high
    assert value(found, "recall_random") > 0.5


@pytest.mark.parametrize(
    ("worse", "seen_by"),
    [
        (lambda images: gaussian_filter(images, (0, 1, 1)), ("spectrum", "spectrum_row", "spectrum_column")),
        (lambda images: gaussian_filter(images, (0, 0, 1)), ("spectrum_row",)),
        (lambda images: gaussian_filter(images, (0, 1, 0)), ("spectrum_column",)),
        (lambda images: -images, ("kl_real_generated", "kl_generated_real", "js", "wasserstein")),
        (lambda images: np.repeat(images[:2], 20, axis=0), ("recall_random",)),
    ],
    ids=["blurred", "along rows", "down columns", "negative", "collapsed"],
)
def test_each_score_sees_what_it_is_for(worse: Callable[[Array], Array], seen_by: tuple[str, ...]) -> None:
    good, bad = compared(lattices(1)), compared(worse(lattices(1)))
    for name in (*seen_by, "frechet_random", "kid_random"):
        one, other = value(good, name), value(bad, name)
        if name.startswith("recall"):
            assert other < 0.5 * one
        else:
            assert other > max(1.6 * one, 5e-4)
    if seen_by[0] in ("spectrum_row", "spectrum_column"):
        other = "spectrum_column" if seen_by[0] == "spectrum_row" else "spectrum_row"
        assert value(bad, seen_by[0]) > 1.5 * value(bad, other)


def test_a_negative_is_warned_of() -> None:
    assert any("inverted" in text for text in compared(-lattices(1)).warnings)
    assert not any("inverted" in text for text in compared(lattices(1)).warnings)


def test_one_image_only_has_no_intervals() -> None:
    large = lattices(1, 1, side=320)
    found = realism(lattices(0), large, extractors=["random"], recipe=RealismRecipe(side=32, replicates=5))
    assert len(found.generated.crops) == 100
    assert all(score.interval is None and score.value is not None for score in found.scores.values())
    assert any("one generated image only" in text for text in found.warnings)


def test_few_crops_warn_of_the_frechet_distance_and_name_the_other() -> None:
    (text,) = (text for text in compared(lattices(1)).warnings if text.startswith("frechet_random"))
    assert "40 real and 40 generated" in text
    assert "640 of each" in text
    assert "kid_random" in text
    alone = compared(lattices(1, 1))
    assert alone.scores["frechet_random"].value is None
    assert alone.scores["kid_random"].value is None
    assert alone.scores["recall_random"].value is None
    assert alone.scores["js"].value is not None


def test_equal_sets_and_copies_are_noticed() -> None:
    same = compared(lattices(0))
    assert "both sets hold the same images; scores say nothing" in same.warnings
    assert value(same, "frechet_random") == pytest.approx(0.0, abs=1e-9)
    assert value(same, "js") == 0.0
    np.testing.assert_array_equal(same.nearest, np.arange(40))
    some = compared(np.concatenate([lattices(0)[:3], lattices(1)]))
    assert "3 of 43 generated crops are real ones, pixel for pixel" in some.warnings
    assert some.nearest.shape == (43,)
    np.testing.assert_array_equal(some.nearest[:3], [0, 1, 2])


def test_the_seed_decides_and_images_stay_as_they_are() -> None:
    generated = lattices(1)
    before = generated.copy()
    one, same, other = compared(generated), compared(generated), compared(generated, seed=1)
    assert one.scores == same.scores
    assert one.scores["js"].value == other.scores["js"].value  # floats are not dithered
    assert one.scores["js"].interval != other.scores["js"].interval
    np.testing.assert_array_equal(generated, before)


def test_normalisation_is_that_of_the_recipe() -> None:
    brighter = 2.0 * lattices(1) + 3.0
    assert value(compared(brighter), "wasserstein") < 0.1
    as_given = value(compared(brighter, normalisation="none"), "wasserstein")
    assert as_given == pytest.approx(float(np.mean(brighter) - lattices(0).mean()), rel=0.1)
    in_deviations = value(compared(brighter, normalisation="real"), "wasserstein")
    assert in_deviations == pytest.approx(as_given / lattices(0).std(), rel=0.02)


@pytest.mark.parametrize(
    ("generated", "said"),
    [([], "no generated image"), (np.full((2, 32, 32), np.inf), "infinite"), (np.zeros((2, 8, 8)), "at most 8 pixels")],
    ids=["none", "infinite", "small"],
)
def test_what_cannot_be_compared_is_refused(generated: Array, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        realism(lattices(0), generated)
