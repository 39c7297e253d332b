"""From a micrograph to its materials in one call, on drawn cross-sections."""

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.micrograph import Micrograph
from passband.files.writing import write_image_tiff
from passband.recipe import PassbandError
from passband.zero_shot.booster import Booster, boost
from passband.zero_shot.microstructure import find_materials
from passband.zero_shot.proposals import Proposals

SHAPE = (260, 320)


@pytest.fixture(scope="module")
def truth() -> NDArray[np.int64]:
    """A substrate, a film and vacuum, from below."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.where(y > 170 + 3 * np.sin(x / 20), 1, np.where(y > 80, 2, 3))


@pytest.fixture(scope="module")
def image(truth: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Counts: both crystals are of one brightness, and differ in their lattice."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    square = np.cos(2 * np.pi * x / 10) + np.cos(2 * np.pi * y / 10)
    turned = np.cos(2 * np.pi * (x + y) / 11) + np.cos(2 * np.pi * (x - y) / 11)
    mean = np.choose(truth - 1, [60 + 20 * square, 60 + 20 * turned, 4.0])
    return np.random.default_rng(1).poisson(mean).astype(np.uint16)


def ious(labels: NDArray[np.integer], truth: NDArray[np.int64]) -> list[float]:
    """Best IoU of each true material."""
    numbers = range(1, int(labels.max()) + 1)
    found = [labels == number for number in numbers]
    return [
        max((mask & (truth == one)).sum() / (mask | (truth == one)).sum() for mask in found)
        for one in np.unique(truth).tolist()
    ]


def test_materials_of_a_known_number_are_found(image: NDArray[np.uint16], truth: NDArray[np.int64]) -> None:
    before = image.copy()
    found = find_materials(image, materials=3)
    assert found.labels.shape == SHAPE
    assert (found.labels.dtype, found.materials, found.pixel_size) == (np.uint16, 3, None)
    assert min(ious(found.labels, truth)) > 0.85
    assert [name for name, _ in found.stages] == ["proposals", "removal", "merging"]
    assert found.proposals == len(found.stages[0][1])
    assert 0.0 < found.mean_confidence <= 1.0
    assert np.array_equal(image, before)
    again = find_materials(Micrograph(image.astype(np.float32) * 3.0 - 7.0, 0.2), materials=3)
    assert (again.labels == found.labels).mean() > 0.99  # whatever the unit of the grey levels
    assert again.pixel_size == (0.2, 0.2)


def test_a_point_in_each_material_gives_its_mask(image: NDArray[np.uint16], truth: NDArray[np.int64]) -> None:
    found = find_materials(image, points=[(220, 160), (120, 60), (40, 160)])
    assert found.materials == 3
    for material in (1, 2, 3):  # in the order of the points
        of, true = found.labels == material, truth == material
        assert (of & true).sum() / (of | true).sum() > 0.85
    two = find_materials(image, points=[(220, 160), (40, 160)], cover=True)
    assert set(np.unique(two.labels)) == {1, 2}


def test_every_pixel_has_a_material_where_that_is_asked(image: NDArray[np.uint16]) -> None:
    assert (find_materials(image, materials=2, cover=True).labels > 0).all()


def test_one_material_is_an_answer(image: NDArray[np.uint16]) -> None:
    crystal = image[180:]
    for number in (None, 1):
        found = find_materials(crystal, materials=number)
        assert found.materials == 1
        assert (found.labels > 0).mean() > 0.8
    constant = find_materials(np.full((80, 90), 5, dtype=np.uint8))
    assert constant.materials <= 1


def test_what_cannot_be_asked_is_refused_with_the_cure(image: NDArray[np.uint16], tmp_path) -> None:
    with pytest.raises(PassbandError, match=r"the point 300,10 \(y, x\) is outside the image of 260 × 320"):
        find_materials(image, points=[(300, 10)])
    with pytest.raises(PassbandError, match="each point is a material; leave one out"):
        find_materials(image, points=[(30, 10)], materials=2)
    with pytest.raises(PassbandError, match="materials=200 but"):
        find_materials(image, materials=200)
    with pytest.raises(PassbandError, match="smaller than a window"):
        find_materials(image[:8])
    with pytest.raises(PassbandError, match="not finite"):
        find_materials(np.where(image > 70, np.nan, 1.0))
    with pytest.raises(PassbandError, match="sam-x"):
        find_materials(image, proposals="sam-x")
    write_image_tiff(tmp_path / "one.tif", image)
    assert find_materials(tmp_path / "one.tif", materials=1).materials == 1  # a file without a pixel size


def test_where_nothing_is_told_apart_the_rest_is_one_material() -> None:
    """Rejects a map of which nothing is assigned, or the corner alone that a proposer was sure of."""
    image = np.random.default_rng(0).normal(size=(128, 160)).astype(np.float32)
    for masks in (np.zeros((0, 32, 40), bool), np.ones((1, 32, 40), bool) & (np.arange(40) < 8)):
        proposals = Proposals.of_masks(masks, shape=(128, 160))
        found = boost(image, proposals, window=24, rules=Booster(rest=0.5))
        assert (found.partition.labels == 1).mean() > 0.95
        assert (boost(image, proposals, window=24).partition.labels > 0).mean() < 0.25
        assert len(found.removed.fates) == len(masks) + 1


@pytest.mark.parametrize("top", [False, True])
def test_a_bar_of_data_is_no_material_and_moves_none(
    image: NDArray[np.uint16], truth: NDArray[np.int64], top: bool
) -> None:
    """Rejects a map of the image with its bar, maps that are not where the image is, and points that are not moved."""
    bar = np.zeros((20, SHAPE[1]), dtype=np.uint16)
    bar[6:14, 20:200:3] = image.max()
    whole = np.concatenate([bar, image] if top else [image, bar])
    inside = slice(20, None) if top else slice(0, -20)
    found, alone = find_materials(whole), find_materials(image)
    assert (found.bar.top, found.bar.bottom) == ((20, 0) if top else (0, 20))
    np.testing.assert_array_equal(found.labels[inside], alone.labels)
    assert found.labels.shape == whole.shape
    assert not (found.labels[:20] if top else found.labels[-20:]).any()
    rows = {masks.shape[1] for _, masks in found.stages} | {found.confidence.shape[0]}
    assert len(rows) == 1
    assert rows.pop() > alone.confidence.shape[0]
    points = [(220.0, 160.0), (157.0, 160.0), (68.0, 160.0)]  # moved by the bar, two are in the next one
    pointed = find_materials(whole, points=[(y + 20.0 * top, x) for y, x in points])
    assert min(ious(pointed.labels[inside], truth)) > 0.8
