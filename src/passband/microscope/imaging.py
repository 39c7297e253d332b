"""From exit waves to images: every aberration, partial coherence as a sum over focus and phonons.

I = Σ_k w_k ⟨|F⁻¹{ψ̂ A E_s exp(−i(χ + πλδ_k q²))}|²⟩ over phonons, with Σ w_k = 1: an incoherent sum, because the image
of a thick particle is not linear in its wave. The defocus nodes δ_k (added to C10) are those of Gauss–Hermite
quadrature for a Gaussian focal spread. The angular spread is applied as the envelope E_s = exp(−½β²|∇χ|²) on the wave,
at the nominal focus: an approximation, right for the linear part of an image (Wade & Frank, Optik 49 (1977) 81).

C10 alone changes from node to node, and exp(−iπλC10 q²) is a product of one factor along y and one along x, so that
everything else is computed once.

|ψ|² reaches twice as far as ψ. Where the image's pixels cannot hold that, ψ is squared on a finer grid (`exact_grid`)
and the spectrum of the image is cropped to its pixels: frequencies beyond are dropped instead of coming back as lower
ones, those that are kept are exact, and the mean is the power of the wave.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from math import ceil, pi
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.band import Band, exact_grid, highest_frequency, highest_indices, spectral_power
from passband.microscope.conditions import Conditions
from passband.microscope.phase_polynomial import evaluate, gradient_squared, phase_coefficients, phasor
from passband.recipe import PassbandError

Quadrature = Literal["gauss", "equidistant"]
MOST_NODES = 101


def focal_nodes_and_weights(
    focal_spread: float, nodes: int, *, quadrature: Quadrature = "gauss"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets in Å and weights (sum 1) of the focus of an exposure whose focal spread is `focal_spread` Å (std).

    "gauss" are the nodes of Gauss–Hermite quadrature, "equidistant" are even steps over ±3 standard deviations. Without
    spread there is one node.

    Raises
    ------
    PassbandError
        `nodes` is below 1.

    Examples
    --------
    >>> offsets, weights = focal_nodes_and_weights(10.0, 3)
    >>> offsets.round(2).tolist(), weights.round(3).tolist()
    ([-17.32, 0.0, 17.32], [0.167, 0.667, 0.167])
    """
    if nodes < 1:
        raise PassbandError(f"focal_nodes={nodes} leaves nothing to sum; use 1 or more")
    if focal_spread == 0.0 or nodes == 1:
        return np.zeros(1), np.ones(1)
    if quadrature == "gauss":
        offsets, weights = np.polynomial.hermite_e.hermegauss(nodes)
    else:
        offsets = np.linspace(-3.0, 3.0, nodes)
        weights = np.exp(-0.5 * offsets**2)
    return offsets * focal_spread, weights / weights.sum()


@lru_cache(maxsize=256)
def enough_focal_nodes(focal_spread: float, energy: float, highest_frequency: float, *, tolerance: float = 1e-3) -> int:
    """Fewest Gauss–Hermite nodes that damp every pair of frequencies up to the highest to within `tolerance`.

    Two beams q and q′ interfere with the factor ⟨exp(−iπλδ(q² − q′²))⟩ over the focal spread, exp(−½s²) with
    s = πλΔ|q² − q′²|; the nodes must give that for every s up to πλΔ·highest_frequency². At most `MOST_NODES`.

    Measured at 300 kV for CdSe on carbon, as rms error over the contrast: Δ = 10 Å needs 3 nodes at 0.4 Å (error 9e-6),
    6 at 0.2 Å (3e-5), 27 at 0.1 Å; 25 equidistant nodes over ±3Δ err by 1e-3, for the tails that they leave out.

    Parameters
    ----------
    focal_spread, energy
        Å (standard deviation), eV.
    highest_frequency
        Å⁻¹, of the wave behind the aperture.

    Examples
    --------
    >>> [enough_focal_nodes(10.0, 300e3, 1.0 / (3.0 * pixel_size)) for pixel_size in (0.4, 0.2, 0.1)]
    [3, 6, 27]
    """
    largest = pi * wavelength(energy) * focal_spread * highest_frequency**2
    phases = np.linspace(0.0, largest, 200)
    wanted = np.exp(-0.5 * phases**2)
    for nodes in range(1, MOST_NODES):
        offsets, weights = focal_nodes_and_weights(1.0, nodes)
        if np.abs(np.cos(np.outer(phases, offsets)) @ weights - wanted).max() <= tolerance:
            return nodes
    return MOST_NODES


