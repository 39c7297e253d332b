"""The tables of measures, of variants of the overlap and of scores, made from the entries that passband runs."""

from collections.abc import Iterable
from pathlib import Path

from passband.forecast.tables import MEASURES, PairMeasure
from passband.microscope.information.overlaps import OVERLAPS
from passband.scores.overlap import SCORES

NEEDS = {"optics": "the conditions alone", "waves": "exit waves", "images": "simulated micrographs"}
LARGER = {1: "more", -1: "less"}


def write(docs: Path) -> None:
    """Write the tables into the folder of what is generated."""
    folder = docs / "generated"
    folder.mkdir(exist_ok=True)
    tables = {
        "measures.inc": table(("measure", "what it is", "needs", "larger: loss is"), map(_measure, MEASURES.values())),
        "overlaps.inc": table(("`overlap`", "σ"), ((f"`{one.name}`", one.says) for one in OVERLAPS.values())),
        "scores.inc": table(
            ("score", "of a prediction p and a truth t"), ((f"`{one.name}`", one.says) for one in SCORES.values())
        ),
    }
    for name, text in tables.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
            path.write_text(text, encoding="utf-8")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _measure(one: PairMeasure) -> tuple[str, str, str, str]:
    unit = "" if one.unit == "1" else f", {one.unit}"
    return f"`{one.name}`{unit}", one.says, NEEDS[one.needs], LARGER[one.direction]
