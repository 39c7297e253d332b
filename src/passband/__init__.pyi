from .dataset.acquisition import Acquisition
from .dataset.imaging import Imaging
from .dataset.simulate import simulate
from .dataset.simulation import Simulation
from .dataset.store import WaveStore
from .description.particles import measure_particles
from .experiment.plan import Plan, load_plan
from .experiment.study import TrainedStudy, evaluate, train
from .files.fitting import fit_conditions
from .files.inspection import inspect
from .files.micrograph import Micrograph
from .files.reading import read_micrograph
from .microscope.aberrations import Aberrations
from .microscope.conditions import ConditionDistribution, Conditions
from .microscope.imaging import form_images
from .microscope.information.information import compare_information
from .microscope.multislice import exit_waves
from .microscope.transfer import contrast_transfer
from .performance.measurement import measure_performance
from .recipe import PassbandError
from .segmentation.model import Model, load_model
from .segmentation.segment import segment
from .segmentation.segmenter import Segmentation
from .verdict.assessment import assess
from .verdict.verdict import Verdict

__version__: str
__all__ = [
    "Aberrations",
    "Acquisition",
    "ConditionDistribution",
    "Conditions",
    "Imaging",
    "Micrograph",
    "Model",
    "PassbandError",
    "Plan",
    "Segmentation",
    "Simulation",
    "TrainedStudy",
    "Verdict",
    "WaveStore",
    "assess",
    "compare_information",
    "contrast_transfer",
    "evaluate",
    "exit_waves",
    "fit_conditions",
    "form_images",
    "inspect",
    "load_model",
    "load_plan",
    "measure_particles",
    "measure_performance",
    "read_micrograph",
    "segment",
    "simulate",
    "train",
]
