"""What each detector counts of every pair of beams of a probe: the multislice of a scan, once for all its positions.

A probe at **R** is a sum of the plane waves in its aperture, a_b exp(−2πi **q**_b·**R**), and a specimen changes waves
linearly. If S_kb is the amplitude at the frequency k behind the specimen of a plane wave b of amplitude 1, a detector D
counts

    I(R) = Σ_bb′ a_b* a_b′ G_bb′ exp(2πi(**q**_b − **q**_b′)·**R**),   G = ⟨S_D† S_D⟩ over frozen phonons.

That is what the multislice of a probe at every position gives, on the same grid, to the last digits: a scattering
matrix (Ophus, Adv. Struct. Chem. Imaging 3 (2017) 13) that is not interpolated, summed over the detector before probes
are made. A field of side L has π(L·semi-angle/λ)² beams, a fifth of the positions of a scan at the Nyquist step of
λ/(4·semi-angle). G holds for every aberration, focal spread, source and position: a specimen is simulated once.

exp(iσV) has frequencies without end, and on the pixels of the wave those beyond its band come back within it. It is
made on finer pixels and then limited, once for all beams. Largest errors of the image of one layer of SrTiO3 (80 and
200 kV) and of WSe2 (300 kV), of the brightest pixel, against pixels six times finer: 80 to 180 mrad 6 to 17 % on the
pixels of the wave, 1.5 to 2.8 % with 2 a side, 0.3 to 0.8 % with 3; 40 to 80 mrad 0.3 % at most with 3.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from math import pi
from typing import Literal, NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import next_fast_len
from torch import Tensor

from passband.electron import interaction_constant, wavelength
from passband.microscope.frequencies import resize_spectrum, spatial_frequencies
from passband.microscope.multislice import box_sides, limited_propagator, phonon_configuration, propagation_band
from passband.microscope.phase_polynomial import phasor
from passband.microscope.potential import SlicedAtoms, check_atoms, even_slices, iterate_slices, slice_atoms
from passband.microscope.scanning.annular import Annulus, Detectors, coarsest_pixel
from passband.microscope.scanning.probe import Beams, Probe, beam_amplitudes, check_probe_fits, coherence
from passband.recipe import PassbandError, Recipe

SPARE = 0.97  # of the coarsest pixel: the taper of the band limit then lies beyond the detectors
MOST_BYTES = 8 * 2**30  # of the amplitudes at the detectors, of one configuration
_AT_ONCE = {"cpu": 2**18, "cuda": 2**26}  # pixels of the waves that are propagated together


class Multislice(Recipe):
    """How a scan is simulated by multislice.

    Attributes
    ----------
    pixel_size
        Å, not exceeded by those of the wave; None is 0.97 of λ/(3(outer angle + semi-angle)): the beam at the rim of
        the aperture, too, is then scattered to all angles that are detected.
    oversampling
        Finer pixels, so many a side, on which exp(iσV) is made before it is limited to the band of the wave.
    slice_thickness
        Å, not exceeded.
    phonons
        Frozen-phonon configurations; one is simulated where nothing is displaced. 8 are enough for labels, 20 to 30 for
        a reference.
    displacement
        Rms thermal displacement along one axis in Å, one number or {symbol: value}.
    """

    kind: Literal["multislice"] = "multislice"
    pixel_size: float | None = Field(default=None, gt=0.0)
    oversampling: int = Field(default=3, ge=1, le=8)
    slice_thickness: float = Field(default=2.0, gt=0.0)
    phonons: int = Field(default=8, ge=1)
    displacement: float | dict[str, float] = 0.0

    @property
    def configurations(self) -> int:
        """How many are simulated."""
        return self.phonons if self.displacement != 0.0 else 1

    def grid(self, sides: tuple[float, float], probe: Probe, detectors: Detectors) -> tuple[int, int]:
        """Pixels (y, x) of the waves on a cell of `sides` (y, x) Å.

        Raises
        ------
        PassbandError
            The pixels do not hold the detectors or the aperture.
        """
        widest = max(detectors.outer, probe.semi_angle)
        coarsest = coarsest_pixel(widest, probe.energy)
        full = SPARE * coarsest_pixel(detectors.outer + probe.semi_angle, probe.energy)
        pixel = self.pixel_size or full
        if pixel > coarsest:
            raise PassbandError(
                f"pixel_size={pixel:g} Å holds angles up to {widest * coarsest / pixel:.3g} rad, but "
                f"{widest:g} rad are wanted; use at most λ/(3α) = {coarsest:.3g} Å, or a smaller outer angle"
            )
        rows, columns = (int(next_fast_len(int(np.ceil(side / pixel - 1e-6)))) for side in sides)
        return rows, columns


class DetectedBeams(NamedTuple):
    """What `detectors` count of a specimen: `matrix` (detectors, n, n), Hermitian, complex64, over n `beams`."""

    probe: Probe
    detectors: Detectors
    beams: Beams
    matrix: Tensor


def detect_beams(
    atoms: Atoms,
    probe: Probe,
    detectors: Detectors,
    *,
    model: Multislice,
    rng: np.random.Generator | None = None,
    device: torch.device | str | None = None,
) -> DetectedBeams:
    """Multislice of every beam of an aperture, and what each detector counts of each pair of them.

    Parameters
    ----------
    atoms
        Orthogonal cell (x, y, height), periodic in x and y; the beam enters at z = 0. That the cell also holds what the
        beam widens by, height · semi-angle either way, is not checked: a perfect crystal continues itself.
    probe
        Its energy and semi-angle count here; all else is of `image_series`.
    detectors
        In rad.
    model
        Pixels, slices, phonons.
    rng
        Draws the displacements; needed unless they are all zero.
    device
        Of the result.

    Returns
    -------
    DetectedBeams
        `matrix` (detectors, n, n).

    Raises
    ------
    PassbandError
        The pixels do not hold the detectors, the probe does not fit into the cell, memory would not suffice, or as
        `exit_waves`.
    """
    *sides, height = box_sides(atoms)
    field = (sides[0], sides[1])
    check_probe_fits(probe, field)
    grid = model.grid(field, probe, detectors)
    beams = Beams.of(probe, field, device)
    edges = even_slices(height, model.slice_thickness)
    waves = _WaveGrid(grid, field, probe.energy, edges, model.oversampling, beams.rows.device)
    groups = waves.pixels_of(detectors)
    _check_memory(len(beams.rows), sum(map(len, groups)), len(groups))
    total = torch.zeros((len(groups), *2 * (len(beams.rows),)), dtype=torch.complex64, device=beams.rows.device)
    positions, numbers = atoms.get_positions(), atoms.get_atomic_numbers()
    check_atoms(positions, numbers, edges)  # before any is displaced
    for _ in range(model.configurations):
        moved = phonon_configuration(positions, numbers, model.displacement, rng=rng, height=height)
        amplitudes = waves.amplitudes(moved, numbers, beams, torch.cat(groups))
        parts = torch.split_with_sizes(amplitudes, [len(group) for group in groups], dim=1)
        for counted, part in zip(total, parts, strict=True):
            counted.addmm_(part.conj(), part.T)
    return DetectedBeams(probe, detectors, beams, total / model.configurations)


def _check_memory(beams: int, pixels: int, detectors: int) -> None:
    needed = 8 * beams * (pixels + 2 * detectors * beams)
    if needed > MOST_BYTES:
        raise PassbandError(
            f"{beams} beams at {pixels} pixels of the detectors take {needed / 2**30:.3g} GiB, more than "
            f"{MOST_BYTES / 2**30:g}; cut the specimen into smaller cells, or use a smaller outer angle"
        )


class _WaveGrid(NamedTuple):
    """The grid that waves are on, `shape` (y, x) pixels over `sides` Å, and the slices that they pass."""

    shape: tuple[int, int]
    sides: tuple[float, float]
    energy: float
    edges: NDArray[np.float64]
    oversampling: int
    device: torch.device

    @property
    def pixel(self) -> tuple[float, float]:
        """Sides (y, x) of a pixel in Å."""
        return self.sides[0] / self.shape[0], self.sides[1] / self.shape[1]

    def pixels_of(self, detectors: Detectors) -> list[Tensor]:
        """Flat indices, in a spectrum (kept kx, ky), of the pixels of each detector."""
        q, _ = spatial_frequencies(self.shape, self.pixel, dtype=torch.float64)
        angle = propagation_band(self.shape).select(q.t()) * wavelength(self.energy)

        def inside(name: str, annulus: Annulus) -> Tensor:
            found = torch.nonzero(((angle >= annulus.inner) & (angle < annulus.outer)).reshape(-1))[:, 0]
            if not len(found):
                step = wavelength(self.energy) / max(self.sides)
                cure = "widen the detector, or repeat the cell"
                raise PassbandError(f"{name} lies between the angles of this cell, {step:.2g} rad apart; {cure}")
            return found.to(self.device)

        return [inside(name, annulus) for name, annulus in detectors.annuli.items()]

    def amplitudes(
        self, positions: NDArray[np.float64], numbers: NDArray[np.int64], beams: Beams, pixels: Tensor
    ) -> Tensor:
        """Amplitudes (beams, pixels) behind one configuration of atoms."""
        sliced = slice_atoms(positions, numbers, slice_edges=self.edges)
        occupied = sorted({run.layer for run in sliced.runs})
        steps = [after - before for before, after in pairwise([*occupied, sliced.slices])]
        kernel = partial(self._kernel, float(self.edges[1] - self.edges[0]))
        band = propagation_band(self.shape)
        slices = list(self._transmissions(sliced))
        first = float(self.edges[occupied[0]]) if occupied else float(self.edges[-1])
        found = torch.empty((len(beams.rows), len(pixels)), dtype=torch.complex64, device=self.device)
        for part in self._batches(len(found)):
            waves = self._plane_waves(beams, part, first)
            for transmission, count in zip(slices[:-1], steps[:-1], strict=True):
                waves = band.inverse(band.forward(waves.mul_(transmission)).mul_(kernel(count)))
            if slices:
                waves.mul_(slices[-1])
            spectra = band.forward(waves).mul_(kernel(steps[-1] if steps else 0))
            found[part] = spectra.reshape(len(spectra), -1)[:, pixels]
        return found / (self.shape[0] * self.shape[1])

    def _transmissions(self, sliced: SlicedAtoms) -> Iterator[Tensor]:
        """Yield exp(iσV) (y, x) of every slice that holds atoms, limited to the band of the wave."""
        fine_y, fine_x = (self.oversampling * size for size in self.shape)
        phases = iterate_slices(
            sliced,
            shape=(fine_y, fine_x),
            pixel_size=(self.sides[0] / fine_y, self.sides[1] / fine_x),
            scale=interaction_constant(self.energy),
            device=self.device,
        )
        band = propagation_band(self.shape)
        aperture = self._kernel(0.0, 0) / self.oversampling**2
        for _, phase in phases:
            spectrum = resize_spectrum(torch.fft.fft2(phasor(phase)), self.shape)
            yield band.inverse(band.select(spectrum.t()) * aperture).contiguous()

    def _kernel(self, thickness: float, steps: int) -> Tensor:
        return limited_propagator(self.shape, self.pixel, thickness, steps, self.energy, torch.complex64, self.device)

    def _batches(self, beams: int) -> Iterator[slice]:
        most = max(1, _AT_ONCE.get(self.device.type, _AT_ONCE["cuda"]) // (self.shape[0] * self.shape[1]))
        yield from (slice(start, min(start + most, beams)) for start in range(0, beams, most))

    def _plane_waves(self, beams: Beams, part: slice, depth: float) -> Tensor:
        """Waves (n, y, x) of some beams behind `depth` Å of vacuum, amplitude 1."""
        q, _ = beams.frequencies()
        phase = -pi * wavelength(self.energy) * depth * q[part].square()
        along = [
            one[part, None].double() * torch.arange(size, dtype=torch.float64, device=self.device) * (2.0 * pi / size)
            for one, size in zip((beams.rows, beams.columns), self.shape, strict=True)
        ]
        factor_y, factor_x = (torch.polar(torch.ones_like(one), one) for one in (along[0] + phase[:, None], along[1]))
        return factor_y.to(torch.complex64)[:, :, None] * factor_x.to(torch.complex64)[:, None, :]


def image_series(detected: DetectedBeams, probe: Probe) -> Tensor:
    """Fourier coefficients (detectors, y, x) of the images of a probe, corner origin, in steps of 1/side of the cell.

    I(R) = Σ_Q coefficient(Q) exp(2πi **Q**·**R**), in fractions of the beam, with focal spread, without the source.

    Raises
    ------
    PassbandError
        The probe has another energy than that of the simulation, or a larger semi-angle.
    """
    beams, simulated = detected.beams, detected.probe
    if probe.energy != simulated.energy or probe.semi_angle > simulated.semi_angle:
        raise PassbandError(
            f"a probe of {probe.energy:g} eV and {probe.semi_angle:g} rad is not among the beams of "
            f"{simulated.energy:g} eV up to {simulated.semi_angle:g} rad; simulate the specimen with it"
        )
    amplitudes = beam_amplitudes(probe, beams).to(torch.complex64)
    squared = beams.frequencies()[0].square()
    weights = amplitudes.conj()[:, None] * amplitudes
    if probe.focal_spread:
        weights = weights * coherence(probe, squared[:, None], squared).to(torch.float32)
    rows, columns = (4 * int(one.abs().max()) + 1 for one in (beams.rows, beams.columns))
    difference_y = (beams.rows[:, None] - beams.rows).remainder(rows)
    difference_x = (beams.columns[:, None] - beams.columns).remainder(columns)
    index = (difference_y * columns + difference_x).reshape(-1)
    series = torch.zeros((len(detected.matrix), rows * columns), dtype=torch.complex64, device=index.device)
    for coefficients, matrix in zip(series, detected.matrix, strict=True):
        coefficients.index_add_(0, index, (weights * matrix).reshape(-1))
    return series.reshape(-1, rows, columns)