def form_images(  # noqa: PLR0913
    waves: Tensor,
    conditions: Sequence[Conditions],
    *,
    pixel_size: float,
    focal_nodes: int | None = None,
    quadrature: Quadrature = "gauss",
    output_shape: tuple[int, int] | None = None,
    space: Literal["real", "fourier"] = "real",
) -> Tensor:
    """Noise-free images of exit waves, intensity 1 in vacuum.

    Parameters
    ----------
    waves
        Complex (n, phonons, y, x), or (1, phonons, y, x) to image one specimen under n conditions.
    conditions
        n settings; energy, aberrations, focal spread, angular spread and aperture are used.
    pixel_size
        Å, of the waves.
    focal_nodes, quadrature
        See `focal_nodes_and_weights`; None is as many as `enough_focal_nodes` finds for the band of each wave.
    output_shape
        Pixels (y, x) of the images over the same field, those of the waves unless given. What is finer is dropped.
    space
        "fourier" when `waves` are already `torch.fft.fft2` of the waves.

    Returns
    -------
    Tensor
        Real (n, y, x) or `(n, *output_shape)`. The input is untouched. Work space is a few waves, whatever n.

    Raises
    ------
    PassbandError
        The numbers of waves and conditions do not fit, or the waves are not complex.
    """
    _check_waves(waves, conditions, pixel_size)
    size = output_shape or (waves.shape[-2], waves.shape[-1])
    images = _empty((len(conditions), *size), like=waves.real)
    wave: _Wave | None = None
    optics: _Optics | None = None
    spectra: Tensor | None = None
    for index, one in enumerate(conditions):
        if wave is None or len(waves) > 1:
            wave, spectra = _Wave(waves[index if len(waves) > 1 else 0], pixel_size, space=space), None
        key = _key_of(one, wave.highest)
        if optics is None or optics.key != key:
            optics, spectra = _Optics.of(one, key, wave, size, optics.band if optics else None), None
        if spectra is None:
            spectra = optics.passed(wave.spectra)
        count = _enough(one, wave) if focal_nodes is None else focal_nodes
        defoci, weights = focal_nodes_and_weights(one.focal_spread, count, quadrature=quadrature)
        total = _squares(spectra, optics, one.aberrations.C10 + defoci, weights)
        if optics.band.grid == size:
            torch.add(total[..., 0], total[..., 1], out=images[index])
        else:
            images[index] = _crop(total[..., 0] + total[..., 1], size)
    return images


class _Wave:
    """Spectra (phonons, kept kx, kept ky) of the waves of one specimen, and how far they reach."""

    def __init__(self, waves: Tensor, pixel_size: float, *, space: Literal["real", "fourier"]) -> None:
        whole = torch.fft.fft2(waves) if space == "real" else waves
        self._power = spectral_power(whole)
        self.shape = (whole.shape[-2], whole.shape[-1])
        self.pixel_size = pixel_size
        self.highest = highest_indices(self._power)
        self.spectra = Band(self.shape, self.highest).select(whole.transpose(-1, -2)).contiguous()

    @cached_property
    def highest_frequency(self) -> float:
        """|q| in Å⁻¹."""
        return highest_frequency(self._power, self.pixel_size)


def _enough(one: Conditions, wave: _Wave) -> int:
    """Focal nodes for the frequencies of a wave that the aperture passes, along whatever direction they lie."""
    if one.focal_spread == 0.0:
        return 1
    highest = wave.highest_frequency
    if one.aperture is not None:
        highest = min(highest, one.aperture / wavelength(one.energy))
    return enough_focal_nodes(one.focal_spread, one.energy, highest)


def _empty(shape: tuple[int, ...], *, like: Tensor) -> Tensor:
    """Fresh memory; NumPy asks the system for large pages, which take a third of the time to be filled."""
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    return torch.from_numpy(np.empty(shape, dtype=np.float32 if like.dtype == torch.float32 else np.float64))


def _check_waves(waves: Tensor, conditions: Sequence[Conditions], pixel_size: float) -> None:
    if waves.ndim != 4 or not waves.is_complex() or 0 in waves.shape[1:]:
        raise PassbandError(
            f"waves of shape {tuple(waves.shape)} and {waves.dtype}: give complex waves (n, phonons, y, x)"
        )
    if len(waves) not in (1, len(conditions)):
        raise PassbandError(f"{len(waves)} waves and {len(conditions)} conditions; give one wave, or one per condition")
    if not pixel_size > 0.0:
        raise PassbandError(f"pixel_size={pixel_size} Å is not positive; write the side of a pixel in Å")


def _key_of(one: Conditions, highest: tuple[int, int]) -> tuple[object, ...]:
    """Equal for conditions that differ in C10, focal spread and detector only (C10 too has a part in the envelope)."""
    kept = one.aberrations.nonzero()
    if not one.angular_spread:
        kept.pop("C10", None)
    return (highest, one.energy, tuple(kept.items()), one.angular_spread, one.aperture)


