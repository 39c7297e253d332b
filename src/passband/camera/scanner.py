"""The scanner of one frame, and the distribution that scanners are drawn from (`docs/scan.md`).

A scanner is to a scanning microscope what a camera is to a TEM: how the beam is led over the specimen, and how its
electrons are counted. The probe, its source included, is that of `microscope.probe`; the distortions are in
`camera.scan_path`, the detector in `camera.scan_readout`.
"""

from math import pi
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from passband.camera.quantities import Sparse, check_quantities, check_quantity, draw_quantities
from passband.distribution import Choice, LogUniform, Scalar, Uniform, limits
from passband.electron import ELEMENTARY_CHARGE
from passband.recipe import PassbandError

Bits = Literal[0, 8, 16]
SMOOTH = 0.5  # of the flyback at which the first columns would be seen twice: the most that is drawn
#: Smallest and largest value of each quantity of a scanner.
QUANTITIES = {
    "dwell_time": (1e-8, 1.0),
    "beam_current": (1e-14, 1e-7),
    "flyback_time": (0.0, 1.0),
    "jitter": (0.0, 10.0),
    "jitter_across": (0.0, 2.0),
    "jitter_correlation": (0.0, 1e4),
    "hum": (0.0, 20.0),
    "hum_frequency": (1.0, 1e4),
    "drift": (0.0, 1e3),
    "drift_direction": (-2.0 * pi, 2.0 * pi),
    "flyback": (0.0, 100.0),
    "settling_time": (1e-8, 1.0),
    "rotation": (-2.0 * pi, 2.0 * pi),
    "tails": (0.0, 0.9),
    "tail_width": (0.0, 1e3),
    "contamination": (0.0, 10.0),
    "charging": (0.0, 10.0),
    "excess_noise": (0.0, 10.0),
    "amplifier_noise": (0.0, 1e6),
    "amplifier_time": (0.0, 1.0),
    "offset": (-1.0, 1.0),
    "filling": (0.01, 10.0),
}
#: Those that decide whether a scanner fits a frame: the larger, the less.
_OF_A_FRAME = ("dwell_time", "flyback_time", "jitter", "jitter_across", "hum", "drift", "flyback")
_CURES = {
    "dwell_time": "it is in s, so write 10 µs as 10e-6",
    "beam_current": "it is in A, so write 30 pA as 30e-12",
    "rotation": "it is in rad, so write 90° as 1.5708",
    "drift_direction": "it is in rad, so write 90° as 1.5708",
}


