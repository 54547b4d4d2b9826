"""Ask the golden questions, and keep what came back before anything is made of it.

Each reply is one line of `replies.jsonl`, written the moment it is there: a run that is killed resumes
where it stopped and asks nothing twice, but for the questions that were under way (their answers were
lost with the process). A reply that is an error is kept too; resuming asks that one again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO

from kbtool.chunk import BREADCRUMB
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import RetrievalProfile
from kbtool.errors import ExportError, RunInvalid, ServiceError
from kbtool.evaluate.record import Found, Golden, QuestionKind, Reply, RunSpec
from kbtool.model import Answer, Hit, Question
from kbtool.sync.render import Rendered
from kbtool.sync.waiting import Progress, quiet

USER = "kbtool-eval"
DEEPEST = 10
"""Chunks asked for, so that MRR@10 can be told; the headline counts only the first k."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """From a returned chunk to the page and headings that it is.

    By its document's name and its text, which is exact; a chunk that the corpus does not know (edited in
    Dify, or an older ingest) is taken by the breadcrumb in its first line.
    """

    slugs: Mapping[str, str]
    paths: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]

    @classmethod
    def of(cls, rendered: Sequence[Rendered]) -> Resolver:
        paths = {
            (sent.name, chunk.text): paths
            for sent in rendered
            for chunk, paths in zip(sent.chunks, sent.paths, strict=True)
        }
        return cls({sent.name: sent.slug for sent in rendered}, paths)

    def resolve(self, hits: Iterable[Hit]) -> tuple[Found, ...]:
        return tuple(self._found(hit) for hit in hits)

    def _found(self, hit: Hit) -> Found:
        known = self.paths.get((hit.document_name, hit.text))
        first_line = hit.text.split("\n", 1)[0]
        return Found(
            doc=self.slugs.get(hit.document_name, hit.document_name),
            paths=known if known is not None else (tuple(first_line.split(BREADCRUMB)),),
            score=hit.score,
            text=hit.text,
        )


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one dataset, and the app in front of it where `asks_app`.

    After `patience` failures in a row it stops: a server that died is not asked for hours.
    """

    client: DifyClient
    dataset_id: str
    retrieval: RetrievalProfile
    resolver: Resolver
    asks_app: bool = True
    asks_retrieval: bool = True
    concurrency: int = 4
    depth: int = DEEPEST
    patience: int = 10

    async def ask(
        self, questions: Sequence[Golden], results: Path, *, progress: Progress = quiet
    ) -> dict[str, Reply]:
        """Replies by question id: those already in `results`, and the missing ones, asked now.

        One process at a time may ask for a run (`weekly.py` has the lock). Raises RunInvalid where the server
        died, ExportError where a reply cannot be written.
        """
        results.parent.mkdir(parents=True, exist_ok=True)
        run = results.parent.name
        replies = _usable(read_replies(results), questions)
        failures = _InARow()
        pending = iter([golden for golden in questions if golden.id not in replies])
        _drop_half_line(results)
        with results.open("ab", buffering=0) as file:

            async def ask_on() -> None:
                for golden in pending:
                    reply = await self._reply(golden)
                    _append(file, reply, results)
                    replies[golden.id] = reply
                    failures.count(reply)
                    progress("ask", len(replies), len(questions))
                    if failures.number >= self.patience:
                        return

            await _together([ask_on() for _ in range(self.concurrency)])
        if failures.number >= self.patience:
            raise RunInvalid(
                f"{failures.number} questions in a row could not be asked: {failures.last}",
                hint=f"When the server is back: kbtool eval run --resume {run}",
            )
        return replies

    async def _reply(self, golden: Golden) -> Reply:
        reply = Reply(golden.id, golden.content_hash)
        try:
            if self.asks_retrieval and golden.kind is not QuestionKind.SMALLTALK:
                profile = replace(self.retrieval, top_k=max(self.depth, self.retrieval.top_k))
                started = time.monotonic()
                hits = await self.client.retrieve(self.dataset_id, golden.question, profile)
                took = time.monotonic() - started
                reply = replace(reply, retrieved=self.resolver.resolve(hits), latency=took)
            if self.asks_app:
                reply = await self._ask_app(golden, reply)
        except ServiceError as error:
            return Reply(golden.id, golden.content_hash, error=error.message)
        return reply

    async def _ask_app(self, golden: Golden, reply: Reply) -> Reply:
        """In one fresh conversation, which what was said before has opened.

        The latency is the question's own; tokens and price are of the whole conversation, which is what a
        customer's would have cost.
        """
        conversation = ""
        answers: list[Answer] = []
        questions = [Question(text) for text in golden.history]
        for question in (*questions, Question(golden.question, golden.history)):
            started = time.monotonic()
            answer = await self.client.chat(question, user=USER, conversation_id=conversation)
            latency = time.monotonic() - started
            conversation = answer.conversation_id
            answers.append(answer)
        return replace(
            reply,
            answer=answer.text,
            cited=self.resolver.resolve(answer.hits),
            latency=latency,
            tokens=_total_tokens(answers),
            price=_total_price(answers),
            currency=answer.currency,
        )


