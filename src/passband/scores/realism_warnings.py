"""What makes scores of realism doubtful, said in sentences."""

from collections.abc import Iterable, Iterator, Sequence

from passband.scores.cropping import CropSet
from passband.scores.frechet import ENOUGH, is_small
from passband.scores.intensity import looks_inverted
from passband.scores.score_groups import FeatureGroup


def warnings_of(real: CropSet, generated: CropSet, features: Sequence[FeatureGroup], *, centred: bool) -> Iterator[str]:
    """Give the warnings of two sets; `centred` where each image has mean 0."""
    for name, one in (("real", real), ("generated", generated)):
        if one.images == 1:
            yield f"one {name} image only: how scores would differ with others cannot be told, and intervals are null"
        if one.left_out:
            side = one.crops.shape[1]
            yield f"{one.left_out} {name} image{'s' * (one.left_out != 1)} smaller than {side} pixels left out"
    yield from _equal(real, generated)
    for group in features:
        count, name = group.real.shape[1], group.extractor.name
        crops = f"{len(group.real)} real and {len(group.generated)} generated crops"
        if is_small(group.fewest, count):
            yield (
                f"frechet_{name}: {crops} are few for {count} features and "
                f"its value is mostly scatter; take {ENOUGH * count} of each, or read kid_{name}"
            )
    if centred and looks_inverted(real.crops, generated.crops):
        yield "negatives of the generated images have grey levels nearer to the real ones: is their contrast inverted?"


def _equal(real: CropSet, generated: CropSet) -> Iterable[str]:
    known, found = set(real.hashes()), generated.hashes()
    same = sum(one in known for one in found)
    if not same:
        return []
    if same == len(found) == len(real.crops):
        return ["both sets hold the same images; scores say nothing"]
    return [f"{same} of {len(found)} generated crops are real ones, pixel for pixel"]
