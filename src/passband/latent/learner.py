"""What training asks of a variational autoencoder: a loss on patches, its bound in nats, and which latents sleep."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

import torch
from torch import Tensor, nn

from passband.latent.patches import PatchBatch
from passband.latent.rvae import RVAE, Bound

#: Nats: a latent that says less of the mean patch has collapsed, its posterior being the prior.
ASLEEP = 0.05


class LatentLearner(nn.Module):
    """A rotation-invariant autoencoder with its loss, the negative bound; `passband.training.fit` trains it.

    Parameters
    ----------
    network
        Trained in place.
    beta
        Weight of the divergences (Higgins et al. 2017); 1 is the bound itself.
    warm_up
        Steps over which it grows from 0 to `beta`.
    geometry
        Steps in which content sleeps, so that what a turn or a shift explains is not told by content first.
    """

    def __init__(self, network: RVAE, *, beta: float = 1.0, warm_up: int = 0, geometry: int = 0) -> None:
        super().__init__()
        self.network, self.beta, self.warm_up, self.geometry = network, beta, warm_up, geometry

    @property
    def course(self) -> str:
        """What the steps are like, one after the other: a training of another length is another one."""
        return f":{self.warm_up}:{self.geometry}"

    def loss(self, batch: PatchBatch, *, step: int) -> Tensor:
        """Mean of the negative bound, nats a pixel, under the β of a step."""
        beta = self.beta * min(1.0, (step + 1) / self.warm_up) if self.warm_up else self.beta
        device = self.network.places.device
        classes = None if batch.classes is None else batch.classes.to(device)
        bound = self.network.bound(batch.images.to(device), classes, geometry=step < self.geometry)
        return -bound.total(beta).mean() / len(self.network.places)

    def validate(self, name: str, batches: Iterable[PatchBatch]) -> dict[str, float]:
        """Return the mean parts of the bound over all pixels, nats a patch, and `elbo_nats`, their sum under β = 1."""
        parts = mean_bound(self.network, batches)
        if not parts:
            raise ValueError(f"the set {name!r} holds no patch; give at least one batch")
        return {
            "training_loss": -elbo(parts) / len(self.network.places),
            "elbo_nats": elbo(parts),
            **{f"{part}_nats": value for part, value in parts.items()},
        }


def mean_bound(network: RVAE, batches: Iterable[PatchBatch]) -> dict[str, float]:
    """Return the mean parts of the bound over patches, nats, all pixels drawn; nothing where there is no patch."""
    device = network.places.device
    sums: dict[str, float] = {}
    count = 0
    with torch.no_grad():
        for images, classes in batches:
            bound = network.bound(images.to(device), None if classes is None else classes.to(device), pixels=1.0)
            for part in fields(Bound):
                sums[part.name] = sums.get(part.name, 0.0) + float(getattr(bound, part.name).double().sum())
            count += len(images)
    return {name: value / count for name, value in sums.items()}


def elbo(parts: Mapping[str, float]) -> float:
    """Return the evidence lower bound, nats, from its parts."""
    return parts["likelihood"] - sum(value for name, value in parts.items() if name != "likelihood")


def asleep(network: RVAE, parts: Mapping[str, float]) -> tuple[str, ...]:
    """Return the latents that collapsed: those which the recipe has and which say less than 0.05 nats of a patch."""
    recipe = network.recipe
    wanted = {
        "angle": recipe.angle is not None,
        "shift": recipe.shift is not None,
        "scale": recipe.scale is not None,
        "content": recipe.content > 0,
        "state": recipe.discrete > 0,
    }
    return tuple(name for name, there in wanted.items() if there and parts[name] < ASLEEP)
