"""When the rings that fit an image best should not be believed: no rings, a crystal's spots, rivals, a bad fit."""

from math import pi

import numpy as np

from passband.microscope.power_spectrum import FloatArray
from passband.microscope.rings.fit import SECTORS, Pattern, RingFit, radial_misfit
from passband.microscope.rings.model import RingSetting

LEAST_EVIDENCE = 50.0  # twice a log likelihood ratio; smooth spectra without rings gave up to 10
LEAST_AGREEMENT = 4.0  # standard errors by which the mean gain of the sectors of azimuth exceeds 0
CLEAR = 12.0  # twice a log likelihood ratio, 400 : 1; what is worse by less cannot be told from the best
LARGEST_MISFIT = 0.09  # left 0.115 by the fringes of soot, 0.056 by four particles of gold on 70 Å of carbon
# With crystals in the image the data scatter more about the model than noise does, and likelihoods are worth less: the
# best pattern must then lead by this share of its evidence for each unit of excess dispersion.
LEAD = 0.75
LEAST_CONTRAST = 0.05  # of rings that count, of the power
LEAST_BINS = 2.0  # of the spectrum, that one ring takes: fewer do not tell it from the next


def doubt(fitted: RingFit, setting: RingSetting, largest: tuple[float, float]) -> str:
    """Why the best pattern should not be believed, or nothing."""
    best = fitted.patterns[0]
    nothing = f"no Thon rings for |C10| up to {largest[0] / 10.0:.3g} nm between {setting.band[0]:.2g} and "
    nothing += f"{setting.band[1]:.2g} Å⁻¹"
    if best.evidence < LEAST_EVIDENCE:
        return f"{nothing}: a smooth spectrum explains the image as well; the specimen may be crystalline or vacuum"
    if (agreement := _agreement(best)) < LEAST_AGREEMENT:
        said = f"mean over {len(best.gains)} directions {agreement:.1f} standard errors, {LEAST_AGREEMENT:g} needed"
        why = "as with the spots of a crystal or very weak rings"
        return f"{nothing}: the evidence for them differs too much between directions ({said}), {why}"
    left = radial_misfit(fitted)
    if left > LARGEST_MISFIT:
        cure = "its fringes or particles hide the rings of the film; take a place with more bare film"
        return f"the spectrum differs from that of an amorphous film by {left:.0%} after the best fit: {cure}"
    if zeros(fitted) < 1:
        cure = "take finer pixels or more defocus"
        return f"not one complete ring lies between {setting.band[0]:.2g} and {setting.band[1]:.2g} Å⁻¹; {cure}"
    return _rivals(fitted)


def _rivals(fitted: RingFit) -> str:
    best = fitted.patterns[0]
    lead = max(CLEAR, LEAD * (best.scale - 1.0) * best.evidence)
    rivals = [one for one in fitted.patterns[1:] if best.evidence - one.evidence < lead and not _mirrored(best, one)]
    if not rivals:
        return ""
    there = " and ".join(f"{one.lens[0] / 10.0:.3g} nm" for one in (best, *rivals))
    cure = "take a larger field, a higher dose or a place with more bare film"
    return f"C10 of {there} explain the spectrum about equally well; {cure}"


def _mirrored(one: Pattern, other: Pattern) -> bool:
    """Whether C10 of two patterns differ in sign: that is told to the user, not refused."""
    return bool(one.lens[0] * other.lens[0] < 0.0)


def _agreement(pattern: Pattern) -> float:
    """Mean over standard error of the gains of the sectors, in tenths that are never rounded up."""
    error = max(float(np.std(pattern.gains)), 1e-300) / np.sqrt(len(pattern.gains))
    return float(np.floor(10.0 * pattern.gains.mean() / error)) / 10.0


def zeros(fitted: RingFit) -> int:
    """Zeros of sin χ that the rings have in the direction that has most, as far as their contrast is 5 % or more.

    Only those that the spectrum resolves, of which one period of sin² χ is `LEAST_BINS` of its bins or more. Where Cs
    and focus cancel, at χ = 0, is no ring.
    """
    cells, parameters = fitted.cells, fitted.patterns[0].refined.parameters
    scattering, noise = fitted.model.parts(parameters)
    visible = (scattering / (scattering + noise) > LEAST_CONTRAST).numpy()
    furthest = np.zeros(SECTORS)  # Å⁻¹, up to where each direction shows rings
    sector = np.minimum((cells.azimuth * (SECTORS / pi)).astype(np.int64), SECTORS - 1)
    np.maximum.at(furthest, sector, visible * cells.q)
    q: FloatArray = np.arange(int(furthest.max() / fitted.step) + 1, dtype=np.float64) * fitted.step
    azimuth: FloatArray = (np.arange(SECTORS, dtype=np.float64)[:, None] + 0.5) * (pi / SECTORS)
    half_turns = np.abs(fitted.model.phase_at(parameters, q, azimuth)) / pi
    resolved = np.abs(np.diff(half_turns)) <= 1.0 / LEAST_BINS
    passed = np.abs(np.diff(np.floor(half_turns))) * (resolved & (q[1:] <= furthest[:, None]))
    return int(passed.sum(axis=1).max())
