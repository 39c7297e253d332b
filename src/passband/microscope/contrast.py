"""Contrast of images against simulation: real particles are less dark, and their fringes weaker, than simulated ones.

Measured contrast has been found two to four times below the calculated one (Hÿtch & Stobbs, Ultramicroscopy 53 (1994)
191; Boothroyd, J. Microsc. (1998), doi 10.1046/j.1365-2818.1998.2910843.x, goes through the causes). Much of it is the
MTF of the camera, left out of the calculation (Thust, Phys. Rev. Lett. 102 (2009) 220801), which the conditions and the
camera of a plan hold; what is left (a damaged or contaminated surface, inelastic scattering) is drawn here as two
factors.
"""

from math import pi

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor

from passband.distribution import Scalar, limits, sample
from passband.microscope.frequencies import half_plane
from passband.recipe import PassbandError, Recipe

FINEST = 3.0  # Å, std of the Gaussian that tells the shade of a particle from its fringes
STRONGEST = 3.0  # factor


class Contrast(Recipe):
    """Factors on the contrast of one image.

    Attributes
    ----------
    fringes
        On what is finer than about 3 Å, such as lattice fringes.
    absorption
        On what is coarser: how much darker than vacuum a particle or the film is.
    """

    fringes: float = Field(default=1.0, ge=0.0, le=STRONGEST)
    absorption: float = Field(default=1.0, ge=0.0, le=STRONGEST)


class ContrastDistribution(Recipe):
    """A distribution over the contrast of images against simulated ones; one draw for each imaged field.

    Attributes
    ----------
    fringes
        Factor on what is finer than about 3 Å, such as lattice fringes; 0 to 3.
    absorption
        Factor on what is coarser: how much darker than vacuum a particle or the film is; 0 to 3.
    """

    fringes: Scalar = 1.0
    absorption: Scalar = 1.0

    @field_validator("fringes", "absorption")
    @classmethod
    def _in_bounds(cls, scalar: Scalar, info: ValidationInfo) -> Scalar:
        for value in limits(scalar, spreads=0.0):
            if not 0.0 <= value <= STRONGEST:
                cure = "write 0.5 for half the contrast"
                raise PassbandError(f"{info.field_name}={value:g} is outside 0 to {STRONGEST:g}; {cure}")
        return scalar

    def sample(self, rng: np.random.Generator) -> Contrast:
        """Draw the contrast of one image; what is below 0 or above 3 is cut off."""
        fringes, absorption = (min(max(sample(one, rng), 0.0), STRONGEST) for one in (self.fringes, self.absorption))
        return Contrast(fringes=fringes, absorption=absorption)


def with_contrast(image: Tensor, contrast: Contrast, *, pixel_size: float) -> Tensor:
    """Image 1 + a·(L − 1) + f·(I − L) of an image I: L is I blurred by a Gaussian of 3 Å.

    Parameters
    ----------
    image
        (y, x), vacuum = 1, periodic.
    contrast
        a is its `absorption`, f its `fringes`.
    pixel_size
        Å.
    """
    shape = (image.shape[-2], image.shape[-1])
    along_y, along_x = (
        torch.exp(one.square() * (-2.0 * (pi * FINEST / pixel_size) ** 2)) for one in half_plane(shape, image.device)
    )
    factor = contrast.fringes + (contrast.absorption - contrast.fringes) * (along_y * along_x)
    changed: Tensor = 1.0 + torch.fft.irfft2(torch.fft.rfft2(image - 1.0) * factor.to(image.dtype), s=shape)
    return changed
