"""What a generator draws, as files: samples as TIFF with a picture of all, and films of what lies between."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from passband.durable import write_atomically
from passband.figures.generation import film_gif, grey_levels, picture_png, sheet
from passband.files.own_files import refuse_foreign
from passband.files.writing import write_image_tiff
from passband.generation.image_model import ImageModel, load_generator
from passband.generation.near_copies import MANY
from passband.recipe import PassbandError

MOST_SHOWN = 64  # samples of a picture
FRAMES_A_SEED, STRIP = 24, 9


def write_samples(
    model: Path, directory: Path, count: int, *, seed: int = 0, truncation: float = 1.0
) -> tuple[list[Path], str]:
    """Draw `count` images into a folder; return their files, and a warning where the generator copies.

    Raises
    ------
    PassbandError
        There is no generator, or a file that is not passband's is in the way.
    """
    known = load_generator(model)
    images = known.sample(count, seed=seed, truncation=truncation)
    sides = None if known.card.pixel_size is None else (known.card.pixel_size,) * 2
    digits = max(3, len(str(count - 1)))
    paths = [directory / f"seed{seed}_{number:0{digits}d}.tif" for number in range(count)]
    for path in (*paths, directory / "samples.png"):
        refuse_foreign(path)
    directory.mkdir(parents=True, exist_ok=True)
    for path, image in zip(paths, images, strict=True):
        write_image_tiff(path, image, sides)
    shown = grey_levels(images[:MOST_SHOWN], *_ends(known))
    write_atomically(directory / "samples.png", picture_png(sheet(shown, min(8, len(shown)))))
    return paths, _copying(known)


def write_walk(model: Path, output: Path, seeds: Sequence[int], frames: int | None, *, truncation: float = 1.0) -> int:
    """Write a film (.gif) or a strip (.png) of what lies between the samples of seeds; return how many images it has.

    Raises
    ------
    PassbandError
        Another ending, fewer than two seeds, no generator, or a file that is not passband's is in the way.
    """
    ending = output.suffix.lower()
    if ending not in (".gif", ".png"):
        raise PassbandError(f"{output} ends in {ending or 'nothing'!r}; write a film as .gif or a strip as .png")
    refuse_foreign(output)
    known = load_generator(model)
    if frames is None:
        frames = STRIP if ending == ".png" else FRAMES_A_SEED * (len(seeds) - 1)
    grey = grey_levels(known.interpolate(seeds, frames, truncation), *_ends(known))
    write_atomically(output, film_gif(grey) if ending == ".gif" else picture_png(sheet(grey, len(grey))))
    return frames


def parse_seeds(text: str) -> list[int]:
    """Return whole numbers from a text such as "1,2,3".

    Raises
    ------
    PassbandError
        It is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise PassbandError(f"seeds={text[:40]!r} must be whole numbers with commas between, such as 1,2,3")
    return [int(part) for part in parts]


def _ends(model: ImageModel) -> tuple[float, float]:
    """Values that are drawn black and white."""
    card = model.card
    low, high = np.float64(card.offset) - card.gain, np.float64(card.offset) + card.gain
    return float(low), float(high)


def _copying(model: ImageModel) -> str:
    share = model.card.near_copies
    if share is None or share <= MANY:
        return ""
    return f"{share:.0%} of this generator's samples were near copies of training images; see near_copies.png beside it"
