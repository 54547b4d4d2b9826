"""One request on its way through the app API, and the few things that all of its routes share.

A POST names its user in the body, a GET in the query; a GET without one is somebody who owns nothing [292].
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kbtool.embedded import answers
from kbtool.embedded.answers import Answer
from kbtool.embedded.chat import Chat
from kbtool.embedded.forms import Form
from kbtool.embedded.settings import AppSettings

NOBODY = "DEFAULT-USER"


@dataclass(frozen=True, slots=True)
class AppCall:
    """One request to an app."""

    chat: Chat
    app: AppSettings
    request: Request
    body: Any

    def user(self) -> str:
        """Who asks, as text: a number is taken too [263], nobody is not [261, 262, 318]."""
        fields = self.body.fields if isinstance(self.body, Form) else self.body
        named = fields.get("user") if isinstance(fields, dict) else None
        if named in (None, ""):
            raise answers.invalid("Arg user must be provided.")
        return str(named)

    def query_user(self) -> str:
        return self.request.query_params.get("user") or NOBODY

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])


AppEndpoint = Callable[[AppCall], Coroutine[Any, Any, Response]]


def say(body: Any, status: int = 200) -> Response:
    return answers.respond(Answer(body, status))
