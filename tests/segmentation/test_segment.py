"""The function of a notebook does what `passband segment` does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from passband.files.reading import read_micrograph
from passband.recipe import PassbandError
from passband.segmentation.model import load_model
from passband.segmentation.segment import segment
from passband.segmentation.segmenter import Segmenter


def test_the_function_gives_the_masks_of_the_command(
    run: Callable[..., Any], picture: Path, untrained: Path, tmp_path: Path
) -> None:
    """Rejects another default of the smallest region, and symmetries that are not passed on."""
    micrograph = read_micrograph(picture)
    for option, symmetries in ((), 1), (("--tta",), 8):
        run("segment", picture, "-M", untrained, "-o", tmp_path / "m", "-q", *option)
        found = segment(micrograph, untrained, symmetries=symmetries)
        assert np.array_equal(found.labels, tifffile.imread(tmp_path / "m" / "picture.mask.tif"))
        assert np.array_equal(found.foreground, tifffile.imread(tmp_path / "m" / "picture.probability.tif"))
        assert found.pixel_size == micrograph.pixel_size
        expected = load_model(untrained).predict(micrograph.array, micrograph.known_pixel_size, symmetries=symmetries)
        assert np.array_equal(found.probabilities, expected)


def test_a_segmenter_is_a_model_a_folder_or_a_name(picture: Path, untrained: Path) -> None:
    micrograph, model = read_micrograph(picture), load_model(untrained)
    segmenter: Segmenter = model  # the type checker agrees that it is one
    found = [segment(micrograph, one).labels for one in (segmenter, untrained, str(untrained))]
    assert all(np.array_equal(labels, found[0]) for labels in found)
    shipped = [segment(micrograph, one).labels for one in (None, "au_hrtem")]
    assert np.array_equal(*shipped)
    with pytest.raises(PassbandError, match="model 'nothing' is neither a folder nor a shipped model"):
        segment(micrograph, "nothing")


def test_the_pixel_size_is_given_or_known(picture: Path, untrained: Path) -> None:
    """Rejects a given pixel size that is ignored for that of the file."""
    micrograph = read_micrograph(picture)
    with pytest.raises(PassbandError, match="does not say its pixel size; give it in Å"):
        segment(micrograph.array, untrained)
    assert segment(micrograph, untrained, pixel_size=0.5).pixel_size == (0.5, 0.5)
    assert segment(micrograph.array, untrained, pixel_size=(0.5, 0.6)).pixel_size == (0.5, 0.6)
    assert segment(picture, untrained, pixel_size="50pm").pixel_size == (0.5, 0.5)
    assert np.array_equal(segment(str(picture), untrained).labels, segment(micrograph, untrained).labels)
