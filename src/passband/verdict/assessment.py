"""Assess one micrograph: its mask, its conditions, its signals and the verdict on the network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from passband.camera.image_area import image_area
from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import SettingDistribution
from passband.patches.symmetry import turned, upright
from passband.performance.camera_reference import DRIFT, camera_values
from passband.performance.conformal import check_level
from passband.performance.error_model import LEVEL, ErrorModel
from passband.performance.examination import Examination, examine
from passband.performance.image_error import ImagePrediction
from passband.performance.observation import UNKNOWN
from passband.performance.widening import trained_energies
from passband.segmentation.model import Model, load_model
from passband.segmentation.segmenter import in_whole_image
from passband.verdict.camera_comparison import ComparedQuantity, compared
from passband.verdict.estimate import ConditionEstimate, estimate_conditions
from passband.verdict.evidence import Evidence, file_reasons
from passband.verdict.flagging import image_flags
from passband.verdict.verdict import PredictionInterval, Verdict
from passband.verdict.weighing import weigh


def assess(
    micrograph: Micrograph | ArrayLike | str | PathLike[str],
    model: Model | str | PathLike[str] | None = None,
    *,
    pixel_size: float | str | tuple[float, float] | None = None,
    given: Mapping[str, float] | None = None,
    quick: bool = False,
    level: float = LEVEL,
) -> Verdict:
    """Segment a micrograph and say how far to trust the mask; for many micrographs, make an `Assessor` once.

    Parameters
    ----------
    micrograph
        A micrograph, the path of its file, or an array (y, x).
    model
        A loaded model, or the folder or the name of one, as `load_model` takes it.
    pixel_size
        In Å, one number or (y, x), or a text with a unit such as "77.6pm"; replaces what a micrograph or a file says.
    given
        What is known of the conditions, by name: in TEM aberrations (`C10` or `defocus` in Å, …), `focal_spread` in Å,
        `angular_spread` in rad, `dose` in e⁻/Å². Where C10 is not given it is fitted to the Thon rings.
    quick
        No search for a better setting, and no comparison of the camera.
    level
        Nominal coverage of the intervals.

    Returns
    -------
    Verdict
        `outcome` in one word, its `reasons` and `advice`, the `error_area`, `loss` and `dice` that are predicted for
        this image, with intervals, the mask that they are of and a map of where it is doubtful.

    Raises
    ------
    PassbandError
        The file cannot be read, the pixel size is unknown, the image is too small or not finite, or a given value is
        not physical.
    PerformanceError
        The table of performance on the card is damaged.
    """
    seen = as_micrograph(micrograph, pixel_size=pixel_size)
    network = model if isinstance(model, Model) else load_model(model)
    return Assessor(network).assess(seen, given=given, quick=quick, level=level)


class Assessor:
    """A network with its error model, ready to assess micrographs.

    Parameters
    ----------
    model
        With its card.
    symmetries
        How many of the square's eight the masks are the mean of.

    Raises
    ------
    PerformanceError
        The table of performance on the card is damaged.
    """

    def __init__(self, model: Model, *, symmetries: int = 1) -> None:
        self.model, self.symmetries = model, symmetries
        self.error_model = ErrorModel.of_card(model.card)

    def assess(
        self,
        micrograph: Micrograph,
        *,
        given: Mapping[str, float] | None = None,
        fit: bool = True,
        quick: bool = False,
        level: float = LEVEL,
    ) -> Verdict:
        """Segment a micrograph and say how far to trust the mask.

        A border of one grey level and empty corners, as an alignment leaves them, are background, see
        `camera.image_area`; all that is said is of what is inside.

        Parameters
        ----------
        micrograph
            Of known pixel size.
        given
            What the user knows of its conditions, by name: in TEM aberrations (`C10`, `defocus`, …),
            `focal_spread`, `angular_spread`, `dose`; Å, rad, e⁻/Å².
        fit
            Whether to fit the conditions to the image (in TEM to the Thon rings) where they are not given.
        quick
            No search for a better setting, and no comparison of the camera.
        level
            Nominal coverage of the intervals.

        Raises
        ------
        PassbandError
            The pixel size is unknown, the image is too small or not finite, or a given value is not physical.
        """
        pixel_size = micrograph.known_pixel_size
        check_level(level)
        card, error_model = self.model.card, self.error_model
        reference = UNKNOWN if error_model is None else error_model.table.reference
        area = image_area(micrograph.array)
        inside = replace(micrograph, array=area.inside(micrograph.array))
        seen = examine(self.model, inside.array, pixel_size, reference=reference, symmetries=self.symmetries)
        file, estimate = file_reasons(card, micrograph), ConditionEstimate()
        if error_model is not None:
            same = _same_microscope(micrograph, error_model.trained)
            estimate = estimate_conditions(inside, error_model.trained, given=given or {}, fit=fit and same)
        flags = image_flags(self.model, micrograph, None if error_model is None else error_model.table)
        evidence = Evidence(estimate, seen.signals, file, max(pixel_size), flags)
        verdict = weigh(error_model, evidence, level=level, advise=not quick and not file)
        return replace(
            verdict,
            segmentation=in_whole_image(seen.segmentation, area),
            error_probability=area.around(seen.error_probability),
            camera={} if quick else self._camera(micrograph, seen, estimate),
        )

    def _camera(
        self, micrograph: Micrograph, seen: Examination, estimate: ConditionEstimate
    ) -> dict[str, ComparedQuantity]:
        """Compare the camera of a micrograph with those of the training, where the card knows them."""
        table = None if self.error_model is None else self.error_model.table
        if table is None or table.camera is None or seen.observation.images is None:
            return {}
        array = np.asarray(micrograph.array)
        values = camera_values(turned(array, upright(array)), seen.observation.images[0], side=table.patch)
        fitted = {DRIFT: estimate.others[DRIFT]} if DRIFT in estimate.others else {}
        return compared(table.camera, values | fitted)

    def mean_error_area(self, verdicts: Sequence[Verdict]) -> PredictionInterval | None:
        """Mean error area of images of one session, with an interval of its own; None where none was predicted.

        See `performance.image_error.ImageErrorModel.mean`; images without a prediction are left out.
        """
        areas = [one.error_area for one in verdicts if one.error_area is not None]
        if not areas or self.error_model is None or self.error_model.images is None:
            return None
        mean = self.error_model.images.mean(
            [ImagePrediction(one.value, one.low, one.high) for one in areas], level=areas[0].level
        )
        return PredictionInterval(*mean, areas[0].level)


def _same_microscope(micrograph: Micrograph, trained: SettingDistribution) -> bool:
    """Whether a fit would mean anything: not to another kind of image, nor at an energy never measured at."""
    low, high = trained_energies(trained)
    energy = micrograph.energy or low
    return micrograph.mode in (None, instrument_of(trained).MODE) and 0.99 * low <= energy <= 1.01 * high
