import torch

from passband.electron import wavelength
from passband.microscope.aberrations import Aberrations, phase_aberration, phase_gradient_squared
from passband.microscope.conditions import Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.information.polar import PolarLenses

LENS = Aberrations(
    C10=-80.0, C12=20.0, phi12=0.3, C21=2000.0, phi21=1.0, C23=1500.0, phi23=0.2, C30=2.5e5, C34=1e5, phi34=0.4, C41=1e6
)


def test_phase_and_gradient_along_an_azimuth_are_those_of_the_aberration_function() -> None:
    energies = (80e3, 300e3)
    sets = [ConditionSet(conditions=(Conditions(energy=energy, aberrations=LENS),)) for energy in energies]
    lenses = PolarLenses(sets, odd="naive")
    q = torch.linspace(0.05, 2.0, 40, dtype=torch.float64)
    for azimuth in (0.0, 0.7, -2.1):
        along, around = lenses.gradients(q, azimuth)
        turned = torch.full_like(q, azimuth)
        for row, energy in enumerate(energies):
            length = wavelength(energy)
            expected = phase_aberration(q, turned, LENS.nonzero(), length)
            torch.testing.assert_close(lenses.phase(q, azimuth)[row], expected)
            slope = phase_gradient_squared(q, turned, LENS.nonzero(), length)
            torch.testing.assert_close(along[row].square() + around[row].square(), slope)


def test_members_of_a_data_set_are_averaged_within_it_only() -> None:
    first, second = (Conditions(aberrations=Aberrations(C10=c10), focal_spread=10.0) for c10 in (-50.0, 90.0))
    q = torch.linspace(0.05, 2.0, 40, dtype=torch.float64)
    lenses = PolarLenses([ConditionSet(conditions=(first, second)), ConditionSet(conditions=(second,))], odd="exact")
    found = lenses.along(q, 0.0, lenses.steady_envelope(q))
    alone = PolarLenses([ConditionSet(conditions=(one,)) for one in (first, second)], odd="exact")
    single = alone.along(q, 0.0, alone.steady_envelope(q)).amplitude
    torch.testing.assert_close(found.amplitude[0], single.square().mean(dim=0).sqrt())
    torch.testing.assert_close(found.amplitude[1], single[1].abs(), atol=1e-7, rtol=0)
