"""The page about explored patches: what varies, where on a frame, and how it changes with time."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from passband.description.lattice import nearest_distances
from passband.figures.latent import (
    bic_figure,
    components_figure,
    latent_maps_figure,
    manifold_figure,
    scree_figure,
)
from passband.figures.motion import (
    angles_figure,
    births_figure,
    course_figure,
    density_figure,
    paths_figure,
    ring_course_figure,
    transitions_figure,
)
from passband.figures.style import to_png
from passband.latent.angles import angle_course
from passband.latent.autoencoder_model import AutoencoderCard
from passband.latent.collecting import AtomFrame, Collected
from passband.latent.cutting import AtomWindow
from passband.latent.exploration import Explored, PlainLatents
from passband.latent.motion import atom_paths, density_course, latent_course, ring_course
from passband.latent.principal import principal_components
from passband.latent.rvae_model import RVAECard
from passband.latent.transitions import births, transitions
from passband.reports.page import Page, folded, image, paragraph, table

_COLUMNS = {
    "window_A": "window (Å)",
    "patches": "patches",
    "left_out": "left out at the border",
    "symmetry": "symmetry",
    "kinds": "kinds (BIC)",
    "elbo_nats": "evidence lower bound (nats a patch)",
}
_SHOWS = {"image": "the image", "network": "what the network sees", "atoms": "the atoms that were found"}
_PERFECT = "6-6-6"  # rings of an atom of graphene
_SHOWN = 40  # births in the table
_BORDER = 3.0  # distances of neighbours from the border within which rings may be cut


def exploration_page(found: Sequence[Explored], atoms: Collected, frame: AtomFrame, row: dict[str, Any]) -> Page:
    """Return the page.

    Parameters
    ----------
    found
        Of each window.
    atoms
        All of them.
    frame
        The first that shows atoms; latents are drawn on it.
    row
        What scripts are told.
    """
    facts = {
        "frames": str(row["frames"]),
        "atoms in frames": f"{len(atoms.frame):,}",
        "windows": ", ".join(f"{one.patches.window.side:.3g} Å" for one in found),
        "patches show": _SHOWS[row["shown"]],
    }
    lead = "Surroundings of atoms, explored without labels: how each is turned, what else it shows, and their kinds."
    page = Page("What varies from atom to atom", lead, facts)
    said = [paragraph(text, kind="warning") for text in row["remarks"]]
    page.section("Windows", table(row["windows"], _COLUMNS), *said)
    for one in found:
        page.section(f"Window of {one.patches.window.side:.3g} Å", *_window(one, frame))
    page.section("Rings against time" if row["frames"] > 1 else "Rings", *_rings(atoms, frame))
    page.section("How it was made", folded("all numbers of this report", _plain(row)))
    return page


def _window(one: Explored, first: AtomFrame) -> Iterator[str]:
    patches, latents = one.patches, one.latents
    period = 360.0 / one.symmetry
    shown = np.flatnonzero(patches.frame == patches.frame[0])
    moving = patches.frame[-1] != patches.frame[0]
    named = {f"z{number + 1}": latents.content[:, number] for number in range(latents.content.shape[1])}
    for number in range(max(1, len(one.told))):
        of = f" of an atom that it was told to be of class {one.told[number]}" if one.told else ""
        yield _drawn(
            _manifold(one.autoencoder.card, one.autoencoder.manifold(angle=one.usual_angle, known=number)),
            f"What the first two content latents draw{of}, over the middle 90 % of the patches, turned as most are.",
        )
    on_frame: dict[str, NDArray[Any]] = {"angle (°)": np.degrees(latents.angle[shown])}
    on_frame |= {name: value[shown] for name, value in named.items()} | {"kind": one.kinds[shown]}
    columns = first.columns
    yield _drawn(
        latent_maps_figure(
            _frame_image(first), patches.places[shown], on_frame, columns.pixel_size, periods={"angle (°)": period}
        ),
        f"Latents of the atoms of frame {patches.frame[0]}. The angle repeats after {period:g}°; its zero is free.",
    )
    yield _drawn(
        angles_figure(angle_course(patches.frame, latents.angle, symmetry=one.symmetry)),
        "Angles, folded by the symmetry; how flat their distribution is in each frame.",
    )
    for name, values in named.items():
        if float(np.ptp(values)) > 0.0:
            density = density_course(patches.frame, values)
            yield _drawn(density_figure(density, name), f"Density of {name} in each frame.")
            if moving:
                course = latent_course(patches.frame, values)
                yield _drawn(course_figure(course, name), f"Median and quartiles of {name}.")
    if moving and latents.content.shape[1] > 1 and (patches.atom >= 0).any():
        paths = atom_paths(patches.frame, patches.atom, latents.content)
        if paths:
            yield _drawn(paths_figure(paths), "Atoms that are seen longest, through the first two content latents.")
    if one.plain is not None:
        yield from _plain_autoencoder(one.plain, first, patches.places[shown], shown)
    yield from _kinds(one)


def _manifold(card: RVAECard | AutoencoderCard, sheet: NDArray[np.float32]) -> Figure:
    low, high = card.low, card.high
    return manifold_figure(sheet, first=(low[0], high[0]), second=(low[1], high[1]))


def _plain_autoencoder(
    plain: PlainLatents, first: AtomFrame, places: NDArray[np.float64], shown: NDArray[np.intp]
) -> Iterator[str]:
    yield _drawn(
        _manifold(plain.model.card, plain.model.manifold()),
        "What an autoencoder draws that knows nothing of turns: its two latents mix turn, shift and content.",
    )
    named = {f"ae{number + 1}": plain.content[shown, number] for number in range(2)}
    yield _drawn(
        latent_maps_figure(_frame_image(first), places, named, first.columns.pixel_size),
        "Its latents on the same frame.",
    )


def _kinds(one: Explored) -> Iterator[str]:
    mixture, patches = one.mixture, one.patches
    count = len(mixture.weights)
    yield _drawn(
        components_figure(mixture.means(), mixture.weights, patches.window.pixel_size),
        "Kinds of surroundings by a mixture of Gaussians, the most common first. Turned copies are kinds of their own.",
    )
    yield _drawn(bic_figure(mixture.card.bic), "Why so many kinds: the Bayesian information criterion above its least.")
    if (patches.atom >= 0).any() and len(np.unique(patches.frame)) > 1:
        found = transitions(patches.frame, patches.atom, one.kinds, count)
        names = [str(number) for number in range(count)]
        yield _drawn(
            transitions_figure(found, names),
            f"Kind in a frame (row) and in the next (column); {int(found.counts.sum()):,} steps of atoms.",
        )
    few = min(16, len(patches.images) - 1, patches.images[0].size)
    yield _drawn(
        scree_figure(principal_components(patches.images, few).explained), "Variance along principal components."
    )


def _rings(atoms: Collected, first: AtomFrame) -> Iterator[str]:
    course = ring_course(atoms.frame, atoms.positions)
    if len(course.frames) == 1:
        row = {f"{size}-fold": int(counts[0]) for size, counts in course.counts.items()} | {"holes": course.holes[0]}
        yield paragraph("Rings that neighbours close in the one frame; of a sheet such as graphene they are six-fold.")
        yield table([row], {name: name for name in row})
        return
    yield _drawn(ring_course_figure(course), "Rings that are closed, in each frame.")
    if not (atoms.atom >= 0).any() or _PERFECT not in course.membership:
        return
    every = births(atoms.frame, atoms.atom, course.membership, atoms.places, perfect=_PERFECT)
    far = _BORDER * float(np.median(nearest_distances(first.columns.positions)))
    within = AtomWindow(side=2.0 * far).inside
    columns = first.columns
    inside = within([(one.y_px, one.x_px) for one in every], columns.shape, columns.pixel_size)
    found = [one for one, whole in zip(every, inside, strict=True) if whole]
    yield paragraph(
        f"{len(found)} atoms of three six-fold rings leave that state for good; within {far:.2g} Å of the border, "
        "which may cut their rings, none is counted."
    )
    if found:
        heads = {"frame": "frame", "track": "atom", "y_px": "y (px)", "x_px": "x (px)", "after": "rings afterwards"}
        yield _drawn(
            births_figure(_frame_image(first), found, first.columns.pixel_size),
            "Where they did, on the first frame.",
        )
        yield table([one._asdict() for one in found[:_SHOWN]], heads)


def _frame_image(first: AtomFrame) -> NDArray[np.float64]:
    return np.zeros(first.columns.shape) if first.image is None else first.image


def _drawn(figure: Figure, caption: str) -> str:
    return image(to_png(figure, dpi=110), caption)


def _plain(row: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in row.items())
