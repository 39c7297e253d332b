"""Contrast: gold against its film, by the sampling of the multislice and with or without the electrons that it loses.

    OMP_NUM_THREADS=1 python benchmarks/bench_contrast.py

Gold spheres on 40 Å of carbon in a field of 76.8 Å, three structures for each size, imaged on pixels of 0.8 Å. Contrast
is the mean within 0.7 of the particle's radius less that of the bare film, in standard deviations of the film. "wave"
is the image of the wave alone, as it was before; "whole" has the incoherent part. The error is the rms difference from
the whole image of the wave of 0.1 Å, as a fraction of the standard deviation of that. "0.4, cut at 0.8" is what used to
be stored for plans with `stored_pixel_size = 0.8`, which is now refused; it is cut here by hand. "band 0.85 Å⁻¹" is
`imaging.band` of the plan `au_hrtem`: beams beyond it make no fringes, and come with the incoherent part.

Remarks
-------
In focus and near it the whole image has the right contrast at any sampling. Far from focus, or with Cs, a coarse
multislice still falls short, for it scatters too few electrons to large angles to begin with; and its fringes differ,
which no incoherent part can mend. So gold wants 0.2 Å, and `au_hrtem` has it; light particles do well with 0.4 Å.
Imaging such a wave up to 0.85 Å⁻¹ costs less than imaging one of 0.4 Å (fewer pixels), and is nearer to the reference.
The reference is of the same program: `tests/microscope/test_incoherent.py` compares the treatment of the angular spread
with the mean over illumination angles, and `bench_thick.py` the waves with abTEM's.
"""

import argparse
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.frequencies import band_limited, fourier_resample
from passband.microscope.imaging import form_images
from passband.microscope.incoherent import add_incoherent, incoherent_part
from passband.microscope.multislice import exit_waves
from passband.specimen.sampling import SceneDistribution, sample_scene
from passband.specimen.scene import Scene

FIELD, CAMERA = 76.8, (96, 96)
SAMPLINGS = {"0.1": 0.1, "0.2": 0.2, "0.2, band 0.85 Å⁻¹": 0.2, "0.4": 0.4, "0.4, cut at 0.8": 0.4, "0.8": 0.8}
OPTICS: dict[str, dict[str, Any]] = {
    "in focus": {"aberrations": {}},
    "10 nm over, β 0.1 mrad": {"aberrations": {"C10": 100.0}, "angular_spread": 1e-4},
    "40 nm under, β 0.3 mrad": {"aberrations": {"C10": -400.0}, "angular_spread": 3e-4},
    "60 nm under, Cs 1.2 mm, β 0.1 mrad": {"aberrations": {"C10": -600.0, "C30": 1.2e7}, "angular_spread": 1e-4},
}


def scene_of(diameter: float, seed: int) -> Scene:
    scenes = SceneDistribution(
        field=FIELD, materials=("Au",), particles=1, diameter=diameter, film_thickness=40.0, border="inside", faults=0
    )
    return sample_scene(scenes, seed=seed, index=0)


def wave_of(scene: Scene, name: str, energy: float) -> Tensor:
    pixels = round(FIELD / SAMPLINGS[name])
    wave = exit_waves(
        scene.atoms,
        energy=energy,
        shape=(pixels, pixels),
        pixel_size=FIELD / pixels,
        displacement={"Au": 0.085, "C": 0.10},
        rng=np.random.default_rng(1),
    )
    return fourier_resample(wave, CAMERA) if "cut" in name else wave


def regions(centre: NDArray[np.float64], radius: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    y, x = (axis * FIELD / CAMERA[0] for axis in np.mgrid[: CAMERA[0], : CAMERA[1]])
    away = [np.abs(axis - middle) for axis, middle in ((x, centre[0]), (y, centre[1]))]
    distance = np.hypot(*(np.minimum(one, FIELD - one) for one in away))
    return distance < 0.7 * radius, distance > radius + 5.0


def images(wave: Tensor, conditions: Conditions, band: float) -> tuple[Tensor, Tensor]:
    """Image of the wave alone, and the whole one."""
    spectra = band_limited(torch.fft.fft2(wave), band, pixel_size=FIELD / wave.shape[-1])
    pixel_size = FIELD / spectra.shape[-1]
    part = incoherent_part(spectra, pixel_size=pixel_size)
    plain = form_images(spectra[None], [conditions], pixel_size=pixel_size, output_shape=CAMERA, space="fourier")
    return plain[0], add_incoherent(plain, [part], [conditions])[0]


def measure(diameter: float, energy: float, seeds: int) -> None:
    found: defaultdict[tuple[str, str], list[list[float]]] = defaultdict(list)
    held: defaultdict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        scene = scene_of(diameter, seed)
        place = scene.atoms[scene.particle_of >= 0].get_positions()
        inside, film = regions(place[:, :2].mean(axis=0), diameter / 2)
        offset = float(place[:, 2].mean()) - float(scene.atoms.cell[2, 2])
        waves = {name: wave_of(scene, name, energy) for name in SAMPLINGS}
        for name, wave in waves.items():
            held[name].append(float(wave.abs().square().mean(dtype=torch.float64)))
        for optics, settings in OPTICS.items():
            shifted = {**settings["aberrations"], "C10": settings["aberrations"].get("C10", 0.0) + offset}
            conditions = Conditions(
                energy=energy,
                focal_spread=15.0,
                angular_spread=settings.get("angular_spread", 0.0),
                aberrations=Aberrations(**shifted),
            )
            made = {name: images(wave, conditions, 0.85 if "band" in name else 100.0) for name, wave in waves.items()}
            reference = made["0.1"][1]
            for name, pair in made.items():
                row = []
                for image in pair:
                    values = image.numpy()
                    row.append(float((values[inside].mean() - values[film].mean()) / values[film].std()))
                    row.append(float((image - reference).std() / reference.std()))
                found[optics, name].append(row)
    print(f"\n### Gold of {diameter:g} Å, {energy / 1e3:g} kV, {seeds} structures\n")
    print("| conditions | multislice, Å | beam held | contrast: wave | whole | rms error: wave | whole |")
    print("|---|---|---|---|---|---|---|")
    for (optics, name), rows in found.items():
        wave, wave_error, whole, whole_error = np.mean(rows, axis=0)
        print(
            f"| {optics} | {name} | {100 * np.mean(held[name]):.2f} % | {wave:+.2f} | {whole:+.2f} | "
            f"{wave_error:.3f} | {whole_error:.3f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="structures of each size")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for diameter, energy in ((30.0, 300e3), (60.0, 300e3), (60.0, 80e3)):
        measure(diameter, energy, arguments.seeds)


if __name__ == "__main__":
    main()
