"""Flags: what each check finds in bad micrographs, and how often one speaks of a good one.

    PYTHONPATH=. OMP_NUM_THREADS=1 python benchmarks/bench_flags.py [--model MODEL] [--store STORE] [--images 60]

Micrographs of 128 to 176 pixels at the pixels of the camera, simulated from 40 structures that the network never saw
(kept in `out/benchmarks/flags`) under the conditions and the cameras of its training; the same, spoiled in one way each
(noise with the radially averaged spectrum of a micrograph, with and without particles; the grey levels inverted; a
pixel size told twice or half as large; a scanning image drawn from the mask; a gradient of two to eight standard
deviations; a border of 20 %; a burned-in scale bar; grey levels cut at 10 %); and real files of other kinds, told a
pixel size near the network's ($PASSBAND_TEST_DATA; left out where they are not there). Thresholds are those of the
card, from simulated images inside the training; that of the grain in *inverted* is fixed, and was set to 2.5 standard
deviations after the inverted gold here had 2.7 to 9.8. Aim: *no objection* for
none but the last three kinds, which are cropped or told, and for at least 90 % of the good ones. Of those, *and the
mask too* has a mask with a Dice of ½ or more, or with 1 % of wrong pixels at most: an objection to another is no
false alarm.

Remarks
-------
The check *slow contrast* was thought of after the STEM and SEM files here had passed without it, and that of the grain
was narrowed to the film after inverted gold had: of which checks there are, these files are no test. An image of gold
whose contrast is inverted, and whose mask is right, counts as inverted still. A bare film of few electrons cannot be
told from noise of its spectrum, which is most of what `no_signal` says of good images.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.checks.table import CHECKS
from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.physics import IMAGES, WAVES
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.files.micrograph import Micrograph
from passband.files.reading import open_micrograph
from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard
from passband.segmentation.model import load_model
from passband.verdict.assessment import Assessor
from passband.verdict.verdict import Verdict

Array = NDArray[np.float64]
Spoil = Callable[[Array, NDArray[np.int64], np.random.Generator], Array]

KEPT = Path(__file__).parents[1] / "out" / "benchmarks"
DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
STRUCTURES, SEED = 40, 90_001
SIDE = 176  # pixels at most
#: Real files of other kinds: where, and the pixel size in Å that they are told to have.
REAL = {
    "STEM": ("stem_nanoparticles/images/*.jpg", 0.8),
    "atomic STEM": ("atomic_stem/*.png", 0.4),
    "SEM": ("sem_superalloy/*/test/*.tif", 0.8),
    "SEM, porous gold": ("sem_nanoporous_gold/*.tif", 0.8),
    "soot": ("hrtem/soot_fringes/*.tif", 0.555),
    "real gold": ("hrtem/au_patches/patch_?.png", 0.7758),
    "real gold, larger": ("hrtem/au_scott_lab/*image.png", 0.5),
}


def good_micrographs(card: ModelCard, place: Path, count: int) -> list[tuple[Micrograph, NDArray[np.int64]]]:
    """Micrographs as in the training, of structures that it did not see, and their masks."""
    recipe = Simulation.model_validate({**card.simulation, "structures": STRUCTURES, "seed": SEED, "physics": WAVES})
    store = simulate(recipe, place, workers=os.cpu_count() or 1)
    imaging = Imaging.model_validate({**card.imaging, "physics": IMAGES})
    imaging = imaging.model_copy(update={"patches_per_field": 1})  # a camera and a field of its own for each
    largest = imaging.model_copy(update={"patch": min(SIDE, int(recipe.scene.field / 1.25 / card.pixel_size))})
    acquisition = Acquisition(store, largest if largest.patch > imaging.patch else imaging, seed=SEED)
    found = []
    for k in range(count):
        row = acquisition.row(k, 0, 1)
        image, mask = acquisition.image_from_row(row)
        found.append((Micrograph(image.cpu().numpy(), pixel_size=(row["pixel_size"],) * 2), mask.cpu().numpy()))
    return found


def noise_like(image: Array, rng: np.random.Generator) -> Array:
    """Gaussian noise with the radially averaged spectrum of an image, and random phases."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    q = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])[None, :])
    ring = np.round(q * max(image.shape)).astype(int)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.maximum(np.bincount(ring.ravel()), 1)
    return np.asarray(np.fft.ifft2(np.fft.fft2(rng.normal(size=image.shape)) * np.sqrt(mean[ring])).real)


