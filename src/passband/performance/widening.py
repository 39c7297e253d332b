"""Settings to measure a network under: as it was trained, and beyond, one quantity or many at a time.

A network is measured inside and outside of its training conditions. Inside, settings are those of the training.
Outside, each quantity is drawn from a wider distribution with a probability of its own for the data set, so that some
settings leave the training in one quantity and others in several.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from passband.camera.camera import CameraDistribution
from passband.camera.cameras import AnyCamera
from passband.camera.scanner import ScannerDistribution
from passband.distribution import LogUniform, Scalar, Uniform, limits, sample
from passband.documents import naming, parse_toml, read_document
from passband.microscope.instruments.choice import instrument_of, validate_distribution
from passband.microscope.instruments.instrument import Setting, SettingDistribution
from passband.recipe import PassbandError

#: Probability that a quantity is drawn from the wider distribution, one of these for each data set.
PROBABILITIES = (0.0, 0.0, 0.3, 0.7)
OTHER_CAMERA = 0.3  # share of the data sets that are recorded with a camera beyond the training's
#: Cameras that nobody asked about: scintillators with CCD or CMOS, direct detectors, binning, screenshots; as on the
#: page of the camera. Judgements, not fits.
WIDE_CAMERA = CameraDistribution.model_validate(
    {
        "drift": {"uniform": [0.0, 2.0]},
        "vibration": {"uniform": [0.0, 0.5]},
        "blur": {"uniform": [0.0, 0.6]},
        "gradient": {"uniform": [0.0, 0.3]},
        "unevenness": {"uniform": [0.0, 0.08]},
        "oversampling": {"log_uniform": [0.7, 2.5]},
        "kernels": {"area": 3.0, "bilinear": 2.0, "bicubic": 2.0, "lanczos": 1.0, "nearest": 1.0},
        "excess_noise": {"uniform": [0.0, 1.0]},
        "correlation": {"uniform": [0.0, 0.9]},
        "gain_residue": {"log_uniform": [0.002, 0.02]},
        "dark_residue": {"log_uniform": [0.001, 0.02]},
        "hot_pixels": {"log_uniform": [0.2, 5.0]},
        "xrays": {"log_uniform": [0.1, 2.0]},
        "spot_height": {"log_uniform": [4.0, 30.0]},
        "saturation": {"log_uniform": [1e-4, 1e-2]},
        "probability": {
            **dict.fromkeys(("drift", "vibration", "blur"), 0.6),
            **dict.fromkeys(("gradient", "unevenness", "gain_residue", "dark_residue"), 0.5),
            **{"oversampling": 0.7, "hot_pixels": 0.3, "xrays": 0.3, "saturation": 0.15},
        },
        "processing": {
            **{"eight_bit_share": 0.4, "jpeg_share": 0.2, "clipping_share": 0.3, "gamma_share": 0.2},
            **dict.fromkeys(("scale_bar_share", "gaussian_share", "sharpening_share"), 0.05),
        },
    }
)
#: Scans that nobody asked about: slower, with more hum, flyback, amplifier noise and contamination. Judgements too.
WIDE_SCANNER = ScannerDistribution.wide().model_copy(
    update={"dwell_time": LogUniform(log_uniform=(1e-6, 2e-5)), "flyback_time": LogUniform(log_uniform=(5e-5, 1e-3))}
)
_CAMERAS: TypeAdapter[CameraDistribution | ScannerDistribution] = TypeAdapter(AnyCamera)


def widened(trained: SettingDistribution) -> SettingDistribution:
    """Distribution around that of a training, wider in every quantity that its instrument names.

    What else belongs to a setting, such as energy and detector, stays: the exit waves and the camera are given.
    Azimuths of aberrations that the training lacked cover the whole turn.
    """
    whole, instrument = bounding_distribution(trained), instrument_of(trained)
    scalars = instrument.scalars(whole)
    wider: dict[str, Scalar | None] = {}
    for one in instrument.QUANTITIES:
        wider |= one.widened(scalars.get(one.name, 0.0))
    return instrument.with_scalars(whole, wider)


def bounding_distribution(trained: SettingDistribution) -> SettingDistribution:
    """Smallest distribution of independent quantities that holds all members of a mixture; a distribution as it is.

    Members without a value, such as the dose of noise-free images, are left out; what is no number is that of the
    first.
    """
    members = trained.members
    if len(members) == 1:
        return members[0]
    instrument = instrument_of(trained)
    each = [instrument.scalars(member) for member in members]
    scalars: dict[str, Scalar | None] = {}
    for name in dict.fromkeys(name for one in each for name in one):
        known = [scalar for scalar in (one.get(name, 0.0) for one in each) if scalar is not None]
        scalars[name] = _around(known) if known else None
    return instrument.with_scalars(members[0], scalars)


def _around(scalars: Sequence[Scalar]) -> Scalar:
    """Everything between the smallest and the largest value of several scalars."""
    pairs = [limits(scalar) for scalar in scalars]
    low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
    return Uniform(uniform=(low, high)) if low < high else low


def draw_settings(trained: SettingDistribution, wider: SettingDistribution, n: int, *, seed: int) -> list[Setting]:
    """Draw n settings: setting k depends on the seed and on k alone.

    Raises
    ------
    PassbandError
        The two distributions differ in instrument, energy or detector.
    """
    near, far = bounding_distribution(trained), bounding_distribution(wider)
    if near.kind != far.kind:
        raise PassbandError(
            f"the wider conditions are of the instrument {far.kind!r} and the training's of {near.kind!r}; "
            "write them for one instrument"
        )
    energies = trained_energies(trained), trained_energies(wider)
    if energies[0] != energies[1] or any(
        getattr(near, name) != getattr(far, name) for name in instrument_of(trained).FIXED
    ):
        raise PassbandError(
            f"energy={energies[1]} eV of the wider conditions is not the training's {energies[0]} eV, "
            "or the detector differs; calibrate with those of the exit waves"
        )
    return [_setting(trained, wider, np.random.default_rng(np.random.SeedSequence([seed, k]))) for k in range(n)]


def _setting(trained: SettingDistribution, wider: SettingDistribution, rng: np.random.Generator) -> Setting:
    """One setting: each quantity, an aberration with its azimuth, from one of the two distributions."""
    instrument = instrument_of(trained)
    probability = PROBABILITIES[int(rng.integers(len(PROBABILITIES)))]
    near, far = (one.sample(1, rng)[0] for one in (trained, wider))
    inner, outer = instrument.values(near), instrument.values(far)
    mixed: dict[str, float | None] = {}
    for names in instrument.drawn_together:
        values = outer if rng.random() < probability else inner
        mixed |= {name: values[name] for name in names}
    return instrument.with_values(near, mixed)


def wide_camera(trained: AnyCamera | None) -> AnyCamera:
    """Return cameras beyond those of a training, of their kind: what nobody asked about."""
    return WIDE_SCANNER if isinstance(trained, ScannerDistribution) else WIDE_CAMERA


def draw_camera(
    trained: AnyCamera | None, wider: AnyCamera, *, seed: int, number: int
) -> tuple[AnyCamera | None, bool]:
    """Camera of a data set, all of whose images have it, and whether it is one of the wider distribution.

    What people do to an image afterwards is drawn for each.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, number, 4]))
    other = bool(rng.random() < OTHER_CAMERA)
    drawn_from = wider if other else trained
    if drawn_from is None:
        return None, other
    if isinstance(drawn_from, ScannerDistribution):
        scanner = drawn_from.sample(rng)
        return ScannerDistribution(**scanner.model_dump(exclude={"bits"}), bits=(scanner.bits,)), other
    one = drawn_from.sample(rng)
    values = one.model_dump(exclude={"kernel", "processing"})
    return CameraDistribution(**values, kernels={one.kernel: 1.0}, processing=drawn_from.processing), other