class _InARow:
    """How many questions in a row failed, and why the last one did."""

    def __init__(self) -> None:
        self.number, self.last = 0, ""

    def count(self, reply: Reply) -> None:
        self.number = self.number + 1 if reply.error else 0
        self.last = reply.error or self.last


async def _together(work: Iterable[Awaitable[None]]) -> None:
    """All at once; where one fails, the others are ended and what it raised is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _total_tokens(answers: Sequence[Answer]) -> int | None:
    """None as soon as one is not known: a part of the tokens is not the tokens."""
    tokens = [answer.tokens for answer in answers if answer.tokens is not None]
    return sum(tokens) if len(tokens) == len(answers) else None


def _total_price(answers: Sequence[Answer]) -> str | None:
    """The sum as a decimal; None as soon as one is not known, or is of another currency."""
    prices = [price for answer in answers if (price := _price(answer)) is not None]
    is_whole = len(prices) == len(answers) and len({answer.currency for answer in answers}) == 1
    return f"{sum(prices):f}" if is_whole else None


def _price(answer: Answer) -> Decimal | None:
    """What the answer cost. Dify says 0 of a model without a price list: that is not known, not free."""
    try:
        price = Decimal(answer.price) if answer.price else None
    except InvalidOperation:
        return None
    if price is None or not price.is_finite() or (price == 0 and answer.tokens != 0):
        return None
    return price


def _usable(kept: Mapping[str, Reply], questions: Sequence[Golden]) -> dict[str, Reply]:
    """The kept replies to these questions as they are today; one that is an error is asked again."""
    return {
        golden.id: reply
        for golden in questions
        if (reply := kept.get(golden.id)) and not reply.error and reply.content_hash == golden.content_hash
    }


def _append(file: BinaryIO, reply: Reply, path: Path) -> None:
    """One line, straight to the file, so that a process that is killed has lost nothing that it was told."""
    line = (json.dumps(asdict(reply), ensure_ascii=False) + "\n").encode()
    try:
        written = file.write(line)
        why = "" if written == len(line) else "no space left"
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why:
        raise ExportError(
            f"{path}: a reply cannot be written ({why})",
            hint=f"Then go on with it: kbtool eval run --resume {path.parent.name}",
        )


def read_replies(path: Path) -> dict[str, Reply]:
    """The replies in a results file by id, the last of each; a half-written last line is not one."""
    if not path.exists():
        return {}
    whole, _, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    replies: dict[str, Reply] = {}
    for number, line in enumerate(whole.split("\n") if whole else (), start=1):
        try:
            reply = _reply(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(
                f"{path}:{number}: not a reply ({error})", hint="Run the evaluation anew."
            ) from error
        replies[reply.id] = reply
    return replies


def _drop_half_line(path: Path) -> None:
    """Cut off what a killed run wrote of its last line, so that the next one begins on a line of its own."""
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)


def write_spec(spec: RunSpec, path: Path) -> None:
    content = json.dumps(asdict(spec) | {"fingerprint": spec.fingerprint}, ensure_ascii=False, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_text(content + "\n", encoding="utf-8")
    half.replace(path)


def read_spec(path: Path) -> RunSpec:
    """The run's description. Raises ExportError where it is not one."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content.pop("fingerprint", None)
        lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
        return RunSpec(**content | lists)
    except (OSError, ValueError, TypeError) as error:
        raise ExportError(
            f"{path}: not a run ({error})", hint="`kbtool eval list` shows the runs."
        ) from error


def _reply(content: dict[str, Any]) -> Reply:
    return Reply(
        **{**content, "retrieved": _founds(content["retrieved"]), "cited": _founds(content["cited"])}
    )


def _founds(content: list[dict[str, Any]]) -> tuple[Found, ...]:
    return tuple(Found(**{**one, "paths": tuple(tuple(path) for path in one["paths"])}) for one in content)
