"""What a translation between two domains is made of, as one value: method, networks, crops, noise and alarms."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from passband.generation.alarms import AlarmLimits
from passband.generation.paired_crops import Symmetries
from passband.generation.patch_discriminator import PatchDiscriminator
from passband.generation.translator_resnet import ResNetTranslator
from passband.generation.translator_unet import UNetTranslator
from passband.recipe import Recipe

AnyTranslator = Annotated[UNetTranslator | ResNetTranslator, Field(discriminator="kind")]


class CycleGAN(Recipe):
    """Two generators, there and back (Zhu et al., arXiv 1703.10593).

    Attributes
    ----------
    cycle_weight
        Weight of the mean absolute difference between an image and itself after there and back; 10 in the papers, whose
        generators begin with nothing. One that adds to its input begins where this loss is least, and with so much
        weight stays there.
    identity_weight
        Weight of that between an image of the goal's domain and what the generator makes of it, which keeps grey values
        and the sign of the contrast; half of the former as in the papers.
    replay
        Generated images that discriminators are shown again.
    """

    kind: Literal["cyclegan"] = "cyclegan"
    cycle_weight: float = Field(default=2.0, ge=0.0)
    identity_weight: float = Field(default=1.0, ge=0.0)
    replay: int = Field(default=50, ge=0, le=10_000)


class Contrastive(Recipe):
    """One generator; patches before and after must be told from other patches (CUT, Park et al., arXiv 2007.15651).

    Attributes
    ----------
    contrast_weight
        Weight of the contrastive loss of simulated images; 1 in the paper, which held columns less firmly here.
    identity_weight
        Weight of that of real images, which the generator is to leave alone.
    patches
        That are compared in each image, at each depth of the generator: from atoms and their surroundings, or where the
        image varies.
    projection
        Numbers that a patch becomes.
    temperature
        Of the softmax over patches.
    """

    kind: Literal["contrastive"] = "contrastive"
    contrast_weight: float = Field(default=2.0, ge=0.0)
    identity_weight: float = Field(default=1.0, ge=0.0)
    patches: int = Field(default=128, ge=2, le=4096)
    projection: int = Field(default=64, ge=2, le=1024)
    temperature: float = Field(default=0.07, gt=0.0)


LEAST_NOISE, MOST_NOISE = 0.02, 0.2  # of simulated images, where the recipe leaves it to the real set

Method = Annotated[CycleGAN | Contrastive, Field(discriminator="kind")]


class TranslationRecipe(Recipe):
    """Recipe of a translation; the defaults train on two cores.

    Attributes
    ----------
    method
        CycleGAN or contrastive.
    generator
        U-Net or residual network.
    discriminator
        PatchGAN of images and of spectra; it has fewer halvings where crops are small.
    spectrum
        Whether spectra have a discriminator, beside images.
    size
        Pixels of a crop.
    noise
        Standard deviation of white noise that simulated images get before they are translated, on the scale −1 to 1:
        one simulation then gives many images. Khan et al. take 0.1 to 0.2. None is the noise of the real set, 0.02 to
        0.2: it is easier to shape noise than to make or to remove it.
    symmetries
        By which crops are turned and mirrored; "mirrors" keep the direction of the scan.
    alarms
        When columns have moved or contrast is inverted, and what follows.
    """

    method: Method = CycleGAN()
    generator: AnyTranslator = UNetTranslator(width=16, depth=4)
    discriminator: PatchDiscriminator = PatchDiscriminator(width=16)
    spectrum: bool = True
    size: int = Field(default=64, ge=32, le=1024)
    noise: float | None = Field(default=None, ge=0.0, le=1.0)
    symmetries: Symmetries = "mirrors"
    alarms: AlarmLimits = AlarmLimits()

    def with_noise_of(self, real: float) -> Self:
        """Return the recipe with a known noise: its own, or that of the real set, a standard deviation."""
        if self.noise is not None:
            return self
        return self.model_copy(update={"noise": round(min(max(real, LEAST_NOISE), MOST_NOISE), 4)})

    @model_validator(mode="after")
    def _check(self) -> Self:
        stride = self.generator.stride
        if self.size % stride or self.size % 4:
            raise ValueError(f"size={self.size} is no multiple of {stride}, the stride of the generator; change one")
        return self
