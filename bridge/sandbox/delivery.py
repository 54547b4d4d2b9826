"""Webhooks as Sidekiq sends them: signed, side by side, unordered, and final after a few failures.

    any 2xx             delivered; the body is ignored
    429, 500            a bot's delivery is tried again, under the same delivery id
    everything else     final at once: other statuses, a time-out, a refused connection [trigger.rb:129]

When the bot's message_created or message_updated has failed for good, its pending conversation is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from bridge.sandbox.events import Event
from bridge.sandbox.faults import Faults
from bridge.sandbox.records import Bot, Webhook
from bridge.sandbox.settings import DeliverySettings

log = logging.getLogger(__name__)
_RETRIED = frozenset({429, 500})
_OPENING = frozenset({"message_created", "message_updated"})
_KEPT = 1000


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-Chatwoot-Signature: over the timestamp, a dot and the raw body [trigger.rb:57]."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Delivery:
    """One event to one receiver. `outcomes` has a status or the name of an error for each attempt."""

    id: str
    event: Event
    receiver: Bot | Webhook
    outcomes: list[int | str] = field(default_factory=list)

    @property
    def is_delivered(self) -> bool:
        last = self.outcomes[-1] if self.outcomes else None
        return isinstance(last, int) and httpx.codes.is_success(last)

    @property
    def may_be_tried_again(self) -> bool:
        """Only bots are tried again; an account webhook's failure is a log line [trigger.rb:125]."""
        return isinstance(self.receiver, Bot) and self.outcomes[-1] in _RETRIED


class Deliveries:
    """Sends events in the background. `log` keeps the last thousand deliveries for tests and for people."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: DeliverySettings,
        bot_failed: Callable[[int, int], None],
        faults: Callable[[], Faults] = Faults,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.log: deque[Delivery] = deque(maxlen=_KEPT)
        self._http, self._settings, self._bot_failed = http, settings, bot_failed
        self._faults = faults
        self._now, self._sleep = now, sleep
        self._slots = asyncio.Semaphore(settings.concurrency)
        # Which delivery overtakes which must be reproducible, not secret
        self._random = random.Random(settings.shuffle_seed or 0)  # noqa: S311
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event: Event) -> None:
        """Enqueue `event` for each of its receivers. Needs a running event loop, and does not wait."""
        receivers: list[Bot | Webhook] = [*event.bots, *event.webhooks]
        for receiver in receivers:
            first = Delivery(str(uuid.uuid4()), event, receiver)
            self._begin(first)
            again = self._faults().duplicates
            if again != "none":
                name = first.id if again == "same_id" else str(uuid.uuid4())
                self._begin(Delivery(name, event, receiver))

    async def settle(self) -> None:
        """Wait until nothing is on its way, deliveries that follow from these included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
            await asyncio.sleep(0)  # gather itself returns at once where all are done, since Python 3.12

    async def aclose(self) -> None:
        """Drop what is on its way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        longest = self._faults().shuffle_seconds
        if self._settings.shuffle_seed is not None:
            longest = max(longest, self._settings.shuffle_seconds)
        if longest:
            await self._sleep(self._random.uniform(0, longest))
        body = self._body(delivery)
        for attempt in range(self._settings.attempts):
            if attempt:
                await self._sleep(self._settings.retry_seconds)
            async with self._slots:
                delivery.outcomes.append(await self._attempt(delivery, body))
            if delivery.is_delivered:
                return
            if not delivery.may_be_tried_again:
                break
        self._give_up(delivery)

    def _body(self, delivery: Delivery) -> bytes:
        event = delivery.event
        body = event.body if isinstance(delivery.receiver, Bot) else event.rebuild()
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    async def _attempt(self, delivery: Delivery, body: bytes) -> int | str:
        """The status, or the error's name. Timestamp and signature are new in each attempt; without a secret
        there are none, as before 4.13 and from automation rules.
        """
        timestamp = str(int(self._now().timestamp()))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if delivery.receiver.secret:
            headers |= {
                "X-Chatwoot-Delivery": delivery.id,
                "X-Chatwoot-Timestamp": timestamp,
                "X-Chatwoot-Signature": signature(delivery.receiver.secret, timestamp, body),
            }
        try:
            host = httpx.URL(delivery.receiver.url).host
            if not self._settings.private_network and not await _is_public(host):
                return f"Hostname '{host}' has no public ip addresses"
            # Not the client's own time-out: an in-process transport has none
            async with asyncio.timeout(self._settings.timeout_seconds):
                answer = await self._http.post(
                    delivery.receiver.url, content=body, headers=headers, follow_redirects=True
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return type(error).__name__
        return answer.status_code

    def _give_up(self, delivery: Delivery) -> None:
        event, outcome = delivery.event, delivery.outcomes[-1]
        log.warning(
            "event=webhook_failed name=%s delivery=%s attempts=%d outcome=%r",
            event.name, delivery.id, len(delivery.outcomes), outcome,
        )  # fmt: skip
        is_opening = event.name in _OPENING and isinstance(delivery.receiver, Bot)
        if (
            is_opening
            and event.conversation_id is not None
            and not self._settings.keep_pending_on_bot_failure
        ):
            self._bot_failed(event.account_id, event.conversation_id)


async def _is_public(host: str) -> bool:
    """Whether any of the host's addresses is one of the internet's [ssrf_filter]."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return False
    return any(ipaddress.ip_address(address[0]).is_global for *_, address in found)
