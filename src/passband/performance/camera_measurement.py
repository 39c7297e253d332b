"""What the estimators of a camera say of images of a training: measured once, for the card of its network."""

from collections.abc import Mapping, Sequence

import numpy as np

from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_paths import imaging_on_card
from passband.dataset.store import WaveStore
from passband.performance.camera_reference import (
    CAMERA_QUANTITIES,
    DRIFT,
    CameraReference,
    TrainedSpread,
    camera_values,
)
from passband.performance.table import PerformanceError, rounded
from passband.progress import ProgressCallback
from passband.segmentation.model import Model

IMAGES = 300
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)


def measured_reference(
    model: Model,
    store: WaveStore,
    *,
    side: int,
    images: int = IMAGES,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> CameraReference:
    """Measure what estimators say of images that are drawn as the training of a network drew them.

    Parameters
    ----------
    model
        With a card that says how it was trained.
    store
        Exit waves of any structures of the training's kind, learned from or not.
    side, seed
        As in `camera_values`; of all that is drawn.
    images
        How many, each with a field and a camera of its own.
    progress
        Called with images done, images in all and a note.

    Raises
    ------
    PerformanceError
        The card says nothing of the training, or it was of a scan.
    PassbandError
        The store does not fit the card's imaging.
    """
    if not model.card.imaging or model.card.mode != "TEM":
        cure = "only networks that were trained on simulated TEM images have one"
        raise PerformanceError(f"the card of {model.card.name} describes no camera (mode={model.card.mode}); {cure}")
    acquisition = Acquisition(store, imaging_on_card(model.card.imaging), seed=seed, in_turn=True, device=model.device)
    rows: list[dict[str, float]] = []
    for number in range(images):
        if progress is not None:
            progress(number, images, note="")
        row = acquisition.row(number, 0, 1)
        recorded = acquisition.image_from_row(row)[0].cpu().numpy()
        drift = (row.get("camera") or {}).get(DRIFT, 0.0)
        values = camera_values(recorded, model.at_network(recorded, row["pixel_size"]), side=side)
        rows.append({**values, DRIFT: float(drift)})
    if progress is not None:
        progress(images, images, note="")
    return reference_of(rows)


def reference_of(rows: Sequence[Mapping[str, float]]) -> CameraReference:
    """Return the distribution of the quantities of images."""
    names = [one.name for one in CAMERA_QUANTITIES if any(one.name in row for row in rows)]
    columns = {name: np.array([row[name] for row in rows if name in row]) for name in names}
    spreads = {
        name: TrainedSpread(*(rounded(float(np.quantile(values, one))) for one in QUANTILES))
        for name, values in columns.items()
    }
    return CameraReference(images=len(rows), quantities=spreads)
