"""What training asks of segmentation networks: a loss on augmented micrographs, scores on named conditions."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from passband.patches.symmetry import augment_dihedral
from passband.segmentation.losses import LossRecipe, segmentation_loss
from passband.segmentation.stacked import Mapped, Together, Turns
from passband.segmentation.tally import LabelledBatch, tally_networks, tensors

WORST = "worst_paper_loss"


class SegmentationLearner(nn.Module):
    """One network, or several as one learner, with its loss; `passband.training.fit` trains it.

    Of several, each ends as if it had been trained alone: the losses are summed, and SGD, Adam and the running average
    work weight by weight, so no network feels another. (Shortening the gradient, `clip_norm`, would couple them: do not
    use it here.)

    Parameters
    ----------
    networks
        At least one, all of one architecture; they are moved into the learner, not copied, when they take turns.
    loss
        What each makes small.
    augment, seed
        Turn and mirror every training image by one of the eight symmetries of the square, drawn from `seed` and the
        step; every network sees the image turned alike.
    together
        "turns": one after the other on the same batch, the result being that of each alone to the last bit.
        "vmap": all at once; equal up to rounding.

    Raises
    ------
    ValueError
        There is no network.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        loss: LossRecipe,
        *,
        augment: bool = True,
        seed: int = 0,
        together: Together = "turns",
    ) -> None:
        super().__init__()
        if not networks:
            raise ValueError("networks=[] is empty; give at least one network")
        self.count, self.recipe, self.augment, self.seed = len(networks), loss, augment, seed
        # Channels last is how oneDNN and cuDNN convolve fastest: a third off a training step on a CPU (benchmarks/).
        self.networks: nn.Module = (
            Mapped(networks)
            if together == "vmap"
            else Turns(one.to(memory_format=torch.channels_last) for one in networks)  # type: ignore[call-overload]
        )

    def loss(self, batch: LabelledBatch, *, step: int) -> Tensor:
        """Sum of the networks' losses on one batch, augmented as `seed` and `step` say."""
        images, masks = tensors(batch, next(self.parameters()).device)
        if self.augment:
            images, masks = augmented(images, masks, seed=self.seed, step=step)
        return torch.stack([segmentation_loss(logits, masks, self.recipe) for logits in self.networks(images)]).sum()

    def validate(self, name: str, batches: Iterable[LabelledBatch]) -> dict[str, float]:
        """Mean scores of the networks; of several, those of each network k as `paper_loss.k`, `dice.k` … too.

        `worst_paper_loss`, of the worst of them, is what to stop by when all of them must reach a threshold.

        Raises
        ------
        ValueError
            The set holds no batch.
        """
        device = next(self.parameters()).device
        tallies = tally_networks(self.networks, batches, self.recipe, device=device, name=name)
        each = [tally.scores() for tally in tallies]
        means = {score: float(np.mean([row[score] for row in each])) for score in each[0]}
        means[WORST] = max(row["paper_loss"] for row in each)
        if self.count == 1:
            return means
        return means | {f"{score}.{k}": value for k, row in enumerate(each) for score, value in row.items()}

    def separate(self) -> list[nn.Module]:
        """Return the networks one by one, as they are now."""
        apart: list[nn.Module] = self.networks.separate()  # type: ignore[operator]
        return apart


def augmented(images: Tensor, masks: Tensor, *, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Turn and mirror each image with its mask by one of the eight symmetries, as `seed` and `step` say."""
    drawn = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
    return augment_dihedral(images, masks, generator=torch.Generator().manual_seed(drawn))
