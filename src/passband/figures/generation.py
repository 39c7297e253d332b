"""Pictures of generated micrographs: sheets of samples, strips, films, and how a training went."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.figures.style import BLUE, GREEN, ORANGE, PURPLE, draw_grid, draw_legend, label_axes
from passband.files.own_files import SOFTWARE

Images = NDArray[np.float32]
Grey = NDArray[np.uint8]
GAP = 2  # pixels between images
SMALLEST = 128  # pixels: smaller images are enlarged by a whole factor
FRAME_MS = 60  # of a film


def grey_levels(images: Images, low: float, high: float) -> Grey:
    """Return images (n, y, x) as grey levels, `low` and what is below black, `high` and what is above white."""
    level = (images.astype(np.float64) - low) * (255.0 / max(high - low, 1e-12))
    grey: Grey = np.rint(level.clip(0.0, 255.0)).astype(np.uint8)
    return grey


def sheet(images: Grey, columns: int) -> Grey:
    """Lay images (n, y, x) out in rows of some columns, small ones enlarged, on white."""
    factor = max(1, -(-SMALLEST // images.shape[-1]))
    large = images.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width = large.shape
    rows = -(-count // columns)
    page = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), 255, dtype=np.uint8)
    for number, image in enumerate(large):
        y, x = divmod(number, columns)
        page[y * (height + GAP) :, x * (width + GAP) :][:height, :width] = image
    return page


def picture_png(picture: Grey) -> bytes:
    """Return a picture as PNG."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    said, content = PngInfo(), BytesIO()
    said.add_text("Software", SOFTWARE)
    Image.fromarray(picture).save(content, format="PNG", pnginfo=said)
    return content.getvalue()


def film_gif(images: Grey) -> bytes:
    """Return frames (n, y, x) as a GIF that runs for ever, small ones enlarged."""
    from PIL import Image

    frames = [Image.fromarray(sheet(one[None], 1)) for one in images]
    content = BytesIO()
    frames[0].save(
        content, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, comment=SOFTWARE
    )
    return content.getvalue()


def generation_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Fréchet distance, recall, and p with r_t against the thousands of images that were shown."""
    figure = Figure(figsize=(10.5, 3.2), layout="constrained")
    kimg = [row["kimg"] for row in rows]
    panels: tuple[tuple[str, dict[str, str]], ...] = (
        ("Fréchet distance", {"frechet": BLUE}),
        ("recall", {"recall": GREEN}),
        ("probability, sign", {"p": ORANGE, "r_t": PURPLE}),
    )
    for axes, (name, curves) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for column, colour in curves.items():
            axes.plot(kimg, [row[column] for row in rows], color=colour, marker="o", markersize=2.5, label=column)
        draw_grid(axes)
        label_axes(axes, "thousands of images shown", name)
        if len(curves) > 1:
            draw_legend(axes)
    return figure
