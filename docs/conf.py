"""The documentation site, as Sphinx builds it from these pages: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from docs.generated import filled
from gitops._version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "baseten-gitops"
version = release = __version__
copyright = "the authors of baseten-gitops, Apache-2.0"  # noqa: A001 - Sphinx calls it so
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"baseten-gitops {__version__}"
html_show_sphinx = False
myst_heading_anchors = 3
pygments_style = "default"
nitpicky = True


def _fill(_app: Sphinx, _page: str, content: list[str]) -> None:
    content[0] = filled(content[0])


def _outdated(_app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """What is taken from the code is as old as that, whatever the page's own date."""
    return [
        page for page in env.found_docs if "<!-- generated" in env.doc2path(page).read_text("utf-8")
    ]


def setup(app: Sphinx) -> None:
    """Have generated parts written into the pages that ask for them."""
    app.connect("env-get-outdated", _outdated)
    app.connect("source-read", _fill)
