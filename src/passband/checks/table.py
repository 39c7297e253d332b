"""Every check, and what they measure on one micrograph."""

from collections.abc import Iterable

from passband.checks.bright_peaks import BRIGHT_PEAKS
from passband.checks.check import Check
from passband.checks.columns import NO_COLUMNS, WIDE_COLUMNS
from passband.checks.contrast import FOLLOWS_GREY, NEGATIVE
from passband.checks.damage import BLACK_BORDER, BURNED_SCALE, CLIPPED_COLUMNS, SATURATED_PIXELS
from passband.checks.dark_field import BRIGHT_DETAIL, DARK_COLUMNS, NO_DARK_FIELD
from passband.checks.gradient import GRADIENT
from passband.checks.lattice import STRANGE_FRINGES
from passband.checks.no_signal import NO_SIGNAL
from passband.checks.sampling import EMPTY_MAGNIFICATION
from passband.checks.slow_contrast import SLOW_CONTRAST
from passband.checks.stability import UNSTABLE_BLUR, UNSTABLE_NOISE, UNSTABLE_SCALE
from passband.checks.subject import Subject
from passband.entries import Entries

#: Every check, in the order of columns and reasons.
CHECKS: Entries[Check] = Entries(
    "check",
    (
        NO_SIGNAL,
        NEGATIVE,
        FOLLOWS_GREY,
        DARK_COLUMNS,
        NO_DARK_FIELD,
        BRIGHT_DETAIL,
        NO_COLUMNS,
        BRIGHT_PEAKS,
        WIDE_COLUMNS,
        UNSTABLE_SCALE,
        UNSTABLE_BLUR,
        UNSTABLE_NOISE,
        STRANGE_FRINGES,
        EMPTY_MAGNIFICATION,
        GRADIENT,
        SLOW_CONTRAST,
        SATURATED_PIXELS,
        CLIPPED_COLUMNS,
        BLACK_BORDER,
        BURNED_SCALE,
    ),
)


def checks_of(mode: str) -> list[Check]:
    """Return the checks for images of a microscope of such a mode."""
    return [check for check in CHECKS.values() if mode in check.modes]


def calibrated_checks(mode: str) -> list[Check]:
    """Return those of them whose values are measured with the network."""
    return [check for check in checks_of(mode) if check.calibrated]


def measured_checks(subject: Subject, checks: Iterable[Check]) -> dict[str, float]:
    """Values of checks for a micrograph, by name; those that have something to look at."""
    values = {check.name: check.measure(subject) for check in checks}
    return {name: value for name, value in values.items() if value is not None}
