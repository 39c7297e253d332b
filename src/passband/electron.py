"""The fast electron: wavelength and interaction constant at a beam energy, relativistic."""

from math import pi, sqrt

from passband.recipe import PassbandError

PLANCK = 6.62607015e-34  # J s, exact (SI 2019)
LIGHT_SPEED = 299792458.0  # m/s, exact
ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact
ELECTRON_MASS = 9.1093837015e-31  # kg, CODATA 2018
REST_ENERGY = ELECTRON_MASS * LIGHT_SPEED**2 / ELEMENTARY_CHARGE  # eV, about 510 999


def check_energy(energy: float) -> float:
    """Return `energy` if it is a beam energy in eV that a (S)TEM or SEM can have.

    Raises
    ------
    PassbandError
        Outside 500 eV to 2 MeV; most often the energy was given in keV.
    """
    if not 500.0 <= energy <= 2e6:
        meant = f"{energy:g} kV as energy={energy:g}e3" if 0.5 <= energy < 500.0 else "300 kV as energy=300e3"
        raise PassbandError(f"energy={energy:g} eV is outside 500 eV to 2 MeV; energies are in eV, so write {meant}")
    return energy


def wavelength(energy: float) -> float:
    """De Broglie wavelength in Å of an electron of kinetic energy `energy` in eV: hc/√(eV(2m₀c² + eV)).

    Source: Kirkland, Advanced Computing in Electron Microscopy (2010), eq. 2.5.

    Examples
    --------
    >>> round(wavelength(300e3), 9)
    0.019687489
    """
    check_energy(energy)
    momentum_energy = sqrt(energy * (2.0 * REST_ENERGY + energy))  # pc in eV
    return PLANCK * LIGHT_SPEED / ELEMENTARY_CHARGE / momentum_energy * 1e10


def interaction_constant(energy: float) -> float:
    """Phase in rad per V·Å of projected potential: σ = 2πmeλ/h² (Kirkland 2010, eq. 5.6).

    Examples
    --------
    >>> round(interaction_constant(300e3) * 1e4, 3)  # rad / (kV nm) has the same digits
    6.526
    """
    check_energy(energy)
    gamma = 1.0 + energy / REST_ENERGY
    metres = wavelength(energy) * 1e-10
    per_volt_metre = 2.0 * pi * gamma * ELECTRON_MASS * ELEMENTARY_CHARGE * metres / PLANCK**2
    return per_volt_metre * 1e-10
