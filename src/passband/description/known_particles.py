"""Particles whose classes are known, as a table: those that come with the package, or those of one's own."""

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.description.particle_classes import CLASSES, ParticleClassifier, grow_forest
from passband.description.particle_features import FEATURES
from passband.documents import naming, read_document
from passband.recipe import PassbandError

CLASS = "particle_class"  # the column
_SIMULATED = "particle_classes_cdse.csv"
_MOST = 2**26  # bytes of a table


def forest_of(tables: list[Path], *, seed: int = 0) -> ParticleClassifier:
    """Grow a forest on the particles of some tables; on none, those that were simulated for the package.

    A table is what `passband classify` writes: columns of features and a `particle_class`; particles without one are
    left out, so that it may be corrected by hand. Others than the three usual classes may be named.

    Raises
    ------
    PassbandError
        A table lacks a column, a feature is no number, or a class has fewer than two particles.
    """
    if tables:
        texts = {str(path): _text(path) for path in tables}
    else:
        texts = {_SIMULATED: files("passband.description").joinpath(_SIMULATED).read_text(encoding="utf-8")}
    parts = [_particles(text, name) for name, text in texts.items()]
    given = [one for _, names in parts for one in names]
    classes = [name for name in CLASSES if name in given] + sorted(set(given) - set(CLASSES))
    if len(classes) < 2:
        raise PassbandError(f"{', '.join(texts)}: {len(classes)} classes are too few to tell apart; name two or more")
    label = np.array([classes.index(name) for name in given], dtype=np.intp)
    return grow_forest(np.concatenate([values for values, _ in parts]), label, FEATURES, classes=classes, seed=seed)


def _text(path: Path) -> str:
    with naming(path, PassbandError):
        return read_document(path, most=_MOST).decode("utf-8-sig", "replace")


def _particles(text: str, name: str) -> tuple[NDArray[np.float64], list[str]]:
    """Features (n, f) and classes of the particles of a table that have one."""
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in (*FEATURES, CLASS) if column not in (reader.fieldnames or ())]
    if missing:
        raise PassbandError(f"{name} has no column {missing[0]!r}; give a table that passband classify wrote")
    rows = [row for row in reader if (row[CLASS] or "").strip()]
    try:
        values = np.array([[float(row[feature]) for feature in FEATURES] for row in rows]).reshape(-1, len(FEATURES))
    except (TypeError, ValueError) as error:
        raise PassbandError(
            f"{name}: a feature is no number ({error}); mend the row, or leave its class empty"
        ) from error
    return values, [row[CLASS].strip() for row in rows]
