"""Camera from one image: estimates against simulated cameras, and false alarms on real files.

    OMP_NUM_THREADS=1 python benchmarks/bench_camera_estimates.py --data ../shared/data

Three structures of gold on 50 Å of carbon are imaged at 300 kV, 10 nm under focus, on pixels of 0.8 Å (192²) and of 0.4
Å (384²), and recorded by the simulated camera with several seeds; "waves" is an image of 256² with slow waves of up to
30 % instead, "discs" one of eight discs that are 30 % brighter each, with edges of 2 pixels. The noise in the second
table has something white beside it, in the waves. "found" is the mean of the estimates ± their standard deviation, of
one image. The true share of the noise is that of the difference from the image of a very high dose. Burned and saved
images are pieces of noise of a random correlation (0 to 1.2 pixels) with discs, fringes and slopes, processed as
`[imaging.camera.processing]` draws it. Of the files below `--data`, all that `read_micrograph` takes are looked at.

Remarks
-------
The square of the correlation is what is measured, so that white noise reads as some 0.03 to 0.1 pixels. Simulated film
scatters up to 1 Å⁻¹ and more, in all directions, and is not told from noise: the share is an upper bound, and c is of
both together. Real film is weaker there, for the MTF of the camera damps it and not the noise. The gain shows only
where the mean varies by much, as in the waves or beside the edge of a grid, not from particles on a film. It is not
told where the noise is correlated over more than 0.94 pixels, nor where something white hides what the correlation
leaves; before both rules (27 November 2026) it was up to six times too large on the discs at 1.5 pixels, and 50 to 1000
times too small beside residues. Edges and fringes still make it too large at 0.9 pixels, and fringes at a high dose at
any. A scale bar is missed where it is thicker than a third of its length, or one pixel thick. Blocks are seen where
they are visible: a noisy image hides those of a good JPEG. What was found in real files was looked at: all of it is
there (a data bar counts as saturated; the border is of a mask).
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from passband.camera.artefacts import block_artefacts, saturated_share
from passband.camera.border import black_border
from passband.camera.burned_in import scale_bar
from passband.camera.camera import Camera
from passband.camera.estimates import CameraEstimate, estimate_camera
from passband.camera.processing import Processing, ProcessingDistribution, processed
from passband.camera.recording import record
from passband.files.reading import read_micrograph
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.imaging import form_images
from passband.microscope.multislice import exit_waves
from passband.recipe import PassbandError
from passband.specimen.sampling import SceneDistribution, sample_scene

FIELD, SAMPLING = 153.6, 0.3
GREYS = 10.0  # of one electron
CORRELATIONS = (0.0, 0.3, 0.6, 0.9, 1.2, 1.5)  # pixels of the camera
Image = NDArray[np.float32]


def expected(structure: int, pixels: int) -> Tensor:
    """Image of a structure that arrives at the camera, (1, y, x)."""
    scenes = SceneDistribution(field=FIELD, materials=("Au",), particles=3, diameter=40.0, film_thickness=50.0)
    scene = sample_scene(scenes, seed=1, index=structure)
    side = round(FIELD / SAMPLING)
    wave = exit_waves(
        scene.atoms,
        energy=300e3,
        shape=(side, side),
        pixel_size=FIELD / side,
        displacement={"Au": 0.085, "C": 0.10},
        rng=np.random.default_rng(structure),
    )
    conditions = Conditions(energy=300e3, focal_spread=20.0, aberrations=Aberrations(C10=-100.0))
    return form_images(wave[None], [conditions], pixel_size=FIELD / side, output_shape=(pixels, pixels))


def waves(side: int) -> Tensor:
    """Slow waves of intensity along both axes, (1, y, x)."""
    wave = torch.cos(2.0 * torch.pi * torch.arange(side) / side)
    return 1.0 + 0.15 * (wave[:, None] + wave)[None]


def discs(side: int) -> Tensor:
    """Bright discs with edges of 2 pixels, (1, y, x)."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:side, :side]
    image = np.ones((side, side))
    for _ in range(8):
        place, radius = rng.uniform(0, side, 2), rng.uniform(15, 40)
        image += 0.15 * (1.0 - np.tanh(np.hypot(y - place[0], x - place[1]) - radius))
    return torch.from_numpy(image.astype(np.float32))[None]


