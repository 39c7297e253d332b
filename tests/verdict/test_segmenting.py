"""What is written of a micrograph that was segmented with a verdict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from passband.camera.border import Border
from passband.camera.image_area import ImageArea
from passband.files.micrograph import Micrograph
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.shipped import find_model
from passband.verdict.segmenting import FileSegmenter, Segmented
from passband.verdict.verdict import Verdict


def test_particles_that_a_border_cuts_are_said_to_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects sizes of particles at the border of an aligned image that are taken for whole ones."""
    areas: list[ImageArea] = []

    def measured(*_: Any, image_area: ImageArea, **__: Any) -> list[dict[str, Any]]:
        areas.append(image_area)
        return []

    monkeypatch.setattr("passband.verdict.segmenting.measure_particles", measured)
    film = np.random.default_rng(0).normal(size=(96, 96))
    FileSegmenter(find_model("au_hrtem")).segmented(Micrograph(np.pad(film, ((8, 0), (0, 5))), pixel_size=(0.8, 0.8)))
    assert areas == [ImageArea(Border(8, 0, 0, 5))]


def test_the_overlay_is_red_where_the_verdict_says_that_the_mask_is_doubtful(tmp_path: Path) -> None:
    """Rejects a map that is not handed on, and one that is made up where the verdict has none."""
    image = np.random.default_rng(0).normal(size=(512, 600))
    doubt = np.zeros(image.shape, np.float32)
    doubt[100:120, 400:500] = 0.4
    micrograph = Micrograph(image, pixel_size=(1.0, 1.0))
    found = Segmentation(np.zeros(image.shape, np.uint8), ("background", "particle"), (1.0, 1.0))
    for known in (doubt, None):
        verdict = Verdict("doubtful", ("look",), segmentation=found, error_probability=known)
        files = Segmented(found, [], verdict).write(micrograph, tmp_path, stem="a.b")
        assert files["overlay"].name == "a.b.overlay.png"
        coloured = np.ptp(np.asarray(Image.open(files["overlay"])), axis=-1) > 0
        np.testing.assert_array_equal(coloured, doubt > 0 if known is doubt else np.zeros_like(coloured))
