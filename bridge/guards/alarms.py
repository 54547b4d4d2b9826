"""Events of the log that an operator should be told of: a table, and who listens for them.

Dify, budgets, the policy and kb.toml raise their own alerts, where more is known than a line of the log says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge import log
from bridge.store import Store
from bridge.tables.alerts import raise_alert
from kbtool.errors import Unavailable
from kbtool.notify import Level, Message


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is said of an event, and the next step."""

    subject: str
    remedy: str
    level: Level = Level.WARNING


ALARMS: Mapping[str, Alarm] = {
    "dead_letter": Alarm(
        "A customer's message is tried no more", "See it: kbtool bridge deadletters list", Level.CRITICAL
    ),
    "post_refused": Alarm(
        "Chatwoot refuses what the bridge posts", "See why: kbtool bridge trace, with the conversation"
    ),
    "cannot_reply": Alarm(
        "A channel takes no reply any more", "See which: kbtool bridge trace, with the conversation"
    ),
    "not_delivered": Alarm(
        "A channel did not deliver a reply", "See why: kbtool bridge trace, with the conversation"
    ),
    "turn_failed": Alarm(
        "The bridge failed on a customer's message", "See where: the log has it with its traceback"
    ),
    "mark_dropped": Alarm(
        "Chatwoot does not keep the bridge's mark",
        "Posts whose answer gets lost are handed off meanwhile",
    ),
    "not_stored": Alarm(
        "Deliveries cannot be stored; Chatwoot opens their conversations",
        "Look at the disk and the database: /readyz on the ops address",
        Level.CRITICAL,
    ),
    "unsortable": Alarm("A delivery could not be read", "See it: kbtool bridge deadletters list"),
    "overdue": Alarm(
        "Customers waited too long and went to people", "Look at the backlog: /metrics on the ops address"
    ),
    "rate_limited": Alarm(
        "More is asked than the limit for an hour allows: people get the rest",
        "Block who floods in Chatwoot, or raise questions_per_contact or questions_per_inbox in kb.toml",
    ),
    "user_token_refused": Alarm(
        "Chatwoot refuses the user token", "Set CHATWOOT_USER_TOKEN to an administrator's, and restart"
    ),
}
_SHOWN = ("bot", "account", "conversation", "message", "status", "why")


class Alarms:
    """`hear` is a listener of `log.heard_by`, on whatever thread: lines are written within transactions too.
    The same alarm of the same bot is told once an hour. Made where the event loop runs.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._telling: set[asyncio.Task[None]] = set()

    def hear(self, name: str, facts: Mapping[str, object]) -> None:
        """Raise an alert for the event, if the table has it. It is kept in passing: nobody waits for it."""
        if (alarm := ALARMS.get(name)) is None:
            return
        shown = {key: facts[key] for key in _SHOWN if key in facts}
        message = Message(
            subject=alarm.subject,
            lines=(", ".join(f"{key} {value}" for key, value in shown.items()), alarm.remedy),
            level=alarm.level,
            key=f"{name}:{facts.get('bot', '')}",
            details=shown,
        )
        self._loop.call_soon_threadsafe(self._begin, message)

    async def settle(self) -> None:
        """Until all that was heard is kept."""
        await asyncio.sleep(0)
        await asyncio.gather(*self._telling)

    def _begin(self, message: Message) -> None:
        task = asyncio.create_task(self._tell(message))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, message: Message) -> None:
        try:
            await raise_alert(self._store, message, self._clock())
        except Unavailable as error:
            log.problem("alert_not_kept", key=message.key, why=error.message)