class Scanner(Sparse):
    """What one frame was scanned with; dwell time and current alone are a perfect scan that counts electrons.

    Attributes
    ----------
    dwell_time
        Of the beam on each pixel, s.
    beam_current
        Of the probe, A.
    flyback_time
        From the last pixel of a row to the first of the next, beside their dwell, s.
    jitter, jitter_across
        Shift of each row along itself and across, rms in pixels.
    jitter_correlation
        Rows after which the autocorrelation of these shifts has fallen to 1/e; 0 leaves the rows independent.
    hum
        Amplitude of the displacement of the beam by the mains, pixels; phase and direction are drawn for each frame.
    hum_frequency
        Of the mains or a multiple of it, Hz.
    drift
        Speed of the specimen, Å/s.
    drift_direction
        Of that motion in the frame, rad from x towards y.
    flyback
        How far beyond the place of the first column the beam still is when the row begins, pixels.
    settling_time
        Time constant with which it gets to its place, s.
    rotation
        Of the frame on the specimen, rad from x towards y.
    tails
        Fraction of the beam that is in the tails of the probe.
    tail_width
        Their half width w, Å, of a bivariate Cauchy (Lorentzian) distribution, w/(2π(r² + w²)^1.5).
    contamination
        Background at the end of the frame, as a fraction of the mean of the ideal image, growing from 0 at its begin.
    charging
        Linear change of the background across the frame in a direction of its own, as a fraction of the same mean.
    excess_noise
        Variance of the signal of one electron, in units of its squared mean; counts vary 1 + excess_noise times as
        much.
    amplifier_noise
        rms in electrons per pixel.
    amplifier_time
        Time constant of this noise, s: its autocorrelation along the scan is exp(−t/amplifier_time).
    offset
        Level of no electrons, as a fraction of the range of the converter; of the brightest point where `bits` is 0.
    filling
        Signal of the brightest point of the expected image, as a fraction of the range of the converter.
    bits
        Of the converter, 8 or 16, which clips and rounds; 0 does neither.

    Examples
    --------
    >>> round(Scanner(dwell_time=20e-6, beam_current=30e-12).electrons)
    3745
    >>> Scanner(dwell_time=20.0, beam_current=30e-12)
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for Scanner
    dwell_time
      Value error, dwell_time=20 is outside 1e-08 to 1; it is in s, so write 10 µs as 10e-6 ...
    """

    dwell_time: float
    beam_current: float
    flyback_time: float = 0.0
    jitter: float = 0.0
    jitter_across: float = 0.0
    jitter_correlation: float = 0.0
    hum: float = 0.0
    hum_frequency: float = 50.0
    drift: float = 0.0
    drift_direction: float = 0.0
    flyback: float = 0.0
    settling_time: float = 1e-4
    rotation: float = 0.0
    tails: float = 0.0
    tail_width: float = 1.0
    contamination: float = 0.0
    charging: float = 0.0
    excess_noise: float = 0.0
    amplifier_noise: float = 0.0
    amplifier_time: float = 0.0
    offset: float = 0.0
    filling: float = 0.8
    bits: Bits = 0

    @field_validator(*QUANTITIES)
    @classmethod
    def _in_bounds(cls, value: float, info: ValidationInfo) -> float:
        name = str(info.field_name)
        check_quantity(name, value, QUANTITIES, cure=_CURES.get(name, "stay within these bounds"))
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.flyback >= self.settling_time / self.dwell_time:
            raise PassbandError(
                f"flyback={self.flyback:g} pixels that settle in {self.settling_time / self.dwell_time:.3g} pixels "
                "show the first columns twice; use a smaller flyback, or a longer settling_time"
            )
        return self

    @property
    def electrons(self) -> float:
        """Electrons that the beam holds in one dwell time, I·τ/e."""
        return self.beam_current * self.dwell_time / ELEMENTARY_CHARGE

    def row_time(self, columns: int) -> float:
        """Time from the begin of a row of so many pixels to that of the next, s."""
        return columns * self.dwell_time + self.flyback_time


