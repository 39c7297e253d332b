"""The tables of the page of formats, made from the entries that passband reads files by."""

from pathlib import Path

from passband.files.formats import Format, formats

READ = "| format | names end in | pixel size from | beam energy from | remarks |\n|---|---|---|---|---|\n"
REFUSED = "| format | names end in | what it is, and the way out |\n|---|---|---|\n"


def write(docs: Path) -> None:
    """Write both tables into the folder of what is generated."""
    folder = docs / "generated"
    folder.mkdir(exist_ok=True)
    known = sorted(formats(), key=lambda entry: entry.name.lower())
    tables = {
        "formats_read.inc": READ + "".join(_read(entry) for entry in known if entry.reader),
        "formats_refused.inc": REFUSED + "".join(_refused(entry) for entry in known if not entry.reader),
    }
    for name, text in tables.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
            path.write_text(text, encoding="utf-8")


def _read(entry: Format) -> str:
    cells = (entry.pixel_size_from or "nothing: give it", entry.energy_from or "nothing", entry.remark)
    return f"| {entry.name} | {_endings(entry)} | {' | '.join(cells)} |\n"


def _refused(entry: Format) -> str:
    return f"| {entry.name} | {_endings(entry)} | {entry.advice} |\n"


def _endings(entry: Format) -> str:
    return " ".join(f"`{ending}`" for ending in entry.endings)
