"""A route's Dify app with a meter: how long answers take, what they cost, and what keeps them from coming."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bridge import log
from bridge.answering import QUOTA, Chat
from bridge.tables.usage import UNKNOWN, Cost
from kbtool.errors import Rejected, ServiceError, Unavailable
from kbtool.model import Answer, Question


@dataclass(frozen=True, slots=True)
class Metered:
    """Asks `chat` for the route. `tell_cost` is told what each answer cost, `tell_failure` what came instead.

    Both are told before the caller is, so that a budget is known to be spent before the next question.
    """

    chat_app: Chat
    route: str
    tell_cost: Callable[[str, Cost], Awaitable[None]]
    tell_failure: Callable[[str, ServiceError], Awaitable[None]]
    timer: Callable[[], float] = field(default=time.monotonic)

    async def chat(self, question: Question, *, user: str, conversation_id: str = "", **more: Any) -> Answer:
        """As the app's own. A question that was cancelled may have cost something: how much is unknown."""
        begun, outcome = self.timer(), "cancelled"
        try:
            answer = await self.chat_app.chat(question, user=user, conversation_id=conversation_id, **more)
            outcome = "answered"
        except ServiceError as error:
            outcome = _word(error)
            await self.tell_failure(self.route, error)
            raise
        except asyncio.CancelledError:
            await self.tell_cost(self.route, UNKNOWN)
            raise
        finally:
            log.event("dify", route=self.route, outcome=outcome, seconds=self.timer() - begun)
        await self.tell_cost(self.route, Cost.of(answer))
        return answer


def _word(error: ServiceError) -> str:
    if error.code == QUOTA:
        return "quota"
    return {Unavailable: "unavailable", Rejected: "rejected"}.get(type(error), "broken")
