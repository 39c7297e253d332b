"""Neural networks for electron micrographs that know what they can see.

These names are public; each is loaded when it is first used. Lengths are in Å, energies in eV, angles in rad, doses in
e⁻/Å², and arrays end (..., y, x).

Micrographs
    `inspect`, `read_micrograph`, `Micrograph`
Segmentation
    `load_model`, `Model`, `segment`, `Segmentation`, `measure_particles`
How far to trust a mask
    `assess`, `Verdict`
A network of one's own
    `load_plan`, `Plan`, `simulate`, `Simulation`, `WaveStore`, `Imaging`, `Acquisition`, `train`, `TrainedStudy`,
    `evaluate`, `measure_performance`
The microscope
    `Conditions`, `ConditionDistribution`, `Aberrations`, `contrast_transfer`, `compare_information`, `fit_conditions`,
    `exit_waves`, `form_images`
Errors
    `PassbandError`

Everything else may change from one version to the next; the reference in the documentation describes the modules behind
these names.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # the names are in __init__.pyi
