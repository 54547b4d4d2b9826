"""What the bridge's pages share: the language of a browser, whose form it is, headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from bridge.pages import form_of, headers, is_own, language_of
from bridge.pages.languages import accepted
from tests.server import run


def request(query: str = "", body: bytes = b"", **given: str) -> Request:
    right = {"host": "bridge.example", "content-type": "application/x-www-form-urlencoded"}
    named = right | {name.replace("_", "-"): value for name, value in given.items()}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.3, zh-Hant;q=0.7", "zh"),
        ("de, fr;q=0.5", "en"),
        ("zh;q=0, en", "en"),
        ("zh;q=often", "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_likes_best(header: str, language: str) -> None:
    assert accepted(header) == language


@given(st.text(max_size=60))
def test_any_header_at_all_is_a_language(header: str) -> None:
    assert accepted(header) in {"en", "zh"}


@pytest.mark.parametrize(("query", "language"), [("lang=zh", "zh"), ("lang=en", "en"), ("lang=xx", "zh")])
def test_the_address_is_asked_before_the_browser(query: str, language: str) -> None:
    assert language_of(request(query, accept_language="zh")) == language


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ({"origin": "https://bridge.example"}, True),
        ({"origin": "https://bridge.example", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "https://bridge.example", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://bridge.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_form_is_ours_only_where_the_browser_says_so(given: dict[str, str], own: bool) -> None:
    assert is_own(request("", b"", **given)) is own


def test_a_page_is_framed_by_nobody_unless_somebody_is_named() -> None:
    assert "frame-ancestors 'none'" in headers()["Content-Security-Policy"]
    policy = headers(["https://chat.example"])["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://chat.example" in policy
    assert "unsafe" not in policy


def test_a_form_is_read_and_a_large_or_another_body_is_not() -> None:
    assert run(form_of(request(body=b"a=1&b=%E4%BD%A0%0D%0A&a=2"))) == {"a": "2", "b": "你\n"}
    assert run(form_of(request(body=b"a=" + b"x" * 400_000))) is None
    assert run(form_of(request(body=b"{}", content_type="application/json"))) is None
    assert run(form_of(request(body=b"\xff\xfe"))) is None
