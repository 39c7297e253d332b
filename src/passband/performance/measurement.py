"""Measuring a network under many conditions on structures that it never saw: how the table on its card is made.

It may be stopped: what is measured is kept in the folder by the identity of model, store and recipe, and the same call
goes on. The result does not depend on how often it was stopped.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passband.dataset.store import WaveStore
from passband.durable import remove_leftovers, write_atomically
from passband.microscope.instruments.instrument import Setting
from passband.performance.camera_measurement import IMAGES, measured_reference
from passband.performance.error_model import with_kernels
from passband.performance.observation import Observation, SignalReference
from passband.performance.settings import distance_rows, outside_of, setting_row
from passband.performance.signals import signal_values
from passband.performance.subspace import Subspace
from passband.performance.sweep import KEPT_IMAGES, ConditionSweep, Rows
from passband.performance.table import MeasurementRecipe, PerformanceError, PerformanceTable, rounded
from passband.progress import ProgressCallback
from passband.segmentation.model import Model, load_model

PART = 10  # data sets that are measured and kept together
FEATURES, RINGS = 24, 6  # directions of the two subspaces
LISTS = ("features", "profile")  # of a measured image, what distances are computed from
_DEFAULT = MeasurementRecipe()


def measure_performance(
    model: Model | str | PathLike[str],
    store: WaveStore,
    indices: Sequence[int],
    recipe: MeasurementRecipe = _DEFAULT,
    *,
    folder: str | PathLike[str],
    progress: ProgressCallback | None = None,
) -> PerformanceTable:
    """Measure a network under many conditions and return the table for its card.

    Parameters
    ----------
    model
        With a card that says how it was trained; loaded, or the folder or the name of one as `load_model` takes it.
    store
        Exit waves.
    indices
        The structures of the store that the network never saw, such as `store.splits()["test"]`.
    recipe
        How many settings and micrographs, and how far beyond the training; by default 400 of 10 micrographs each.
    folder
        Where finished parts are kept, so that a stopped measurement goes on.
    progress
        Called with data sets done, data sets in all and a note.

    Returns
    -------
    PerformanceTable
        `passband.performance.table.write_measured_card` puts it on the card, where `assess` finds it.

    Raises
    ------
    PerformanceError
        The card says nothing about the training, or the folder cannot be written.
    PassbandError
        The store does not fit the card's imaging.
    """
    network = model if isinstance(model, Model) else load_model(model)
    sweep = ConditionSweep(network, store, indices, recipe)
    settings = sweep.settings(recipe.data_sets)
    parts = Path(folder) / "parts" / sweep.identity
    remove_leftovers(parts)
    temperature = sweep.temperature()
    rows: Rows = []
    for first in range(0, len(settings), PART):
        numbers = range(first, min(first + PART, len(settings)))
        path = parts / f"{first:06d}-{len(numbers):02d}.parquet"
        if not path.exists():
            made: Rows = []
            for number in numbers:
                made += sweep.measure(number, *settings[number], temperature)
            parts.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _parquet(made), error=PerformanceError)
        rows += pq.read_table(path).to_pylist()
        if progress is not None:
            progress(numbers.stop, len(settings), note="")
    table = with_kernels(table_of(sweep, settings, rows, temperature))
    if network.card.mode != "TEM":
        return table
    most = min(IMAGES, recipe.data_sets * recipe.images)
    camera = measured_reference(network, store, side=table.patch, images=most, seed=recipe.seed)
    return table.model_copy(update={"camera": camera})


def _schema(row: Mapping[str, Any]) -> pa.Schema:
    """Columns of measured images, from the first of a data set, which has them all."""
    types = {"set": pa.int64(), **dict.fromkeys(LISTS, pa.list_(pa.float64()))}
    return pa.schema([(name, types.get(name, pa.float64())) for name in row])


def _parquet(rows: Rows) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema(rows[0])), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def table_of(
    sweep: ConditionSweep, settings: Sequence[tuple[Setting, float]], rows: Rows, temperature: float
) -> PerformanceTable:
    """Table of the measured images."""
    sets = set_rows(sweep, settings, rows)
    kept = _kept(rows)
    inside = [bool(sets[row["set"]]["inside"]) for row in kept]
    reference = _reference([row for row, one in zip(kept, inside, strict=True) if one], temperature)
    images = _image_rows(kept, reference)
    return PerformanceTable(
        instrument=sweep.instrument.kind,
        recipe=sweep.recipe,
        store=sweep.store.recipe.identity,
        structures=len(sweep.indices),
        patch=sweep.side,
        sets=_columns(sets),
        images=_columns(images),
        reference=reference,
    )


def _kept(rows: Rows) -> Rows:
    """Return the first images of every data set."""
    counted: dict[int, int] = {}
    kept = []
    for row in rows:
        counted[row["set"]] = counted.get(row["set"], 0) + 1
        kept += [row] if counted[row["set"]] <= KEPT_IMAGES else []
    return kept


def set_rows(sweep: ConditionSweep, settings: Sequence[tuple[Setting, float]], rows: Rows) -> Rows:
    """One row per data set: its conditions, its distances to the training, and the scores there."""
    drawn = [one for one, _ in settings]
    distant = distance_rows(drawn, sweep.trained, pixel_size=sweep.model.card.pixel_size, every=True)
    by_set: dict[int, Rows] = {}
    for row in rows:
        by_set.setdefault(row["set"], []).append(row)
    sets = []
    for number, ((one, pixel_size), far) in enumerate(zip(settings, distant, strict=True)):
        plain = setting_row(one, pixel_size)
        _, other = sweep.camera(number)
        inside = float(not outside_of(plain, sweep.trained) and not other)
        sets.append({**plain, **far, "inside": inside, "other_camera": float(other), **_set_scores(by_set[number])})
    return sets


def _set_scores(rows: Rows) -> dict[str, float]:
    losses = np.array([row["loss"] for row in rows])
    both, either = (np.array([row[name] for row in rows]) for name in ("both", "either"))
    seen = either > 0
    single = both[seen] / either[seen] if seen.any() else np.ones(1)
    return {
        "loss": float(losses.mean()),
        "loss_spread": float(losses.std()),
        "dice": float(both.sum() / either.sum()) if seen.any() else 1.0,
        "dice_spread": float(single.std()),
    }


def _reference(rows: Rows, temperature: float) -> SignalReference:
    if len(rows) < 3:
        raise PerformanceError("fewer than 3 images are inside the training's conditions; measure more data sets")
    features, profiles = (np.array([row[name] for row in rows]) for name in ("features", "profile"))
    return SignalReference(
        temperature=temperature,
        features=Subspace.fitted(features, most=FEATURES) if features.shape[1] else None,
        spectrum=Subspace.fitted(profiles, most=RINGS),
    )


def _image_rows(rows: Rows, reference: SignalReference) -> Rows:
    features = np.array([row["features"] for row in rows])
    profiles = np.array([row["profile"] for row in rows])
    seen = Observation(reference, features=features if features.shape[1] else None, profiles=profiles)
    far = signal_values(seen)
    skipped = (*LISTS, "both", "either")
    names = [name for name in rows[0] if name not in skipped and all(row.get(name) is not None for row in rows)]
    return [
        {name: row[name] for name in names}
        | {"dice": row["both"] / row["either"] if row["either"] else -1.0}
        | {name: float(values[k]) for name, values in far.items()}
        for k, row in enumerate(rows)
    ]


def _columns(rows: Rows) -> dict[str, tuple[float, ...]]:
    return {name: tuple(rounded(float(row[name])) for row in rows) for name in rows[0]}
