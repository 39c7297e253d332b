"""Pages of what stands outside docs/: the README, the report of each study, and the results of the benchmarks."""

import re
from pathlib import Path

PAGE = """\
```{{include}} {source}
:relative-images:
```
"""
INDEX = """\
# Studies

Each is a campaign and its report, run by one command: `make study STUDY=NAME`.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def write_all(docs: Path) -> None:
    """Write `studies/` and `benchmarks.md` into the folder of pages."""
    folder = docs / "studies"
    folder.mkdir(exist_ok=True)
    studies = docs.parent / "studies"
    found = [report.parent.relative_to(studies) for report in studies.glob("**/report.md")]
    sources = {"_".join(one.parts): one.as_posix() for one in sorted(found)}  # a study may have more reports than one
    names = sorted(sources)
    pages = {folder / f"{name}.md": PAGE.format(source=f"../../studies/{sources[name]}/report.md") for name in names}
    pages[folder / "index.md"] = INDEX.format(pages="\n".join(names))
    pages[docs / "benchmarks.md"] = PAGE.format(source="../benchmarks/RESULTS.md")
    for path, text in pages.items():
        _write(path, text)


def write_front(docs: Path) -> None:
    """Write the text of the first page, `generated/front.inc`, from the README beside the folder of pages."""
    (docs / "generated").mkdir(exist_ok=True)
    _write(docs / "generated" / "front.inc", front((docs.parent / "README.md").read_text(encoding="utf-8")))


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what is newer
        path.write_text(text, encoding="utf-8")


def front(readme: str) -> str:
    """Return the first half of the README, without its title and with links from the folder of pages."""
    _, _, text = readme.partition("know what they can see.*\n")
    text, found, _ = text.partition("## More than one image")
    assert found, "README.md has no heading 'More than one image'"
    return link_to_pages(re.sub(r"\]\(docs/", "](", text))


def link_to_pages(markdown: str) -> str:
    """Turn links to the files of the repository into links to their pages."""
    markdown = re.sub(
        r"\]\((?:\.\./)*studies/([\w/]+)/report\.md",
        lambda found: f"](/studies/{found[1].replace('/', '_')}.md",
        markdown,
    )
    return re.sub(r"\]\((?:\.\./)*benchmarks/RESULTS\.md", "](/benchmarks.md", markdown)
