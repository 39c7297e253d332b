"""Pictures that are kept in docs/images, because they take minutes or need files that are not here.

    python docs/kept_pictures.py out/pictures            # those of simulated gold, for the pages
    python docs/kept_pictures.py out/pictures --real     # the README's, of a real micrograph

The real micrograph and its mask by hand are in $PASSBAND_TEST_DATA/hrtem/au_scott_lab. They are the Scott Lab's (MIT
licence, see docs/images/LICENCES.txt); their files are no part of passband, the picture that is drawn from them is.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.io import imread

import passband
from passband.camera.camera import CameraDistribution
from passband.figures.segmentation import draw_micrograph
from passband.figures.style import PREDICTED, TRUTH, label_axes, to_png
from passband.files.writing import write_image_tiff

IMAGES = Path(__file__).resolve().parent / "images"
DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PIXEL = 0.8  # Å, of the simulated micrographs
#: Settings of two micrographs of one structure: what a user types, and the same in Å.
SETTINGS: dict[str, tuple[list[str], dict[str, float]]] = {
    "inside": (["--c10", "-10nm", "--cs", "0"], {"C10": -100.0, "C30": 0.0}),
    "outside": (["--c10", "-250nm", "--cs", "1.2mm"], {"C10": -2500.0, "C30": 1.2e7}),
}
DOSE, FOCAL_SPREAD = 400.0, 10.0  # e⁻/Å², Å


def run(*arguments: str) -> None:
    """Type a command of passband."""
    print("passband", *arguments)
    code = "from passband.commands.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def take_micrograph(store: passband.WaveStore, path: Path, aberrations: dict[str, float]) -> NDArray[Any]:
    """Write a micrograph of a structure with three particles, and return the true mask."""
    conditions = passband.ConditionDistribution(
        energy=300e3, focal_spread=FOCAL_SPREAD, dose=DOSE, aberrations=aberrations
    )
    plan = passband.load_plan("au_hrtem")
    camera = {"camera": CameraDistribution(correlation=0.5), "contrast": None}  # that of the plan's validation
    imaging = plan.imaging.model_copy(update={"conditions": conditions, "pixel_size": PIXEL, **camera})
    acquisition = passband.Acquisition(store, imaging, indices=[1], seed=1)
    row = acquisition.row(0, 0, 1)
    image, mask = acquisition.image_from_row(row | {"patch": row["pixels"]})  # the whole field
    write_image_tiff(path, image.numpy(), (PIXEL, PIXEL))
    return np.asarray(mask.numpy())


def draw_rings(folder: Path) -> None:
    """Draw the Thon rings of a simulated carbon film at 60 nm of underfocus, and the fit of them."""
    sets = ("scene.particles=0", "scene.field=160", "scene.film_thickness=60", "structures=3", "seed=4")
    options = [word for change in sets for word in ("--set", f"simulation.{change}")]
    shares = ["--set", "split.validation=0.34", "--set", "split.test=0.33", "--set", "imaging.patch=32"]
    store, path = folder / "film", folder / "film.tif"
    run("simulate", "demo", *options, *shares, "-o", str(store))
    conditions = passband.ConditionDistribution(
        energy=300e3, focal_spread=10.0, dose=DOSE, aberrations={"C10": -600.0, "C12": 50.0, "phi12": 0.5}
    )
    imaging = passband.Imaging(conditions=conditions, pixel_size=0.64, patch=250)
    acquisition = passband.Acquisition(passband.WaveStore.open(store), imaging, indices=[0], seed=1)
    image, _ = acquisition.image_from_row(acquisition.row(0, 0, 1))
    write_image_tiff(path, image.numpy(), (0.64, 0.64))
    run("fit", str(path), "--energy", "300e3", "--cs", "0", "--figure", str(IMAGES / "rings.png"))


def draw_simulated(folder: Path) -> None:
    """Draw the verdict on a micrograph inside the training and on one far outside, and a map of advice."""
    store = folder / "gold"
    run("simulate", "au_hrtem", "--set", "simulation.structures=6", "-o", str(store))
    for name, (options, aberrations) in SETTINGS.items():
        path = folder / f"{name}.tif"
        truth = take_micrograph(passband.WaveStore.open(store), path, aberrations)
        given = [*options, "--focal-spread", f"{FOCAL_SPREAD:g}", "--dose", f"{DOSE:g}"]
        run("trust", str(path), *given, "--figure", str(IMAGES / f"trust_{name}.png"))
        run("segment", str(path), "-o", str(folder))
        found = imread(folder / f"{name}.mask.tif") > 0
        dice = 2 * np.count_nonzero(found & (truth > 0)) / (np.count_nonzero(found) + np.count_nonzero(truth))
        print(f"Dice of {name}: {dice:.3f}; wrong: {np.mean(found != (truth > 0)):.1%} of the pixels")
    run("advise", "--focal-spread", f"{FOCAL_SPREAD:g}", "--dose", f"{DOSE:g}", "-o", str(folder / "advice"))
    draw_rings(folder)
    (IMAGES / "advice.png").write_bytes((folder / "advice" / "advice.png").read_bytes())


def draw_real(folder: Path) -> None:
    """Draw a real micrograph, the mask of the shipped network, and its outline beside that of a mask drawn by hand."""
    pixel = 0.5  # Å, "about"
    image = DATA / "hrtem" / "au_scott_lab" / "au_hrtem_image.png"
    run("segment", str(image), "--pixel-size", str(pixel), "-o", str(folder))
    picture, hand = imread(image), imread(image.with_name("au_hrtem_mask.png")) > 0
    mask = imread(folder / "au_hrtem_image.mask.tif") > 0
    figure = Figure(figsize=(9.6, 3.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    draw_micrograph(left, picture, (pixel, pixel))
    height, width = (side * pixel / 10.0 for side in mask.shape)  # nm
    middle.imshow(mask, cmap="gray", extent=(0.0, width, height, 0.0), interpolation="nearest")
    draw_micrograph(right, picture, (pixel, pixel), masks={TRUTH: hand, PREDICTED: mask})
    label_axes(left, "x (nm)", "y (nm)", "micrograph")
    label_axes(middle, "x (nm)", title="mask by passband")
    label_axes(right, "x (nm)", title="passband (orange), by hand (green)")
    (IMAGES / "real_gold.png").write_bytes(to_png(figure, dpi=100))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (draw_real if "--real" in sys.argv else draw_simulated)(folder)


if __name__ == "__main__":
    main()
