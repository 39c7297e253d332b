"""PatchGAN: a discriminator that judges every patch of an image on its own (Isola et al., arXiv 1611.07004).

Three halvings see 70 × 70 pixels at once; crops that are smaller get fewer.
"""

from collections.abc import Sequence
from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn

from passband.generation.translator import initialised
from passband.recipe import Recipe

MOST_HALVINGS = 3


class PatchDiscriminator(Recipe):
    """Recipe of a PatchGAN.

    Attributes
    ----------
    width
        Channels after the first halving; each further one doubles them, up to eightfold.
    halvings
        3 see patches of 70 pixels a side, 2 of 34, 1 of 16.
    """

    width: int = Field(default=64, ge=1, le=512)
    halvings: int = Field(default=MOST_HALVINGS, ge=1, le=5)

    @property
    def receptive_field(self) -> int:
        """Pixels a side that one output sees.

        Examples
        --------
        >>> [PatchDiscriminator(halvings=number).receptive_field for number in (1, 2, 3)]
        [16, 34, 70]
        """
        side = 7  # of the last two convolutions, 4 × 4 at stride 1
        for _ in range(self.halvings):
            side = 2 * side + 2
        return side

    def fitted(self, sides: Sequence[int]) -> "PatchDiscriminator":
        """Return the one with as many halvings as an image of some sides is seen by, and no more than this one's."""
        fewer = [self.model_copy(update={"halvings": number}) for number in range(self.halvings, 0, -1)]
        return next((one for one in fewer if one.receptive_field <= min(sides)), fewer[-1])

    def build(self, channels: int = 1) -> nn.Sequential:
        """Build the network: (n, channels, y, x) → (n, 1, about y/2^halvings, about x/2^halvings), no sigmoid."""
        widths = [self.width * min(2**level, 8) for level in range(self.halvings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for level, (before, after) in enumerate(pairwise(widths), start=1):
            stride = 2 if level < self.halvings else 1
            layers += [
                nn.Conv2d(before, after, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        network = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))
        initialised(network)
        return network


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return ½E(D(real) − 1)² + ½E D(fake)² (least squares, Mao et al., arXiv 1611.04076); ¼ where D is always ½."""
    return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())


def generator_loss(fake: Tensor) -> Tensor:
    """Return E(D(fake) − 1)²: 0 where the discriminator takes all for real."""
    return (fake - 1.0).square().mean()
