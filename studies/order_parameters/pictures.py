"""Pictures of one window: mixture, autoencoder and rotation-invariant autoencoder beside the truth, on one frame."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from passband.figures.latent import components_figure, latent_maps_figure, manifold_figure
from passband.figures.style import to_png
from passband.latent.exploration import Explored
from studies.order_parameters.measure import KnownAtoms

DPI, COLOURS = 60, 256
TEXTS = {
    "maps": "the last frame: kinds of the mixture; both latents of the autoencoder; angle and content of the "
    "rotation-invariant one; order, distance to an edge and angle in truth",
    "kinds": "mean patches of the kinds",
    "autoencoder": "what the autoencoder draws",
    "rvae": "what the rotation-invariant one draws, turned as most patches are",
}


def pictures(one: Explored, known: KnownAtoms, movie: Path, pixel: float) -> Iterator[tuple[str, Figure]]:
    """Yield the pictures of a window by name; `pixel` is the side of one of the movie, Å."""
    patches, plain, latents = one.patches, one.plain, one.latents
    assert plain is not None
    last = int(patches.frame.max())
    image = tifffile.imread(movie, key=last)
    seen = patches.frame[known.rows] == last
    rows = known.rows[seen]
    period = 360.0 / one.symmetry
    values: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "mixture: kind": one.kinds[rows],
        "autoencoder: 1": plain.content[rows, 0],
        "autoencoder: 2": plain.content[rows, 1],
        "rVAE: angle (°)": np.degrees(latents.angle[rows]),
        "rVAE: z1": latents.content[rows, 0],
        "rVAE: z2": latents.content[rows, 1],
        "truth: angle (°)": np.degrees(known.angle[seen]),
        "truth: order": known.order[seen],
        "truth: edge (Å)": known.edge[seen],
    }
    periods = {"rVAE: angle (°)": period, "truth: angle (°)": 120.0}
    yield "maps", latent_maps_figure(image, patches.places[rows], values, (pixel, pixel), periods=periods, across=3)
    yield "kinds", components_figure(one.mixture.means(), one.mixture.weights, patches.window.pixel_size)
    for name, card, sheet in (
        ("autoencoder", plain.model.card, plain.model.manifold()),
        ("rvae", one.autoencoder.card, one.autoencoder.manifold(angle=one.usual_angle)),
    ):
        ends = card.low, card.high
        first, second = ((ends[0][axis], ends[1][axis]) for axis in (0, 1))
        yield name, manifold_figure(sheet, first=first, second=second)


def write_pictures(one: Explored, known: KnownAtoms, movie: Path, pixel: float, folder: Path) -> None:
    """Write them as PNG, each with the side of the window in its name."""
    for name, figure in pictures(one, known, movie, pixel):
        path = folder / f"{name}_{one.patches.window.side:g}A.png"
        picture = Image.open(io.BytesIO(to_png(figure, dpi=DPI))).convert("RGB")
        picture.quantize(COLOURS).save(path, optimize=True)  # noise on nine panels is a megabyte in true colours