def eight_bits(image: Image) -> Image:
    """The image after it was saved with 256 levels, in grey values of before."""
    low, step = float(image.min()), float(np.ptp(image)) / 255.0
    return np.asarray(low + np.round((image - low) / step) * step, dtype=np.float32)


def seen(image: Tensor, dose: float, camera: Camera, seed: int) -> Image:
    """The image recorded, in grey values."""
    pixel_size = FIELD / image.shape[-1]
    options = {"pixel_size": pixel_size, "generator": torch.Generator().manual_seed(seed)}
    recorded = record(image, [Conditions(dose=dose)], camera=camera, **options)  # type: ignore[arg-type]
    return np.asarray(recorded[0] * (dose * pixel_size**2 * GREYS), dtype=np.float32)


def told(values: list[float]) -> str:
    return f"{np.mean(values):.3g} ± {np.std(values):.2g}" if values else "–"


def noise(seeds: int) -> None:
    print("\n### Noise of the simulated camera\n")
    print(
        "| pixel, Å | dose, e⁻/Å² | c | c found | share of the noise | found | grey values per electron (10) | given |"
    )
    print("|---|---|---|---|---|---|---|---|")
    images_seen, alarms = 0, 0
    drawn = {"waves": [waves(256)] * 3, "discs": [discs(256)] * 3}
    simulated = {f"{FIELD / pixels:g}": [expected(one, pixels) for one in range(3)] for pixels in (192, 384)}
    for name, images in (drawn | simulated).items():
        for dose in (100.0, 400.0, 1600.0):
            for correlation in CORRELATIONS:
                camera = Camera(correlation=correlation)
                found: list[CameraEstimate] = []
                shares = []
                for seed in range(seeds):
                    image = seen(images[seed % 3], dose, camera, seed)
                    clean = seen(images[seed % 3], 1e9, camera, seed) * (dose / 1e9)
                    shares.append(float((image - clean).std() / image.std()))
                    found.append(estimate_camera(image))
                images_seen += seeds
                marks = [one.border_share + one.corner_share + one.blocks for one in found]
                alarms += sum(one.scale_bar is not None or mark > 0.0 for one, mark in zip(found, marks, strict=True))
                gains = [one.gain for one in found if one.gain is not None]
                correlations, levels = (
                    [one.correlation or 0.0 for one in found],
                    [one.noise_share or 0.0 for one in found],
                )
                given = f"{told(gains)} | {len(gains)}/{seeds}"
                print(f"| {name} | {dose:g} | {correlation:g} | {told(correlations)} | ", end="")
                print(f"{np.mean(shares):.3f} | {told(levels)} | {given} |")
    print(f"\nA scale bar, a border or blocks were found in {alarms} of these {images_seen} images, which have none.")


def beside(seeds: int) -> None:
    """The gain where something white is in the image beside the noise of the electrons."""
    print("\n### Grey values per electron (10) of the waves, where something white lies beside\n")
    kinds = {"gain residue of 0.3 %": 0.003, "gain residue of 1 %": 0.01, "8 bits": 0.0}
    print("| dose, e⁻/Å² | c |", " | ".join(f"{kind} | given" for kind in kinds), "|")
    print("|---|---|" + "---|---|" * len(kinds))
    for dose in (100.0, 1600.0):
        for correlation in CORRELATIONS:
            cells = []
            for kind, residue in kinds.items():
                camera = Camera(correlation=correlation, gain_residue=residue)
                images = [seen(waves(256), dose, camera, seed) for seed in range(seeds)]
                found = [estimate_camera(eight_bits(one) if kind == "8 bits" else one).gain for one in images]
                gains = [one for one in found if one is not None]
                cells.append(f"{told(gains)} | {len(gains)}/{seeds}")
            print(f"| {dose:g} | {correlation:g} |", " | ".join(cells), "|")


def scenery(side: int, rng: np.random.Generator) -> Image:
    """Noise with discs, fringes and a slope."""
    image = gaussian_filter(rng.normal(size=(side, side)), rng.uniform(0.0, 1.2))
    image /= image.std()
    y, x = np.mgrid[:side, :side]
    for _ in range(int(rng.integers(0, 6))):
        place, radius, angle = rng.uniform(0, side, 2), rng.uniform(5, side / 4), rng.uniform(0, 2 * np.pi)
        fringes = np.cos(2 * np.pi * (np.cos(angle) * y + np.sin(angle) * x) / rng.uniform(2.5, 9.0))
        inside = np.hypot(y - place[0], x - place[1]) < radius
        image[inside] += rng.uniform(0.0, 2.0) * fringes[inside] - rng.uniform(0.0, 4.0)
    return np.asarray(image + rng.uniform(0.0, 3.0) * np.linspace(-1.0, 1.0, side)[:, None], dtype=np.float32)


