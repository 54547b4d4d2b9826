"""A streamed answer, put together from its events. No I/O.

Chat and agent apps end with `message_end`, which carries the citations. Chatflows of 1.13.0 end without
it: their text is in the `message` events and in `workflow_finished`, their scores in the finished
knowledge-retrieval node. Errors come under HTTP 200, also after half an answer. Pings carry nothing
(contract §7; recordings 308-321).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kbtool.dify.text import storable
from kbtool.dify.wire.parsing import parse
from kbtool.dify.wire.refusals import error_of
from kbtool.dify.wire.retrieval import parse_citations
from kbtool.errors import ContractBroken, Rejected, Unavailable
from kbtool.model import Answer, Hit, Question

LARGEST = 16 * 1024 * 1024
"""Bytes of one stream, the chunks that a chatflow's nodes tell of included: it is held in memory."""


@dataclass(slots=True)
class Lines:
    """The lines in a stream of bytes. Only newlines end one: an answer may hold U+2028 and other characters
    that Python counts as line ends too.
    """

    _rest: list[bytes] = field(default_factory=list)
    _size: int = 0

    def feed(self, part: bytes) -> Iterator[str]:
        """The lines that `part` completes. Raises ContractBroken for what is not UTF-8, and behind `LARGEST`
        bytes.
        """
        self._size += len(part)
        if self._size > LARGEST:
            raise ContractBroken(f"Dify chat: an answer of more than {LARGEST // 2**20} MB")
        first, *more = part.split(b"\n")
        self._rest.append(first)
        if not more:
            return
        whole = [b"".join(self._rest), *more[:-1]]
        self._rest = [more[-1]]
        for line in whole:
            try:
                yield line.removesuffix(b"\r").decode()
            except UnicodeDecodeError as error:
                raise ContractBroken(f"Dify chat: a line that is not UTF-8 ({error})") from error


@dataclass(slots=True)
class Stream:
    """Collects the events of one answer; feed it lines, then ask for the `answer`.

    `task_id` is what stops the answer, "" until the first event. `is_finished` says that the answer is whole;
    more may still come: `message_end` stands before or after `workflow_finished`, or is missing.
    """

    question: Question
    _text: list[str] = field(default_factory=list)
    _replaced: str | None = None
    _hits: tuple[Hit, ...] = ()
    _usage: dict[str, Any] = field(default_factory=dict)
    _conversation_id: str = ""
    _message_id: str = ""
    task_id: str = ""
    is_finished: bool = False

    def feed(self, line: str) -> None:
        """One line of the event stream. Raises what an `error` event or a failed workflow means."""
        if not line.startswith("data:"):
            return
        event = parse("chat", lambda: _event(line))
        parse("chat", lambda: self._take(event))

    def _take(self, event: dict[str, Any]) -> None:
        self.task_id = _words(event, "task_id") or self.task_id
        self._conversation_id = _words(event, "conversation_id") or self._conversation_id
        self._message_id = _words(event, "message_id") or self._message_id
        match event["event"]:
            case "message" | "agent_message":
                self._text.append(_words(event, "answer"))
            case "message_replace":
                self._replaced = _words(event, "answer")
            case "message_end":
                metadata = event.get("metadata") or {}
                self._hits = parse_citations(metadata.get("retriever_resources")) or self._hits
                self._usage = dict(metadata.get("usage") or {})
                self.is_finished = True
            case "node_finished":
                self._take_node(event.get("data") or {})
            case "workflow_finished":
                self._take_workflow(event.get("data") or {})
            case "error":
                raise error_of(int(event.get("status") or 400), event, "chat-messages (in the stream)")

    def answer(self, latency: float | None = None) -> Answer:
        """The whole answer. A stream that broke off before its end is `Unavailable`, not a short answer."""
        if not self.is_finished:
            raise Unavailable("Dify's answer broke off before its end", hint="Try again in a minute.")
        return Answer(
            question=self.question,
            text=storable(self._replaced if self._replaced is not None else "".join(self._text)),
            hits=self._hits,
            conversation_id=storable(self._conversation_id),
            message_id=storable(self._message_id),
            latency=latency,
            tokens=self._usage.get("total_tokens"),
            price=self._usage.get("total_price"),
            currency=storable(str(self._usage.get("currency") or "")),
        )

    def _take_node(self, node: dict[str, Any]) -> None:
        if node.get("node_type") != "knowledge-retrieval":
            return
        results: Iterable[Any] = (node.get("outputs") or {}).get("result") or ()
        self._hits = parse_citations([{**r["metadata"], "content": r["content"]} for r in results])

    def _take_workflow(self, data: dict[str, Any]) -> None:
        if data.get("status") == "failed":
            raise Rejected(f"Dify's chatflow failed: {storable(str(data.get('error') or ''))[:300]}")
        if not self._text:
            self._text.append(str((data.get("outputs") or {}).get("answer") or ""))
        self.is_finished = True


def _event(line: str) -> dict[str, Any]:
    event = json.loads(line[5:])
    if not isinstance(event, dict):
        raise TypeError("an event that is no object")
    return event


def _words(event: dict[str, Any], name: str) -> str:
    """A text of the event, "" where it is missing or null."""
    value = event.get(name) or ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def read(lines: Iterable[str], question: Question) -> Answer:
    """The answer in a recorded stream."""
    stream = Stream(question)
    for line in lines:
        stream.feed(line)
    return stream.answer()
