"""Micrographs as files: with their masks and pixel size, pristine where that is asked for, and read back as pairs."""

from pathlib import Path

import numpy as np
from tests.fixtures.command_line import Run

from passband.files.labelled import labelled_files, read_label
from passband.files.reading import read_micrograph

SMALL = ("simulation.structures=8", "simulation.specimens.field=30.0", "imaging.patch=96")


def test_images_and_masks_are_written_as_pairs_and_pristine_ones_have_no_noise(run: Run, tmp_path: Path) -> None:
    # rejects a mask of another image, one that is read as an image, and noise that stays
    changes = [f"--set={one}" for one in SMALL]
    noise = {}
    for name, more in (("noisy", []), ("pristine", ["--pristine"])):
        arguments = ("simulate", "wse2_defects", "-o", tmp_path / name, "-q", "--micrographs", "3", *changes)
        outcome = run(*arguments, *more)
        assert outcome.code == 0, outcome.err
        folder = tmp_path / name / "micrographs"
        files = labelled_files(folder, folder)
        assert [one.image.name for one in files] == ["0000.tif", "0001.tif", "0002.tif"]
        images = [read_micrograph(one.image) for one in files]
        assert all(np.allclose(image.known_pixel_size, 0.2074) for image in images)
        masks = [read_label(one.label, (96, 96), classes=7) for one in files]
        assert all(0 < (mask > 0).mean() < 0.3 for mask in masks)
        noise[name] = [float(np.abs(np.diff(image.array, 2, axis=1)).mean()) for image in images]
        vacant = [image.array[mask == 5].mean() for image, mask in zip(images, masks, strict=True) if (mask == 5).any()]
        assert np.mean(vacant) < 0.0  # where a metal column is missing it is darker than the mean
    assert max(noise["pristine"]) < 0.5 * min(noise["noisy"])


def test_only_scans_can_be_pristine(run: Run, tmp_path: Path) -> None:
    tiny = ("simulation.structures=1", "simulation.scene.field=40.0")
    changes = [f"--set={one}" for one in tiny]
    outcome = run("simulate", "demo", "-o", tmp_path / "s", "--micrographs", "1", "--pristine", "-q", *changes)
    assert (outcome.code, len(outcome.error_lines)) == (2, 1)
