"""How many true point defects of an image were found, kind by kind; those near its border count neither way."""

from passband.description.defects import MATCHED, Defects
from passband.scores.detection import DetectionScores, detection_scores


def defect_scores(found: Defects, true: Defects) -> list[DetectionScores]:
    """Scores of each kind, in the order of `found.classes`: pairs of one kind, one to one, at most `MATCHED` apart.

    Of both, those within `MATCHED` of the border are left out.
    """
    one, other = found.clear_of_border(), true.clear_of_border()
    count = len(found.classes)
    return detection_scores(one.positions, one.label, other.positions, other.label, within=MATCHED, classes=count)


def all_kinds(scores: list[DetectionScores]) -> DetectionScores:
    """Sum of the scores of each kind."""
    return DetectionScores(*map(sum, zip(*scores, strict=True)))
