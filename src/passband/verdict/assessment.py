"""One call for one micrograph: its conditions, its signals and the verdict on a network."""

from collections.abc import Mapping
from typing import NamedTuple

from passband.distribution import limits
from passband.files.micrograph import Micrograph
from passband.microscope.conditions import AnyConditions
from passband.performance.prediction import LEVEL, Predictor
from passband.performance.signals import signals
from passband.performance.widening import hull
from passband.recipe import PassbandError
from passband.segmentation.model import Model
from passband.verdict.known import Known, known_conditions
from passband.verdict.verdict import Verdict, file_reasons, judge


class Effort(NamedTuple):
    """How much to do for a verdict: look at the rings, look for a better defocus, squares of the image to look at."""

    fit: bool = True
    advise: bool = True
    squares: int = 9


class Judge:
    """A network with its calibration, ready to judge micrographs.

    Parameters
    ----------
    model
        With its card.

    Raises
    ------
    CalibrationError
        The calibration on the card is damaged.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.predictor = Predictor.of_card(model.card)

    def verdict(
        self,
        micrograph: Micrograph,
        *,
        given: Mapping[str, float] | None = None,
        effort: Effort | None = None,
        level: float = LEVEL,
    ) -> Verdict:
        """Say whether the network holds on a micrograph.

        Parameters
        ----------
        micrograph
            Of known pixel size.
        given
            What the user knows of its conditions: symbols, `focal_spread`, `angular_spread`, `dose`; Å, rad, e⁻/Å².
        effort
            How much to do; everything by default.
        level
            Nominal coverage of the intervals.

        Raises
        ------
        PassbandError
            The pixel size is unknown, the image cannot be looked at, or a given value is not physical.
        """
        if micrograph.pixel_size is None:
            raise PassbandError("the pixel size is not known; give it in Å, for example --pixel-size 0.5")
        effort = effort or Effort()
        card, calibrated = self.model.card, self.predictor
        file = file_reasons(card, micrograph)
        if calibrated is None:
            return judge(None, known=Known(), signals={}, file=file)
        seen = signals(
            self.model,
            micrograph.array,
            micrograph.pixel_size,
            reference=calibrated.calibration.reference,
            side=calibrated.calibration.patch,
            most=effort.squares,
        )
        same = _same_microscope(micrograph, calibrated.trained)
        known = known_conditions(micrograph, calibrated.trained, given=given or {}, fit=effort.fit and same)
        return judge(
            calibrated,
            known=known,
            signals=seen,
            file=file,
            camera_pixel=max(micrograph.pixel_size),
            level=level,
            advise=effort.advise and not file,
        )


def _same_microscope(micrograph: Micrograph, trained: AnyConditions) -> bool:
    """Whether rings would mean anything: not in a scanned image, nor at an energy that nothing was calibrated for."""
    low, high = limits(hull(trained).energy)
    energy = micrograph.energy or low
    return micrograph.mode in (None, "TEM") and 0.99 * low <= energy <= 1.01 * high
