"""Detectors of a scanning microscope: which scattering angles each of them counts.

A detector takes the electrons with inner ≤ α < outer, α = λq, on the pixels of the diffraction pattern that lie in it;
its signal is the fraction of the beam that arrives there. On a grid over a field of L Å angles come in steps of λ/L.
"""

from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from passband.electron import wavelength
from passband.recipe import PassbandError, Recipe

WIDEST = 0.5  # rad; what is larger was given in mrad
NARROWEST = 2e-4  # rad; no beam converges less and is scanned, and what is smaller was converted twice


def check_milliradians(name: str, value: float) -> float:
    """Return an angle in rad that is neither in mrad nor converted from mrad twice.

    Raises
    ------
    PassbandError
        It is outside 0.2 to 500 mrad.
    """
    if not NARROWEST <= value <= WIDEST:
        meant = f"{value:g} mrad as {name}={value:g}e-3" if value > WIDEST else f"20 mrad as {name}=20e-3"
        raise PassbandError(f"{name}={value:g} rad is outside 0.2 to 500 mrad; angles are in rad, so write {meant}")
    return value


class Annulus(Recipe):
    """Angles that one detector counts, in rad: `inner` ≤ α < `outer`; a disc where `inner` is 0.

    Examples
    --------
    >>> Annulus(inner=60e-3, outer=180e-3).outer
    0.18
    """

    inner: float = 0.0
    outer: float

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_milliradians("outer", self.outer)
        if self.inner != 0.0:
            check_milliradians("inner", self.inner)
        if self.inner >= self.outer:
            raise PassbandError(
                f"inner={self.inner:g} rad is not below outer={self.outer:g} rad; exchange them, or widen the detector"
            )
        return self


class Detectors(Recipe):
    """Detectors that record together, by name; their images come in this order.

    Attributes
    ----------
    annuli
        Name → annulus.
    virtual
        Whether they are sums over one recorded diffraction pattern, which may overlap. Real ones stand one behind the
        other, and an electron that one of them stops does not reach the next.

    Raises
    ------
    pydantic.ValidationError
        There is none, or two that are not virtual overlap.

    Examples
    --------
    >>> list(Detectors.usual(20e-3).annuli)
    ['BF', 'ABF', 'ADF', 'HAADF']
    """

    annuli: dict[str, Annulus] = Field(min_length=1)
    virtual: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered = sorted(self.annuli.items(), key=lambda item: (item[1].inner, item[1].outer))
        for (name, annulus), (following, other) in pairwise(ordered):
            if other.inner < annulus.outer and not self.virtual:
                cure = "separate them, or write virtual=true if they are sums over a recorded pattern"
                raise PassbandError(
                    f"{name} to {annulus.outer:g} rad and {following} from {other.inner:g} rad overlap; {cure}"
                )
        return self

    @classmethod
    def usual(cls, semi_angle: float) -> Self:
        """BF, ABF, ADF and HAADF as multiples of the convergence semi-angle in rad: ½, ½–1, 1–3, 3–9.

        ABF from half the semi-angle to the whole is that of Findlay et al., Ultramicroscopy 110 (2010) 903; with an
        inner angle of three times it dark-field images are incoherent (Hartel et al., Ultramicroscopy 63 (1996) 93).
        """
        edges = {"BF": (0.0, 0.5), "ABF": (0.5, 1.0), "ADF": (1.0, 3.0), "HAADF": (3.0, 9.0)}
        annuli = {name: Annulus(inner=low * semi_angle, outer=high * semi_angle) for name, (low, high) in edges.items()}
        return cls(annuli=annuli)

    @property
    def inner(self) -> float:
        """Smallest angle that any of them counts, in rad."""
        return min(annulus.inner for annulus in self.annuli.values())

    @property
    def outer(self) -> float:
        """Largest angle that any of them counts, in rad."""
        return max(annulus.outer for annulus in self.annuli.values())


def coarsest_pixel(outer: float, energy: float) -> float:
    """Side in Å of the largest pixel whose waves, kept to 2/3 of the Nyquist frequency, reach `outer` rad: λ/(3·outer).

    Examples
    --------
    >>> round(coarsest_pixel(180e-3, 300e3), 4), round(coarsest_pixel(180e-3, 80e3), 4)
    (0.0365, 0.0773)
    """
    return wavelength(energy) / (3.0 * outer)
