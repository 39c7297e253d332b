"""Noise and scan of one session, from the micrographs of its files."""

from collections.abc import Sequence

from passband.camera.fitted_noise import FittedNoise, KnownScan
from passband.camera.noise_fitting import fit_noise, usable_scan
from passband.files.micrograph import Micrograph
from passband.recipe import PassbandError

EQUAL = 0.02  # of a pixel size, by which those of one session may differ


def fit_session(micrographs: Sequence[Micrograph], known: KnownScan | None = None) -> FittedNoise:
    """Fit noise and scan to micrographs of one session, with what their files say of pixel size and energy.

    Parameters
    ----------
    micrographs
        One or more, of one pixel size and one stored type.
    known
        What files do not say; what it does say replaces what they do.

    Raises
    ------
    PassbandError
        One is of a TEM; pixel sizes differ, or some files do not say theirs; or as `fit_noise`.
    """
    known = known or KnownScan()
    for one in micrographs:
        if one.mode == "TEM":
            raise PassbandError(f"{_name(one)} says that it is of a TEM, which scans nothing; give scanned images")
    if known.pixel_size is None:
        known = known.model_copy(update={"pixel_size": _common_pixel_size(micrographs)})
    energies = {one.energy for one in micrographs if one.energy is not None}
    if known.energy is None and len(energies) == 1:
        known = KnownScan.model_validate(known.model_dump() | {"energy": energies.pop()})
    for one in micrographs:
        try:
            usable_scan(one.array)
        except PassbandError as error:
            raise PassbandError(f"{_name(one)}: {error}") from error
    return fit_noise([one.array for one in micrographs], known)


def _common_pixel_size(micrographs: Sequence[Micrograph]) -> float | None:
    said = [(one.pixel_size, _name(one)) for one in micrographs]
    sides = [(side, name) for pair, name in said if pair is not None for side in pair]
    if not sides:
        return None
    silent = next((name for pair, name in said if pair is None), None)
    if silent is not None:
        raise PassbandError(f"{silent} does not say its pixel size, and others do; give that of all with --pixel-size")
    (low, first), (high, second) = min(sides), max(sides)
    if high > (1.0 + EQUAL) * low:
        raise PassbandError(
            f"pixels of {low:g} Å ({first}) and {high:g} Å ({second}) are of different sessions, or not square; "
            "fit those of each by themselves, or give one --pixel-size"
        )
    return sum(side for side, _ in sides) / len(sides)


def _name(micrograph: Micrograph) -> str:
    return str(micrograph.provenance.get("path", "a micrograph"))
