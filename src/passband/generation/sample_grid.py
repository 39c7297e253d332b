"""Pictures of what a generator draws, side by side, written as a training runs."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from passband.durable import write_atomically
from passband.files.own_files import SOFTWARE

GAP, CAPTION, SMALLEST = 4, 18, 128  # pixels


def write_grid(path: str | Path, columns: Mapping[str, NDArray[np.floating]]) -> None:
    """Write images (n, y, x) from −1 to 1 as PNG, one column of the picture for each name.

    Small images are enlarged by a whole factor; what is darker than −1 is black, what is brighter than 1 white.
    """
    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo

    count, height, width = next(iter(columns.values())).shape
    factor = max(1, -(-SMALLEST // width))
    down, across = factor * height + GAP, factor * width + GAP
    picture = Image.new("L", (len(columns) * across - GAP, CAPTION + count * down - GAP), 255)
    draw = ImageDraw.Draw(picture)
    for place, (name, images) in enumerate(columns.items()):
        draw.text((place * across + 2, 3), name, fill=0)
        grey = np.rint((np.clip(images, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
        for number, image in enumerate(grey.repeat(factor, axis=1).repeat(factor, axis=2)):
            picture.paste(Image.fromarray(image), (place * across, CAPTION + number * down))
    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    content = BytesIO()
    picture.save(content, format="PNG", pnginfo=said)
    write_atomically(Path(path), content.getvalue())
