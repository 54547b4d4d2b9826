"""Answering: search what the app may see, take the answer out of the best chunk, remember both [254-321].

The query is the question alone, also in a conversation: Dify without a rewriting model does the same. A
retrieval that fails is silent, and the answer is given without context, HTTP 200 [284, 312].
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kbtool.embedded import answers, conversations, extract, metadata, retrieval
from kbtool.embedded.answers import Refused
from kbtool.embedded.call import TENANT
from kbtool.embedded.database import Database, new_id, one, update
from kbtool.embedded.models import Models
from kbtool.embedded.payloads import ChatRequestPayload, RetrievalMethod
from kbtool.embedded.retrieval import Found
from kbtool.embedded.segments import count_tokens
from kbtool.embedded.settings import AppSettings, EngineSettings, InputField

_NO_PRICE = "0"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer. `resources` are the citations, empty where the app shows none."""

    app: AppSettings
    user: str
    query: str
    conversation_id: str
    message_id: str
    task_id: str
    dialogue_count: int
    created_at: float
    answer: str
    hits: tuple[tuple[sqlite3.Row, Found], ...]
    resources: tuple[dict[str, Any], ...]

    @property
    def latency(self) -> float:
        return time.time() - self.created_at

    def usage(self, *, is_blocking: bool, first_token: float | None = None) -> dict[str, Any]:
        """Tokens are estimates and cost nothing: no language model is asked. Prices are text, as in Dify."""
        prompt, completion = count_tokens(self.query), count_tokens(self.answer)
        return {
            "prompt_tokens": prompt,
            "prompt_unit_price": _NO_PRICE,
            "prompt_price_unit": "0.000001",
            "prompt_price": _NO_PRICE,
            "completion_tokens": completion,
            "completion_unit_price": _NO_PRICE,
            "completion_price_unit": "0.000001",
            "completion_price": _NO_PRICE,
            "total_tokens": prompt + completion,
            "total_price": _NO_PRICE,
            "currency": "USD",
            "latency": self.latency,
            "time_to_first_token": None if is_blocking else first_token,
            "time_to_generate": None,
        }

    def conversation(self) -> dict[str, str]:
        """The id of the conversation, which completions do not show [288]."""
        return {} if self.app.mode == "completion" else {"conversation_id": self.conversation_id}

    def metadata(self, usage: dict[str, Any]) -> dict[str, Any]:
        return {"annotation_reply": None, "retriever_resources": list(self.resources), "usage": usage}


class Chat:
    """The apps of one engine, with the answers that are under way."""

    def __init__(self, settings: EngineSettings, database: Database, models: Models) -> None:
        self.settings = settings
        self.database = database
        self.models = models
        self._active: dict[str, int] = {}
        self._running: dict[str, str] = {}
        self._stopped: set[str] = set()

    async def turn(self, app: AppSettings, user: str, payload: ChatRequestPayload) -> Turn:
        """Search, answer and keep the message. The answer is kept whole; `cut_short` corrects that."""
        return await self.models.with_embeddings(
            lambda: self.database.run(lambda db: _turn(db, self.models, app, user, payload))
        )

    async def exists(self, app: AppSettings, user: str, conversation_id: str) -> bool:
        """Whether the user has this conversation with the app."""
        try:
            await self.database.run(lambda db: conversations.require(db, app, user, conversation_id))
        except Refused:
            return False
        return True

    async def blocking(self, turn: Turn) -> dict[str, Any]:
        """The whole answer at once. Upstream failures are 400, whatever they were [280-283]."""
        await asyncio.sleep(self.models.faults.slow_model(turn.query).before)
        if failing := self.models.faults.failing_model(turn.query):
            await self.cut_short(turn, "", failing.message)
            raise answers.Refused(400, "completion_request_error", failing.message)
        return {
            "event": "message",
            "task_id": turn.task_id,
            "id": turn.message_id,
            "message_id": turn.message_id,
            **turn.conversation(),
            "mode": turn.app.mode,
            "answer": turn.answer,
            "metadata": turn.metadata(turn.usage(is_blocking=True)),
            "created_at": int(turn.created_at),
        }

    async def cut_short(self, turn: Turn, answer: str, error: str | None = None) -> None:
        """Keep what was said of an answer that failed or was stopped."""
        changes = {"answer": answer, "error": error}
        await self.database.run(lambda db: update(db, "messages", turn.message_id, changes))

    @contextmanager
    def active(self, app: AppSettings) -> Iterator[None]:
        """One request of the app; over its limit is a 400, not a 429 [346]."""
        count = self._active.get(app.key, 0)
        if app.max_active_requests and count >= app.max_active_requests:
            message = (
                "Too many requests. Please try again later. The current maximum concurrent requests allowed"
            )
            raise answers.invalid(f"{message} for {app_id(app)} is {app.max_active_requests}.")
        self._active[app.key] = count + 1
        try:
            yield
        finally:
            self._active[app.key] -= 1

    async def pieces(self, turn: Turn, parts: Iterator[str]) -> AsyncIterator[str]:
        """The parts of the answer at the pace that is asked for, until somebody stops them [316]."""
        between = self.models.faults.slow_model(turn.query).between
        self._running[turn.task_id] = turn.user
        said = ""
        try:
            for part in parts:
                if turn.task_id in self._stopped:
                    await self.cut_short(turn, said)
                    return
                said += part
                yield part
                await asyncio.sleep(between)
        finally:
            del self._running[turn.task_id]
            self._stopped.discard(turn.task_id)

    def stop(self, task_id: str, user: str) -> None:
        """Stop one's own answer; for anybody else nothing happens, without a word [314, 317]."""
        if self._running.get(task_id) == user:
            self._stopped.add(task_id)


