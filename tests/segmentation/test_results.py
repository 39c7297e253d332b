"""The files of a segmented image are written together, and over nobody else's."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from passband.files.own_files import ENDINGS, is_marked
from passband.recipe import PassbandError
from passband.segmentation.results import write_results
from passband.segmentation.segmenter import Segmentation

IMAGE = np.random.default_rng(0).normal(size=(40, 50))
LABELS = (IMAGE > 1.0).astype(np.uint8)
CHANCES = np.stack([1.0 - LABELS, LABELS]).astype(np.float32)
FOUND = Segmentation(LABELS, ("background", "particle"), (0.5, 0.6), CHANCES)


def test_four_files_are_written_and_carry_the_pixel_size(tmp_path: Path) -> None:
    """Rejects a pixel size of one side for both, and probabilities of the background."""
    files = write_results(FOUND, IMAGE, [], tmp_path / "new" / "a", columns=("label", "area_nm2"))
    assert {kind: path.name for kind, path in files.items()} == {kind: f"a{end}" for kind, end in ENDINGS.items()}
    assert np.array_equal(tifffile.imread(files["mask"]), LABELS)
    assert np.array_equal(tifffile.imread(files["probability"]), CHANCES[1])
    assert files["particles"].read_text() == "label,area_nm2\n"
    for kind in ("mask", "probability"):
        with tifffile.TiffFile(files[kind]) as file:
            assert file.imagej_metadata["pixel_size_angstrom"] == "0.5 0.6"
    assert all(is_marked(files[kind]) for kind in ("mask", "probability", "overlay"))


@pytest.mark.parametrize("name", ["a.mask.tif", "a.probability.tif"])
def test_nothing_is_written_beside_a_mask_drawn_by_hand(tmp_path: Path, name: str) -> None:
    """Rejects a check that comes after the first file is written."""
    tifffile.imwrite(tmp_path / name, LABELS)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(PassbandError, match=f"{name} is there and is not passband's"):
        write_results(FOUND, IMAGE, [], tmp_path / "a", columns=("label",))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before
