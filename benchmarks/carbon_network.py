"""Network of carbon: how the periodic cell is annealed that films of amorphous carbon are cut from.

    OMP_NUM_THREADS=1 python benchmarks/carbon_network.py [--steps 4500 --output CELL.npy]

Of the annealing only the first 200 steps are run here; 4,500 take a quarter of an hour. The table has the fraction of
atoms by their number of neighbours within 1.85 Å, and the power of the waves of density by band, 1 for atoms at random
places. The energy has three parts:

* Stillinger & Weber's (Phys. Rev. B 31 (1985) 5262) with the angle of sp² carbon, cos θ = −1/2, and a bond that the
  tension of the network stretches to 1.44 Å; `LAMBDA` sets how dear a fourth neighbour is;
* a soft repulsion of all atoms nearer than 3.4 Å, as π electrons repel; it weakens while the melt cools, so that it
  does not cost bonds;
* a price for waves of density longer than 4 Å. Without these two a melt of bonds and angles alone freezes with voids,
  and films have three times the grain below 0.2 Å⁻¹ that a published cell has.

The melt is cooled from 4,500 K to 300 K and relaxed. Coordinates are kept in 1/65536 of the side.

Remarks
-------
The cell that comes with passband was made by a draft of this script, with 4,500 steps and other random numbers.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from passband.specimen.network import CELL_DENSITY, CELL_SIDE, carbon_cell
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
BANDS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])  # Å⁻¹
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


def row(positions: Tensor) -> str:
    """Row of the table."""
    points = positions.double().numpy() % CELL_SIDE
    pairs = cKDTree(points, boxsize=np.full(3, CELL_SIDE)).query_pairs(1.85, output_type="ndarray")
    counts = np.bincount(np.bincount(pairs.ravel(), minlength=len(points)), minlength=6) / len(points)
    rng = np.random.default_rng(0)
    power = []
    for low, high in pairwise(BANDS):
        waves = rng.integers(-24, 25, (20_000, 3))
        lengths = np.linalg.norm(waves, axis=1) / CELL_SIDE
        waves = waves[(lengths >= low) & (lengths < high)][:300]
        density = np.exp(2j * np.pi / CELL_SIDE * (points @ waves.T)).sum(axis=0)
        power.append(float(np.mean(np.abs(density) ** 2)) / len(points))
    return " | ".join(f"{value:.2f}" for value in [*counts[1:6].tolist(), *power])


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
        if step % (steps // 4) == 0:
            print(f"| step {step} | {row(positions)} |", flush=True)
    return positions % CELL_SIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="of the cooling; 4500 for a cell to use")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="file to write the cell to, .npy")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    heads = [f"{low:g} to {high:g} Å⁻¹" for low, high in pairwise(BANDS)]
    print("\n| network | 1 neighbour | 2 | 3 | 4 | 5 | " + " | ".join(heads) + " |")
    print("|---" * (6 + len(heads)) + "|")
    made = anneal(max(4, arguments.steps), 600 if arguments.output else 0, arguments.seed)
    print(f"| made here | {row(made)} |")
    print(f"| comes with passband | {row(torch.as_tensor(carbon_cell()))} |")
    if arguments.output:
        kept = np.rint(made.double().numpy() / CELL_SIDE * 65536.0)
        np.save(arguments.output, kept.astype(np.int64).astype(np.uint16))


if __name__ == "__main__":
    main()
