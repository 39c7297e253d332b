"""Masks that hold no whole crop, as of thin films and small precipitates: seen with smaller crops, by the same rules.

Ours, beside "SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400), whose crops have one size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passband.zero_shot.continuity import joined, levels, transitions
from passband.zero_shot.masked_image import MaskedImage, mask_means
from passband.zero_shot.textures.space import TextureSpace

SMALLER = 2.0  # how many times the crops get smaller, each time
TIMES = 2  # that they do
SMALLEST = 6  # pixels of a crop
CROPS = 20  # of each mask, at most
SHARE, CERTAIN = 0.02, 8  # of all masks, and crops: what a new material has at least. Extremes of noise have fewer
ACROSS = 0.0  # cosine of the angle between two steps from neighbours: an interface has a smaller one, a film a larger

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class NarrowRules:
    """When masks without a whole crop are a material of their own; meanings as in `Merging`.

    Attributes
    ----------
    whole, separation, continuity, seed
        As in `Merging`.
    most
        New materials, at most.
    """

    whole: float
    separation: float
    continuity: float
    seed: int
    most: int


def narrow_materials(seen: MaskedImage, material: Numbers, areas: Array, rules: NarrowRules) -> Numbers:
    """Give masks without a material the one that smaller crops say, or new ones.

    A mask of which smaller crops are whole takes the nearest material, if it is as near as crops of one material may
    be or lies between its neighbours as an interface does; others like one another are a new one.

    Parameters
    ----------
    seen
        The image, with crops too large for some masks.
    material
        (masks,), from 0; −1 where it is not known, −2 where it must not be new.
    areas
        (masks,), in any unit.
    rules
        When.

    Returns
    -------
    material
        (masks,), new ones with the next numbers; −1 where crops stay too large.
    """
    found, otherwise = material.copy(), material.copy()
    side = float(seen.places.side)
    for _ in range(TIMES):
        side /= SMALLER
        if side < SMALLEST or not (found < 0).any():
            break
        smaller = seen.at(round(side), whole=rules.whole)
        held = np.zeros(len(found), dtype=np.bool_)
        held[smaller.places.mask[smaller.places.inside >= rules.whole]] = True
        asked = held & (found < 0)
        if asked.any() and (found >= 0).any():
            new_before = int(found.max()) - int(material.max())
            found, nearest = _at_one_side(smaller, found, asked, areas, rules, rules.most - new_before)
            otherwise = np.where(asked, nearest, otherwise)
    return np.maximum(np.where(found < 0, otherwise, found), -1)


def _at_one_side(
    seen: MaskedImage, material: Numbers, asked: NDArray[np.bool_], areas: Array, rules: NarrowRules, most: int
) -> tuple[Numbers, Numbers]:
    """Give the masks that are asked for a material, `most` of them new ones; return also the nearest known ones."""
    part = (material >= 0) | asked
    crops = seen.places.sample(CROPS, generator=np.random.default_rng(rules.seed))
    chosen = part[crops.mask]
    features = seen.embedded(crops)
    space = TextureSpace.of(features[chosen], crops.mask[chosen])
    means = mask_means(space.of_features(features), crops.mask, len(part))
    means[~part] = np.nan
    borders = seen.borders(space, part, seed=rules.seed)
    level = levels(borders, joined(borders, separation=rules.continuity, units=(len(part), 1)), means)
    found = material.copy()
    number, distance = _nearest(level, level[material >= 0], material[material >= 0], areas[material >= 0], space.noise)
    between = transitions(borders, len(part), separation=rules.continuity, angle=ACROSS) | (material == -2)
    taken = asked & (between | (distance < rules.separation))
    found[taken] = number[taken]
    shown = np.bincount(crops.mask, minlength=len(part))
    groups = _groups(level, np.flatnonzero(asked & ~taken), areas, space.noise, rules.separation)
    sure = [group for group in groups if areas[group].sum() >= SHARE * areas.sum() and shown[group].sum() >= CERTAIN]
    for new, group in enumerate(sure[:most], int(material.max()) + 1):
        found[group] = new
    return found, number


def _nearest(level: Array, known: Array, material: Numbers, areas: Array, noise: Array) -> tuple[Numbers, Array]:
    """Material (masks,) whose mean level is nearest, and how many deviations away it is."""
    numbers = np.unique(material)
    centres = np.stack([np.average(known[material == one], axis=0, weights=areas[material == one]) for one in numbers])
    away = level[:, None] - centres
    length = np.linalg.norm(away, axis=2)
    along = np.linalg.norm(away * noise, axis=2) / np.maximum(length, 1e-12)
    distance = length / np.maximum(along, 1e-12)
    best = distance.argmin(1)
    return numbers[best], distance[np.arange(len(level)), best]


def _groups(level: Array, masks: Numbers, areas: Array, noise: Array, separation: float) -> list[Numbers]:
    """Return groups of masks that are nearer to the largest of theirs than `separation`, by area together."""
    left, groups = masks[np.argsort(-areas[masks], kind="stable")], []
    while len(left):
        _, distance = _nearest(level[left], level[left[:1]], np.zeros(1, np.int64), areas[left[:1]], noise)
        groups.append(left[distance < separation])
        left = left[distance >= separation]
    return sorted(groups, key=lambda group: -float(areas[group].sum()))