def share_found(
    side: int, count: int, make: Callable[[np.random.Generator], Processing], look: Callable[[Image], bool]
) -> str:
    found = 0
    for seed in range(count):
        rng = np.random.default_rng([side, seed])
        image = processed(torch.from_numpy(scenery(side, rng)), make(rng)).numpy()
        found += look(image)
    return f"{found}/{count}"


def artefacts(count: int) -> None:
    print("\n### What was burned in and how it was saved\n")
    print("Every image has 8 bits and up to 2 % of its pixels clipped at either end.\n")
    print("| what | 128² | 512² |\n|---|---|---|")

    def drawn(**shares: float) -> Callable[[np.random.Generator], Processing]:
        return ProcessingDistribution(clipping_share=1.0, eight_bit_share=1.0, **shares).sample

    def of_quality(quality: int) -> Callable[[np.random.Generator], Processing]:
        return ProcessingDistribution(clipping_share=1.0, jpeg_share=1.0, jpeg_quality=quality).sample

    def bar(image: Image) -> bool:
        return scale_bar(image) is not None

    def blocks(image: Image) -> bool:
        return block_artefacts(image) > 0.0

    def border(image: Image) -> bool:
        return sum(black_border(image)) > 0

    def saturated(image: Image) -> bool:
        return saturated_share(image) > 1e-3

    rows: list[tuple[str, Callable[[np.random.Generator], Processing], Callable[[Image], bool]]] = [
        ("scale bar, where there is one", drawn(scale_bar_share=1.0), bar),
        ("scale bar, where there is one in a JPEG", drawn(scale_bar_share=1.0, jpeg_share=1.0), bar),
        ("scale bar, where there is none", drawn(), bar),
        ("scale bar, where there is none in a JPEG", drawn(jpeg_share=1.0), bar),
        ("border, where there is none", drawn(), border),
        ("saturated, where nothing is clipped", ProcessingDistribution(eight_bit_share=1.0).sample, saturated),
        *[(f"blocks, of a JPEG of quality {quality}", of_quality(quality), blocks) for quality in (90, 75, 60, 40, 20)],
        ("blocks, where there is no JPEG", drawn(), blocks),
    ]
    for name, make, look in rows:
        few = max(1, count // 4)
        print(f"| {name} | {share_found(128, count, make, look)} | {share_found(512, few, make, look)} |")


def flags(image: Image) -> Iterator[str]:
    """What is found in a real image, in words."""
    found = estimate_camera(image)
    if found.scale_bar is not None:
        yield "scale bar"
    if found.border_share > 0.0:
        yield f"border ({found.border_share:.0%})"
    if found.corner_share > 0.0:
        yield f"empty corners ({found.corner_share:.0%})"
    if found.blocks > 0.0:
        yield f"blocks ({found.blocks:.2f})"
    if found.saturated > 1e-3:
        yield f"saturated ({found.saturated:.1%})"


def real(data: Path) -> None:
    read, fired = 0, []
    for path in sorted(data.rglob("*")):
        try:
            image = read_micrograph(path).array if path.is_file() else None
        except PassbandError:
            continue
        if image is not None:
            read += 1
            words = ", ".join(flags(image))
            fired += [f"| `{path.relative_to(data)}` | {words} |"] if words else []
    print(f"\n### Real files\n\nSomething was found in {len(fired)} of {read}.\n")
    print("| file | found |\n|---|---|", *fired, sep="\n")


def cost() -> None:
    image = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    estimate_camera(image)
    before = time.process_time()
    for _ in range(3):
        estimate_camera(image)
    print(f"\nOne image of 2048² takes {(time.process_time() - before) / 3:.2f} CPU s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12, help="images of each camera")
    parser.add_argument("--images", type=int, default=200, help="processed images of 128² of each kind")
    parser.add_argument("--data", type=Path, help="folder of real files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cost()
    noise(arguments.seeds)
    beside(arguments.seeds)
    artefacts(arguments.images)
    if arguments.data is not None and arguments.data.is_dir():
        real(arguments.data)


if __name__ == "__main__":
    main()