def read_cameras(path: Path) -> AnyCamera:
    """Read cameras from a TOML file, as in the table `imaging.camera` of a plan.

    Raises
    ------
    PassbandError
        It is no TOML, or a value is out of bounds.
    """
    with naming(path):
        cameras: AnyCamera = _CAMERAS.validate_python(parse_toml(read_document(path)))
        return cameras


def trained_energies(trained: SettingDistribution) -> tuple[float, float]:
    """Smallest and largest energy of a training, eV."""
    energy = instrument_of(trained).scalars(bounding_distribution(trained))["energy"]
    assert energy is not None, "every setting has an energy"
    return limits(energy)


def trained_range(given: SettingDistribution) -> Mapping[str, tuple[float, float]]:
    """Smallest and largest value of each quantity of a training; a dose only where there is noise."""
    instrument = instrument_of(given)
    scalars = instrument.scalars(bounding_distribution(given))
    found = {one.name: scalars.get(one.name, 0.0) for one in instrument.QUANTITIES}
    return {name: limits(scalar) for name, scalar in found.items() if scalar is not None}


def camera_pixels(pixel_size: Scalar, rng: np.random.Generator, *, finest: float, coarsest: float) -> float:
    """Draw a camera pixel in Å: as trained half of the time, else up to a quarter finer or coarser."""
    low, high = limits(pixel_size)
    drawn = sample(pixel_size, rng) if rng.random() < 0.5 else rng.uniform(0.75 * low, 1.25 * high)
    return float(np.clip(drawn, finest, coarsest))


def read_conditions(path: Path) -> SettingDistribution:
    """Read conditions from a TOML file, as in the table `imaging.conditions` of a plan.

    Raises
    ------
    PassbandError
        It is no TOML, or a value is not physical.
    """
    with naming(path):
        content = parse_toml(read_document(path))
    return validate_distribution(content)
