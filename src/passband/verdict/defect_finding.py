"""Point defects of one micrograph after another by a network, and whether the network may be asked about it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from passband.description.defects import THRESHOLD, Defects, find_defects
from passband.files.micrograph import Micrograph
from passband.generation.translation import load_translation
from passband.recipe import PassbandError
from passband.scores.session_reference import SessionReference
from passband.segmentation.catalogue import DEFECTS, finds_defects, summaries_of
from passband.segmentation.model import load_model
from passband.segmentation.segment import segment_inside
from passband.segmentation.shipped import find_model
from passband.verdict.assessment import Assessor
from passband.verdict.evidence import file_reasons
from passband.verdict.finding import FINE, NOT_CALIBRATED
from passband.verdict.verdict import PredictionInterval

#: Network that is asked where none is named.
DEFAULT_DEFECTS = "wse2_defects"


class SessionDistance(NamedTuple):
    """Kernel distance of an image from those of a training, and that from which on it is another session's."""

    distance: float
    limit: float

    @property
    def another(self) -> bool:
        """Whether it is."""
        return self.distance > self.limit


class DefectView(NamedTuple):
    """Defects of a micrograph, and what speaks against them.

    Attributes
    ----------
    defects
        At the pixels of the image.
    network
        Name of the network.
    verdict
        As of `verdict.Verdict.outcome`; "not calibrated" of a network without a calibration.
    reason
        Of a verdict that is not "no objection".
    flags
        As of `verdict.Verdict.flags`.
    f1
        As of `verdict.Verdict.f1`, of all kinds of defects together; None where nothing can be predicted, and of
        another threshold than the calibration's.
    warnings
        Why the answer is doubtful, one line each: file and network do not belong together, nothing was detected, or
        too much, or the image is of another session than the training's.
    session
        How far the image is from those of the training; None where the network does not know, or it is too small.
    """

    defects: Defects
    network: str
    verdict: str
    reason: str
    flags: tuple[str, ...]
    f1: PredictionInterval | None
    warnings: tuple[str, ...]
    session: SessionDistance | None


class DefectFinder:
    """Finds the point defects of micrographs with one network.

    Parameters
    ----------
    model
        Folder or name of a network that finds defects, as `load_model` takes it; None: the one inside the package.
    device
        Of the network.
    symmetries
        How many of the square's eight its probabilities are the mean of.
    threshold
        Of the probability of anything but the background.
    given
        What is known of the settings of the scans, by name, such as `dose` in e⁻/Å²: it informs the verdict.
    translation
        Folder of a translation with a way back, as `passband translate train --kind cyclegan` writes it: micrographs
        are brought to the domain of its simulations first, and the verdict is on what the network then sees.

    Raises
    ------
    PassbandError
        There is no such network or translation, or the network finds no defects.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "cpu",
        symmetries: int = 1,
        threshold: float = THRESHOLD,
        given: Mapping[str, float] | None = None,
        translation: str | Path | None = None,
    ) -> None:
        folder = find_model(DEFAULT_DEFECTS if model is None else model)
        self.model, self._session = load_model(folder, device=device), SessionReference.load(folder)
        if not finds_defects(self.model.card):
            others = ", ".join(one.name for one in summaries_of(DEFECTS)) or "none"
            raise PassbandError(
                f"{self.model.card.name} finds {', '.join(self.model.card.classes[1:])} and not defects; name a "
                f"network that does (with passband: {others}), or train one: passband train {DEFAULT_DEFECTS}"
            )
        self.symmetries, self.threshold, self.given = symmetries, threshold, given or {}
        self._assessor = Assessor(self.model, symmetries=symmetries) if self.model.card.calibration else None
        self._translation = None if translation is None else load_translation(translation, device=device)

    def find(self, micrograph: Micrograph) -> DefectView:
        """Return the defects of a micrograph of known pixel size.

        Raises
        ------
        PassbandError
            The network cannot look at it, or the translation has no way back.
        """
        card, seen = self.model.card, self._seen(micrograph)
        pixel_size = seen.known_pixel_size
        verdict = None
        if self._assessor is not None:
            verdict = self._assessor.assess(seen, given=self.given, quick=True)
        found = verdict.segmentation if verdict is not None else None
        if found is None:
            found = segment_inside(self.model, seen, symmetries=self.symmetries)
        assert found.probabilities is not None  # networks know them
        defects = find_defects(found.probabilities, found.classes, pixel_size, threshold=self.threshold)
        height, width = micrograph.array.shape
        defects = defects.on_pixels((height, width), micrograph.known_pixel_size)
        outcome = NOT_CALIBRATED if verdict is None else verdict.outcome
        reason = "" if verdict is None or outcome == FINE else verdict.reasons[0]
        said = [one.text for one in file_reasons(card, micrograph)]
        if outcome == "outside":
            said = [f"do not trust these defects: {reason}", *(text for text in said if text != reason)]
        session = None if self._session is None else self._session_of(seen, self._session)
        if session is not None and session.another:
            said.append(_SESSION.format(session))
        if not len(defects):
            said.append(_NOTHING)
        if defects.per_nm2 > DENSEST:
            said.append(_MANY.format(defects.per_nm2))
        flags = () if verdict is None else verdict.flags
        f1 = None if verdict is None or self.threshold != THRESHOLD else verdict.f1
        return DefectView(defects, card.name, outcome, reason, flags, f1, tuple(said), session)

    def _session_of(self, seen: Micrograph, reference: SessionReference) -> SessionDistance | None:
        """Return how far an image is from those of the training; None of one that is too small to tell."""
        distance = reference.distance(self.model.at_network(seen.array, seen.known_pixel_size))
        return None if distance is None else SessionDistance(distance, reference.limit)

    def _seen(self, micrograph: Micrograph) -> Micrograph:
        """Return what the network looks at: the micrograph, or its translation."""
        if self._translation is None:
            return micrograph
        array = self._translation.apply(micrograph.array, micrograph.known_pixel_size, reverse=True)
        side = self._translation.card.pixel_size
        return replace(micrograph, array=array, pixel_size=(side, side))


_SESSION = (
    "it looks unlike the images of the network's training (KID-textures {0.distance:.3g}, usual up to {0.limit:.3g}): "
    "another session or material; train a network for it (passband train --like; docs/defects.md)"
)
#: Defects per nm², of 21 columns of WSe2: more than its training had, and than a sheet would bear.
DENSEST = 6.0
_MANY = (
    "{:.3g} defects per nm² are more than the network was trained on; it may be another material or session, so train "
    "a network for it (passband train; docs/defects.md)"
)
_NOTHING = (
    "no defect detected: that may be the network and not the specimen; networks detect nothing on images of another "
    "session or material than their training's, so train one for this session (passband train; docs/defects.md)"
)
