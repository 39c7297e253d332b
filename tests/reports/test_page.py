"""A page is one file: texts of strangers are shown and not obeyed, nothing is fetched."""

import math
import re
from pathlib import Path

from passband.reports.page import Page, folded, image, paragraph, table

EVIL = '<script>alert("a")</script> & "b"'


def made() -> str:
    page = Page(EVIL, EVIL, {EVIL: EVIL})
    rows = [{"name": EVIL, "value": math.nan, "own": True}, {"name": None, "value": -0.0004}]
    parts = [paragraph(EVIL, kind="warning"), table(rows, {"name": EVIL, "value": "value (Å)"}, marked="own")]
    page.section(EVIL, *parts, image(b"png", EVIL), folded(EVIL, EVIL))
    return page.html()


def test_texts_of_strangers_are_shown_and_not_obeyed() -> None:
    # rejects a part that forgets to escape, in a tag as well as in an attribute
    html = made()
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&quot;a&quot;)") == html.count("alert(")
    assert '"b"' not in html


def test_nothing_is_fetched() -> None:
    html = made()
    assert re.findall(r'(?:src|href)="([^"]{0,22})', html) == ["data:image/png;base64,"]
    assert "url(" not in html


def test_numbers_of_a_table_are_for_reading() -> None:
    # rejects "nan", "None" and "-0.000"
    cells = re.findall(r"<td>(.*?)</td>", made())
    assert cells[1:] == ["–", "–", "0.000"]
    assert made().count('class="trained"') == 1


def test_a_reader_never_sees_half_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    Page("a", "b").write(path)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [one.name for one in tmp_path.iterdir()] == ["a.html"]
