"""The conditions of a micrograph from its rings, with what its file says of the microscope."""

from os import PathLike

from numpy.typing import ArrayLike

from passband.camera.image_area import image_area
from passband.files.micrograph import Micrograph
from passband.files.reading import as_micrograph
from passband.microscope.rings.fitting import FitRecipe, fit_image
from passband.microscope.rings.result import Fit, Refusal
from passband.recipe import PassbandError


def fit_conditions(
    image: Micrograph | ArrayLike | str | PathLike[str],
    *,
    pixel_size: float | str | tuple[float, float] | None = None,
    energy: float | None = None,
    cs: float | None = None,
    recipe: FitRecipe | None = None,
) -> Fit | Refusal:
    """Read defocus, two-fold astigmatism and drift from the Thon rings of a micrograph, without its border.

    Parameters
    ----------
    image
        A micrograph, the path of its file, or an array (y, x); not changed.
    pixel_size
        In Å, one number or (y, x), or a text with a unit such as "77.6pm"; replaces what a micrograph or a file says.
    energy
        eV; that of the file if None.
    cs
        Spherical aberration C30 in Å; that of the file if None, and where it does not say it, fitted too.
    recipe
        How to fit; the defaults if None.

    Returns
    -------
    Fit or Refusal
        A refusal where there are no rings to read, with the `reason`.

    Raises
    ------
    PassbandError
        The file cannot be read, nobody says the pixel size or the energy, the image is not (y, x) or not finite, or a
        number is out of its range.
    """
    seen = as_micrograph(image, pixel_size=pixel_size)
    known = energy if energy is not None else seen.energy
    if known is None:
        name = seen.provenance.get("path", "the micrograph")
        raise PassbandError(f"{name} does not say its beam energy; give it in eV, for example energy=300e3")
    given = cs if cs is not None else seen.cs
    inside = image_area(seen.array).rectangle(seen.array)
    return fit_image(inside, pixel_size=seen.known_pixel_size, energy=known, cs=given, recipe=recipe)