class _Optics(NamedTuple):
    """All of the transfer but defocus: shared by the focal nodes, and by conditions that differ in C10 only."""

    key: tuple[object, ...]
    band: Band
    transfer: Tensor | None  # (kept kx, kept ky) complex; None when it is 1
    squares: tuple[Tensor, Tensor]  # πλq² of the kept ky and of the kept kx, double precision

    @classmethod
    def of(
        cls, one: Conditions, key: tuple[object, ...], wave: _Wave, size: tuple[int, int], last: Band | None
    ) -> "_Optics":
        """Optics for images of `size` of a wave, with its dtype and device; the `last` band is kept if it fits."""
        length = wavelength(one.energy)
        highest = wave.highest
        if one.aperture is not None:
            reach = [ceil(one.aperture / length * wave.pixel_size * pixels) for pixels in wave.shape]
            highest = (min(highest[0], reach[0]), min(highest[1], reach[1]))
        band = Band(wave.shape, highest, grid=_grid(highest, size))
        if last is not None and (last.shape, last.highest, last.grid) == (band.shape, band.highest, band.grid):
            band = last  # with its work space
        q_y, q_x = (axis.to(wave.spectra.device) for axis in band.frequencies(wave.pixel_size))
        transfer = _transfer(one, q_x, q_y, wave.spectra.dtype)
        return cls(key, band, transfer, (q_y.square() * (pi * length), q_x.square() * (pi * length)))

    def passed(self, spectra: Tensor) -> Tensor:
        """Pass a wave's spectra (phonons, kx, ky) through the optics in focus, scaled to the band's grid."""
        passed = self.band.select(spectra)
        if self.transfer is not None:
            passed = passed * self.transfer
        return passed if self.band.scale == 1.0 else passed * self.band.scale

    def defocus(self, c10: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Factors (kept ky) and (kept kx) whose product is exp(−iπλ·c10·q²)."""
        along_y, along_x = (torch.polar(torch.ones_like(square), square * -c10).to(dtype) for square in self.squares)
        return along_y, along_x


def _grid(highest: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Grid for images of `size` of waves that reach to `highest`: that size itself, unless they would alias on it."""
    grid = exact_grid(highest, (size[0] // 2, size[1] // 2))
    rows, columns = (own if 4 * reach <= own else other for own, reach, other in zip(size, highest, grid, strict=True))
    return rows, columns


def _transfer(one: Conditions, q_x: Tensor, q_y: Tensor, dtype: torch.dtype) -> Tensor | None:
    """A·E_s·exp(−iχ) with C10 left out of χ, (kx, ky), or None when it is 1; frequencies in double precision."""
    coefficients = one.aberrations.nonzero()
    others = {name: value for name, value in coefficients.items() if name != "C10"}
    if not others and not one.angular_spread and one.aperture is None:
        return None
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    length = wavelength(one.energy)
    x, y = q_x * length, q_y * length
    transfer = phasor(evaluate(phase_coefficients(others, length), x, y).neg_().to(real))
    if one.angular_spread:
        gradient = gradient_squared(phase_coefficients(coefficients, length), x, y)
        transfer.mul_(torch.exp(gradient.to(real).mul_(-0.5 * one.angular_spread**2)))
    if one.aperture is not None:
        transfer.mul_(torch.hypot(x[:, None], y[None, :]) <= one.aperture)
    return transfer


def _squares(spectra: Tensor, optics: _Optics, defoci: NDArray[np.float64], weights: NDArray[np.float64]) -> Tensor:
    """Squares of Re ψ and Im ψ (y, x, 2) on the band's grid: weighted means over phonons and focal nodes."""
    total: Tensor | None = None
    factors = [optics.defocus(float(c10), spectra.dtype) for c10 in defoci]
    for spectrum in spectra:
        for along, weight in zip(factors, weights, strict=True):
            parts = torch.view_as_real(optics.band.inverse(spectrum, along))
            share = float(weight) / len(spectra)
            if total is None:
                total = parts.mul_(parts)
                total = total if share == 1.0 else total.mul_(share)
            else:
                total.addcmul_(parts, parts, value=share)
    assert total is not None
    return total


def _crop(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Image (y, x) on fewer pixels of the same field: its spectrum is cropped, and the mean kept.

    Both signs of the new Nyquist frequency of an even side fall on one line.
    """
    half = torch.fft.rfft(image, norm="forward")[:, : shape[1] // 2 + 1]
    whole = torch.fft.fft(half, dim=-2, norm="forward").t()
    top, bottom = (shape[0] + 1) // 2, shape[0] // 2
    kept = torch.cat((whole[:, :top], whole[:, image.shape[0] - bottom :]), dim=1)
    if shape[0] % 2 == 0 and shape[0] < image.shape[0]:
        kept[:, bottom] += whole[:, bottom]
    if shape[1] % 2 == 0 and shape[1] < image.shape[1]:
        kept[-1] *= 2.0
    rows = torch.fft.ifft(kept, norm="forward").t().contiguous()
    cropped: Tensor = torch.fft.irfft(rows, n=shape[1], norm="forward")
    return cropped
