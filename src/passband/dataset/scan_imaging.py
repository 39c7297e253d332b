"""How frames are scanned of stored columns, as one value."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from passband.camera.scan_path import check_frame
from passband.camera.scanner import ScannerDistribution
from passband.dataset.beam_path import IMAGINGS, ImagingRecipe, SimulationRecipe, other_kind
from passband.dataset.physics import FRAMES, FramesVersion
from passband.dataset.scan_simulation import FINEST, ScanSimulation
from passband.distribution import Scalar, limits
from passband.microscope.instruments.stem import ScanDistribution
from passband.recipe import PassbandError


@IMAGINGS.register
class ScanImaging(ImagingRecipe):
    """How frames are scanned of stored columns.

    Attributes
    ----------
    conditions
        Distribution of the settings: probe, detector, dose, jitter.
    pixel_size
        Of the image that a network sees, Å; it may vary.
    steps
        From position to position of the scan, Å; it may vary. The frame is resampled to `pixel_size`, as a micrograph
        is for a network. None scans at `pixel_size`.
    patch
        Side of the square, in pixels of the image, that is cut from a frame.
    frame
        Side of the whole frame in positions, rounded; the patch lies anywhere in it, and what grows over a frame or
        happens at its border is that of the frame.
    place
        "anywhere" on the specimen, which goes on across the borders of its field; or "inside" of these, as far as a
        patch has room.
    patches_per_field
        Patches of one specimen under one setting of the probe while a network learns, in that many consecutive batches;
        each has a place, a scan and electrons of its own.
    camera
        Distribution of scanners.
    disc
        Radius in Å of the disc that a mask shows a point as; less between near points, see `scan_masks`.
    physics
        Version of what is computed, see `passband.dataset.physics`; never written by hand.
    """

    PHYSICS: ClassVar[int] = FRAMES

    kind: Literal["scan"] = "scan"
    conditions: ScanDistribution = ScanDistribution()
    pixel_size: Scalar
    steps: Scalar | None = None
    patch: int = Field(ge=8, le=16384)
    frame: Scalar = 512.0
    place: Literal["anywhere", "inside"] = "anywhere"
    patches_per_field: int = Field(default=1, ge=1, le=64)
    camera: ScannerDistribution
    disc: float = Field(default=0.5, gt=0.0, le=20.0)
    physics: FramesVersion = FRAMES

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return IMAGINGS.without_default(handler(self))

    @property
    def recorded(self) -> tuple[float, float]:
        """Smallest and largest step of the scan, Å."""
        return limits(self.measured_pixel)

    @property
    def measured_pixel(self) -> Scalar:
        """Distribution of the steps of the scan, Å."""
        return self.pixel_size if self.steps is None else self.steps

    def coarsest(self, pixel_size: float) -> float:
        """Return the coarsest step, Å: that of the training, where it is coarser than the pixels of the network."""
        return max(super().coarsest(pixel_size), self.recorded[1])

    def at_pixel(self, pixel_size: float, patch: int) -> Self:
        """Return the imaging with frames of one step, Å, that are not resampled, and a patch of them."""
        return self.model_copy(update={"pixel_size": pixel_size, "patch": patch, "steps": None})

    def problems(self, recipe: SimulationRecipe, *, name: str = "conditions") -> Iterator[str]:
        """Say why frames cannot be scanned of a simulation, one line each; `name` is of the conditions."""
        if not isinstance(recipe, ScanSimulation):
            yield other_kind(recipe, self)
            return
        for what, (low, high) in {"pixel_size": limits(self.pixel_size), "steps": self.recorded}.items():
            if low < FINEST or high > recipe.extent:
                yield (
                    f"{what} of {low:g} to {high:g} Å leaves {FINEST:g} Å to {recipe.extent:g} Å, the field; "
                    "it is the side of a pixel in Å"
                )
                return
        low, high = limits(self.frame)
        if low < 8 or high > 65536:
            yield f"frame={low:g} to {high:g} positions a side is outside 8 to 65536; 512 is common"
            return
        try:
            check_frame(self.camera.largest(), (round(low), round(low)), pixel_size=self.recorded[0])
        except PassbandError as error:
            yield f"the scanner of {name}: {error}"
