"""Fitting, real images: what `passband fit` answers on micrographs that have no clear Thon rings.

    OMP_NUM_THREADS=1 python benchmarks/fit_real.py

Files of $PASSBAND_TEST_DATA/hrtem with the defaults of `fit_conditions`. Aim: refused, each for its reason.

Remarks
-------
What a look at the spectra shows: au_scott_lab, no zeros in the band, gold spots; low_dose_tem_16bit, noise and scan
lines; soot_fringes, the halo of the fringes at 0.28 Å⁻¹ and the camera's blur. No image there has clear Thon rings, so
accuracy on real images is not shown.
"""

import os
from pathlib import Path

from passband.files.fitting import fit_conditions
from passband.files.reading import read_micrograph
from passband.microscope.rings.result import Refusal

DATA = Path(os.environ.get("PASSBAND_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
# file, pixel size (Å), energy (eV), Cs (Å); the microscope of the soot is not known
IMAGES = [
    ("au_scott_lab/au_hrtem_image.png", 0.5, 300e3, 0.0),
    ("low_dose_tem_16bit/val_0001.tif", 30.0, 300e3, 0.0),
    ("soot_fringes/ExampleImage.tif", 0.555, 300e3, 0.0),
    ("soot_fringes/ExampleImage.tif", 0.555, 300e3, 1.2e7),
]


def main() -> None:
    print("| image | pixel (Å) | energy (keV) | Cs (mm) | answer |\n|---|---|---|---|---|")
    for name, pixel, energy, cs in IMAGES:
        image = read_micrograph(DATA / "hrtem" / name, pixel_size=pixel).array
        found = fit_conditions(image, pixel_size=pixel, energy=energy, cs=cs)
        answer = f"refused: {found.reason}" if isinstance(found, Refusal) else f"C10 {found.c10 / 10:.1f} nm"
        cells = [name, f"{pixel:g}", f"{energy / 1e3:.0f}", f"{cs / 1e7:g}", answer.replace("|", "\\|")]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
