"""What takes micrographs of the structures of a store: each beam path has one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from passband.dataset.beam_path import ImagingRecipe, SimulationRecipe
from passband.dataset.store import WaveStore

T = TypeVar("T", bound=ImagingRecipe)
R = TypeVar("R", bound=SimulationRecipe)


class Imager(ABC, Generic[T, R]):
    """Images and masks of the structures of a store.

    Parameters
    ----------
    store, imaging
        As in `Acquisition`.
    recipe
        Of the store.
    device
        That images are formed on.
    """

    def __init__(self, store: WaveStore, imaging: T, recipe: R, device: torch.device) -> None:
        self.store, self.imaging, self.recipe, self.device = store, imaging, recipe, device

    @abstractmethod
    def row(self, index: int, rng: np.random.Generator, *, turn: int, shared: int) -> dict[str, Any]:
        """Draw everything for patch `turn` of the `shared` ones of a field of structure `index`: plain JSON values."""

    @abstractmethod
    def field(self, row: Mapping[str, Any]) -> Tensor:
        """Image of a field, which its patches share."""

    @abstractmethod
    def patch(self, row: Mapping[str, Any], field: Tensor) -> tuple[Tensor, Tensor]:
        """Image float32 and mask int64 `(patch, patch)` of a row, from its field.

        Raises
        ------
        PassbandError
            The image is not finite.
        """
