"""The search finds the lens of drawn rings, says how far it stands out of the noise, and knows how fine to look."""

from math import pi

import numpy as np
import pytest

from passband.electron import wavelength
from passband.microscope.power_spectrum import Cells
from passband.microscope.rings.search import (
    FOCUS_STEP,
    Candidate,
    Residual,
    focus_period,
    focus_spectra,
    search_plane,
    search_rings,
)

LENGTH = wavelength(300e3)
SIDE = 96


def cells(weight: float = 9.0) -> Cells:
    """A half plane of frequencies up to 0.8 Å⁻¹, each a cell."""
    q_y, q_x = (part.ravel() for part in np.meshgrid(np.linspace(-0.8, 0.8, SIDE), np.linspace(0.01, 0.8, SIDE // 2)))
    kept = (np.hypot(q_y, q_x) < 0.8) & (np.hypot(q_y, q_x) > 0.1)
    q_y, q_x = q_y[kept], q_x[kept]
    return Cells(
        power=np.ones(len(q_x)),
        squared=q_x**2 + q_y**2,
        along=q_x**2 - q_y**2,
        across=2.0 * q_x * q_y,
        weight=np.full(len(q_x), weight),
        azimuth=np.arctan2(q_y, q_x) % pi,
    )


PLANE = cells()
SEARCHED = search_plane(PLANE, LENGTH)


def residual(c10: float, c12: float, phi12: float, *, cs: float = 0.0, contrast: float = 0.5) -> Residual:
    known = 0.5 * pi * LENGTH**3 * cs * PLANE.squared**2
    focus = c10 + c12 * np.cos(2.0 * (PLANE.azimuth - phi12))
    chi = known + pi * LENGTH * focus * PLANE.squared
    return Residual(-contrast * np.cos(2.0 * chi), np.full(len(chi), contrast), known)


def found(rings: Residual, *, keep: int = 1, c10: tuple[float, float] = (-600.0, 0.0)) -> list[Candidate]:
    return search_rings(focus_spectra(SEARCHED, rings), c10=c10, largest_c12=150.0, keep=keep)


@pytest.mark.parametrize("cs", [0.0, 3e5])
@pytest.mark.parametrize(("c12", "phi12"), [(0.0, 0.0), (90.0, 0.4), (90.0, 1.9)])
def test_the_best_pattern_is_within_a_step_of_the_lens(cs: float, c12: float, phi12: float) -> None:
    step = FOCUS_STEP * focus_period(SEARCHED, np.ones(len(PLANE.squared)))
    (best,) = found(residual(-350.0, c12, phi12, cs=cs))
    assert best.c10 == pytest.approx(-350.0, abs=step)
    # steps of astigmatism are twice as wide, and its directions 15° apart
    lens = np.array([best.c12_cos, best.c12_sin]) - c12 * np.array([np.cos(2.0 * phi12), np.sin(2.0 * phi12)])
    assert np.linalg.norm(lens) < 2.0 * step + c12 * pi / 12.0


def test_a_search_for_overfocus_does_not_find_underfocus() -> None:
    under, over = (found(residual(c10, 0.0, 0.0, cs=1e6), c10=(0.0, 600.0))[0] for c10 in (-350.0, 350.0))
    assert over.c10 == pytest.approx(350.0, abs=10.0)
    assert under.score < 0.6 * over.score


def test_scores_are_standard_deviations_of_what_noise_gives() -> None:
    # Σ w·e·m·cos 2χ over √(½ Σ w m²): rings of depth m give √(½ Σ w m²), noise e of variance 1/w gives 1
    (best,) = found(residual(-350.0, 0.0, 0.0))
    assert best.score == pytest.approx(np.sqrt(0.5 * (PLANE.weight * 0.25).sum()), rel=0.1)
    rng = np.random.default_rng(0)
    flat = residual(-350.0, 0.0, 0.0)
    scores = []
    for _ in range(150):
        noise = flat._replace(excess=rng.gamma(9.0, 1.0 / 9.0, len(PLANE.squared)) - 1.0)
        spectra = focus_spectra(SEARCHED, noise)
        place = search_rings(spectra, c10=(-350.0, -350.0), largest_c12=0.0, keep=1)
        scores.append(place[0].score)
    assert np.std(scores) == pytest.approx(1.0, abs=0.25)  # 4 standard errors
    assert np.mean(scores) == pytest.approx(0.0, abs=0.35)


def test_candidates_are_rings_apart() -> None:
    several = found(residual(-350.0, 60.0, 0.4), keep=4)
    lenses = np.array([one[:3] for one in several])
    apart = np.linalg.norm(lenses[:, None] - lenses[None], axis=-1)[np.triu_indices(4, 1)]
    assert apart.min() > 1.5 * focus_period(SEARCHED, np.ones(len(PLANE.squared)))
    assert [one.score for one in several] == sorted((one.score for one in several), reverse=True)


def test_the_period_is_that_of_the_outermost_rings_that_tell() -> None:
    # χ = πλ C10 q²: rings move by one, 2χ by 2π, with 1/(λq²); nine tenths of a flat disc end at √0.9 of its radius
    inside = PLANE.squared < 0.5**2
    told = 0.9 * (0.5**2 - 0.1**2) + 0.1**2
    assert focus_period(SEARCHED, inside * 1.0) == pytest.approx(1.0 / (LENGTH * told), rel=0.02)
    weak = np.where(inside, 1.0, 1e-3)  # beyond, a millionth of the information
    assert focus_period(SEARCHED, weak) == pytest.approx(1.0 / (LENGTH * told), rel=0.02)
