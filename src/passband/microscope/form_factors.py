"""How strongly each element scatters electrons: published form factors for Z = 1 to 103.

The table holds the coefficients of I. Lobato and D. Van Dyck, "An accurate parameterization for scattering factors,
electron densities and electrostatic potentials for neutral atoms that obey all physical constraints",
Acta Cryst. A70 (2014) 636–649, doi:10.1107/S205327331401643X.
"""

from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from passband.electron import ELECTRON_MASS, ELEMENTARY_CHARGE, PLANCK
from passband.recipe import PassbandError

# 2πħ²/(m₀e) = h²/(2πm₀e) in V·Å²: turns a scattering factor in Å into the Fourier transform of a potential in V·Å³.
POTENTIAL_PER_SCATTERING = PLANCK**2 / (2.0 * np.pi * ELECTRON_MASS * ELEMENTARY_CHARGE) * 1e20


@lru_cache(maxsize=1)
def _coefficients() -> NDArray[np.float64]:
    """(103, 2, 5): for each element the five a_i in Å and the five b_i in Å²."""
    text = files("passband.microscope").joinpath("lobato_van_dyck_2014.csv").read_text(encoding="utf-8")
    rows = [line.split(",")[2:] for line in text.splitlines() if line[:1].isdigit()]
    table = np.array(rows, dtype=np.float64).reshape(-1, 2, 5)
    table.setflags(write=False)
    return table


def lobato_coefficients(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients a (5,) in Å and b (5,) in Å² of one element; the errors are those of `scattering_factor`."""
    table = _coefficients()
    if not 1 <= number <= len(table):
        raise PassbandError(f"atomic number {number} has no form factor; the table holds 1 (H) to {len(table)} (Lr)")
    return table[number - 1, 0], table[number - 1, 1]


def scattering_factor(number: int, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Electron scattering factor of the neutral atom in Å at spatial frequency `q` in Å⁻¹ (q = 2 sin θ / λ).

    f(q) = Σ aᵢ (2 + bᵢq²) / (1 + bᵢq²)², Lobato & Van Dyck (2014), eq. 16.

    Raises
    ------
    PassbandError
        `number` is not an atomic number from 1 to 103.

    Examples
    --------
    >>> float(scattering_factor(79, np.array([0.0])).round(2)[0])
    10.58
    """
    a, b = lobato_coefficients(number)
    weighted = b * np.asarray(q, dtype=np.float64)[..., None] ** 2
    factor: NDArray[np.float64] = np.sum(a * (2.0 + weighted) / (1.0 + weighted) ** 2, axis=-1)
    return factor
