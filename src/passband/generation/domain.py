"""A domain: micrographs of one kind, simulated or of one microscope, each scaled to −1 to 1, all at one pixel size."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from passband.files.listing import find_images
from passband.files.movie import open_movie
from passband.patches.resampling import resample_to_pixel
from passband.patches.standardising import check_image
from passband.recipe import PassbandError, Recipe

QUANTILES = (0.001, 0.999)
REACH = 0.8  # where the quantiles come to lie: ±1 is 3.9 standard deviations of normal noise
FARTHEST = 3.0  # where hot pixels are cut; a lone bright atom is not
SAME = 0.01  # part by which pixel sizes may differ

Image = NDArray[Any]


class Levels(Recipe):
    """Scaling of an image: (value − offset) / gain is −0.8 and 0.8 at its quantiles of 0.1 and 99.9 %.

    Each image has its own: brightness and contrast of a detector, and the bits of a pixel, are settings of the day.
    """

    offset: float = 0.0
    gain: float = 1.0

    @classmethod
    def of(cls, image: Image) -> Self:
        """Return the scaling of an image; an even one has the gain 1."""
        low, high = (float(value) for value in np.quantile(image, QUANTILES))
        gain = (high - low) / (2.0 * REACH)
        return cls(offset=0.5 * (low + high), gain=gain if gain > 1e-12 * max(abs(low), abs(high)) else 1.0)

    def scaled(self, image: Image) -> NDArray[np.float32]:
        """Return an image on the scale of networks, cut at −3 and 3."""
        scaled = (image.astype(np.float32) - self.offset) / self.gain
        return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST), dtype=np.float32)

    def restored(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an image of a network in the units of this scaling."""
        return np.asarray(image * self.gain + self.offset, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Domain:
    """Images of one kind.

    Attributes
    ----------
    name
        "simulated" or "real": stands in messages.
    images
        (y, x) each, of any sizes and types; finite.
    pixel_sizes
        (y, x) in Å, of each image.
    names
        Of each image.
    masks
        (y, x) each, above 0 where there are atoms; None where nobody says.
    """

    name: str
    images: tuple[Image, ...]
    pixel_sizes: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    masks: tuple[Image, ...] | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise PassbandError(f"the {self.name} set holds no image; give a file or a folder of micrographs")
        for image, name in zip(self.images, self.names, strict=True):
            try:
                check_image(image)
            except PassbandError as error:
                raise PassbandError(f"{name}: {error}") from error
        if self.masks is not None and [mask.shape for mask in self.masks] != [image.shape for image in self.images]:
            raise PassbandError(
                f"the {len(self.masks)} masks of the {self.name} set are not of the shapes of its images"
            )

    @classmethod
    def of_arrays(
        cls, name: str, images: Iterable[ArrayLike], pixel_size: float, masks: Iterable[ArrayLike] | None = None
    ) -> Self:
        """Return the domain of arrays (y, x) of one pixel size in Å."""
        arrays = tuple(np.asarray(image) for image in images)
        names = tuple(f"{name} image {number}" for number in range(len(arrays)))
        known = None if masks is None else tuple(np.asarray(mask) for mask in masks)
        return cls(name, arrays, ((pixel_size, pixel_size),) * len(arrays), names, known)

    def fingerprints(self) -> list[str]:
        """Return 16 hexadecimal digits of each image that no other image has."""
        return [
            hashlib.sha256(f"{image.shape}{image.dtype}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[
                :16
            ]
            for image in self.images
        ]

    @property
    def pixel_size(self) -> float:
        """The most common pixel size, Å: the mean of both axes, in steps of 1 %."""
        sides = np.array([0.5 * sum(pair) for pair in self.pixel_sizes])
        steps = np.round(np.log(sides) / np.log1p(SAME)).astype(int)
        values, counts = np.unique(steps, return_counts=True)
        return float(np.median(sides[steps == values[counts.argmax()]]))

    def sampled(self, pixel_size: float) -> tuple[Self, tuple[str, ...]]:
        """Return the domain at a pixel size in Å, and the names of the images that were sampled anew."""
        changed = [
            any(abs(side / pixel_size - 1.0) > SAME for side in pair) for pair in self.pixel_sizes
        ]  # others keep their type

        def anew(arrays: Sequence[Image]) -> tuple[Image, ...]:
            return tuple(
                resample_to_pixel(array, old, pixel_size) if other else array
                for array, old, other in zip(arrays, self.pixel_sizes, changed, strict=True)
            )

        sampled = replace(
            self,
            images=anew(self.images),
            masks=None if self.masks is None else anew(self.masks),
            pixel_sizes=((pixel_size, pixel_size),) * len(self.images),
        )
        return sampled, tuple(name for name, other in zip(self.names, changed, strict=True) if other)

    def at_least(self, side: int) -> tuple[Self, tuple[str, ...]]:
        """Return the domain of the images that a crop of `side` pixels fits in, and the names of the others.

        Raises
        ------
        PassbandError
            It fits in none.
        """
        fits = [min(image.shape) >= side for image in self.images]
        if not any(fits):
            largest = max(self.images, key=lambda image: min(image.shape))
            raise PassbandError(
                f"a crop of {side} pixels fits in none of the {len(fits)} {self.name} images at {self.pixel_size:g} Å; "
                f"the largest has {largest.shape[0]} × {largest.shape[1]} pixels: make the crops smaller (--size)"
            )
        kept = [number for number, fit in enumerate(fits) if fit]
        smaller = replace(
            self,
            images=tuple(self.images[number] for number in kept),
            names=tuple(self.names[number] for number in kept),
            pixel_sizes=tuple(self.pixel_sizes[number] for number in kept),
            masks=None if self.masks is None else tuple(self.masks[number] for number in kept),
        )
        return smaller, tuple(name for name, fit in zip(self.names, fits, strict=True) if not fit)

    def noise(self) -> float:
        """Return the median over the images of the deviation of their noise, in units of their range.

        Of the second difference along both axes (Immerkaer, CVIU 64, 300, 1996), which a smooth image does not have; as
        a median deviation, so that edges and atoms count little. White noise of standard deviation s gives s.
        """
        found = []
        for image in self.images:
            scaled = Levels.of(image).scaled(image).astype(np.float64)
            along = scaled[:-2] - 2.0 * scaled[1:-1] + scaled[2:]
            both = along[:, :-2] - 2.0 * along[:, 1:-1] + along[:, 2:]
            found.append(1.4826 * float(np.median(np.abs(both))) / 6.0 if both.size else 0.0)
        return float(np.median(found))


def read_domain(name: str, arguments: Sequence[str | Path], *, pixel_size: float | None = None) -> Domain:
    """Read files, folders, patterns and stacks of micrographs as a domain.

    Parameters
    ----------
    name
        "simulated" or "real".
    arguments
        Files of any known format, folders of them, patterns.
    pixel_size
        Å, of all of them, instead of what the files say.

    Raises
    ------
    PassbandError
        Nothing is found, a file cannot be read, or its pixel size is not known.
    """
    images, sizes, names = list[Image](), list[tuple[float, float]](), list[str]()
    for path in find_images([str(argument) for argument in arguments]):
        for frame in open_movie(path, pixel_size=pixel_size).frames:
            micrograph = frame.load()
            images.append(micrograph.array)
            sizes.append(micrograph.known_pixel_size)
            names.append(str(path) if frame.number is None else f"{path}, frame {frame.number}")
    return Domain(name, tuple(images), tuple(sizes), tuple(names))
