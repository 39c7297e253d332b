"""Learners of several players, a generator and its discriminators, that take their steps in turns."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from passband.training.optimising import make_optimiser
from passband.training.recipe import Learner, Trainable, TrainingRecipe


@dataclass(frozen=True)
class Turn:
    """One step of one player.

    Turns of the same parameters share an optimiser, as the loss and the regularisation of a discriminator do.

    Attributes
    ----------
    name
        Told to `loss`, and in the history as `loss_<name>`.
    parameters
        What this turn changes; all others are constants to it.
    rate
        Its learning rate in units of the recipe's.
    betas
        Of Adam.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)


@runtime_checkable
class Players(Trainable, Protocol):
    """What the loop asks of a learner of several players."""

    def turns(self) -> Sequence[Turn]:
        """Return the turns of a step, in their order."""

    def loss(self, batch: Any, *, step: int, turn: str) -> Tensor | None:
        """Return the scalar that a turn descends, or None where it does nothing at this step."""


@runtime_checkable
class Followed(Protocol):
    """A learner that is told of the end of each step, to follow its weights with averages and the like."""

    def stepped(self, step: int) -> None:
        """Change buffers of the learner; called without gradients."""


@dataclass
class Player:
    """Parameters with their optimiser; `turn` is "" for a learner of one player."""

    turn: str
    parameters: tuple[nn.Parameter, ...]
    optimiser: torch.optim.Optimizer
    rate: float
    constants: tuple[nn.Parameter, ...] = field(default=())

    def loss(self, learner: Learner | Players, batch: Any, step: int) -> Tensor | None:
        """Return what the player descends at a step, if anything."""
        if isinstance(learner, Players):
            return learner.loss(batch, step=step, turn=self.turn)
        return learner.loss(batch, step=step)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Leave gradients to this player's parameters for the time of a `with` block."""
        for parameter in self.constants:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self.constants:
                parameter.requires_grad_(True)


def players_of(learner: Learner | Players, recipe: TrainingRecipe) -> list[Player]:
    """Return who takes the turns of a step, each with an optimiser.

    Raises
    ------
    ValueError
        Turns have one name, share some parameters but not all, or leave some parameters to nobody.
    """
    everything = tuple(learner.parameters())
    if not isinstance(learner, Players):
        return [Player("", everything, make_optimiser(recipe, everything), 1.0)]
    turns = learner.turns()
    _check(turns, everything)
    optimisers: dict[frozenset[int], torch.optim.Optimizer] = {}
    players = []
    for turn in turns:
        own = _identities(turn.parameters)
        if own not in optimisers:
            optimisers[own] = make_optimiser(recipe, turn.parameters, betas=turn.betas)
        constants = tuple(one for one in everything if one.requires_grad and id(one) not in own)
        players.append(Player(turn.name, turn.parameters, optimisers[own], turn.rate, constants))
    return players


def _identities(parameters: Iterable[nn.Parameter]) -> frozenset[int]:
    return frozenset(map(id, parameters))


def _check(turns: Sequence[Turn], everything: Iterable[nn.Parameter]) -> None:
    names = [turn.name for turn in turns]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"turns {names} need names of their own")
    sets = {_identities(turn.parameters) for turn in turns}
    if sum(map(len, sets)) > len(frozenset[int]().union(*sets)):
        raise ValueError(f"some of the turns {names} share a part of their parameters; let them share all or none")
    if idle := _identities(everything) - frozenset[int]().union(*sets):
        raise ValueError(f"{len(idle)} parameters are of none of the turns {names}; make them one's, or buffers")
