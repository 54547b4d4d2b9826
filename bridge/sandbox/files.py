"""Files as Chatwoot serves them: an address without a token that redirects to where the bytes are.

    {public_url}/rails/active_storage/blobs/redirect/{id}/{name}   302 to
    {storage_url}/rails/active_storage/disk/{id}/{name}            the file, as a download

The second is often another host (S3 and the like), so whoever fetches a file must follow the redirect, and
must not follow it anywhere: `Faults.file_redirect` is where a forged one leads.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bridge.sandbox.access import not_found
from bridge.sandbox.records import Attachment
from bridge.sandbox.settings import SandboxSettings
from bridge.sandbox.state import State

HEADERS = {
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""Never shown in the page's own origin: what a customer sent stays a download."""


class Storage:
    """The files of one sandbox."""

    def __init__(self, state: State, settings: SandboxSettings) -> None:
        self._state = state
        self._base = settings.storage_url or settings.public_url

    def routes(self) -> list[Route]:
        return [
            Route("/rails/active_storage/blobs/redirect/{file:int}/{name}", self._redirect),
            Route("/rails/active_storage/disk/{file:int}/{name}", self._send),
        ]

    async def _redirect(self, request: Request) -> Response:
        file = self._file(request)
        own = f"{self._base}/rails/active_storage/disk/{file.id}/{file.name}"
        return RedirectResponse(self._state.faults.file_redirect or own, 302)

    async def _send(self, request: Request) -> Response:
        file = self._file(request)
        return Response(file.data, headers=HEADERS, media_type=file.content_type)

    def _file(self, request: Request) -> Attachment:
        file = self._state.files.get(request.path_params["file"])
        if file is None or file.name != request.path_params["name"]:
            raise not_found()
        return file
