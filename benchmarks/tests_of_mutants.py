"""Which modules hold formulas, and which tests hold for each."""

from pathlib import Path

# Package and modules, then the test files that hold for them beside tests/<package>/test_<module>.py.
_TABLE = """
electron                                      | test_electron
distribution                                  | test_distribution
microscope/aberrations
microscope/band                               | microscope/test_multislice microscope/test_imaging
microscope/condition_set                      | microscope/test_information microscope/test_mixture
microscope/conditions                         | microscope/test_mixture
camera/exposure
camera/readout
camera/recording                              | camera/test_exposure camera/test_resampling dataset/test_camera_images
camera/resampling
microscope/contrast
microscope/detector                           | camera/test_recording camera/test_exposure
microscope/rings/fitting
microscope/form_factors                       | microscope/test_potential
microscope/frequencies
microscope/imaging                            | dataset/test_acquisition
microscope/information
microscope/multislice
microscope/overlaps                           | microscope/test_information
microscope/phase_polynomial                   | microscope/test_imaging microscope/test_multislice
microscope/polar                              | microscope/test_information
microscope/potential
microscope/power_spectrum                     | microscope/rings/test_fitting
microscope/rings/fit                          | microscope/rings/test_fitting
microscope/rings/model                        | microscope/rings/test_fitting
microscope/rings/search                       | microscope/rings/test_fitting
microscope/transfer
specimen/arrangement                          | specimen/test_sampling
specimen/crystal
specimen/faults
specimen/particle
specimen/sampling
specimen/scene                                | specimen/test_sampling
specimen/support                              | specimen/test_sampling
dataset/acquisition
files/grey
patches/tiling                                | patches/test_patches
patches/resampling                            | patches/test_patches
dataset/truth                              | dataset/test_simulation
segmentation/losses                           | segmentation/test_learner
scores/overlap
description/particles
forecast/channels                                | forecast/test_observer
performance/conformal
performance/settings                                | performance/test_widening
microscope/distance
microscope/tem
forecast/choosing
forecast/pairs                                   | forecast/test_tables
forecast/tables
performance/gaussian_process                        | performance/test_error_model
forecast/observer
performance/error_model
forecast/resemblance                             | forecast/test_tables
performance/signals
forecast/spectra
forecast/texture
performance/subspace                                | performance/test_signals
performance/widening
training/optimising                           | training/test_rates training/test_loop
training/rates
"""
_BESIDE = {module.strip(): tests.split() for module, _, tests in (line.partition("|") for line in _TABLE.split("\n"))}
MODULES = [module for module in _BESIDE if module]

# Everything that the tests import from outside; loaded once.
_LIBRARIES = """
abtem ase.build ase.spacegroup dask h5py hypothesis matplotlib.pyplot numpy pandas pyarrow.parquet pydantic rsciio.emd
safetensors.torch scipy.integrate scipy.linalg scipy.ndimage scipy.optimize scipy.spatial scipy.stats skimage.io
skimage.measure sklearn.gaussian_process sklearn.linear_model sklearn.metrics tifffile torch torch.func typer zarr
"""
LIBRARIES = _LIBRARIES.split()


def tests_of(module: str, tree: Path) -> list[str]:
    """Paths below `tree` of the tests that hold for a module, its docstrings' examples first."""
    own = str(Path(module).parent / f"test_{Path(module).name}")
    names = dict.fromkeys((own, *_BESIDE[module]))
    files = [f"tests/{name}.py" for name in names]
    return [f"src/passband/{module}.py", *(file for file in files if (tree / file).is_file())]