def counted_noise(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Counts of 1 to 100 electrons for each pixel, with nothing in the beam."""
    return rng.poisson(10.0 ** rng.uniform(0.0, 2.0), size=shape).astype(np.float64)


def with_gradient(image: Array, mask: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Image with a plane across it, from two to eight standard deviations from one side to the other."""
    y, x = np.mgrid[-0.5 : 0.5 : image.shape[0] * 1j, -0.5 : 0.5 : image.shape[1] * 1j]
    angle, height = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(2.0, 8.0)
    return np.asarray(image + height * image.std() * (np.cos(angle) * x + np.sin(angle) * y))


def scanned(image: Array, mask: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Bright particles without fringes on a dark, even background, as an annular detector records them."""
    return rng.poisson(30.0 * (1.0 + 2.0 * gaussian_filter(mask.astype(np.float64), 1.5))).astype(np.float64)


def with_border(image: Array, mask: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Image whose uppermost 20 % hold no image."""
    out = image.copy()
    out[: image.shape[0] // 5] = image.min()
    return out


def with_bar(image: Array, mask: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Image with a white bar near its lower left corner."""
    out = image.copy()
    out[-14:-9, 10:50] = image.max()
    return out


def cut(image: Array, mask: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Image whose darkest and brightest 10 % are full."""
    low, high = np.quantile(image, (0.1, 0.9))
    return np.clip(image, float(low), float(high))


SPOILED: dict[str, tuple[Spoil, float]] = {  # and the factor that the pixel size is told wrong by
    "inverted": (lambda image, mask, rng: -image, 1.0),
    "white noise": (lambda image, mask, rng: rng.normal(size=image.shape), 1.0),
    "Poisson noise": (lambda image, mask, rng: counted_noise(image.shape, rng), 1.0),
    "noise of the spectrum": (lambda image, mask, rng: noise_like(image, rng), 1.0),
    "pixel size told × 2": (lambda image, mask, rng: image, 2.0),
    "pixel size told × ½": (lambda image, mask, rng: image, 0.5),
    "scanned": (scanned, 1.0),
    "gradient": (with_gradient, 1.0),
    "border": (with_border, 1.0),
    "cut grey levels": (cut, 1.0),
    "scale bar": (with_bar, 1.0),
}


def is_right(verdict: Verdict, mask: NDArray[np.int64]) -> bool:
    """Whether a mask is more right than wrong: a Dice of ½ or more, or hardly a wrong pixel."""
    assert verdict.segmentation is not None
    found = verdict.segmentation.labels > 0
    wrong, both = int((found != (mask > 0)).sum()), int(found.sum() + (mask > 0).sum())
    return wrong <= 0.01 * mask.size or wrong <= 0.5 * both


def kinds(good: list[tuple[Micrograph, NDArray[np.int64]]]) -> Iterator[tuple[str, list[Micrograph]]]:
    """Kinds of micrographs beside the good ones."""
    bare = [one for one, mask in good if not mask.any()]
    yield "good, bare film", bare
    for name, (spoil, factor) in SPOILED.items():
        rng = np.random.default_rng(SEED)
        found = []
        for one, mask in good:
            if name in ("inverted", "scanned") and mask.mean() < 0.02:
                continue
            image = spoil(np.asarray(one.array, dtype=np.float64), mask, rng)
            height, width = one.known_pixel_size
            found.append(Micrograph(image, pixel_size=(factor * height, factor * width)))
        yield name, found
    rng = np.random.default_rng(SEED)
    films = [noise_like(np.asarray(one.array, dtype=np.float64), rng) for one in bare for _ in range(3)]
    yield "noise of a bare film's spectrum", [Micrograph(image, pixel_size=(0.8, 0.8)) for image in films]
    for name, (pattern, pixel_size) in REAL.items():
        images = list(real(pattern, pixel_size))
        yield name, images
        if "gold" in name and "SEM" not in name:
            yield f"{name}, inverted", [Micrograph(-one.array.astype(np.float64), one.pixel_size) for one in images]


def real(pattern: str, pixel_size: float) -> Iterator[Micrograph]:
    """Real files, without what they say of their microscope; those that cannot be read are left out."""
    for path in sorted(DATA.glob(pattern)):
        try:
            array = open_micrograph(path, pixel_size=pixel_size).array
        except PassbandError:
            continue
        yield Micrograph(array, pixel_size=(pixel_size, pixel_size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="folder or name of a model")
    parser.add_argument("--store", type=Path, default=KEPT / "flags", help="where exit waves are kept")
    parser.add_argument("--images", type=int, default=60, help="good micrographs")
    given = parser.parse_args()
    model = load_model(given.model)
    assessor = Assessor(model)
    words = list(dict.fromkeys(check.word for check in CHECKS.values()))
    print(f"Share of images in %; {model.card.name}.\n")
    print(f"| kind | images | no objection | {' | '.join(words)} |\n|---|---|---|{'---|' * len(words)}")

    def tell(name: str, verdicts: list[Verdict]) -> None:
        shares = [np.mean([one.outcome == "no objection" for one in verdicts])]
        shares += [np.mean([word in one.flags for one in verdicts]) for word in words]
        print(f"| {name} | {len(verdicts)} | {' | '.join(f'{100.0 * share:.0f}' for share in shares)} |", flush=True)

    def assessed(images: list[Micrograph]) -> list[Verdict]:
        return [assessor.assess(one, fit=False, quick=True) for one in images]

    good = good_micrographs(model.card, given.store, given.images)
    verdicts = assessed([one for one, _ in good])
    tell("good", verdicts)
    right = [one for one, (_, mask) in zip(verdicts, good, strict=True) if is_right(one, mask)]
    tell("good, and the mask too", right)
    for name, images in kinds(good):
        if images:
            tell(name, assessed(images))


if __name__ == "__main__":
    main()
