"""Links between the pages: to files that exist, and in the built documentation to their pages."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from tests.fixtures.scripts import load_script

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "benchmarks").glob("*.md"),
    *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    *(ROOT / "studies").glob("*/*.md"),
]
#: When the documentation is built: pictures, and pages that are made from the package.
MADE = re.compile(r"images/generated/|(benchmarks|command_options|plan_keys)\.md$")


@pytest.fixture(scope="module")
def study_pages() -> ModuleType:
    return load_script("docs/study_pages.py")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"\w+:", link) and not MADE.match(link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_report_has_a_page(study_pages: ModuleType, tmp_path: Path) -> None:
    for name in ("waves", "atoms"):
        (tmp_path / "studies" / name).mkdir(parents=True)
        (tmp_path / "studies" / name / "report.md").write_text("# Report\n")
    docs = tmp_path / "docs"
    docs.mkdir()
    study_pages.write_all(docs)
    assert "{include} ../../studies/atoms/report.md\n" in (docs / "studies" / "atoms.md").read_text()
    (tmp_path / "studies" / "atoms" / "longer").mkdir()
    (tmp_path / "studies" / "atoms" / "longer" / "report.md").write_text("# Report\n")
    study_pages.write_all(docs)
    assert "{include} ../../studies/atoms/longer/report.md\n" in (docs / "studies" / "atoms_longer.md").read_text()
    assert "\natoms\natoms_longer\nwaves\n" in (docs / "studies" / "index.md").read_text()
    assert "{include} ../benchmarks/RESULTS.md\n" in (docs / "benchmarks.md").read_text()


def test_unchanged_pages_are_not_written_again(study_pages: ModuleType, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    study_pages.write_all(docs)
    before = (docs / "benchmarks.md").stat().st_mtime_ns
    study_pages.write_all(docs)
    assert (docs / "benchmarks.md").stat().st_mtime_ns == before


def test_the_first_page_is_the_first_half_of_the_readme_with_links_from_its_own_folder(
    study_pages: ModuleType, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    docs = tmp_path / "docs"
    docs.mkdir()
    study_pages.write_front(docs)
    text = (docs / "generated" / "front.inc").read_text(encoding="utf-8")
    assert "## Will it work on my images?" in text
    assert "## More than one image" not in text
    assert "](images/real_gold.png)" in text
    assert "](/benchmarks.md)" in text
    assert "](docs/" not in text


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("[a](../studies/ood_structure/report.md)", "[a](/studies/ood_structure.md)"),
        ("[a](../../studies/ood_structure/report.md#in-short)", "[a](/studies/ood_structure.md#in-short)"),
        ("[a](../studies/realism/longer/report.md)", "[a](/studies/realism_longer.md)"),
        ("[a](../benchmarks/RESULTS.md)", "[a](/benchmarks.md)"),
        ("[a](trust.md)", "[a](trust.md)"),
    ],
)
def test_links_to_reports_become_links_to_pages(study_pages: ModuleType, link: str, page: str) -> None:
    assert study_pages.link_to_pages(f"see {link} and `{link[:3]}`") == f"see {page} and `{link[:3]}`"
