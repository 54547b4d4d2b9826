"""What an error answer means: try again, and when, or not.

Dify's statuses do not say it. The Cloud's knowledge limit is a 403 without Retry-After, an app's concurrency
limit a 400, and so is whatever an upstream model answered, its rate limits included (contract §1, §6, §7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kbtool.dify.text import storable
from kbtool.errors import Rejected, ServiceError, Unavailable

NO_ROUTE = "no_such_route"
"""The `code` of the error for a route that the server does not have: PATCH of a dataset before 1.2.0."""
KNOWLEDGE_PAUSE = 10.0
"""Seconds between attempts under the Cloud's knowledge limit, which counts 10 requests in sliding 60 s."""

_KNOWLEDGE_LIMIT = re.compile(r"knowledge base request rate limit", re.IGNORECASE)
_APP_LIMIT = re.compile(r"\Atoo many requests", re.IGNORECASE)
_RATE_LIMIT = re.compile(
    r"rate.?limit|too many requests|try again later|quota|overloaded|error code: (?:429|503)|"
    r"\b(?:429|503)\b.{0,40}(?:too many|unavailable|error)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer, read. `is_unseen`: the server did not begin with the request, so even what must not be
    done twice may be sent again. `wait` is the pause in seconds that the server asks for, or that its limit
    is known to need. `is_pacing`: the limit passes by waiting alone, so attempts are not counted.
    """

    error: ServiceError
    is_unseen: bool = False
    wait: float | None = None
    is_pacing: bool = False


def refusal_of(status: int, headers: Mapping[str, str], body: Any, what: str) -> Refusal:
    """What an answer of this status means for `what`, the request in words."""
    error = error_of(status, body, what)
    message = _message(body)
    if status == 403 and _KNOWLEDGE_LIMIT.search(message):
        return Refusal(error, is_unseen=True, wait=KNOWLEDGE_PAUSE, is_pacing=True)
    is_unseen = status in {429, 503} or (status == 400 and _APP_LIMIT.match(message) is not None)
    return Refusal(error, is_unseen=is_unseen, wait=_retry_after(headers.get("retry-after", "")))


def is_rate_limit(message: str) -> bool:
    """Whether the words are those of a limit that passes: an upstream model's stand in a document's error."""
    return bool(_RATE_LIMIT.search(message))


def error_of(status: int, body: Any, what: str) -> ServiceError:
    """The error that an answer of this status means."""
    code = str(body.get("code") or "") if isinstance(body, dict) else ""
    message = _message(body)
    said = f": {message.splitlines()[0][:300]}" if message.strip() else ""
    text = f"Dify answered {status} to {what}{said}"
    if status == 401:
        hint = (
            "Check the key: `dataset-...` is for datasets, `app-...` for the app; neither replaces the other."
        )
        return Rejected(text, hint=hint, status=status, code=code)
    if 300 <= status < 400:
        hint = "It redirects: set [dify] base_url to the address that it redirects to, ending in /v1."
        return Rejected(text, hint=hint, status=status, code=code)
    if status == 405 or (status == 404 and not isinstance(body, dict)):
        # An id that is no UUID is answered so too (022); ours come from the server.
        hint = "Does base_url end in /v1? Older versions of Dify do not have every route."
        return Rejected(text, hint=hint, status=status, code=NO_ROUTE)
    is_limited = status in {400, 403} and is_rate_limit(message)
    if status in {408, 425, 429} or status >= 500 or is_limited:
        return Unavailable(text, hint="Try again in a minute.", status=status, code=code)
    return Rejected(text, status=status, code=code)


def _message(body: Any) -> str:
    return storable(str(body.get("message") or body.get("error") or "")) if isinstance(body, dict) else ""


def _retry_after(header: str) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110 §10.2.3); nonsense is no wish."""
    if re.fullmatch(r"\d{1,9}", header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
