"""Acquisition: labelled micrographs per second from a store against simulating each; memory of simulating.

    OMP_NUM_THREADS=1 python benchmarks/bench_acquisition.py [--quick]

Seconds are CPU seconds of the process, so that other work on the machine does not count; rates are per CPU second.
Every line is one process, so that its peak memory is its own. First table: a labelled micrograph under fresh random
conditions, from the store and from its atoms; aim: 100×. Second table: memory of simulating against the number of
structures; aim: less than 4 GB whatever the length.

Remarks
-------
au_hrtem has waves of 0.4 Å and 8 aberrations; cdse has waves of 0.1 Å, 8 phonons and the paper's minimum of contrast.
Each CdSe image sums 8 phonons × its focal nodes of 640² transforms, 200 at 25 nodes; at 0.2 Å six nodes are as exact
(see Waves). What grows with a store is its table, a few hundred bytes per structure. With two workers, their start
weighs on structures this small.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.structure import simulate_structure
from passband.specimen.sampling import SceneDistribution

PLANS = Path(__file__).resolve().parents[1] / "plans"


def _plan(name: str, **changed: Any) -> tuple[Simulation, Imaging]:
    plan = tomllib.loads((PLANS / f"{name}.toml").read_text())
    return Simulation.model_validate({**plan["simulation"], **changed}), Imaging.model_validate(plan["imaging"])


def rate(name: str, focal_nodes: int | None, images: int) -> dict[str, Any]:
    """CPU seconds of a labelled micrograph from the store, and of one that is simulated for its conditions alone."""
    recipe, imaging = _plan(name, structures=1)
    imaging = imaging.model_copy(update={"focal_nodes": focal_nodes})
    warm = recipe.model_copy(update={"pixel_size": recipe.pixel_size * 4, "stored_pixel_size": None, "phonons": 1})
    simulate_structure(warm, 1)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        store = simulate(recipe, Path(folder) / "store")
        anew = time.process_time() - begun
        acquisition = Acquisition(store, imaging)
        acquisition.batch(0, 1)
        begun = time.process_time()
        for step in range(images):
            acquisition.batch(step + 1, 1)
        stored = (time.process_time() - begun) / images
    simulated = anew + stored
    return {
        "plan": name,
        "waves": f"{recipe.stored_waves} × {recipe.stored_pixels}²",
        "focal nodes": focal_nodes or "as needed",
        "from the store (s)": f"{stored:.3f}",
        "images per CPU s": f"{1 / stored:.1f}",
        "simulated anew (s)": f"{simulated:.1f}",
        "ratio": f"{simulated / stored:.0f}×",
    }


def memory(structures: int, workers: int, field: float) -> dict[str, Any]:
    """Peak memory of a run of some length."""
    small = field < 64
    scene = SceneDistribution(
        field=field, film_thickness=8.0 if small else 50.0, diameter=12.0 if small else 40.0, particles=2, gap=2.0
    )
    recipe = Simulation(scene=scene, structures=structures, pixel_size=0.4, focus_reference="centre")
    begun, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        simulate(recipe, Path(folder) / "store", workers=workers)
    wall = time.perf_counter() - begun
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - cpu + children.ru_utime + children.ru_stime
    own, worker = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children.ru_maxrss
    return {
        "field (Å)": field,
        "structures": structures,
        "workers": workers,
        "seconds": f"{wall:.1f}",
        "structures per CPU s": f"{structures / seconds:.2f}",
        "peak of the parent (MB)": f"{own / 1024:.0f}",
        "peak of a worker (MB)": f"{worker / 1024:.0f}" if workers > 1 else "—",
    }


RATES = [("au_hrtem", None, 30), ("cdse", 7, 4), ("cdse", 25, 2)]
MEMORY = [(50, 1, 32.0), (200, 1, 32.0), (200, 2, 32.0), (6, 1, 160.0), (18, 1, 160.0)]


def _table(rows: list[dict[str, Any]]) -> None:
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    print()


def _one_process(what: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", json.dumps([what, *arguments])]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the gold plan and the short runs only")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        what, *values = json.loads(arguments.one)
        runs: dict[str, Callable[..., Any]] = {"rate": rate, "memory": memory}
        print(json.dumps(runs[what](*values)))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    _table([_one_process("rate", case) for case in (RATES[:1] if arguments.quick else RATES)])
    _table([_one_process("memory", case) for case in (MEMORY[:2] if arguments.quick else MEMORY)])


if __name__ == "__main__":
    main()
