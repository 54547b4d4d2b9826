"""Messages over real sockets: what each receiver gets, and that one that fails silences no other."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

import httpx
import pytest

from kbtool.errors import ConfigError
from kbtool.notify import Channels, Email, Level, Message, channels, send

S = TypeVar("S", bound=socketserver.BaseServer)
MESSAGE = Message(
    "support-kb: Regression: <3> broke", ("newly broken: refund-window",), Level.CRITICAL, "eval-kb"
)


class Receiver(ThreadingHTTPServer):
    """Keeps what was posted; answers with `status` and `body`."""

    def __init__(self, status: int = 200, body: bytes = b'{"code": 0}') -> None:
        self.status, self.body = status, body
        self.posts: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Post)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/very-secret"


class _Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append(({key.lower(): value for key, value in self.headers.items()}, content))
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Nothing: a test's output is its result."""


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as one plain message needs; a verb of `refuses` gets its answer."""

    allow_reuse_address = True

    def __init__(self, refuses: dict[bytes, bytes] | None = None) -> None:
        self.mails: list[str] = []
        self.refuses = refuses or {}
        super().__init__(("127.0.0.1", 0), _Mail)


class _Mail(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb in self.server.refuses:
                self.wfile.write(self.server.refuses[verb] + b"\r\n")
                continue
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(b"".join(lines).decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 yes\r\n")
            if verb == b"QUIT":
                return


@contextmanager
def serving(server: S) -> Iterator[S]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sent(to: Channels, message: Message = MESSAGE) -> tuple[str, ...]:
    async def go() -> tuple[str, ...]:
        async with httpx.AsyncClient() as http:
            return await send(message, to, http)

    return asyncio.run(go())


def test_a_webhook_gets_json_that_its_secret_signs():
    with serving(Receiver()) as receiver:
        assert sent(Channels(webhook=receiver.url, webhook_secret="s3cret")) == ()
    headers, body = receiver.posts[0]
    signed = hmac.new(b"s3cret", headers["x-kbtool-timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["x-kbtool-signature"] == f"sha256={signed.hexdigest()}"
    assert json.loads(body) == {
        "subject": MESSAGE.subject,
        "lines": list(MESSAGE.lines),
        "level": "critical",
        "key": "eval-kb",
        "details": {},
    }


def test_slack_reads_no_mark_of_its_own_in_a_message():
    with serving(Receiver(body=b"ok")) as receiver:
        assert sent(Channels(slack=receiver.url)) == ()
    assert "&lt;3&gt; broke" in json.loads(receiver.posts[0][1])["text"]


def test_lark_is_signed_with_the_secret_in_the_key():
    with serving(Receiver()) as receiver:
        assert sent(Channels(lark=receiver.url, lark_secret="s3cret")) == ()
    content = json.loads(receiver.posts[0][1])
    expected = hmac.new(f"{content['timestamp']}\ns3cret".encode(), b"", hashlib.sha256).digest()
    assert content["sign"] == base64.b64encode(expected).decode()
    assert content["content"]["text"].startswith(MESSAGE.subject)


def test_lark_says_no_with_status_200():
    with serving(Receiver(body=b'{"code": 19021, "msg": "sign match fail"}')) as receiver:
        assert sent(Channels(lark=receiver.url)) == ("lark: refused the message with code 19021",)


def test_one_channel_that_fails_silences_no_other_and_shows_no_address():
    with serving(Receiver()) as slack, serving(Receiver(status=500)) as webhook:
        failures = sent(Channels(webhook=webhook.url, slack=slack.url, lark="http://127.0.0.1:9/very-secret"))
    assert len(slack.posts) == 1
    assert sorted(failure.split(":")[0] for failure in failures) == ["lark", "webhook"]
    assert "very-secret" not in " ".join(failures)


def test_mail_has_the_sentence_as_its_subject_and_the_list_as_its_body():
    with serving(MailServer()) as server:
        port = server.server_address[1]
        email = Email("127.0.0.1", port, "kb@a.example", ("team@a.example",), uses_tls=False)
        assert sent(Channels(email=email)) == ()
    assert "Subject: support-kb: Regression: <3> broke" in server.mails[0]
    assert "newly broken: refund-window" in server.mails[0]


def test_a_mail_server_that_is_not_there_is_one_sentence():
    email = Email("127.0.0.1", 9, "kb@a.example", ("team@a.example",))
    assert sent(Channels(email=email))[0].startswith("email: could not be reached")


def test_the_environment_says_which_chats_are_told_and_no_secret_is_shown():
    told = {"SLACK_WEBHOOK": "https://hooks.example/very-secret", "LARK_SECRET": "hush"}
    found = channels(environment=told)
    assert found.names == ("slack",)
    assert "very-secret" not in repr(found)
    assert "hush" not in repr(found)
    with pytest.raises(ConfigError) as wrong:
        channels(environment={"LARK_WEBHOOK": "very secret"})
    assert "very secret" not in str(wrong.value)
