"""What a validation says of a translation: losses of the steps before, moved columns, inverted contrast, scores."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from passband.generation.alarms import AlarmLimits, preservation
from passband.generation.paired_crops import DomainBatch
from passband.recipe import PassbandError

#: Of images (n, y, x) on the scale −1 to 1, generated and real: columns of the history by their names.
Score = Callable[[NDArray[np.float32], NDArray[np.float32]], Mapping[str, float]]
Translate = Callable[[Tensor, int], Tensor]
SHOWN = 4  # rows of a picture of samples


class TranslationAlarmError(PassbandError):
    """A translation that moves columns or inverts contrast, and was to be stopped."""


class Samples(NamedTuple):
    """Images (n, s, s), −1 to 1, of the last validation: what went in, what came out, and back where there is a way."""

    simulated: Tensor
    translated: Tensor
    returned: Tensor | None
    real: Tensor


class TranslationValidation(nn.Module):
    """Means of the parts of the loss, and alarms in a row, as buffers: they survive a kill.

    Parameters
    ----------
    parts
        Names of the parts of the loss.
    limits
        Of the alarms.
    score
        Asked at each validation, beside the alarms.
    """

    sums: Tensor
    steps: Tensor
    alarmed: Tensor

    def __init__(self, parts: Sequence[str], limits: AlarmLimits, score: Score | None) -> None:
        super().__init__()
        self.parts, self.limits, self.score = tuple(parts), limits, score
        self.register_buffer("sums", torch.zeros(len(parts)))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("alarmed", torch.zeros((), dtype=torch.int64))
        self.found: list[str] = []  # alarms of the last validation

    @torch.no_grad()
    def note(self, *parts: Tensor) -> None:
        """Remember the parts of the loss of one step."""
        self.sums += torch.stack([part.detach().float() for part in parts])
        self.steps += 1.0

    def means(self) -> dict[str, float]:
        """Return the mean parts since the last validation, and forget them."""
        means = (self.sums / self.steps.clamp_min(1.0)).tolist()
        self.sums.zero_()
        self.steps.zero_()
        return dict(zip(self.parts, means, strict=True))

    def examine(
        self, batches: Iterable[DomainBatch], translate: Translate, back: Callable[[Tensor], Tensor] | None
    ) -> tuple[dict[str, float], Samples]:
        """Translate simulated crops twice, with other noise, and say what became of them.

        Raises
        ------
        TranslationAlarmError
            Something is wrong as often in a row as the limits allow, and they say to stop.
        """
        crops = [*batches]
        simulated = torch.cat([batch.simulated for batch in crops])
        real = torch.cat([batch.real for batch in crops])
        translated = [torch.cat([translate(batch.simulated, seed).cpu() for batch in crops]) for seed in (0, 1)]
        returned = back(translated[0][:SHOWN]).cpu() if back is not None else None
        kept = preservation(simulated[:, 0].numpy(), torch.stack(translated)[:, :, 0].float().numpy())
        self._judge(kept.alarms(self.limits))
        scores = kept.scores() | {"alarms": float(len(self.found))}
        if self.score is not None:
            scores |= dict(self.score(translated[0][:, 0].float().numpy(), real[:, 0].numpy()))
        shown = Samples(
            simulated[:SHOWN, 0],
            translated[0][:SHOWN, 0].float(),
            None if returned is None else returned[:, 0].float(),
            real[:SHOWN, 0],
        )
        return scores, shown

    def _judge(self, found: list[str]) -> None:
        self.found = found
        self.alarmed.copy_(self.alarmed + 1 if found else torch.zeros_like(self.alarmed))
        if self.limits.action == "stop" and int(self.alarmed) >= self.limits.patience:
            raise TranslationAlarmError(
                f"stopped after {int(self.alarmed)} validations with an alarm: {'; '.join(found)}; look at "
                "samples.png, raise the weight of the identity loss or use the residual generator"
            )


def step_generator(device: torch.device, seed: int, step: int) -> torch.Generator:
    """Return a generator on a device for what is random in one step."""
    stream = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator(device).manual_seed(stream)


def noisy(images: Tensor, deviation: float | None, generator: torch.Generator) -> Tensor:
    """Add white noise to images; none where there is no deviation."""
    if not deviation:
        return images
    noise = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    return images + deviation * noise
