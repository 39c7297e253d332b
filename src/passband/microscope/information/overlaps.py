"""Ways to say how alike two contrast transfer functions are: the variants of σ, one entry each.

An entry compares a feature f of T, such as |T|, over the spectrum. The sums are taken one azimuth after the other, so
an entry says what one azimuth adds to the size of f and to what two condition sets share, and how σ follows from the
totals.
PyTorch is not imported before σ is computed: the command line lists the names without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from passband.entries import Entries

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """One variant of σ.

    Attributes
    ----------
    name
        What `Metric` and `passband information --overlap` call it.
    says
        What it compares, in a few words.
    feature
        f of the CTFs T (n, r).
    added
        What one azimuth adds to the size of each condition set: of f (n, r) and the weights (r,), to (n,).
    size
        The size of each condition set, from the total of `added`; 0 for a CTF that vanishes.
    shared
        What one azimuth adds to what two condition sets share: of f (n, r), f′ (m, r) and the weights (r,), to (n, m).
    sigma
        σ (n, m) from the total of `shared`, and the sizes as (n, 1) and (1, m).
    relative
        Whether `shared` is given f/size and f′/size.
    signed
        Whether it feels the sign of T, which a condition set of several images has none of.
    """

    name: str
    says: str
    feature: Callable[["Tensor"], "Tensor"]
    added: Callable[["Tensor", "Tensor"], "Tensor"]
    size: Callable[["Tensor"], "Tensor"]
    shared: Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
    sigma: Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
    relative: bool = False
    signed: bool = False


def weighted_square(values: "Tensor", weight: "Tensor") -> "Tensor":
    """Σ_r w_r v² for each row of `values` (n, r)."""
    return (values * weight)[:, None, :].bmm(values[:, :, None])[:, 0, 0]


def weighted_minimum(first: "Tensor", second: "Tensor", weight: "Tensor") -> "Tensor":
    """Σ_r w_r min(f, f′) for every pair of rows of `first` (n, r) and `second` (m, r); one m at a time."""
    import torch

    return torch.stack([first.minimum(row) @ weight for row in second], dim=1)


def cosine(name: str, says: str, feature: Callable[["Tensor"], "Tensor"], *, signed: bool = False) -> Overlap:
    """σ = ⟨f f′⟩ / √(⟨f²⟩⟨f′²⟩), the cosine of the angle between two features."""
    return Overlap(
        name=name,
        says=says,
        feature=feature,
        added=weighted_square,
        size=lambda total: total.sqrt(),
        shared=lambda first, second, weight: (first * weight) @ second.T,
        sigma=lambda shared, first, second: shared / (first * second),
        signed=signed,
    )


OVERLAPS: Entries[Overlap] = Entries(
    "overlap",
    (
        cosine("cosine", "cosine of |T|", lambda transfer: transfer.abs()),
        cosine("cosine_squares", "cosine of T²", lambda transfer: transfer.square()),
        cosine(
            "signed_cosine",
            "cosine of T, in [−1, 1]: reversed contrast counts as different",
            lambda transfer: transfer,
            signed=True,
        ),
        Overlap(
            name="one_minus_l1",
            says="1 − ½⟨| |T|/⟨|T|⟩ − |T′|/⟨|T′|⟩ |⟩",
            feature=lambda transfer: transfer.abs(),
            added=lambda feature, weight: feature @ weight,
            size=lambda total: total,
            shared=weighted_minimum,
            sigma=lambda shared, first, second: shared,  # ⟨min(p, p′)⟩ = 1 − ½⟨|p − p′|⟩ where ⟨p⟩ = ⟨p′⟩ = 1
            relative=True,
        ),
        Overlap(
            name="min_overlap",
            says="⟨min(|T|, |T′|)⟩ over ⟨max(|T|, |T′|)⟩, the only one to feel a difference in strength alone",
            feature=lambda transfer: transfer.abs(),
            added=lambda feature, weight: feature @ weight,
            size=lambda total: total,
            shared=weighted_minimum,
            sigma=lambda shared, first, second: shared / (first + second - shared),  # ⟨max⟩ = ⟨f⟩ + ⟨f′⟩ − ⟨min⟩
        ),
    ),
)