def app_id(app: AppSettings) -> str:
    """Apps have no id of their own here, so one is made of the key."""
    return str(uuid.uuid5(uuid.UUID(TENANT), app.key))


def require_inputs(fields: tuple[InputField, ...], inputs: Mapping[str, Any]) -> None:
    """The variables of the app's form [272, 273]; unknown ones are ignored [275]."""
    for field in fields:
        value = inputs.get(field.name)
        if value is None and field.required:
            raise answers.invalid(f"{field.name} is required in input form")
        if field.max_length and len(str(value or "")) > field.max_length:
            raise answers.invalid(
                f"{field.name} in input form must be less than {field.max_length} characters"
            )


def _turn(
    db: sqlite3.Connection, models: Models, app: AppSettings, user: str, payload: ChatRequestPayload
) -> Turn:
    if payload.conversation_id:
        conversation_id = str(conversations.require(db, app, user, payload.conversation_id)["id"])
    else:
        conversation_id = conversations.begin(db, app, user, payload.query, payload.inputs)
    message_id = conversations.add_message(db, conversation_id, payload.query, payload.inputs)
    hits = _search(db, models, app, payload.query)
    resources = (
        tuple(_resource(at, dataset, hit) for at, (dataset, hit) in enumerate(hits, 1))
        if app.citations
        else ()
    )
    answer = _answer(app, payload.query, hits)
    # A chatflow's messages show no citations afterwards [356]
    kept = [] if app.mode == "advanced-chat" else list(resources)
    update(db, "messages", message_id, {"answer": answer, "resources": kept})
    count = conversations.dialogue_count(db, conversation_id)
    return Turn(
        app,
        user,
        payload.query,
        conversation_id,
        message_id,
        new_id(),
        count,
        time.time(),
        answer,
        hits,
        resources,
    )


def _search(
    db: sqlite3.Connection, models: Models, app: AppSettings, query: str
) -> tuple[tuple[sqlite3.Row, Found], ...]:
    wanted = retrieval.Wanted(top_k=app.top_k, threshold=app.score_threshold)
    hits: list[tuple[sqlite3.Row, Found]] = []
    for name in app.datasets:
        dataset = one(db, "SELECT * FROM datasets WHERE id = ? OR name = ?", (name, name))
        if dataset is None:
            continue
        method = RetrievalMethod.KEYWORD if dataset["indexing_technique"] == "economy" else wanted.method
        settings = retrieval.Wanted(method, wanted.top_k, wanted.threshold)
        try:
            hits += [(dataset, hit) for hit in retrieval.retrieve(db, models, dataset, query, settings)]
        except Refused:
            continue  # lost in a thread, in Dify too [284]
    return tuple(sorted(hits, key=lambda pair: -pair[1].score)[: app.top_k])


def _answer(app: AppSettings, query: str, hits: tuple[tuple[sqlite3.Row, Found], ...]) -> str:
    best = hits[0][1] if hits else None
    if best is None or best.score == 0:
        refusals = dict(app.refusals)
        return refusals.get(extract.language(query)) or next(iter(refusals.values()), "")
    passage = best.children[0][0]["content"] if best.children else best.segment["content"]
    return best.segment["answer"] or extract.extract(query, passage) or str(passage)


def _resource(position: int, dataset: sqlite3.Row, hit: Found) -> dict[str, Any]:
    return {
        "position": position,
        "dataset_id": dataset["id"],
        "dataset_name": dataset["name"],
        "document_id": hit.document["id"],
        "document_name": hit.document["name"],
        "data_source_type": "upload_file",
        "segment_id": hit.segment["id"],
        "retriever_from": "api",
        "score": hit.score,
        "hit_count": None,
        "word_count": None,
        "segment_position": None,
        "index_node_hash": None,
        "content": hit.segment["content"],
        "page": None,
        "doc_metadata": metadata.as_dict(hit.document),
        "title": None,
        "files": None,
        "summary": None,
    }
