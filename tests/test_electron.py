import pytest
from scipy import constants

from passband.electron import interaction_constant, wavelength
from passband.recipe import PassbandError


@pytest.mark.parametrize(
    ("energy", "expected"),  # Kirkland (2010), table C.1, pm; the 300 kV digits from the project's specification
    [(100e3, 0.0370144), (200e3, 0.0250793), (300e3, 0.019687489), (1e6, 0.0087192)],
)
def test_wavelength_matches_tables(energy: float, expected: float) -> None:
    assert wavelength(energy) == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize("energy", [60e3, 80e3, 300e3])
def test_interaction_constant_matches_its_other_form(energy: float) -> None:
    """σ = (2π/λV)(m₀c² + eV)/(2m₀c² + eV), Kirkland eq. 5.6; rejects the non-relativistic mass."""
    rest = constants.physical_constants["electron mass energy equivalent in MeV"][0] * 1e6
    other = 2 * constants.pi / (wavelength(energy) * energy) * (rest + energy) / (2 * rest + energy)
    assert interaction_constant(energy) == pytest.approx(other, rel=1e-8)


@pytest.mark.parametrize("energy", [300.0, 80.0, -1.0, 0.0, 3e6, float("nan")])
def test_energy_in_kilovolts_is_refused_with_the_cure(energy: float) -> None:
    with pytest.raises(PassbandError, match=r"energies are in eV, so write .* as\s?energy="):
        wavelength(energy)
