"""Columns of images by atomap, in an interpreter that has it; started by `bench_atom_programs.py`.

A file of images and settings is read, one of places and CPU seconds written.
"""

import importlib
import importlib.metadata
import time
import warnings
from typing import Any

import numpy as np


def found_columns(image: Any, separation: float, *, prepared: bool, refined: bool) -> tuple[Any, float]:
    """Places (n, 2), x, y in pixels, as atomap's guide finds them, and CPU seconds.

    Maxima that are `separation` apart, refined by the centre of mass and then by Gaussians; where that fails, they are
    as before. `prepared` images have their noise reduced by principal components, their background subtracted and
    their intensity normalised first, to find the maxima.
    """
    signals, atomap = importlib.import_module("hyperspy.api").signals, importlib.import_module("atomap.api")
    start = time.process_time()
    places = atomap.get_atom_positions(
        signals.Signal2D(image),
        separation=separation,
        pca=prepared,
        subtract_background=prepared,
        normalize_intensity=prepared,
    )
    if refined and len(places) >= 10:  # it looks at the nine neighbours of each
        sublattice = atomap.Sublattice(places, image=image)
        sublattice.find_nearest_neighbors()
        for how in ("center_of_mass", "2d_gaussian"):
            try:
                getattr(sublattice, f"refine_atom_positions_using_{how}")(show_progressbar=False)
            except ValueError:  # of masks without an electron
                break
            found = np.stack([sublattice.x_position, sublattice.y_position], axis=1)
            places = np.where(np.isfinite(found), found, places)
    return places, time.process_time() - start


def find_in_files(source: str, target: str) -> None:
    """Find the columns of every image with its separation, preparation and refinement."""
    warnings.simplefilter("ignore")
    importlib.import_module("hyperspy.api").set_log_level("CRITICAL")
    versions = [f"{one} {importlib.metadata.version(one)}" for one in ("atomap", "hyperspy")]
    told: dict[str, Any] = {"versions": np.array(versions)}
    with np.load(source) as given:
        for number, (separation, prepared, refined) in enumerate(given["settings"]):
            image = given[f"image{number}"]
            found = found_columns(image, float(separation), prepared=bool(prepared), refined=bool(refined))
            told[f"places{number}"], told[f"seconds{number}"] = found
    np.savez(target, **told)
