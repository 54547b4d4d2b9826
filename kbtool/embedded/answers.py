"""Dify's answers: JSON with its headers, and its errors in the forms in which they were recorded.

    {"code", "message", "status"}      nearly all
    text/html                          unknown routes and ids that are no UUID [004, 022]
    {"error"}                          POST segments without segments [119]
    code "unknown"                     what nobody caught, 500 [333, 359]

A `Refused` is raised anywhere below the routes and becomes an answer in `app`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from kbtool import __version__

VERSION = "1.13.0"
HEADERS = {
    "X-Version": VERSION,
    "X-Env": "PRODUCTION",
    "X-Engine": f"kbtool-embedded/{__version__}",
}
NOT_FOUND_PAGE = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server.</p>\n"
)
_PYDANTIC_LINK = re.compile(r"(https://errors\.pydantic\.dev/)[\d.]+/")


class Refused(Exception):
    """The request is answered with an error body. `body` replaces the usual form where Dify has another."""

    def __init__(self, status: int, code: str, message: str, *, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.body = body if body is not None else {"code": code, "message": message, "status": status}


def invalid(message: str) -> Refused:
    """400 `invalid_param`: what Dify makes of any ValueError, upstream errors included [174]."""
    return Refused(400, "invalid_param", message)


def not_found(message: str) -> Refused:
    return Refused(404, "not_found", message)


def unauthorized(message: str) -> Refused:
    return Refused(401, "unauthorized", message)


def uncaught() -> Refused:
    """500 for what Dify's own code trips over: a KeyError [359], a missing model [333]."""
    body = {"message": "Internal Server Error", "code": "unknown", "status": 500}
    return Refused(500, "unknown", "Internal Server Error", body=body)


def broken_body() -> Refused:
    """400 for a body that is no JSON [017, 018]."""
    message = "The browser (or proxy) sent a request that this server could not understand."
    return Refused(400, "bad_request", message)


def too_large() -> Refused:
    """413 for a body that the proxy before Dify would not let through."""
    return Refused(413, "request_entity_too_large", "Request Entity Too Large")


def from_validation(error: ValidationError) -> Refused:
    """The multi-line dump of pydantic, with the link of the version that Dify 1.13.0 carries."""
    return invalid(_PYDANTIC_LINK.sub(r"\g<1>2.11/", str(error)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route gives back. `body` None is an empty body: 204 has one everywhere in 1.13.0."""

    body: Any = None
    status: int = 200


NO_CONTENT = Answer(None, 204)
SUCCESS = Answer({"result": "success"})


def respond(answer: Answer) -> Response:
    content = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
    return Response(content, answer.status, HEADERS, "application/json")


def refuse(refused: Refused) -> Response:
    response = respond(Answer(refused.body, refused.status))
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


def page_not_found() -> Response:
    return HTMLResponse(NOT_FOUND_PAGE, 404, HEADERS)
