"""A page put together: template, style, script, language, and the policy by which only these may run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bridge.operator.words import WORDS
from kbtool import look

if TYPE_CHECKING:
    import jinja2

SHARED = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Look:
    """The pages of a room; `templates` is its folder, searched before the shared one, `filters` its own."""

    templates: Path
    filters: Mapping[str, Callable[..., object]] = field(default_factory=dict)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """The template with `values`, `t` being the words in the reader's language."""
        language = language_of(request)
        text = self._environment.get_template(template).render(
            lang=language, t=WORDS[language], path=request.url.path, css=self._css, js=self._js, **values
        )
        return HTMLResponse(
            text, status, {"content-security-policy": self._policy, "vary": "accept-language"}
        )

    @cached_property
    def _environment(self) -> jinja2.Environment:
        import jinja2  # noqa: PLC0415 takes long, and most bridges are never looked at

        made = look.environment(self.templates)
        made.filters |= self.filters
        made.loader = jinja2.FileSystemLoader([self.templates, SHARED])
        return made

    @cached_property
    def _css(self) -> str:
        return look.stylesheet(SHARED / "operator.css")

    @cached_property
    def _js(self) -> str:
        return (SHARED / "operator.js").read_text(encoding="utf-8")

    @cached_property
    def _policy(self) -> str:
        style, script = look.content_hash(self._css), look.content_hash(self._js)
        return (
            f"default-src 'none'; style-src '{style}'; script-src '{script}'; form-action 'self';"
            " base-uri 'none'; frame-ancestors 'none'"
        )


def language_of(request: Request) -> str:
    """What the address says, else what the browser prefers among the languages that there are."""
    asked = request.query_params.get("lang", "")
    if asked in WORDS:
        return asked
    for wanted in request.headers.get("accept-language", "").split(","):
        name = wanted.partition(";")[0].strip().partition("-")[0].casefold()
        if name in WORDS:
            return name
    return "en"
