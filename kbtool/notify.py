"""Tell people: Slack, Lark, a signed webhook, e-mail. For the weekly verdict and for the bridge's alarms.

Addresses of chat webhooks are secrets (who has one can post), so they come from the environment; kb.toml
says only what is not secret. One channel that fails does not keep the others from being told.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import smtplib
import ssl
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from enum import StrEnum
from typing import Any

import httpx

from kbtool.errors import ConfigError
from kbtool.signing import signed

PATIENCE = 15.0
"""Seconds for one channel, connection included."""

_LONGEST = 3000
"""Characters of a message; Slack's blocks take 3,000, Lark's cards about 30,000 bytes."""


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Message:
    """What happened and what to do. `key` is the same for the same trouble, so that receivers can group."""

    subject: str
    lines: tuple[str, ...] = ()
    level: Level = Level.WARNING
    key: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join([self.subject, *self.lines])[:_LONGEST]


@dataclass(frozen=True, slots=True)
class Email:
    """A mail server and who is told. STARTTLS on any port but 465, which speaks TLS from the first byte."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str = ""
    uses_tls: bool = True


@dataclass(frozen=True, slots=True)
class Channels:
    """Where messages go; what is empty is not used."""

    webhook: str = ""
    webhook_secret: str = field(default="", repr=False)
    slack: str = field(default="", repr=False)
    lark: str = field(default="", repr=False)
    lark_secret: str = field(default="", repr=False)
    email: Email | None = None
    smtp_password: str = field(default="", repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        used = (("webhook", self.webhook), ("slack", self.slack), ("lark", self.lark), ("email", self.email))
        return tuple(name for name, value in used if value)

    def only(self, name: str) -> Channels:
        """That one channel alone. Raises KeyError for one that is not used."""
        if name not in self.names:
            raise KeyError(name)
        others = {one: None if one == "email" else "" for one in self.names if one != name}
        return replace(self, **others)  # type: ignore[arg-type]  # each has its own kind of nothing


def channels(
    *, webhook: str = "", email: Email | None = None, environment: Mapping[str, str] = os.environ
) -> Channels:
    """Those of kb.toml with their secrets, and the chat webhooks that the environment has.

    Raises ConfigError for an address that is none, without showing it.
    """
    names = ("SLACK_WEBHOOK", "LARK_WEBHOOK", "LARK_SECRET", "ALERT_WEBHOOK_SECRET", "SMTP_PASSWORD")
    slack, lark, lark_secret, webhook_secret, password = (environment.get(n, "").strip() for n in names)
    for name, address in (("SLACK_WEBHOOK", slack), ("LARK_WEBHOOK", lark)):
        if address and not re.fullmatch(r"https?://[\x21-\x7e]+", address):
            raise ConfigError(f"{name} is not an address", hint="Copy the webhook's URL again.")
    return Channels(webhook, webhook_secret, slack, lark, lark_secret, email, password)


async def send(message: Message, to: Channels, http: httpx.AsyncClient) -> tuple[str, ...]:
    """Send over all channels at once; the sentences are about those that failed."""
    sends = {
        "webhook": _webhook(message, to, http) if to.webhook else None,
        "slack": _slack(message, to, http) if to.slack else None,
        "lark": _lark(message, to, http) if to.lark else None,
        "email": _email(message, to.email, to.smtp_password) if to.email else None,
    }
    used = {name: one for name, one in sends.items() if one is not None}
    failures = await asyncio.gather(*(_within(PATIENCE, one) for one in used.values()))
    return tuple(f"{name}: {why}" for name, why in zip(used, failures, strict=True) if why)


async def _within(seconds: float, sending: Coroutine[Any, Any, str]) -> str:
    """Why it failed, or "". Messages of HTTP libraries hold addresses, and these are secrets here."""
    try:
        async with asyncio.timeout(seconds):
            return await sending
    except TimeoutError:
        return f"no answer in {seconds:.0f} s"
    except httpx.HTTPError as error:
        return f"could not be reached ({type(error).__name__})"
    except (OSError, smtplib.SMTPException) as error:
        code = getattr(error, "smtp_code", "") or getattr(error, "strerror", "") or ""
        return f"could not be reached ({type(error).__name__}{f': {code}' if code else ''})"


async def _webhook(message: Message, to: Channels, http: httpx.AsyncClient) -> str:
    """Our own JSON, signed as Chatwoot signs its webhooks: HMAC-SHA256 over `timestamp.body`."""
    content = {
        "subject": message.subject,
        "lines": list(message.lines),
        "level": message.level.value,
        "key": message.key,
        "details": dict(message.details),
    }
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"content-type": "application/json"} | signed(body, to.webhook_secret, time.time())
    answer = await http.post(to.webhook, content=body, headers=headers)
    return "" if answer.is_success else f"answered {answer.status_code}"


async def _slack(message: Message, to: Channels, http: httpx.AsyncClient) -> str:
    """Slack's incoming webhook; its own marks are escaped (api.slack.com/reference/surfaces/formatting)."""
    text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    answer = await http.post(to.slack, json={"text": text})
    return "" if answer.is_success else f"answered {answer.status_code}"


async def _lark(message: Message, to: Channels, http: httpx.AsyncClient) -> str:
    """Lark's custom bot. It signs with the secret inside the *key* of an HMAC over nothing, and answers 200
    with a code for every refusal (open.larksuite.com, "Custom bot usage guide").
    """
    content: dict[str, Any] = {"msg_type": "text", "content": {"text": message.text}}
    if to.lark_secret:
        stamp = str(int(time.time()))
        signed = hmac.new(f"{stamp}\n{to.lark_secret}".encode(), b"", hashlib.sha256).digest()
        content |= {"timestamp": stamp, "sign": base64.b64encode(signed).decode()}
    answer = await http.post(to.lark, json=content)
    if not answer.is_success:
        return f"answered {answer.status_code}"
    try:
        code = answer.json().get("code", 0)
    except (ValueError, AttributeError):
        return "answered with something that is not JSON"
    return "" if code == 0 else f"refused the message with code {code}"


async def _email(message: Message, email: Email, password: str) -> str:
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.subject.split())[:200]
    mail["From"], mail["To"] = email.sender, ", ".join(email.to)
    mail.set_content("\n".join([message.subject, "", *message.lines]) + "\n")
    await asyncio.to_thread(_deliver, mail, email, password)
    return ""


def _deliver(mail: EmailMessage, email: Email, password: str) -> None:
    with mail_server(email, password) as server:
        server.send_message(mail)


@contextmanager
def mail_server(email: Email, password: str) -> Iterator[smtplib.SMTP]:
    """The mail server, signed in to. Raises OSError and SMTPException."""
    context = ssl.create_default_context()
    is_tls_first = email.port == 465
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(email.host, email.port, timeout=PATIENCE, context=context)
        if is_tls_first
        else smtplib.SMTP(email.host, email.port, timeout=PATIENCE)
    )
    with server:
        if email.uses_tls and not is_tls_first:
            server.starttls(context=context)
        if email.user:
            server.login(email.user, password)
        yield server
