"""The documentation site: `./run docs` builds it from this folder and the package's docstrings."""

import re

import lodestone

project = "Lodestone"
author = "the Lodestone developers"
version = release = lodestone.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "breathe"]
html_theme = "furo"
html_title = f"Lodestone {version}"
exclude_patterns = ["images"]

myst_fence_as_directive = ["math"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# Files of the repository that are no pages of the site.
suppress_warnings = ["myst.xref_missing"]

# What doxygen has read from the C++ headers (docs/Doxyfile).
breathe_projects = {"lodestone": "../build/doxygen/xml"}
breathe_default_project = "lodestone"
breathe_default_members = ("members", "undoc-members")

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True


def keep_bars(app, what, name, obj, options, lines):
    """|η| is a number's size in docstrings, not the substitution that it is to Sphinx."""
    for i, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[i] = "".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", keep_bars)
