"""How masks become materials, step by step, in one figure."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import label_axes, to_png
from passband.files.writing import COLOURS
from passband.zero_shot.microstructure import Microstructure

_SIDE = 480  # pixels of a panel, at most
_TINT = 0.55
_NAMES = {
    "proposals": "proposed",
    "removal": "after removal",
    "merging": "after merging",
    "points": "of the points",
    "brightness": "by brightness",
}


def stages_picture(image: NDArray[Any], found: Microstructure) -> bytes:
    """PNG of the micrograph (y, x), the masks that each step left, and the map of materials.

    Smaller masks lie over larger ones; those of the last two panels have the colours of the materials.
    """
    every = max(1, -(-max(image.shape) // _SIDE))
    low, high = np.percentile(image, (0.5, 99.5))
    seen = np.clip((image[::every, ::every].astype(np.float64) - low) / max(high - low, 1e-12), 0.0, 1.0)
    grey = np.repeat(seen[..., None], 3, axis=2)
    panels: list[tuple[str, NDArray[np.float64]]] = [("micrograph", grey)]
    for name, masks in found.stages:
        shown = _layers(masks, grey.shape[:2])
        colours = material_colours(len(masks)) if name in {"merging", "brightness"} else _many(len(masks))
        count = f"{len(masks)} mask{'s' * (len(masks) != 1)}"
        panels.append((f"{_NAMES.get(name, name)}: {count}", _tinted(grey, shown, colours)))
    labels = found.labels[::every, ::every].astype(np.int64)
    title = f"{found.materials} material{'s' * (found.materials != 1)}"
    panels.append((title, _tinted(grey, labels, material_colours(int(labels.max(initial=0))))))
    ratio = min(2.5, max(0.4, image.shape[0] / image.shape[1]))
    figure = Figure(figsize=(2.9 * len(panels), 2.9 * ratio + 0.4), layout="constrained")
    for axes, (text, picture) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        label_axes(axes, title=text)
    return to_png(figure)


def material_colours(count: int) -> NDArray[np.float64]:
    """Colours (count, 3) of materials from 1 on, those of the overlay first."""
    more = [colormaps["tab20"](number % 20)[:3] for number in range(max(0, count - len(COLOURS)))]
    own = np.array(COLOURS, dtype=np.float64) / 255.0
    return np.concatenate([own[:count], np.array(more, dtype=np.float64).reshape(-1, 3)])


def _many(count: int) -> NDArray[np.float64]:
    """Colours (count, 3) that neighbours in a list do not share."""
    turn = (np.arange(count) * 0.618034) % 1.0
    return np.asarray(colormaps["hsv"](turn)[:, :3] * 0.9)


def _layers(masks: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the number, from 1, of the smallest mask (n, rows, columns) at each pixel (y, x); 0 for none."""
    rows, columns = (
        ((np.arange(side) + 0.5) * count / side).astype(np.int64)
        for side, count in zip(shape, masks.shape[1:], strict=True)
    )
    layers = np.zeros(shape, dtype=np.int64)
    for number in np.argsort(-masks.sum((1, 2)), kind="stable"):
        layers[masks[number][rows[:, None], columns]] = number + 1
    return layers


def _tinted(grey: NDArray[np.float64], labels: NDArray[np.int64], colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Picture (y, x, 3) with each label's colour over it; 0 stays grey."""
    table = np.concatenate([np.zeros((1, 3)), colours])
    return np.where((labels > 0)[..., None], (1.0 - _TINT) * grey + _TINT * table[labels], grey)
