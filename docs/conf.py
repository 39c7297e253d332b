"""Sphinx configuration: the pages are Markdown, the pictures are drawn when the pages are built."""

import sys
from pathlib import Path

import passband

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import convention_figures  # noqa: E402

convention_figures.draw_all(HERE / "images" / "generated")

project = "passband"
author = "The passband developers"
copyright = "2026, the passband developers"
release = version = passband.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "passband"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}
