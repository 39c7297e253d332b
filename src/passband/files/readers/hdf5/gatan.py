"""Gatan .dm5: the tags of .dm4 as HDF5 groups and attributes, the pixels as a data set."""

import re
from typing import Any

import h5py
import numpy as np

from passband.files.readers.gatan import describe_image, displayed_image
from passband.files.readers.hdf5.nodes import Found, attribute, children, data_set, hard_linked
from passband.files.source_file import SourceFile

_MAX_DEPTH = 64


def _plain(value: Any) -> Any:
    """Return numbers and texts as the reader of .dm4 gives them."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype == np.uint16:
        return value.tobytes().decode("utf-16", "replace").rstrip("\0")
    return value


def _tags(group: h5py.Group, depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {name: _plain(attribute(group, name)) for name in group.attrs}
    nodes = [(_index(name), child) for name, child in children(group)]
    for name, child in sorted(
        nodes, key=lambda node: (not node[0].isdigit(), int(node[0]) if node[0].isdigit() else 0)
    ):
        if isinstance(child, h5py.Dataset):
            found[name] = child.name
        elif depth < _MAX_DEPTH:
            found[name] = _tags(child, depth + 1)
    return found


def _index(name: str) -> str:
    """Return the 0 of `[0]`, as members of lists are called."""
    match = re.fullmatch(r"\[(\d+)\]", name)
    return match[1] if match else name


def find_gatan(file: h5py.File, source: SourceFile) -> list[Found]:
    """Return the displayed image of a .dm5 file."""
    if hard_linked(file, "ImageList") is None:
        return []
    tree = _tags(file)
    image = displayed_image(tree, source)
    path = image["ImageData"].get("Data")
    if not isinstance(path, str):
        raise source.error("holds an image without pixels; save it again in Digital Micrograph")
    data = data_set(file, path.lstrip("/"), source)
    known = describe_image(image, tuple(int(side) for side in data.shape))
    return [Found(name=path.lstrip("/"), label="image", refusal=known.refusal, calibration=known.calibration,
                  energy=known.energy, cs=known.cs, instrument=known.instrument, mode=known.mode)]  # fmt: skip
