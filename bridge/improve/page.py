"""/queue: the topics, and a page of each, where one click makes a golden question or the stub of a page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bridge import log
from bridge.improve import remedies, rows
from bridge.improve.topics import Topic, topics
from bridge.improve.workshop import NEAREST, Near, Workshop
from bridge.operator.guard import Guard
from bridge.pages import Pages
from bridge.store import Store
from bridge.tables import handled
from kbtool.contradictions import Contradiction
from kbtool.errors import KbtoolError

DAYS = 28
SHOWN = 100
CONTRADICTIONS = 20
DAY = 86_400.0
GOLDEN, STUB, DISMISSED, ALREADY = "golden", "stub", "dismissed", "already"
GONE, NOWHERE = "gone", "nowhere"
_SAID = {
    GOLDEN: "done_golden",
    STUB: "done_stub",
    DISMISSED: "done_dismissed",
    ALREADY: "already",
    GONE: "gone",
    NOWHERE: "no_workshop",
}
_NAME = re.compile(r"[\w./-]{1,200}")


@dataclass(frozen=True, slots=True)
class Queue:
    """The pages. Without a `workshop` they show what came up, and nothing can be made of it."""

    store: Store
    pages: Pages
    guard: Guard
    workshop: Workshop | None = None
    clock: Callable[[], float] = time.time

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/queue", self.guard.page(self._list)),
            Route("/queue/{topic}", self.guard.page(self._one)),
            Route("/queue/{topic}/golden", self.guard.form(self._golden), methods=["POST"]),
            Route("/queue/{topic}/stub", self.guard.form(self._stub), methods=["POST"]),
            Route("/queue/{topic}/dismiss", self.guard.form(self._dismiss), methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        found = await self._topics()
        contradictions, why_not = await self._contradictions()
        said, is_not = _said(request, self.pages.words(request))
        return self.pages.render(
            request,
            "queue.html.j2",
            here="/queue",
            time=_time,
            topics=found[:SHOWN],
            count=len(found),
            items=sum(topic.times for topic in found),
            days=DAYS,
            said=said,
            said_not=is_not,
            contradictions=contradictions[:CONTRADICTIONS],
            why_not=why_not,
        )

    async def _one(self, request: Request) -> Response:
        topic = await self._topic(request)
        if topic is None:
            return _to_list(request, GONE)
        return await self._shown(request, topic)

    async def _shown(self, request: Request, topic: Topic, error: str = "") -> Response:
        """The topic's page; with the `error` of what was tried with it."""
        nearest, why_not = await self._nearest(topic)
        words = self.pages.words(request)
        said = words["not_done"].format(why=error) if error else ""
        return self.pages.render(
            request,
            "topic.html.j2",
            status=400 if error else 200,
            here="/queue",
            time=_time,
            topic=topic,
            token=self.guard.token,
            said=said,
            nearest=nearest,
            why_not=why_not,
            none_first=not topic.section,
            can_write=self.workshop is not None,
        )

    async def _golden(self, request: Request, fields: dict[str, str]) -> Response:
        topic = await self._topic(request)
        if topic is None or self.workshop is None:
            return _to_list(request, GONE if self.workshop else NOWHERE)
        place = None
        try:
            if chosen := fields.get("place", ""):
                place = _chosen(await self.workshop.nearest(topic.question), chosen)
            golden, is_new = await run_in_threadpool(
                remedies.propose, self.workshop, fields.get("question", ""), place
            )
        except KbtoolError as error:
            return await self._shown(request, topic, error.message)
        await self._see_to(topic, GOLDEN)
        return _to_list(request, GOLDEN if is_new else ALREADY, golden.id)

    async def _stub(self, request: Request, fields: dict[str, str]) -> Response:
        topic = await self._topic(request)
        if topic is None or self.workshop is None:
            return _to_list(request, GONE if self.workshop else NOWHERE)
        title, answer = fields.get("title", ""), fields.get("answer", "")
        try:
            path = await run_in_threadpool(remedies.stub, self.workshop, topic, title, answer, self.clock())
        except KbtoolError as error:
            return await self._shown(request, topic, error.message)
        await self._see_to(topic, STUB)
        shown = path.relative_to(self.workshop.root) if path.is_relative_to(self.workshop.root) else path
        return _to_list(request, STUB, str(shown))

    async def _dismiss(self, request: Request, _: dict[str, str]) -> Response:
        topic = await self._topic(request)
        if topic is None:
            return _to_list(request, GONE)
        await self._see_to(topic, DISMISSED)
        return _to_list(request, DISMISSED)

    async def _see_to(self, topic: Topic, by: str) -> None:
        now, keys = self.clock(), [item.key for item in topic.items]
        await self.store.write(lambda c: handled.add(c, keys, by, now))
        log.event("gap_seen_to", by=by, items=len(keys))

    async def _topic(self, request: Request) -> Topic | None:
        wanted = request.path_params["topic"]
        return next((topic for topic in await self._topics() if topic.id == wanted), None)

    async def _topics(self) -> Sequence[Topic]:
        now = self.clock()
        return await self.store.read(lambda c: topics(rows.items(c, now - DAYS * DAY), now))

    async def _nearest(self, topic: Topic) -> tuple[Sequence[Near], str]:
        """The sections, or why they cannot be had."""
        if self.workshop is None:
            return (), ""
        try:
            return (await self.workshop.nearest(topic.question))[:NEAREST], ""
        except KbtoolError as error:
            return (), error.message

    async def _contradictions(self) -> tuple[Sequence[Contradiction], str]:
        if self.workshop is None:
            return (), ""
        try:
            return await self.workshop.contradictions(), ""
        except KbtoolError as error:
            return (), error.message


def _chosen(nearest: Sequence[Near], number: str) -> Near | None:
    """The section of that number among those that were shown; they are looked for again, so that no form
    says what was found.
    """
    return nearest[int(number)] if number.isdecimal() and int(number) < min(NEAREST, len(nearest)) else None


def _to_list(request: Request, done: str, what: str = "") -> Response:
    """The list, in the language that was asked for, saying what was done."""
    query = {"done": done} | ({"what": what} if what else {}) | dict(request.query_params)
    return RedirectResponse(f"/queue?{urlencode(query)}", 303)


def _said(request: Request, words: Mapping[str, str]) -> tuple[str, bool]:
    """What was done before this page was come back to, and whether nothing was. A link says no more than
    which of our sentences it is, and of what: anybody can write a link.
    """
    done, what = request.query_params.get("done", ""), request.query_params.get("what", "")
    if done not in _SAID or (what and not _NAME.fullmatch(what)):
        return "", False
    return words[_SAID[done]].format(what=what), done in {GONE, NOWHERE}


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
