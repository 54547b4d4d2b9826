"""Templates, words and files of the pages in one folder, behind one address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bridge.pages import guarding
from bridge.pages.languages import Language, asked_for, language_of
from kbtool import look

_FOLDER = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _File:
    address: str
    content: str
    media_type: str


class Pages:
    """The pages of `folder`, whose addresses begin with `prefix`.

    `folder` has templates that extend `base.html.j2`, one stylesheet and one script of the name `name`.
    `words` has the same keys in each language. A template sees its words as `t`, its values by name.
    """

    def __init__(self, folder: Path, name: str, prefix: str, words: Mapping[Language, Words]) -> None:
        self._templates = look.environment(folder, _FOLDER)
        self._templates.filters["moment"] = _moment
        self._words = words
        self._prefix = prefix
        style = "\n".join((look.stylesheet(_FOLDER / "pages.css"), _read(folder / f"{name}.css")))
        script = "\n".join((_read(_FOLDER / "pages.js"), _read(folder / f"{name}.js")))
        self._style = _file(prefix, name, ".css", style)
        self._script = _file(prefix, name, ".js", script)

    def routes(self) -> list[Route]:
        """The style and the script."""
        return [_route(file) for file in (self._style, self._script)]

    def render(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        framed_by: Iterable[str] = (),
        **values: Any,
    ) -> Response:
        language = language_of(request)
        page = self._templates.get_template(template).render(
            lang="zh-Hans" if language is Language.CHINESE else "en",
            t=self._words[language],
            q=self.query(request),
            prefix=self._prefix,
            style=self._style.address,
            script=self._script.address,
            **values,
        )
        return HTMLResponse(
            page, status, headers=guarding.headers(framed_by) | {"Vary": "Accept-Language, Cookie"}
        )

    def words(self, request: Request) -> Words:
        return self._words[language_of(request)]

    @staticmethod
    def query(request: Request) -> str:
        """What an address of ours must end with so that the page stays in the language that was asked for."""
        language = asked_for(request)
        return f"?lang={language.value}" if language else ""


def _moment(at: float) -> str:
    """Seconds since 1970 as the page's script reads a time, to show it in the reader's own zone."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="minutes")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _file(prefix: str, name: str, ending: str, content: str) -> _File:
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return _File(f"{prefix}/{name}.{digest}{ending}", content, _TYPES[ending])


def _route(file: _File) -> Route:
    async def send(_: Request) -> Response:
        return Response(file.content, media_type=file.media_type, headers=_FOREVER)

    return Route(file.address, send)
