"""From exit waves to images: every aberration, partial coherence as a sum over focus and phonons.

I = Σ_k w_k ⟨|F⁻¹{ψ̂ A E_s exp(−i(χ + πλδ_k q²))}|²⟩ over phonons, with Σ w_k = 1: an incoherent sum, because the image
of a thick particle is not linear in its wave. The defocus nodes δ_k (added to C10) are those of Gauss–Hermite
quadrature for a Gaussian focal spread. The angular spread is applied as the envelope E_s = exp(−½β²|∇χ|²) on the wave,
at the nominal focus: an approximation, right for the linear part of an image (Wade & Frank, Optik 49 (1977) 81).

C10 alone changes from node to node, and exp(−iπλC10 q²) is a product of one factor along y and one along x, so that
everything else is computed once.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, pi
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.electron import wavelength
from passband.microscope.band import ColumnBand, highest_column
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import fourier_resample
from passband.microscope.phase_polynomial import evaluate, gradient_squared, phase_coefficients
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


def form_images(
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
        Pixels (y, x) of the images over the same field; the images' spectra are cropped, which keeps the mean.
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
    shape = (waves.shape[-2], waves.shape[-1])
    images = _empty((len(conditions), *(output_shape or shape)), like=waves.real)
    optics: _Optics | None = None
    spectra: Tensor | None = None
    for index, one in enumerate(conditions):
        if spectra is None or len(waves) > 1:
            wave = waves[index if len(waves) > 1 else 0]
            spectra = (torch.fft.fft2(wave) if space == "real" else wave).transpose(-1, -2).contiguous()
            highest = highest_column(spectra)
        key = _key_of(one, highest)
        if optics is None or optics.key != key:
            optics = _Optics.of(one, key, (shape, pixel_size, highest), spectra)
        count = focal_nodes
        if count is None:
            extent = optics.band.highest / (shape[1] * pixel_size)
            count = enough_focal_nodes(one.focal_spread, one.energy, extent)
        nodes = focal_nodes_and_weights(one.focal_spread, count, quadrature=quadrature)
        total = _intensity(spectra, optics, one.aberrations.C10 + nodes[0], nodes[1])
        if output_shape is None:
            torch.add(total[..., 0], total[..., 1], out=images[index])
        else:
            images[index] = _crop(total.sum(dim=-1), output_shape)
    return images


def _empty(shape: tuple[int, ...], *, like: Tensor) -> Tensor:
    """Fresh memory; NumPy asks the system for large pages, which take a third of the time to be filled."""
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    return torch.from_numpy(np.empty(shape, dtype=np.float32 if like.dtype == torch.float32 else np.float64))


def _check_waves(waves: Tensor, conditions: Sequence[Conditions], pixel_size: float) -> None:
    if waves.ndim != 4 or not waves.is_complex():
        raise PassbandError(
            f"waves of shape {tuple(waves.shape)} and {waves.dtype}: give complex waves (n, phonons, y, x)"
        )
    if len(waves) not in (1, len(conditions)):
        raise PassbandError(f"{len(waves)} waves and {len(conditions)} conditions; give one wave, or one per condition")
    if not pixel_size > 0.0:
        raise PassbandError(f"pixel_size={pixel_size} Å is not positive; write the side of a pixel in Å")


def _key_of(one: Conditions, highest: int) -> str:
    """Equal for conditions that differ in C10, focal spread and detector only (C10 too has a part in the envelope)."""
    kept = one.aberrations if one.angular_spread else one.aberrations.model_copy(update={"C10": 0.0})
    return f"{highest}|{one.energy}|{kept.to_json()}|{one.angular_spread}|{one.aperture}"


class _Optics(NamedTuple):
    """All of the transfer but defocus: shared by the focal nodes, and by conditions that differ in C10 only."""

    key: str
    band: ColumnBand
    transfer: Tensor | None  # (kept kx, y) complex; None when it is 1
    squares: tuple[Tensor, Tensor]  # πλq² along y and along the kept kx, double precision

    @classmethod
    def of(cls, one: Conditions, key: str, grid: tuple[tuple[int, int], float, int], like: Tensor) -> "_Optics":
        """Optics on a `grid` of (shape, pixel size, highest kx of the waves), with dtype and device of `like`."""
        shape, pixel_size, highest = grid
        length = wavelength(one.energy)
        if one.aperture is not None:
            highest = min(highest, ceil(one.aperture / length * pixel_size * shape[1]))
        band = ColumnBand(shape, highest)
        axes = [torch.fft.fftfreq(size, d=pixel_size, dtype=torch.float64, device=like.device) for size in shape]
        q_y, q_x = axes[0], band.select(axes[1][:, None])[:, 0]
        transfer = _transfer(one, q_x, q_y, like.dtype)
        return cls(key, band, transfer, (q_y.square() * (pi * length), q_x.square()[:, None] * (pi * length)))

    def defocus(self, c10: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Factors (1, y) and (kept kx, 1) whose product is exp(−iπλ·c10·q²)."""
        along_y, along_x = (torch.polar(torch.ones_like(square), square * -c10).to(dtype) for square in self.squares)
        return along_y, along_x


