"""What happened, told to other programs (n8n, a ticket system): one JSON object an event, in the fields of
CloudEvents 1.0 (github.com/cloudevents/spec), whose form `v1.json` here has and docs/events.md explains.

An event may come twice, and then has the same `id`. What may change without another version: new types, and
new fields of `data`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from kbtool.signing import signed

SCHEMA = Path(__file__).parent / "v1.json"
DATASCHEMA = "urn:kbtool:events:v1"
PATIENCE = 15.0
"""Seconds for one event, connection included."""


class Kind(StrEnum):
    """`type` is this with `kbtool.` before it."""

    HANDOFF = "handoff"
    ANSWERED = "answered"
    DRAFT_SENT = "draft.sent"
    CSAT = "csat"
    SENSITIVE = "sensitive"
    ALERT = "alert"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Event:
    """`key` is the same whenever the same thing is told; `at` is when it happened, seconds since 1970.

    `subject` is what it is about: `accounts/1/conversations/7`, or a dataset's name.
    """

    kind: Kind
    key: str
    at: float
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.kind.value} {self.key}".encode()).hexdigest()[:32]

    def envelope(self, source: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": self.id,
            "type": f"kbtool.{self.kind.value}",
            "source": source,
            "time": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "subject": self.subject,
            "datacontenttype": "application/json",
            "dataschema": DATASCHEMA,
            "data": dict(self.data),
        }


def serialised(envelope: Mapping[str, Any]) -> bytes:
    """As JavaScript's `JSON.stringify` writes it: so who has only the parsed body, as n8n has, can check the
    signature of it.
    """
    return json.dumps(_numbers(envelope), ensure_ascii=False, separators=(",", ":")).encode()


def _numbers(value: Any) -> Any:
    """Rounded, and whole ones without a fraction: the forms in which both languages write numbers alike."""
    if isinstance(value, Mapping):
        return {str(name): _numbers(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbers(one) for one in value]
    if isinstance(value, float):
        short = round(value, 4)
        return int(short) if short.is_integer() else short
    return value


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event was not taken; `is_final`: the receiver would refuse it again."""

    why: str
    is_final: bool = False


async def post(
    http: httpx.AsyncClient, url: str, secret: str, envelope: Mapping[str, Any], now: float | None = None
) -> Refusal | None:
    """None where the receiver has it. Addresses are not told: who has one can post there."""
    body = serialised(envelope)
    headers = {"content-type": "application/json"} | signed(body, secret, time.time() if now is None else now)
    try:
        answer = await http.post(url, content=body, headers=headers, timeout=PATIENCE)
    except (httpx.HTTPError, TimeoutError) as error:
        return Refusal(f"could not be reached ({type(error).__name__})")
    if answer.is_success:
        return None
    is_final = 400 <= answer.status_code < 500 and answer.status_code not in {401, 403, 404, 408, 429}
    return Refusal(f"answered {answer.status_code}", is_final)
