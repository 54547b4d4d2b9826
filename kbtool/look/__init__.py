"""The look that pages of one HTML file share: style, escaping, and the content policy."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

_BASE = Path(__file__).parent / "base.css"


def environment(*templates: Path) -> jinja2.Environment:
    """Templates of some folders, the first before the others; all text in them is escaped, and a name that
    is not there is an error.
    """
    import jinja2  # noqa: PLC0415 takes long, and values of reports are wanted without a page

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def stylesheet(own: Path) -> str:
    """The shared style, and a page's own after it."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (_BASE, own))


def content_hash(text: str) -> str:
    """For a page's content security policy: only this style and this script may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
