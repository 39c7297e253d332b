"""Simulated bytes and their version go together: who changes the one raises the other.

`golden_physics.json` holds numbers of a few tiny simulations, to the digits that all processors agree on: bytes differ
between processors in the last bits of a float, the physics does not. After raising a version in
`passband.dataset.physics`, write the file anew with `python tests/dataset/test_physics.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.dataset import layout, physics
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.layout import StoreError
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.scan_structure import scan_structure
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.structure import SimulatedStructure, simulate_structure
from passband.specimen.sampling import SceneDistribution

GOLDEN = Path(__file__).with_name("golden_physics.json")
VERSIONS = {"waves": "WAVES", "images": "IMAGES", "columns": "COLUMNS", "frames": "FRAMES"}
# A float32 FFT errs by some 1e-6 of a wave of mean 1, differently on every processor; the counts of a detector differ
# by whole electrons, in one pixel of many thousands at most; a frame of a few electrons per pixel feels one of them.
TOLERANCE = {"waves": 2e-5, "images": 2e-4, "columns": 2e-5, "frames": 1e-3}

SCENE: dict[str, Any] = {"field": 32.0, "film_thickness": 8.0, "diameter": 14.0, "particles": 1, "gap": 2.0}
RECIPES = {
    "still, in focus by contrast": Simulation(
        scene=SceneDistribution(**SCENE), structures=1, seed=5, pixel_size=0.25, stored_pixel_size=0.375, phonons=0
    ),
    "two phonons, all that was computed kept": Simulation(
        scene=SceneDistribution(**SCENE | {"materials": ["Au"], "faults": 2}),
        structures=1,
        seed=6,
        energy=80e3,
        pixel_size=0.4,
        slice_thickness=4.0,
        phonons=2,
        displacement={"Au": 0.1, "C": 0.05},
        focus_reference="centre",
    ),
}
SEEN = {
    "energy": 80e3,
    "dose": 4e3,
    "focal_spread": 20.0,
    "angular_spread": 2e-4,
    "readout_noise": 0.02,
    "mtf": {"half_at": 0.6},
    "aberrations": {"C10": -150.0, "C30": 1e5, "C12": 40.0, "phi12": 0.3},
}

CHANNELLING: dict[str, Any] = {"enhancement": {"uniform": [1.0, 1.8]}, "absorption": 0.003}
STACK: dict[str, Any] = {"kind": "interfaces", "field": [40.0, 40.0], "thickness": 40.0, "film_thickness": 15.0}
SCANS = {
    "lattice": ScanSimulation.model_validate(
        {"specimens": {"kind": "lattices", "field": 30.0}, "structures": 1, "seed": 4, "channelling": CHANNELLING}
    ),
    "stack by material": ScanSimulation.model_validate(
        {"specimens": STACK, "structures": 1, "seed": 5, "channelling": CHANNELLING, "truth": "material"}
    ),
}
SCANNED: dict[str, Any] = {
    "pixel_size": 0.25,
    "patch": 48,
    "frame": 96,
    "steps": 0.2,
    "conditions": {"energy": 80e3, "focal_spread": 20.0, "aberrations": {"C10": -30.0, "C12": 20.0}, "jitter": 0.3},
}
SCANNER: dict[str, Any] = {"dwell_time": 1e-5, "beam_current": 3e-11, "rotation": 0.4, "drift": 2.0, "hum": 0.3}
NOISE: dict[str, Any] = {"excess_noise": 0.3, "amplifier_noise": 0.5, "contamination": 0.3, "tails": 0.2, "bits": [16]}


def numbers(values: NDArray[Any]) -> list[float]:
    """Some pixels, and the mean power in rings of the spectrum, which sees all of them; the last axes are y and x."""
    complex_ones = values.astype(np.complex128)
    power = np.abs(np.fft.fft2(complex_ones, norm="ortho")) ** 2
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in values.shape[-2:]), indexing="ij"))
    rings = [power[..., (radius >= low) & (radius < low + 0.1)].mean() for low in np.arange(0.1, 0.5, 0.1)]
    pixels = complex_ones[..., ::13, ::11].ravel()
    return [float(one) for one in (*pixels.real, *pixels.imag, *np.sqrt(rings), complex_ones.real.mean())]


def of_structure(made: SimulatedStructure) -> dict[str, list[float]]:
    atoms = [float(len(made.atoms["x"])), *(float(made.atoms[axis].mean()) for axis in "xyz")]
    truth = [float(made.arrays["masks"].mean()), float(made.arrays["labels"].max()), made.row["focus_offset"] / 100.0]
    return {"waves": numbers(made.arrays["waves"]), "atoms": [one / 100.0 for one in atoms], "truth": truth}


def of_images(waves: WaveStore) -> dict[str, list[float]]:
    found = {}
    for name, settings in {"with noise": SEEN, "without dose": {**SEEN, "dose": None, "readout_noise": 0.0}}.items():
        imaging = Imaging(pixel_size=0.5, patch=48, conditions=settings)
        batch = Acquisition(waves, imaging, seed=1).batch(0, 1)
        found[name] = [*numbers(batch.images[0].numpy()), float(batch.masks.double().mean())]
    return found


def of_columns(made: SimulatedStructure) -> dict[str, list[float]]:
    found = {}
    for name, values in made.atoms.items():
        moments = [float(len(values)), float(values.mean(dtype=float)), float(values.std(dtype=float))]
        found[name] = [one / 100.0 for one in [*moments, *(float(one) for one in values[::17])]]
    return found | {name: [float(one.mean()), float(one.std())] for name, one in made.arrays.items()}


def of_frames(stores: dict[str, WaveStore]) -> dict[str, list[float]]:
    found = {}
    for scan, store in stores.items():
        for name, camera in {"with noise": {**SCANNER, **NOISE}, "counted": SCANNER}.items():
            imaging = ScanImaging.model_validate({**SCANNED, "camera": camera})
            batch = Acquisition(store, imaging, seed=1).batch(0, 1)
            found[f"{scan}, {name}"] = [*numbers(batch.images[0].numpy()), float(batch.masks.double().mean())]
    return found


def computed(folder: Path) -> dict[str, Any]:
    """Everything that the golden file holds, as this code computes it."""
    torch.set_num_threads(1)
    waves = {name: of_structure(simulate_structure(recipe, 0)) for name, recipe in RECIPES.items()}
    images = of_images(simulate(RECIPES["two phonons, all that was computed kept"], folder / "store"))
    scans = {name: simulate(recipe, folder / name) for name, recipe in SCANS.items()}
    columns = {name: of_columns(scan_structure(recipe, 0)) for name, recipe in SCANS.items()}
    return {
        "waves": {"version": physics.WAVES, "numbers": waves},
        "images": {"version": physics.IMAGES, "numbers": images},
        "columns": {"version": physics.COLUMNS, "numbers": columns},
        "frames": {"version": physics.FRAMES, "numbers": of_frames(scans)},
    }


def differences(golden: dict[str, Any], found: dict[str, Any], kind: str) -> list[str]:
    """Names of the simulations whose numbers differ."""
    return [
        f"{name}: {part}" if part else name
        for name, numbers_of in found[kind]["numbers"].items()
        for part, values in (numbers_of.items() if isinstance(numbers_of, dict) else (("", numbers_of),))
        if not _close(golden[kind]["numbers"].get(name), part, values, TOLERANCE[kind])
    ]


def _close(golden: Any, part: str, values: list[float], tolerance: float) -> bool:
    expected = golden.get(part) if isinstance(golden, dict) else golden
    return (
        expected is not None
        and len(expected) == len(values)
        and np.allclose(values, expected, rtol=tolerance, atol=tolerance)
    )


def complaint(golden: dict[str, Any], found: dict[str, Any], kind: str) -> str:
    """What is to be done, or "" where numbers and version agree with the golden file."""
    if golden[kind]["version"] != found[kind]["version"]:
        return f"physics.{VERSIONS[kind]} was changed: run `python tests/dataset/test_physics.py` and commit the file"
    differing = differences(golden, found, kind)
    if differing:
        return (
            f"simulated {kind} changed ({', '.join(differing)}): raise {VERSIONS[kind]} in dataset/physics.py, "
            "then run `python tests/dataset/test_physics.py`; old data must not be taken for new"
        )
    return ""


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    before = torch.get_num_threads()
    found = computed(tmp_path_factory.mktemp("physics"))
    torch.set_num_threads(before)
    return found


@pytest.mark.parametrize("kind", VERSIONS)
def test_simulated_bytes_have_the_version_that_they_had(now: dict[str, Any], kind: str) -> None:
    said = complaint(json.loads(GOLDEN.read_text()), now, kind)
    assert not said, said


@pytest.mark.parametrize(
    ("kind", "name", "part"),
    [
        ("waves", "still, in focus by contrast", "waves"),
        ("images", "with noise", ""),
        ("columns", "lattice", "point_x"),
        ("frames", "lattice, counted", ""),
    ],
)
def test_a_change_far_smaller_than_physics_and_a_forgotten_file_are_noticed(
    now: dict[str, Any], kind: str, name: str, part: str
) -> None:
    golden = json.loads(GOLDEN.read_text())
    values = golden[kind]["numbers"][name]
    values = values[part] if part else values
    values[3] += 3 * TOLERANCE[kind] * max(1.0, abs(values[3]))
    assert f"raise {VERSIONS[kind]} in" in complaint(golden, now, kind)
    golden[kind]["version"] = -1
    assert "commit the file" in complaint(golden, now, kind)


def test_recipes_of_another_version_are_other_recipes(tiny_recipe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = tiny_recipe.model_copy(update={"physics": physics.WAVES + 1})
    assert newer.identity != tiny_recipe.identity
    with pytest.raises(ValueError, match=r"physics=\d+ is another passband's.*leave it out, and simulate them again"):
        Simulation.model_validate(newer.model_dump())
    with pytest.raises(ValueError, match=r"micrographs of version \d+; leave it out, and train and measure again"):
        Imaging(pixel_size=1.0, patch=32, physics=physics.IMAGES + 1)


@pytest.mark.parametrize("older", [{"physics": physics.WAVES - 1}, {}])
def test_a_store_of_another_version_is_refused_on_one_line(
    tiny_store: WaveStore, tmp_path: Path, older: dict[str, int]
) -> None:
    raw = json.loads((tiny_store.directory / "zarr.json").read_text())
    raw["attributes"]["recipe"].pop("physics")
    raw["attributes"]["recipe"] |= older
    (tmp_path / "zarr.json").write_text(json.dumps(raw))
    with pytest.raises(
        StoreError,
        match=rf"physics version {older.get('physics', 0)} and this passband makes version \d+; simulate them",
    ):
        layout.read_recipe(tmp_path)


def rewrite() -> str:
    """Write the golden file; refuse while a version was not raised."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = computed(Path(folder))
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else None
    for kind in golden or ():
        if golden[kind]["version"] == found[kind]["version"] and differences(golden, found, kind):
            return complaint(golden, found, kind)
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 6))
    GOLDEN.write_text(json.dumps(rounded, indent=1) + "\n")
    return ""


if __name__ == "__main__":
    sys.exit(rewrite() or None)
