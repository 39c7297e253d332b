"""What is written of a micrograph that was segmented with a verdict."""

from pathlib import Path

import numpy as np
from PIL import Image

from passband.files.micrograph import Micrograph
from passband.segmentation.segmenter import Segmentation
from passband.verdict.segmenting import Segmented
from passband.verdict.verdict import Verdict


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
