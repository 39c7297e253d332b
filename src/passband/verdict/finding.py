"""Atom columns of one micrograph after another: where a network says, or in the image alone; and the verdict on it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from passband.description.atoms import find_columns
from passband.description.columns import AtomColumns
from passband.description.selection import ColumnFinding
from passband.files.micrograph import Micrograph
from passband.segmentation.catalogue import ATOMS, finds_columns, fitting_network, misfits, named_for
from passband.segmentation.model import Model, load_model
from passband.segmentation.segment import segment_inside
from passband.segmentation.segmenter import Segmentation
from passband.segmentation.weights import ModelError
from passband.verdict.assessment import Assessor
from passband.verdict.evidence import file_reasons
from passband.verdict.verdict import PredictionInterval

NOT_CALIBRATED, FINE = "not calibrated", "no objection"
NO_NETWORK = "none"  # instead of a name: the image alone
_MODE = "STEM"  # of the images whose columns are found without a network


class NetworkView(NamedTuple):
    """What a network says of a micrograph.

    Attributes
    ----------
    segmentation
        With probabilities, at the pixels of the image; None where the image alone is looked at.
    network
        Its name; None likewise.
    verdict
        As of `verdict.Verdict.outcome`.
    warning
        Why image and network do not belong together, and which network is for such an image; or nothing.
    reason
        Of a verdict that is not "no objection"; why no network was asked, if one was to be chosen.
    flags
        As of `verdict.Verdict.flags`.
    f1
        As of `verdict.Verdict.f1`.
    """

    segmentation: Segmentation | None = None
    network: str | None = None
    verdict: str = NOT_CALIBRATED
    warning: str = ""
    reason: str = ""
    flags: tuple[str, ...] = ()
    f1: PredictionInterval | None = None

    def maps(self) -> dict[str, Any]:
        """Return probabilities and classes, as `find_columns` takes them; nothing where there are none."""
        seen = self.segmentation
        return {} if seen is None else {"probabilities": seen.probabilities, "classes": seen.classes}


class ColumnFinder:
    """Finds the columns of micrographs, with one network, with the shipped one that fits each, or with none.

    Parameters
    ----------
    model
        Folder or name of a network, as `load_model` takes it; "none" for the image alone. None: of each micrograph the
        network inside the package that finds columns and is for such images, else the image alone.
    device
        Of the network.
    finding
        How columns are found.
    given
        What is known of the settings of the scans, by name, such as `dose` in e⁻/Å²: it informs the verdict.

    Raises
    ------
    PassbandError
        There is no such network.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "cpu",
        finding: ColumnFinding | None = None,
        given: Mapping[str, float] | None = None,
    ) -> None:
        self.device, self.finding, self.given = device, finding or ColumnFinding(), given or {}
        self._loaded: dict[str, Model] = {}
        self._chosen = model is None
        self._named = None if model is None or str(model) == NO_NETWORK else self._model(str(model))

    def find(self, micrograph: Micrograph) -> tuple[AtomColumns, NetworkView]:
        """Return the columns of a micrograph of known pixel size, and what the network says of it.

        Raises
        ------
        PassbandError
            The network cannot look at it.
        """
        view = self.view(micrograph)
        return find_columns(micrograph.array, micrograph.known_pixel_size, **view.maps(), finding=self.finding), view

    def view(self, micrograph: Micrograph, *, judged: bool = True) -> NetworkView:
        """Return what the network says of a micrograph; the verdict only where it is to be `judged`.

        Networks know bright columns: where columns are dark, they see the negative, and the verdict is on it.
        """
        model, why_none = self._network_for(micrograph)
        if self.finding.contrast == "dark":
            micrograph = replace(micrograph, array=-micrograph.array.astype(np.float64))
        if model is None:
            return NetworkView(warning=_of_no_scan(micrograph), reason=why_none)
        warning = "; ".join([*_not_columns(model), *(one.text for one in file_reasons(model.card, micrograph))])
        if judged and model.card.calibration:
            verdict = Assessor(model).assess(micrograph, given=self.given, quick=True)
            reason = "" if verdict.outcome == FINE else verdict.reasons[0]
            told = verdict.outcome, warning, reason, verdict.flags, verdict.f1
            return NetworkView(verdict.segmentation, model.card.name, *told)
        found = segment_inside(model, micrograph)
        return NetworkView(found, model.card.name, warning=warning)

    @property
    def identity(self) -> str:
        """What decides on the answers beside the image: the recipe of the finding, and the weights."""
        network = "chosen" if self._chosen else NO_NETWORK if self._named is None else self._named.card.weights_sha256
        return f"{network} {self.finding.identity}"

    def _network_for(self, micrograph: Micrograph) -> tuple[Model | None, str]:
        """Return the network, or why there is none where one was to be chosen."""
        if not self._chosen:
            return self._named, ""
        fitting = fitting_network(micrograph, task=ATOMS)
        if fitting is None:
            return None, misfits(micrograph, ATOMS)
        model = self._model(fitting.name)
        try:
            model.check_size(micrograph.array.shape, micrograph.known_pixel_size)
        except ModelError as error:  # too small a field for a network, not for the image alone
            return None, str(error)
        return model, ""

    def _model(self, name: str) -> Model:
        if name not in self._loaded:
            self._loaded[name] = load_model(name, device=self.device)
        return self._loaded[name]


def _of_no_scan(micrograph: Micrograph) -> str:
    """Say that an image is not one of those whose columns are found without a network; nothing of a scan."""
    if micrograph.mode in (None, _MODE):
        return ""
    said = f"the file says {micrograph.mode}, and columns are looked for as in {_MODE} images"
    other = named_for(micrograph)
    return f"{said}; {other}" if other else said


def _not_columns(model: Model) -> list[str]:
    if finds_columns(model.card):
        return []
    return [f"{model.card.name} finds {', '.join(model.card.classes[1:])} and not columns; see passband models"]
