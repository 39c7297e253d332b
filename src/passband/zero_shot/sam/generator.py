"""Masks of a network of Segment Anything's kind: of everything in an image, or of what a prompt points at."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from passband.progress import SilentStages, Stages
from passband.zero_shot.filters import kept
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.sam.cache import embedded
from passband.zero_shot.sam.network import Label, MaskNetwork
from passband.zero_shot.sam.ranking import (
    Channels,
    homogeneous_places,
    texture_channels,
    texture_quality,
)
from passband.zero_shot.sam.recipe import Crop, SamRecipe, crop_layers, point_grid
from passband.zero_shot.sam.view import View, grey_levels


@dataclass(frozen=True)
class SamProposer:
    """Proposes masks by a network; see `prompts.Proposer`."""

    network: MaskNetwork
    recipe: SamRecipe = field(default_factory=SamRecipe)
    stages: Stages = field(default_factory=SilentStages)

    @property
    def name(self) -> str:
        """What --proposals calls it."""
        return self.network.name

    def embed(self, image: NDArray[np.float32]) -> "SamEmbedding":
        """Look at an image (y, x); errors as `sam.view.grey_levels`."""
        levels = grey_levels(image)
        view = self.view((0, 0, levels.shape[0], levels.shape[1]))
        return SamEmbedding(self, levels, embedded(self.network, view, levels))

    def view(self, crop: Crop) -> View:
        """How a crop comes before the network."""
        return View(crop, self.network.side, self.network.stretches)


@dataclass(frozen=True, eq=False)
class SamEmbedding:
    """What a network has seen of one image.

    Attributes
    ----------
    proposer
        Whose network and recipe.
    levels
        (y, x), grey values of the image.
    whole
        Embedding of the whole image.
    """

    proposer: SamProposer
    levels: NDArray[np.float32]
    whole: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of the image."""
        return self.levels.shape[0], self.levels.shape[1]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns that masks are given on."""
        finest = min(1.0, self.proposer.recipe.grid / max(self.shape))
        rows, columns = (max(1, round(length * finest)) for length in self.shape)
        return rows, columns

    def everything(self) -> Proposals:
        """Masks of whatever there is: a grid of points in the image and its crops, filtered."""
        recipe, found, windows = self.proposer.recipe, [], []
        asked = [(crop, self._points(crop, layer)) for layer, crop in crop_layers(self.shape, recipe)]
        total, done = sum(len(points) for _, points in asked), 0
        with self.proposer.stages.bar(self.proposer.name, unit="prompts") as bar:
            for crop, points in asked:
                view = self.proposer.view(crop)
                whole = crop == (0, 0, *self.shape)
                embedding = self.whole if whole else embedded(self.proposer.network, view, self.levels)
                for start in range(0, len(points), recipe.batch):
                    part = points[start : start + recipe.batch]
                    masks = self._asked(view, embedding, part[:, None], least=recipe.filters.quality)
                    found.append(masks)
                    windows += [crop] * len(masks)
                    done += len(part)
                    bar(done, total)
        return _within_one(kept(self._joined(found), recipe.filters, crops=np.array(windows).reshape(-1, 4)))

    def answer(self, prompt: Prompt) -> Proposals:
        """Masks for one prompt, the best first; raises PassbandError where it leaves the image.

        Three for one point, which may mean a part or the whole; one where a box or several places leave less open.
        """
        prompt.check(self.shape)
        places = [*prompt.points, *prompt.avoid]
        labels = [Label.POINT] * len(prompt.points) + [Label.AVOID] * len(prompt.avoid)
        if prompt.box is not None:
            places += [prompt.box[:2], prompt.box[2:]]
            labels += [Label.UPPER_LEFT, Label.LOWER_RIGHT]
        found = self._asked(
            self.proposer.view((0, 0, *self.shape)), self.whole, np.array([places]), np.array([labels], dtype=np.int64)
        )
        if self.proposer.recipe.ranking == "texture":
            found = replace(found, quality=texture_quality(found, self.channels))
        return _within_one(found.chosen(np.argsort(-found.quality, kind="stable")))

    def _points(self, crop: Crop, layer: int) -> NDArray[np.float64]:
        """Points (n, 2), (y, x) in pixels of the image, that a crop is asked at."""
        recipe = self.proposer.recipe
        count = max(1, recipe.points_per_side // recipe.crop_points_downscale**layer)
        if recipe.places == "grid":
            return point_grid(crop, count)
        y0, x0, y1, x1 = crop
        places = homogeneous_places(texture_channels(self.levels[y0:y1, x0:x1]), count**2)
        return places * (y1 - y0, x1 - x0) + (y0, x0)

    def _asked(
        self,
        view: View,
        embedding: Tensor,
        places: NDArray[np.float64],
        labels: NDArray[np.int64] | None = None,
        *,
        least: float = -np.inf,
    ) -> Proposals:
        """Masks above a quality for n prompts (n, places, 2), (y, x) in pixels of the image; by default all points."""
        said = np.ones(places.shape[:2], dtype=np.int64) if labels is None else labels
        network, offset = self.proposer.network, self.proposer.recipe.stability_offset
        logits, quality = network.decode(embedding, view.places(places), said, several=said.shape[1] == 1)
        sure = quality > least
        values, rows, columns = view.onto_grid(logits[sure], self.grid, self.shape)
        masks = torch.zeros((len(values), *self.grid), dtype=torch.bool, device=values.device)
        masks[:, rows, columns] = values > 0.0
        strict, loose = ((values > level).sum((1, 2)) for level in (offset, -offset))
        stability = strict.double() / loose.clamp(min=1)
        return Proposals(
            masks.cpu().numpy(),
            quality[sure].double().cpu().numpy(),
            stability.cpu().numpy(),
            (self.proposer.name,) * len(masks),
            self.shape,
        )

    @cached_property
    def channels(self) -> Channels:
        """Brightness and texture of the image, see `sam.ranking.texture_channels`."""
        return texture_channels(self.levels)

    def _joined(self, found: list[Proposals]) -> Proposals:
        return Proposals(
            np.concatenate([one.masks for one in found]),
            np.concatenate([one.quality for one in found]),
            np.concatenate([one.stability for one in found]),
            tuple(name for one in found for name in one.source),
            self.shape,
        )


def _within_one(proposals: Proposals) -> Proposals:
    """Qualities are predicted and may be a little above 1; as fractions they are not."""
    return replace(proposals, quality=proposals.quality.clip(0.0, 1.0))
