"""Anneal the periodic cell of amorphous carbon that `passband.specimen.network` cuts films from, and write it.

`python benchmarks/carbon_network.py CELL.npy` takes a quarter of an hour and prints how the network forms. Its energy:

* Stillinger & Weber's (Phys. Rev. B 31 (1985) 5262) with the angle of sp² carbon, cos θ = −1/2, and a bond that the
  tension of the network stretches to 1.44 Å; `LAMBDA` sets how dear a fourth neighbour is;
* a soft repulsion of all atoms nearer than 3.4 Å, as π electrons repel; it weakens while the melt cools, so that it
  does not cost bonds;
* a price for waves of density longer than 4 Å. Without these two a melt of bonds and angles alone freezes with voids,
  and films have three times the grain below 0.2 Å⁻¹ that a published cell has.

The melt is cooled from 4,500 K to 300 K within 3 ps and relaxed. Coordinates are kept in 1/65536 of the side. The cell
that comes with passband was made by a draft of this script with other random numbers.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from passband.specimen.network import CELL_DENSITY, CELL_SIDE
from passband.specimen.support import amorphous_film

BOND, EPSILON, LAMBDA = 1.395, 4.0, 70.0  # Å, eV, dimensionless
SIGMA = BOND / 2 ** (1 / 6)  # Å
CUT = 1.8  # of σ, where bonds end
REPULSION, RANGE = (2.2, 0.5), 3.4  # eV at distance 0, hot and cold; Å
EVENNESS, LONGEST = 0.4, 0.25  # eV for the power of a wave of density in the longest waves; Å⁻¹, where it ends
SKIN = 0.45  # Å by which lists of neighbours reach farther, for `RENEWED` steps
RENEWED, NEIGHBOURS, BONDED = 15, 32, 8
WAVES = 4  # steps after which the slow force of the waves of density is applied, that many times
MASS, BOLTZMANN = 12.011 * 1.036427e-4, 8.617333e-5  # eV ps²/Å², eV/K
STEP, FRICTION, STRONGEST = 6.5e-4, 20.0, 60.0  # ps, 1/ps, eV/Å
HOT, COLD, MELT = 4500.0, 300.0, 0.1  # K, K, fraction of the steps that are hot


def neighbours(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (n, k) of the neighbours of each atom, nearest first, and which of them there are."""
    points = positions.double().numpy() % CELL_SIDE
    tree = cKDTree(points, boxsize=np.full(3, CELL_SIDE))
    distances, indices = (np.asarray(found)[:, 1:] for found in tree.query(points, NEIGHBOURS + 1))
    there = distances < RANGE + SKIN
    return torch.as_tensor(np.where(there, indices, 0)), torch.as_tensor(there)


def energy(positions: Tensor, index: Tensor, there: Tensor, repulsion: float) -> Tensor:
    """Energy of bonds, angles and repulsion, eV."""
    offsets = positions[index] - positions[:, None]
    offsets = offsets - CELL_SIDE * torch.round(offsets / CELL_SIDE)
    square = (offsets**2).sum(-1)
    far = torch.sqrt(torch.where(there & (square < RANGE**2), square, RANGE**2))
    apart = 0.5 * repulsion * ((1.0 - far / RANGE) ** 2).sum()
    offsets, square, there = offsets[:, :BONDED], square[:, :BONDED], there[:, :BONDED]
    there = there & (square < (0.999 * CUT * SIGMA) ** 2)
    distance = torch.sqrt(torch.where(there, square, 1.0))
    gap = torch.where(there, distance / SIGMA - CUT, -1.0)
    pairs = 7.049556277 * (0.6022245584 * (SIGMA / distance) ** 4 - 1.0) * torch.exp(1.0 / gap)
    reach = torch.where(there, torch.exp(1.2 / gap), 0.0)
    unit = offsets / distance[..., None]
    angles = (unit @ unit.mT + 0.5) ** 2 * reach[:, :, None] * reach[:, None, :]
    bends = 0.5 * (angles.sum() - torch.diagonal(angles, dim1=1, dim2=2).sum())
    return EPSILON * (0.5 * torch.where(there, pairs, 0.0).sum() + LAMBDA * bends) + apart


