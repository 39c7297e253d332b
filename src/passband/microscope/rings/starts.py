"""Where a fit of Thon rings starts: the best patterns of a search over focus, astigmatism, and Cs if nobody gave it."""

from math import pi
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from passband.microscope.power_spectrum import Cells, FloatArray
from passband.microscope.rings.model import (
    ABSORPTION,
    C30,
    C30_UNIT,
    CAMERA,
    DEPTH,
    LENS,
    NAMED,
    THICKNESS,
    Refined,
    RingModel,
    RingSetting,
    deviance,
    refine,
)
from passband.microscope.rings.resolution import resolved
from passband.microscope.rings.search import (
    Candidate,
    FocusSpectra,
    Residual,
    focus_period,
    focus_spectra,
    search_plane,
    search_rings,
)

THICKNESSES = (30.0, 90.0)  # Å of the films that are searched for: rings to 1.3 and to 0.75 Å⁻¹ at 300 kV
USUAL = 50.0  # Å
STIFF = 40.0  # times the precision of the splines
LIKELY = 4  # Cs whose rings are refined
DISTINCT = 2  # steps of Cs between two of them
KEPT = 3  # patterns that are refined for each sign and thickness
WORTH = 0.5  # of the best score: patterns below it came to a tenth of the evidence of the right one
HIGHEST_CS = 3.4e7  # Å; that is searched for where Cs is not known
LARGEST_CS_STEP = 6e6  # Å
MOST = 8  # starts: near focus the right one was the seventh, where Cs was searched for too
WEAK, FEW_STARTS = 4.5, 3  # a best score that noise gives too, and the starts that are tried then
WORTH_OF_CS = 0.75  # of the best score, there


class Start(NamedTuple):
    """A lens to refine, the film thickness that it was found with and the Cs, in Å."""

    candidate: Candidate
    thickness: float
    cs: float

    def parameters(self, usual: Refined) -> Tensor:
        """Parameters of these rings on the smooth spectrum of `usual_fit`."""
        start = usual.parameters.clone()
        lens = (self.candidate.c10, self.candidate.c12_cos, self.candidate.c12_sin)
        start[:LENS] = torch.tensor(lens, dtype=start.dtype)
        start[C30] = self.cs / C30_UNIT
        start[THICKNESS] = float(np.log(self.thickness))
        return start


def usual_fit(model: RingModel) -> Refined:
    """Fit the spectrum without rings, smoother than any: a free one can be that of the innermost ring alone."""
    free = torch.ones(len(model.centre), dtype=torch.bool)
    free[: DEPTH + 1] = False
    free[CAMERA : CAMERA + 2] = False
    precision = model.precision.clone()
    precision[len(NAMED) :] *= STIFF
    fit = refine(model._replace(precision=precision), model.centre, free=free, rings=False)
    return fit._replace(deviance=deviance(model, fit.parameters, rings=False))


class _Search:
    """What every search in one spectrum shares."""

    def __init__(self, cells: Cells, model: RingModel, usual: Refined) -> None:
        scattering, noise = (part.numpy() for part in model.parts(usual.parameters))
        self.model, self.plane = model, search_plane(cells, model.wavelength)
        self.excess = model.power.numpy() / (scattering + noise) - 1.0
        self.contrast = scattering / (scattering + noise)
        self._of_thickness: dict[float, FloatArray] = {}

    def spectra(self, cs: float, thickness: float) -> FocusSpectra:
        """Correlation with rings of each focus, for one Cs and one thickness of the film, Å."""
        spherical = self.model.spherical * (cs / C30_UNIT)
        known = (spherical - self.model.centre[ABSORPTION]).numpy()
        if thickness not in self._of_thickness:
            node = np.sinc(self.model.wavelength * thickness * self.plane.cells.squared)
            self._of_thickness[thickness] = self.contrast * node
        seen = resolved(self.model.lag * (2.0 / pi) * spherical)[0].numpy()  # as far as Cs alone says
        return focus_spectra(self.plane, Residual(self.excess, seen * self._of_thickness[thickness], known))

    @property
    def period(self) -> float:
        return focus_period(self.plane, self.contrast)


def find_starts(
    cells: Cells, model: RingModel, usual: Refined, setting: RingSetting, largest: tuple[float, float]
) -> list[Start]:
    """Patterns to refine, best first, with |C10| and C12 up to the `largest`, Å."""
    search = _Search(cells, model, usual)
    ranges = [(-largest[0], 0.0)] + ([(0.0, largest[0])] if setting.tells_sign else [])
    starts: list[Start] = []
    for cs in (setting.cs,) if setting.cs is not None else _likely_cs(search, ranges, largest[1]):
        for thickness in THICKNESSES:
            spectra = search.spectra(cs, thickness)
            for c10 in ranges:
                found = search_rings(spectra, c10=c10, largest_c12=largest[1], keep=KEPT)
                starts += [Start(candidate, thickness, cs) for candidate in found]
    starts.sort(key=lambda start: -start.candidate.score)
    least = WORTH if setting.cs is not None else WORTH_OF_CS
    worthy = [start for start in starts if start.candidate.score >= least * starts[0].candidate.score]
    kept = _apart(worthy, search.period, model.wavelength)
    return kept[:FEW_STARTS] if starts[0].candidate.score < WEAK else kept[:MOST]


def _likely_cs(search: _Search, ranges: list[tuple[float, float]], largest_c12: float) -> list[float]:
    """Cs in Å for which rings stand out most, and that of a corrected lens, 0."""
    values = searched_cs(search.period, search.model.highest, search.model.wavelength)
    scores = []
    for cs in values:
        spectra = search.spectra(cs, USUAL)
        found = [search_rings(spectra, c10=c10, largest_c12=largest_c12, keep=1)[0].score for c10 in ranges]
        scores.append(max(found))
    chosen: list[int] = []
    for index in np.argsort(scores)[::-1].tolist():
        if len(chosen) < LIKELY and all(abs(index - other) >= DISTINCT for other in chosen):
            chosen.append(index)
    return [float(values[index]) for index in sorted({0, *chosen})]


def searched_cs(period: float, highest: float, wavelength: float) -> FloatArray:
    """Å: steps so small that a Cs between two of them, its focus adapted, shifts the rings by a quarter of a radian.

    χ of Cs is ½πλ³Cs q⁴; the focus that compensates it best over q² leaves an eighth. `period` is the change of
    focus that moves the outermost rings by one, 1/(λq²); rings to half the `highest` q² are counted on.
    """
    outermost = min(period, 2.0 / (wavelength * highest))
    step = 2.5 * outermost**2 / wavelength
    return np.linspace(0.0, HIGHEST_CS, 1 + int(np.ceil(HIGHEST_CS / min(step, LARGEST_CS_STEP))))


def _apart(starts: list[Start], period: float, wavelength: float) -> list[Start]:
    """Without those that are within one ring of a better one."""
    kept: list[Start] = []
    for start in starts:  # the same lens is found with either thickness
        lens = np.array(start.candidate[:LENS])
        new = all(
            float(np.linalg.norm(lens - np.array(other.candidate[:LENS]))) > period
            or abs(start.cs - other.cs) > 2.0 * period**2 / wavelength
            for other in kept
        )
        if new:
            kept.append(start)
    return kept
