"""Sphinx configuration: the pages are Markdown, the pictures are drawn when the pages are built, nothing is fetched."""

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx

import passband

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import command_pages  # noqa: E402
import convention_figures  # noqa: E402
import format_tables  # noqa: E402
import measure_tables  # noqa: E402
import plan_keys  # noqa: E402
import reference_pages  # noqa: E402
import study_pages  # noqa: E402

convention_figures.draw_all(HERE / "images" / "generated")
study_pages.write_all(HERE)
study_pages.write_front(HERE)
plan_keys.write(HERE)
command_pages.write(HERE)
reference_pages.write_all(HERE)
format_tables.write(HERE)
measure_tables.write(HERE)

project = "passband"
author = "The passband developers"
copyright = "2026, the passband developers"
release = version = passband.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "examples", "generated"]
default_role = "py:obj"  # `name` in a docstring is code, and a link where there is something to link to
myst_enable_extensions = ["dollarmath", "colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"exclude-members": "model_config"}
napoleon_google_docstring = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # names of attributes such as `loss` are those of several classes; they need no link
add_module_names = False
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "min_reported_time": 3600,
    "write_computation_times": False,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "passband"
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 5,
    "navbar_persistent": ["search-button"],
}
# Only pages that have neighbours have something to show on the left.
_ALONE = """index quickstart commands command_options trust formats troubleshooting costs campaigns plan_keys
interfaces sheets plane_lattices conventions glossary trust_metrics benchmarks file_bounds roadmap"""
html_sidebars = {page: [] for page in _ALONE.split()}


def _mathml(translator: Any, node: nodes.math | nodes.math_block, *, block: bool) -> None:
    """Write a formula as MathML, which browsers draw themselves: no script, and none fetched from elsewhere."""
    display = ' display="block"' if block else ""
    body = latex2mathml.tex2mathml(node.astext(), as_block=block)
    body = re.sub(r"<math\b[^>]*>", f'<math xmlns="http://www.w3.org/1998/Math/MathML"{display}>', body, count=1)
    translator.body.append(f'<div style="margin: 1.5rem 0; overflow-x: auto">{body}</div>' if block else body)
    raise nodes.SkipNode


def _bars_are_magnitudes(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Escape | outside code, so that |T| in a docstring is a magnitude and not a substitution."""
    for index, line in enumerate(lines):
        if not line.lstrip().startswith(">>>"):
            parts = re.split(r"(`[^`]*`)", line)
            lines[index] = "".join(part if part.startswith("`") else part.replace("|", r"\|") for part in parts)


def _link_to_pages(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = study_pages.link_to_pages(source[0])


def setup(app: Sphinx) -> None:
    """Register what Sphinx lacks."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda translator, node: _mathml(translator, node, block=False), None),
        block_renderers=(lambda translator, node: _mathml(translator, node, block=True), None),
    )
    app.connect("autodoc-process-docstring", _bars_are_magnitudes)
    app.connect("source-read", _link_to_pages)
