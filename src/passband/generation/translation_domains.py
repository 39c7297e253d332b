"""Two domains made ready for a training: one pixel size, no image smaller than a crop, and what is odd about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from passband.generation.domain import Domain, read_domain
from passband.recipe import PassbandError

NOISIER = 1.5  # times as noisy as the real set: the sets may have been swapped
SHOWN = 3  # names in a remark
Given = Domain | str | Path | Sequence[str | Path]


class ReadyDomains(NamedTuple):
    """Domains of one pixel size, and remarks on them, a line each."""

    simulated: Domain
    real: Domain
    remarks: tuple[str, ...]


def ready_domains(simulated: Given, real: Given, *, size: int, batch: int) -> ReadyDomains:
    """Make two sets of micrographs ready for crops of `size` pixels and batches of `batch`.

    Both are brought to the most common pixel size of the real set, as resampling would change its noise. Images of any
    depth may be mixed: each is scaled by its own grey levels.

    Raises
    ------
    PassbandError
        A set is empty or cannot be read, both hold the same images, or no image of one is as large as a crop.
    """
    first, second = _domain("simulated", simulated), _domain("real", real)
    shared = set(first.fingerprints()) & set(second.fingerprints())
    if shared and len(shared) == len(set(first.fingerprints())):
        raise PassbandError(
            f"all {len(first.images)} simulated images are among the real ones; give two sets, the simulated one first"
        )
    remarks = [f"{len(shared)} images are in both sets; leave them out of one"] if shared else []
    pixel_size = second.pixel_size
    ready = []
    for domain in (first, second):
        sampled, changed = domain.sampled(pixel_size)
        if changed:
            remarks.append(
                f"{_several(changed, domain)} sampled anew at {pixel_size:.4g} Å, the pixel size of the real set"
            )
        kept, left = sampled.at_least(size)
        if left:
            remarks.append(f"{_several(left, domain)} left out: smaller than a crop of {size} pixels")
        ready.append(kept)
    first, second = ready
    return ReadyDomains(first, second, (*remarks, *_oddities(first, second, batch)))


def _domain(name: str, given: Given) -> Domain:
    if isinstance(given, Domain):
        return given
    return read_domain(name, [given] if isinstance(given, str | Path) else list(given))


def _several(names: Sequence[str], domain: Domain) -> str:
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return f"{len(names)} {domain.name} image{'s' if len(names) > 1 else ''} ({shown})"


def _oddities(simulated: Domain, real: Domain, batch: int) -> list[str]:
    found = []
    noises = simulated.noise(), real.noise()
    if noises[0] > NOISIER * noises[1]:
        found.append(
            f"the simulated set is noisier than the real one ({noises[0]:.2g} and {noises[1]:.2g} of its range): were "
            "they swapped? The simulated one comes first"
        )
    if len(real.images) == 1:
        found.append("there is one real image: the translation learns its noise and its thickness, and none beside")
    for domain in (simulated, real):
        if 1 < len(domain.images) < batch:
            images = f"{len(domain.images)} {domain.name} images"
            found.append(f"{images} are fewer than a batch of {batch}, which holds several crops of some")
        kinds = sorted({str(image.dtype) for image in domain.images})
        if len(kinds) > 1:
            found.append(f"{domain.name} images are of several depths ({', '.join(kinds)}): each is scaled on its own")
    return found
