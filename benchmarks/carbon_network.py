"""Anneal the periodic cell of amorphous carbon that `passband.specimen.network` cuts films from, and write it.

`python benchmarks/carbon_network.py CELL.npy` takes ten minutes on one core and prints how the network forms. The
potential is that of Stillinger & Weber (Phys. Rev. B 31 (1985) 5262) with the angle of sp² carbon, cos θ = −1/2, and a
bond that the tension of the network stretches to 1.44 Å. It knows bonds and angles and nothing of π electrons, which is
what projected images of thin films are sensitive to. `LAMBDA` sets how dear a fourth neighbour is. The melt is cooled
from 5,500 K to 300 K within 6 ps and then relaxed; coordinates are kept in 1/65536 of the side.
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

BOND, EPSILON, LAMBDA = 1.405, 4.0, 78.0  # Å, eV, dimensionless
SIGMA = BOND / 2 ** (1 / 6)  # Å
CUT = 1.8  # of σ, where the potential ends
SKIN = 0.45  # Å by which lists of neighbours reach farther, for `RENEWED` steps
RENEWED, NEIGHBOURS = 15, 8
MASS, BOLTZMANN = 12.011 * 1.036427e-4, 8.617333e-5  # eV ps²/Å², eV/K
STEP, FRICTION, STRONGEST = 6e-4, 20.0, 60.0  # ps, 1/ps, eV/Å


def neighbours(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (n, k) of the neighbours of each atom, and which of them there are."""
    points = positions.double().numpy() % CELL_SIDE
    tree = cKDTree(points, boxsize=np.full(3, CELL_SIDE))
    distances, indices = (np.asarray(found)[:, 1:] for found in tree.query(points, NEIGHBOURS + 1))
    there = distances < CUT * SIGMA + SKIN
    return torch.as_tensor(np.where(there, indices, 0)), torch.as_tensor(there)


def energy(positions: Tensor, index: Tensor, there: Tensor) -> Tensor:
    """Energy of the network, eV."""
    offsets = positions[index] - positions[:, None]
    offsets = offsets - CELL_SIDE * torch.round(offsets / CELL_SIDE)
    square = (offsets**2).sum(-1)
    there = there & (square < (0.999 * CUT * SIGMA) ** 2)
    distance = torch.sqrt(torch.where(there, square, 1.0))
    gap = torch.where(there, distance / SIGMA - CUT, -1.0)
    pairs = 7.049556277 * (0.6022245584 * (SIGMA / distance) ** 4 - 1.0) * torch.exp(1.0 / gap)
    reach = torch.where(there, torch.exp(1.2 / gap), 0.0)
    unit = offsets / distance[..., None]
    angles = (unit @ unit.mT + 0.5) ** 2 * reach[:, :, None] * reach[:, None, :]
    bends = 0.5 * (angles.sum() - torch.diagonal(angles, dim1=1, dim2=2).sum())
    return EPSILON * (0.5 * torch.where(there, pairs, 0.0).sum() + LAMBDA * bends)


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
        positions.requires_grad_(True)
        (slope,) = torch.autograd.grad(energy(positions, index, there), positions)
        positions, force = positions.detach(), -slope.clamp(-STRONGEST, STRONGEST)
        velocity = velocity + STEP * force / MASS
        if step < steps:
            cooled = max(0.0, (step / steps - 0.1) / 0.9)
            temperature = 5500.0 * (1.0 - cooled) + 300.0 * cooled
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
    parser.add_argument("--steps", type=int, default=10_000, help="of the cooling")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    positions = anneal(arguments.steps, 600, arguments.seed).double().numpy()
    np.save(arguments.output, np.rint(positions / CELL_SIDE * 65536.0).astype(np.int64).astype(np.uint16))


if __name__ == "__main__":
    main()