def _transfer(one: Conditions, q_x: Tensor, q_y: Tensor, dtype: torch.dtype) -> Tensor | None:
    """A·E_s·exp(−iχ) with C10 left out of χ, (kept kx, y), or None when it is 1; frequencies in double precision."""
    coefficients = one.aberrations.nonzero()
    others = {name: value for name, value in coefficients.items() if name != "C10"}
    if not others and not one.angular_spread and one.aperture is None:
        return None
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    length = wavelength(one.energy)
    x, y = q_x * length, q_y * length
    chi = evaluate(phase_coefficients(others, length), x, y).to(real)
    transfer = torch.complex(torch.cos(chi), torch.sin(chi).neg_())
    if one.angular_spread:
        gradient = gradient_squared(phase_coefficients(coefficients, length), x, y)
        transfer.mul_(torch.exp(gradient.to(real).mul_(-0.5 * one.angular_spread**2)))
    if one.aperture is not None:
        transfer.mul_(torch.hypot(x[:, None], y[None, :]) <= one.aperture)
    return transfer


def _intensity(spectra: Tensor, optics: _Optics, defoci: NDArray[np.float64], weights: NDArray[np.float64]) -> Tensor:
    """Weighted mean over phonons (the first axis of `spectra`) and focal nodes: (y, x, 2), squares of Re ψ and Im ψ."""
    total = torch.zeros((*optics.band.shape, 2), dtype=spectra.real.dtype, device=spectra.device)
    factors = [optics.defocus(float(c10), spectra.dtype) for c10 in defoci]
    for spectrum in spectra:
        aberrated = optics.band.select(spectrum)
        if optics.transfer is not None:
            aberrated = aberrated * optics.transfer
        for (along_y, along_x), weight in zip(factors, weights, strict=True):
            parts = torch.view_as_real(optics.band.inverse((aberrated * along_y).mul_(along_x)))
            total.addcmul_(parts, parts, value=float(weight) / len(spectra))
    return total


def _crop(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Image (y, x) on fewer pixels of the same field: its spectrum is cropped."""
    old = (image.shape[-2], image.shape[-1])
    if shape[0] > old[0] or shape[1] > old[1]:
        return fourier_resample(image, shape)
    half = torch.fft.rfft2(image, norm="forward")[:, : shape[1] // 2 + 1]
    top, bottom = (shape[0] + 1) // 2, shape[0] // 2
    kept = torch.cat((half[:top], half[old[0] - bottom :]))
    if shape[0] % 2 == 0 and shape[0] < old[0]:  # both signs of the new Nyquist frequency fall on one line
        kept[bottom] += half[bottom]
    if shape[1] % 2 == 0 and shape[1] < old[1]:
        kept[:, -1] *= 2.0
    cropped: Tensor = torch.fft.irfft2(kept, s=shape, norm="forward")
    return cropped
