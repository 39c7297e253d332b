"""Use every command once, with the versions of packages that this environment has: `python .ci/smoke.py`.

Run by `.ci/run` with the lowest versions that the metadata allow and with the newest. Warnings of packages are shown,
not errors; a traceback, an exit code other than the expected one or a missing file is.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile

MICRO = {
    "simulation.structures": "4",
    "simulation.pixel_size": "0.8",
    "simulation.slice_thickness": "10.0",
    "simulation.scene.field": "51.2",
    "simulation.scene.film_thickness": "10.0",
    "simulation.scene.particles": "1",
    "simulation.scene.diameter": "20.0",
    "imaging.patch": "64",
    "imaging.focal_nodes": "1",
    "training.epochs": "1",
    "training.steps_per_epoch": "2",
    "training.batch_size": "2",
    "network": '"tiny"',
}
CAMPAIGN = """
name = "smoke"
images = 2
network = { stem = 2, encoder = [2, 2, 2, 2], decoder = [2, 2, 2, 2, 2], blocks = 1 }
split = { validation = 0.3, test = 0.3 }
imaging = { pixel_size = 1.0, patch = 32, focal_nodes = 1 }
training = { epochs = 1, steps_per_epoch = 1, batch_size = 2, learning_rate = 1e-2 }

[simulation]
structures = 3
pixel_size = 0.5
slice_thickness = 4.0
phonons = 0
focus_reference = "centre"
scene = { field = 32.0, film_thickness = 8.0, diameter = 12.0, particles = 1, gap = 2.0 }

[families.two]
grid = { defocus = [100.0, -100.0] }

[[parts]]
name = "all"
train_on = "two"
evaluate_on = "two"
seeds = [0]
"""
CIF = """data_x
_cell_length_a 5.43
_cell_length_b 5.43
_cell_length_c 5.43
_symmetry_space_group_name_H-M 'F d -3 m :2'
loop_
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Si 0.125 0.125 0.125
"""
PUBLIC = "import passband; assert all(getattr(passband, name) for name in passband.__all__)"
READ_CIF = "from passband.specimen.crystal import read_cif, unit_cell; assert len(unit_cell(read_cif('si.cif'))) == 8"
SET = " ".join(f"--set {key}={value}" for key, value in MICRO.items())
SUBCOMMANDS = (
    "advise calibrate campaign cite classify demo evaluate fit information inspect realism segment simulate train "
    "translate trust weights zeroshot"
)
# command, and the files that it has to leave
STEPS: list[tuple[str, list[str]]] = [
    ("--version", []),
    ("--help", []),
    *[(f"{name} --help", []) for name in SUBCOMMANDS.split()],
    ("cite", []),
    ("inspect image.tif --json", []),
    (f"demo -o demo {SET} --device cpu -q", ["demo/report.html", "demo/overlay.png"]),
    (f"simulate demo -o store --workers 2 -q {SET}", ["store"]),
    (f"train demo --store store -o run -q {SET}", ["run"]),
    (f"evaluate run demo --store store -q {SET} --json", []),
    ("segment image.tif --model run -o own -q", ["own/image.mask.tif", "own/image.particles.csv"]),
    ("segment image.tif -o masks -q", ["masks/image.mask.tif", "masks/image.overlay.png"]),
    ("classify image.tif -o classes -q", ["classes/image.classes.csv"]),
    ("translate fit-noise image.tif -o noise.json -q", ["noise.json"]),
    ("trust image.tif --c10 -80 --figure trust.png --json", ["trust.png"]),
    ("fit image.tif --energy 300e3 --cs 0 --json", []),
    ("information --energy 300e3 --focal-spread 10 --c10 -80 --c30 2.5e5 --against c10=-250,c30=2.5e5", []),
    ("campaign run plan.toml -o campaign --workers 2 --device cpu -q", ["campaign/runs"]),
    ("campaign status campaign", []),
    ("weights list --json", []),
    ("campaign report campaign", ["campaign/report.html", "campaign/results.parquet"]),
]


def step(command: list[str], folder: Path, files: list[str]) -> list[str]:
    """Run a command; return the lines of warnings that it printed."""
    begun = time.perf_counter()
    environment = os.environ | {"PYTHONWARNINGS": "default", "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    missing = [name for name in files if not (folder / name).exists()]
    shown = " ".join(word for word in command[1:] if "=" not in word and word != "--set")
    if done.returncode or missing or "Traceback" in done.stderr:
        sys.stderr.write(f"{done.stdout}\n{done.stderr}\n")
        sys.exit(f"error: passband {shown}: exit code {done.returncode}, missing: {missing}")
    warned = [line.split(":", 2)[-1].strip() for line in done.stderr.splitlines() if "Warning: " in line]
    print(f"{time.perf_counter() - begun:5.1f} s  {shown[:100]}", flush=True)
    return warned


def main() -> None:
    program = Path(sys.executable).with_name("passband")
    warned: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plan.toml").write_text(CAMPAIGN)
        (folder / "si.cif").write_text(CIF)
        grey = np.random.default_rng(0).normal(1000.0, 30.0, (192, 192)).astype(np.float32)
        unit = {"unit": "nm", "axes": "YX"}
        tifffile.imwrite(folder / "image.tif", grey, imagej=True, resolution=(12.5, 12.5), metadata=unit)
        for code in (READ_CIF, PUBLIC):
            warned.update(step([sys.executable, "-c", code], folder, []))
        for command, files in STEPS:
            warned.update(step([str(program), *command.split()], folder, files))
    for text, count in warned.most_common():
        print(f"  warned {count} times: {text[:160]}")


if __name__ == "__main__":
    main()
