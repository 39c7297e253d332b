"""A network under many conditions: settings in and beyond its training, micrographs of unseen structures, scores."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from passband.camera.cameras import AnyCamera
from passband.checks.subject import Subject
from passband.checks.table import calibrated_checks, measured_checks
from passband.dataset.acquisition import Acquisition
from passband.dataset.beam_paths import imaging_on_card
from passband.dataset.store import WaveStore
from passband.distribution import limits
from passband.files.micrograph import Micrograph
from passband.microscope.instruments.choice import instrument_of, validate_distribution
from passband.microscope.instruments.instrument import Setting
from passband.patches.resampling import resample_classes, resample_to_pixel
from passband.patches.standardising import standardised
from passband.performance.examination import Examination, examine
from passband.performance.observation import SignalReference, augmented_predictions
from passband.performance.scoring import scores_of_mask
from passband.performance.table import MeasurementRecipe, PerformanceError, rounded
from passband.performance.widening import camera_pixels, draw_camera, draw_settings, wide_camera, widened
from passband.segmentation.model import Model

Rows = list[dict[str, Any]]

KEPT_IMAGES = 3  # of each data set, which go on the card one by one
SPARE = 1.01  # times the side of an image, is recorded
PILOT = (8, 6)  # data sets and images that the temperature is found on
#: What parts hold, so that those of before are measured again.
MEASURED = "single images of several sides, checks of recordings, cameras"


class ConditionSweep:
    """A network, structures that it never saw, and micrographs of them under any setting."""

    def __init__(self, model: Model, store: WaveStore, indices: Sequence[int], recipe: MeasurementRecipe) -> None:
        if not model.card.imaging or not model.card.conditions:
            raise PerformanceError(f"the card of {model.card.name} does not say how it was trained; train it again")
        self.model, self.store, self.indices, self.recipe = model, store, list(indices), recipe
        self.imaging = imaging_on_card(model.card.imaging)  # measured as of now
        self.side = whole_side(self.imaging.patch, stride=model.card.architecture.stride)
        self.trained = validate_distribution(model.card.conditions)
        self.instrument = instrument_of(self.trained)
        self._camera = Acquisition(store, self.imaging, indices=self.indices, seed=recipe.seed, device=model.device)
        self.wider = recipe.wider or widened(self.trained)

    @property
    def identity(self) -> str:
        """Of everything that a measurement depends on."""
        parts = (
            self.model.card.weights_sha256,
            self.store.recipe.identity,
            _identity_of(self.recipe.model_copy(update={"data_sets": 20})),  # more data sets only go on
            str(self.indices),
            str(self.imaging.PHYSICS),
            MEASURED,
        )
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def settings(self, count: int, *, seed: int | None = None) -> list[tuple[Setting, float]]:
        """Draw settings and camera pixels in Å; the first of them do not depend on how many are asked for."""
        seed = self.recipe.seed if seed is None else seed
        drawn = draw_settings(self.trained, self.wider, count, seed=seed)
        finest = max(self.store.recipe.finest_pixel, self.imaging.finest)
        coarsest = self.imaging.coarsest(self.model.card.pixel_size)
        pixels = [
            camera_pixels(
                self.imaging.measured_pixel,
                np.random.default_rng(np.random.SeedSequence([seed, k, 1])),
                finest=finest,
                coarsest=coarsest,
            )
            for k in range(count)
        ]
        return list(zip(drawn, pixels, strict=True))

    def camera(self, number: int) -> tuple[AnyCamera | None, bool]:
        """Camera of a data set, None for one that only counts electrons, and whether it is beyond the training's."""
        wider = self.recipe.cameras or wide_camera(self.imaging.camera)
        return draw_camera(self.imaging.camera, wider, seed=self.recipe.seed, number=number)

    def side_of(self, number: int) -> int:
        """Side of the images of a data set, in pixels of the network.

        Anything from that of the training to the largest that the structures hold, log-uniform: in a small image most
        of what a network sees is near a border, in a large one next to nothing is, and features tell which.
        """
        largest = int(self.store.recipe.extent / self.model.card.pixel_size / SPARE)
        drawn = np.random.default_rng(np.random.SeedSequence([self.recipe.seed, number, 4])).random()
        side = self.side * max(1.0, largest / self.side) ** drawn
        return whole_side(int(side), stride=self.model.card.architecture.stride)

    def micrographs(
        self, setting: Setting, pixel_size: float, *, seed: int, count: int, camera: AnyCamera | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Images (n, y, x), standardised, and masks (n, y, x), both at the network's pixel size.

        They are recorded with the cameras of the training, or with those of another distribution.
        """
        images, masks = [], []
        for recorded, mask in self.recordings(setting, pixel_size, seed=seed, count=count, camera=camera):
            image, truth = self.at_network(recorded, mask)
            images.append(image)
            masks.append(truth)
        return np.stack(images), np.stack(masks)

    def recordings(
        self,
        setting: Setting,
        pixel_size: float,
        *,
        seed: int,
        count: int,
        camera: AnyCamera | None = None,
        side: int | None = None,
    ) -> Iterator[tuple[Micrograph, NDArray[np.int64]]]:
        """Micrographs with the masks (y, x) of `micrographs`, both at the pixels of the camera.

        `side` is in pixels of the network, that of the training's images by default.
        """
        under = self.imaging.under(self.instrument.exactly(setting), camera)
        imaging = under.at_pixel(pixel_size, self._camera_side(pixel_size, side or self.side))
        drawing = Acquisition(self.store, imaging, indices=self.indices, seed=seed, device=self.model.device)
        for k in range(count):
            row = drawing.row(0, k, count)
            image, mask = self._camera.image_from_row(row)
            yield Micrograph(image.cpu().numpy(), pixel_size=(row["pixel_size"],) * 2), mask.cpu().numpy()

    def at_network(
        self, recorded: Micrograph, mask: NDArray[np.int64], *, side: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Image (y, x), standardised, and mask (y, x) of a recording, at the network's pixel size; `side` as there."""
        image = resample_to_pixel(recorded.array, recorded.known_pixel_size, self.model.card.pixel_size)
        shape = (image.shape[0], image.shape[1])
        truth = resample_classes(mask, shape, classes=len(self.store.recipe.classes))
        most = side or self.side
        return standardised(image[:most, :most]), truth[:most, :most]

    def _camera_side(self, pixel_size: float, side: int) -> int:
        """Camera pixels that make a square of `side` network pixels, with some to spare."""
        field = self.store.recipe.extent
        stored = round(field / self.store.recipe.finest_pixel)
        pixels = min(round(field / pixel_size), stored)
        return min(int(np.ceil(SPARE * side * self.model.card.pixel_size * pixels / field)) + 1, pixels)

    def temperature(self) -> float:
        """Temperature of the logits that calibrates the probabilities on micrographs as trained (Guo et al. 2017)."""
        sets, images = PILOT
        settings = self.trained.sample(sets, np.random.default_rng(np.random.SeedSequence([self.recipe.seed, 2])))
        middle = float(np.sqrt(np.prod(limits(self.imaging.measured_pixel))))
        logits, masks = [], []
        for k, setting in enumerate(settings):
            seen, truth = self.micrographs(setting, middle, seed=self.recipe.seed + 7_000_003 + k, count=images)
            logits.append(augmented_predictions(self.model, seen, symmetries=1).logits[0])
            masks.append(torch.from_numpy(truth))
        together, truth_all = torch.cat(logits), torch.cat(masks)
        tried = np.geomspace(0.5, 4.0, 40)
        losses = [float(F.cross_entropy(together / float(t), truth_all)) for t in tried]
        return rounded(float(tried[int(np.argmin(losses))]))

    def measure(self, number: int, setting: Setting, pixel_size: float, temperature: float) -> Rows:
        """Error area, loss, overlap and what the network shows on every image of one data set; checks of the first."""
        camera, _ = self.camera(number)
        seed = _seed_of(self.recipe.seed, number)
        reference = SignalReference(temperature=temperature)
        checks = calibrated_checks(self.model.card.mode)
        rows: Rows = []
        side = self.side_of(number)
        drawn = self.recordings(setting, pixel_size, seed=seed, count=self.recipe.images, camera=camera, side=side)
        for recorded, truth in drawn:
            image, mask = self.at_network(recorded, truth, side=side)
            seen = examine(self.model, image, self.model.card.pixel_size, reference=reference)
            row = {"set": number, **scores_of_mask(seen.segmentation, mask, self.model.card), **_shown(seen)}
            if len(rows) < KEPT_IMAGES:
                subject = Subject(self.model, recorded.array, recorded.known_pixel_size, side=self.side)
                row.update(measured_checks(subject, checks))
            rows.append(row)
        return rows


def _shown(seen: Examination) -> dict[str, Any]:
    """Signals of an image, and what distances are computed from later."""
    features, profiles = seen.observation.features, seen.observation.profiles
    lists = {"features": [] if features is None else features[0].tolist()}
    return {**seen.signals, **lists, "profile": [] if profiles is None else profiles[0].tolist()}


def whole_side(side: int, *, stride: int) -> int:
    """Largest multiple of the network's coarsest pixel that fits: padding is something that it was not trained on."""
    return max(side // stride * stride, min(side, stride))


def _identity_of(recipe: MeasurementRecipe) -> str:
    """Identity under the name that the recipe had when the first parts were kept."""
    return hashlib.sha256(f"CalibrationRecipe:{recipe.to_json()}".encode()).hexdigest()[:16]


def _seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number, 3]).generate_state(1, np.uint64)[0] >> np.uint64(2))