def unevenness(positions: Tensor) -> Tensor:
    """Energy of the waves of density, eV: Σ |ρ(q)|² / n over both of ±q, less for shorter waves."""
    most = int(LONGEST * CELL_SIDE)
    orders = torch.arange(-most, most + 1, dtype=torch.float32)
    square = (orders[:, None, None] ** 2 + orders[None, :, None] ** 2 + orders**2) / CELL_SIDE**2
    weight = (1.0 - square / LONGEST**2).clamp(min=0.0)
    weight[most, most, most] = 0.0
    angle = positions[:, :, None] * (orders * (2.0 * np.pi / CELL_SIDE))
    wave = torch.polar(torch.ones_like(angle), angle)
    plane = (wave[:, 0, :, None] * wave[:, 1, None, :]).reshape(len(positions), -1)
    density = (plane.T @ wave[:, 2]).reshape(weight.shape)
    return 0.5 * EVENNESS * (weight * (density.real**2 + density.imag**2)).sum() / len(positions)


def coordination(positions: Tensor) -> NDArray[np.float64]:
    """Fraction of atoms with 0, 1, 2, … neighbours within 1.85 Å."""
    points = positions.double().numpy() % CELL_SIDE
    tree = cKDTree(points, boxsize=np.full(3, CELL_SIDE))
    pairs = tree.query_pairs(1.85, output_type="ndarray")
    found: NDArray[np.float64] = np.bincount(np.bincount(pairs.ravel(), minlength=len(points))) / len(points)
    return found


def anneal(steps: int, relaxing: int, seed: int) -> Tensor:
    """Positions (n, 3) of a relaxed network, Å."""
    torch.manual_seed(seed)
    start = amorphous_film(
        (CELL_SIDE, CELL_SIDE), CELL_SIDE, density=CELL_DENSITY, minimum_distance=1.3, rng=np.random.default_rng(seed)
    )
    positions = torch.tensor(start.positions, dtype=torch.float32)
    velocity = torch.zeros_like(positions)
    kept = float(np.exp(-FRICTION * STEP))
    for step in range(steps + relaxing):
        if step % RENEWED == 0:
            index, there = neighbours(positions)
        cooled = min(1.0, max(0.0, (step / steps - MELT) / (1.0 - MELT)))
        positions.requires_grad_(True)
        total = energy(positions, index, there, REPULSION[0] * (1.0 - cooled) + REPULSION[1] * cooled)
        if step % WAVES == 0:
            total = total + (WAVES if step < steps else 1) * unevenness(positions)
        (slope,) = torch.autograd.grad(total, positions)
        positions, force = positions.detach(), -slope.clamp(-STRONGEST, STRONGEST)
        velocity = velocity + STEP * force / MASS
        if step < steps:
            temperature = HOT * (1.0 - cooled) + COLD * cooled
            heat = float(np.sqrt((1.0 - kept**2) * BOLTZMANN * temperature / MASS))
            velocity = kept * velocity + heat * torch.randn_like(velocity)
        else:
            velocity = 0.9 * velocity * float((velocity * force).sum() > 0)
        positions = positions + STEP * velocity
        if step % 500 == 0:
            print(step, coordination(positions).round(3), flush=True)
    return positions % CELL_SIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="file to write, .npy")
    parser.add_argument("--steps", type=int, default=4_500, help="of the cooling")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    positions = anneal(arguments.steps, 600, arguments.seed).double().numpy()
    np.save(arguments.output, np.rint(positions / CELL_SIDE * 65536.0).astype(np.int64).astype(np.uint16))


if __name__ == "__main__":
    main()