class ScannerDistribution(Sparse):
    """A distribution over scanners; each quantity is a number or varies by itself.

    Attributes
    ----------
    dwell_time
        Of the beam on each pixel, s; 1e-8 to 1.
    beam_current
        Of the probe, A; 1e-14 to 1e-7.
    flyback_time
        From the last pixel of a row to the first of the next, beside their dwell, s; 0 to 1.
    jitter, jitter_across
        Shift of each row along itself and across, rms in pixels; 0 to 10, and 0 to 2.
    jitter_correlation
        Rows after which the autocorrelation of these shifts has fallen to 1/e; 0 to 10⁴.
    hum
        Amplitude of the displacement of the beam by the mains, pixels; 0 to 20.
    hum_frequency
        Hz; 1 to 10⁴.
    drift
        Speed of the specimen, Å/s; 0 to 1000.
    drift_direction
        Of that motion in the frame, rad from x towards y; any by default.
    flyback
        How far beyond the place of the first column the beam is when a row begins, pixels; 0 to 100. Drawn is at most
        half of what would show the first columns twice, `settling_time / dwell_time`.
    settling_time
        Time constant with which it gets to its place, s; 1e-8 to 1.
    rotation
        Of the frame on the specimen, rad from x towards y; -2π to 2π.
    tails
        Fraction of the beam that is in the tails of the probe; 0 to 0.9.
    tail_width
        Half width of these tails, Å; 0 to 1000.
    contamination
        Background at the end of the frame, as a fraction of the mean of the ideal image; 0 to 10.
    charging
        Linear change of the background across the frame, as a fraction of the same mean; 0 to 10.
    excess_noise
        Variance of the signal of one electron, in units of its squared mean; 0 to 10.
    amplifier_noise
        rms in electrons per pixel; 0 to 10⁶.
    amplifier_time
        Time constant of this noise along the scan, s; 0 to 1.
    offset
        Level of no electrons, as a fraction of the range of the converter; -1 to 1.
    filling
        Signal of the brightest point, as a fraction of that range; 0.01 to 10.
    bits
        Of the converter: 8, 16, or 0 which neither clips nor rounds; one of those listed, equally likely.
    probability
        Of an effect being there at all, by the key of its quantity; 1 for those that are left out.

    Examples
    --------
    >>> scanners = ScannerDistribution(dwell_time=2e-5, beam_current=3e-11, jitter={"uniform": [0.05, 0.5]})
    >>> round(scanners.sample(np.random.default_rng(0)).jitter, 2)
    0.34
    """

    dwell_time: Scalar
    beam_current: Scalar
    flyback_time: Scalar = 0.0
    jitter: Scalar = 0.0
    jitter_across: Scalar = 0.0
    jitter_correlation: Scalar = 0.0
    hum: Scalar = 0.0
    hum_frequency: Scalar = 50.0
    drift: Scalar = 0.0
    drift_direction: Scalar = Uniform(uniform=(-pi, pi))
    flyback: Scalar = 0.0
    settling_time: Scalar = 1e-4
    rotation: Scalar = 0.0
    tails: Scalar = 0.0
    tail_width: Scalar = 1.0
    contamination: Scalar = 0.0
    charging: Scalar = 0.0
    excess_noise: Scalar = 0.0
    amplifier_noise: Scalar = 0.0
    amplifier_time: Scalar = 0.0
    offset: Scalar = 0.0
    filling: Scalar = 0.8
    bits: tuple[Bits, ...] = Field(default=(0,), min_length=1)
    probability: dict[str, float] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_quantities(self, QUANTITIES, self.probability)
        always = [name for name in ("dwell_time", "beam_current") if name in self.probability]
        if always:
            raise PassbandError(f"probability.{always[0]} cannot be given; every scanner has one, so leave it out")
        return self

    @classmethod
    def wide(cls) -> Self:
        """Return a wide distribution, for networks that shall hold on scans that nobody asked about.

        Its ranges are judgements, not fits; `docs/scan.md` says where each comes from.
        """
        return cls(
            dwell_time=LogUniform(log_uniform=(1e-6, 4e-5)),
            beam_current=LogUniform(log_uniform=(1e-11, 2e-10)),
            flyback_time=LogUniform(log_uniform=(5e-5, 2e-3)),
            jitter=LogUniform(log_uniform=(0.05, 0.8)),
            jitter_across=LogUniform(log_uniform=(0.02, 0.3)),
            jitter_correlation=LogUniform(log_uniform=(0.3, 30.0)),
            hum=LogUniform(log_uniform=(0.05, 1.0)),
            hum_frequency=Choice(choice=(50.0, 60.0)),
            drift=LogUniform(log_uniform=(0.01, 2.0)),
            flyback=LogUniform(log_uniform=(0.3, 8.0)),
            settling_time=LogUniform(log_uniform=(2e-5, 5e-4)),
            rotation=Uniform(uniform=(-pi, pi)),
            tails=Uniform(uniform=(0.0, 0.4)),
            tail_width=LogUniform(log_uniform=(0.3, 5.0)),
            contamination=LogUniform(log_uniform=(0.02, 1.0)),
            charging=LogUniform(log_uniform=(0.02, 0.5)),
            excess_noise=Uniform(uniform=(0.0, 1.0)),
            amplifier_noise=LogUniform(log_uniform=(0.05, 3.0)),
            amplifier_time=LogUniform(log_uniform=(2e-7, 1e-4)),
            offset=Uniform(uniform=(-0.02, 0.3)),
            filling=LogUniform(log_uniform=(0.1, 1.2)),
            bits=(8, 16, 16),
            probability={
                "jitter_across": 0.7,
                "hum": 0.5,
                "drift": 0.8,
                "flyback": 0.4,
                "tails": 0.5,
                "contamination": 0.4,
                "charging": 0.3,
                "amplifier_noise": 0.8,
            },
        )

    def largest(self) -> Scanner:
        """Scanner with the largest of each shift, speed and time: if it fits a frame (`check_frame`), every draw does.

        Of a normal distribution the largest is five standard deviations above its mean.
        """
        values = {name: min(limits(getattr(self, name), spreads=5.0)[1], QUANTITIES[name][1]) for name in _OF_A_FRAME}
        return Scanner(
            **values, beam_current=QUANTITIES["beam_current"][0], settling_time=QUANTITIES["settling_time"][1]
        )

    def sample(self, rng: np.random.Generator) -> Scanner:
        """Draw one scanner. The tails of a normal distribution are cut off at the bounds of its quantity."""
        values: dict[str, Any] = draw_quantities(self, QUANTITIES, self.probability, rng)
        first = SMOOTH * values.get("settling_time", 1e-4) / values["dwell_time"]
        values["flyback"] = min(values.get("flyback", 0.0), first)
        return Scanner(**values, bits=self.bits[int(rng.integers(len(self.bits)))])
