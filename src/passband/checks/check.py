"""What a check is: a number for one micrograph, larger where something is wrong, and when it speaks."""

from collections.abc import Callable
from dataclasses import dataclass

from passband.checks.subject import Subject


@dataclass(frozen=True)
class Check:
    """A check of one micrograph.

    Attributes
    ----------
    name
        Of its column in a table of performance.
    word
        What scripts look for where it speaks, such as "inverted"; several checks may share one.
    text
        The same for a person, with what to do about it.
    level
        What it does to a verdict where it speaks: 0 tells, 1 makes it doubtful, 2 puts the image outside.
    measure
        Its value for a micrograph, larger where something is wrong; None where it has nothing to look at.
    least
        The check never speaks at this value or below.
    modes
        Of the microscopes whose images it is for.
    calibrated
        Whether it speaks only of values that are rare on the micrographs that the network was measured on. Otherwise
        `least` is its threshold.
    """

    name: str
    word: str
    text: str
    level: int
    measure: Callable[[Subject], float | None]
    least: float = 0.0
    modes: tuple[str, ...] = ("TEM", "STEM", "SEM")
    calibrated: bool = True
