"""What keeps a page safe: its headers, whether a form is its own, and how much of one is read."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.requests import ClientDisconnect, Request

LONGEST_FORM = 400_000
"""Bytes: a message of Chatwoot's longest, 150,000 characters, is refused by Chatwoot and not by us."""


def headers(framed_by: Iterable[str] = ()) -> dict[str, str]:
    """Of every answer: nothing but our own files runs, and only the origins in `framed_by`, and we ourselves,
    may show the page in a frame; nobody where there are none.
    """
    ancestors = " ".join(("'self'", *framed_by)) if framed_by else "'none'"
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors {ancestors}",
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: with it browsers send a form's Origin as null.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "Cache-Control": "no-store",
    }


def is_own(request: Request) -> bool:
    """Whether a page of ours sent this: every browser says where a POST comes from.

    The scheme is not compared: behind a proxy that ends TLS we do not know our own.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = urlsplit(request.headers.get("origin", ""))
    return site == "same-origin" and bool(origin.netloc) and origin.netloc == request.headers.get("host", "")


async def form_of(request: Request) -> dict[str, str] | None:
    """The fields of a form, the last of each name; None for anything else, and for what is too large."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        return None
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return None
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except (ValueError, ClientDisconnect):
        return None
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}
