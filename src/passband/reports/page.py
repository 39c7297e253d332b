"""One self-contained HTML page: text, tables and figures inline, so that it can be sent by mail and opened anywhere."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from passband.durable import write_atomically
from passband.files.own_files import PAGE_MARK


class Page:
    """A page that grows section by section.

    Examples
    --------
    >>> page = Page("A title", "A line about it")
    >>> page.section("Numbers", table([{"x": 1.0}], {"x": "length (Å)"}))
    >>> "length (Å)" in page.html()
    True
    """

    def __init__(self, title: str, lead: str, facts: Mapping[str, str] | None = None) -> None:
        self.title = title
        self.lead = lead
        self.facts = dict(facts or {})
        self._sections: list[str] = []

    def section(self, title: str, *parts: str) -> None:
        """Add a section of parts, each made by `paragraph`, `table`, `image` or `folded`."""
        self._sections.append(f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>")

    def html(self) -> str:
        """Return the whole page."""
        style = resources.files("passband.reports").joinpath("page.css").read_text(encoding="utf-8")
        facts = "".join(
            f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in self.facts.items()
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'{PAGE_MARK}\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
            f"<header><h1>{escape(self.title)}</h1><p>{escape(self.lead)}</p>\n"
            f'<div class="facts">{facts}</div></header>\n'
            "<main>\n" + "\n".join(self._sections) + "\n</main>\n</body>\n</html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page; a reader never sees half of it."""
        write_atomically(path, self.html().encode())


def paragraph(text: str, *, kind: str = "") -> str:
    """One paragraph of plain text; `kind="warning"` makes it stand out."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def image(png: bytes, caption: str) -> str:
    """Inline PNG with its caption."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, marked: str = "") -> str:
    """Rows as a table; `columns` maps keys to headings with units, the key `marked` makes a row stand out."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in columns.values())
    body = []
    for row in rows:
        attribute = ' class="trained"' if marked and row.get(marked) else ""
        body.append(
            f"<tr{attribute}>" + "".join(f"<td>{escape(_text(row.get(key)))}</td>" for key in columns) + "</tr>"
        )
    inner = f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>"
    return f'<div class="scroll"><table>{inner}</table></div>'


def folded(summary: str, text: str) -> str:
    """Preformatted text behind a line to click on."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):  # NaN
        return "–"
    if isinstance(value, float):
        return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 1e3 else f"{value:.3g}"
    return str(value)
