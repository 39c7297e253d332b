"""The unit of each score of realism, in a few words for a table."""

#: By its name or what that begins with.
MEANINGS = {
    "kl_real_generated": "nats: greys missing",
    "kl_generated_real": "nats: greys foreign",
    "js": "nats, 0 to 0.69",
    "wasserstein": "σ",
    "spectrum": "decades, rms",
    "frechet": "0 when alike",
    "kid": "0 when alike",
    "precision": "share that looks real",
    "recall": "share that is shown",
    "density": "1 when alike",
    "coverage": "share that is shown",
    "columns": "in the sources",
    "columns_lost": "share",
    "column": "median",
    "columns_displaced": "share, > 0.3 pixels",
    "columns_displaced_beyond_noise": "share, also > 3 errors",
    "contrast": "share of images",
}


def meaning(name: str) -> str:
    """Return the unit of a score and what is best, or nothing of an unknown one.

    Examples
    --------
    >>> meaning("kid_textures")
    '0 when alike'
    """
    return MEANINGS.get(name) or MEANINGS.get(name.split("_")[0], "")
