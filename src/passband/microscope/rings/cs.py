"""Which spherical aberrations the rings of an image agree with: those that lenses have, and any in between.

Where nobody gave Cs it is fitted together with the focus. A lens's data sheet says one of few values, so each of those
that the rings allow is fitted too, with the focus that goes with it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from passband.microscope.rings.doubt import CLEAR
from passband.microscope.rings.fit import FEW, Pattern, RingFit, from_start, judged, radial_misfit
from passband.microscope.rings.model import C30, C30_UNIT, RingSetting, refine, ring_model
from passband.microscope.rings.starts import find_starts, usual_fit

TIE = 0.5  # twice a log likelihood ratio below which underfocus goes first
GOOD_MISFIT = 0.01  # right ones left 0.000; one ring too many or too few 0.013 to 0.08
LOOKED_AT = 2  # starts of another Cs than the given one


class CsFit(NamedTuple):
    """Rings with one Cs (Å): that of a data sheet, or where `listed` is False the one that fits best."""

    cs: float
    pattern: Pattern
    worse_by: float
    listed: bool


def agreeing(fitted: RingFit, plausible: Sequence[float]) -> list[CsFit]:
    """Every Cs that rings fitted with a free one agree with, the likeliest of the listed ones first.

    `plausible` are those of data sheets, Å. The free ones, of either sign of C10, come last.
    """
    best = fitted.patterns[0]
    found: list[CsFit] = []
    for pattern in fitted.patterns:
        if best.evidence - pattern.evidence >= CLEAR:
            continue
        found.append(CsFit(spherical(pattern), pattern, best.evidence - pattern.evidence, False))
        found += [one for cs in plausible if (one := _listed(fitted, pattern, cs)) is not None]
    return sorted(found, key=lambda one: (not one.listed, one.worse_by + TIE * float(one.pattern.lens[0] > 0.0)))


def spherical(pattern: Pattern) -> float:
    """Cs of a pattern in Å."""
    return float(pattern.refined.parameters[C30]) * C30_UNIT


def _listed(fitted: RingFit, pattern: Pattern, cs: float) -> CsFit | None:
    """Rings with this Cs, from where the free ones' covariance says that its focus is; None where they are worse."""
    parameters, covariance = pattern.refined.parameters, torch.as_tensor(pattern.covariance)
    step = cs / C30_UNIT - float(parameters[C30])
    variance = max(float(covariance[C30, C30]), 1e-12)
    if step**2 / variance > 4.0 * CLEAR:
        return None
    free = torch.ones(len(parameters), dtype=torch.bool)
    free[C30] = False
    start = parameters + covariance[:, C30] * (step / variance)
    start[C30] = cs / C30_UNIT
    one = judged(fitted.model, fitted.cells, refine(fitted.model, start, free=free), pattern.null)
    worse_by = fitted.patterns[0].evidence - (one.null.deviance - one.refined.deviance) / fitted.patterns[0].scale
    return CsFit(cs, one, worse_by, True) if worse_by < CLEAR else None


def gain_of_other(fitted: RingFit, setting: RingSetting, largest: tuple[float, float]) -> float:
    """How much likelier the rings are if Cs need not be the given one: twice a log likelihood ratio.

    Looked for near the best pattern, and where that leaves a misfit, in a search over Cs and |C10| and C12 up to the
    `largest` Å.
    """
    model, best = ring_model(fitted.cells, setting._replace(cs=None)), fitted.patterns[0]
    fixed = torch.ones(len(model.centre), dtype=torch.bool)
    fixed[C30] = False
    given = refine(model, best.refined.parameters, free=fixed)
    near = refine(model, best.refined.parameters, steps=FEW)
    gain = (given.deviance - near.deviance) / best.scale
    if gain >= CLEAR or radial_misfit(fitted) < GOOD_MISFIT:
        return gain
    usual = usual_fit(model)
    starts = find_starts(fitted.cells, model, usual, setting._replace(cs=None), largest)[:LOOKED_AT]
    return max(gain, *((given.deviance - from_start(model, one, usual).deviance) / best.scale for one in starts))
