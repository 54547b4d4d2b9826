"""Ask the golden questions, and keep what came back before anything is made of it.

Each reply is one line of `replies.jsonl`, written the moment it is there: a run that is killed resumes
where it stopped and asks nothing twice. A reply that is an error is kept too; resuming asks that one again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kbtool.chunk import BREADCRUMB
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import RetrievalProfile
from kbtool.errors import ExportError, RunInvalid, ServiceError
from kbtool.evaluate.record import Found, Golden, QuestionKind, Reply, RunSpec
from kbtool.model import Hit, Question
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
        """Replies by question id: those already in `results`, and the missing ones, asked now."""
        kept = read_replies(results)
        replies = {
            golden.id: reply
            for golden in questions
            if (reply := kept.get(golden.id))
            and not reply.error
            and reply.content_hash == golden.content_hash
        }
        missing = [golden for golden in questions if golden.id not in replies]
        failed_in_a_row, last_error = 0, ""
        gate = asyncio.Semaphore(self.concurrency)
        results.parent.mkdir(parents=True, exist_ok=True)
        _drop_half_line(results)
        with results.open("a", encoding="utf-8") as file:

            async def one(golden: Golden) -> None:
                nonlocal failed_in_a_row, last_error
                async with gate:
                    if failed_in_a_row >= self.patience:
                        return
                    reply = await self._reply(golden)
                failed_in_a_row = failed_in_a_row + 1 if reply.error else 0
                last_error = reply.error or last_error
                replies[golden.id] = reply
                file.write(json.dumps(asdict(reply), ensure_ascii=False) + "\n")
                file.flush()
                progress("ask", len(replies), len(questions))

            async with asyncio.TaskGroup() as group:
                for golden in missing:
                    group.create_task(one(golden))
        if failed_in_a_row >= self.patience:
            raise RunInvalid(
                f"{failed_in_a_row} questions in a row could not be asked: {last_error}",
                hint=f"When the server is back: kbtool eval run --resume {results.parent.name}",
            )
        return replies

    async def _reply(self, golden: Golden) -> Reply:
        started = time.monotonic()
        reply = Reply(golden.id, golden.content_hash)
        try:
            if self.asks_retrieval and golden.kind is not QuestionKind.SMALLTALK:
                profile = replace(self.retrieval, top_k=max(self.depth, self.retrieval.top_k))
                hits = await self.client.retrieve(self.dataset_id, golden.question, profile)
                reply = replace(reply, retrieved=self.resolver.resolve(hits))
            if self.asks_app:
                reply = await self._ask_app(golden, reply)
        except ServiceError as error:
            return Reply(golden.id, golden.content_hash, error=error.message)
        return replace(reply, latency=time.monotonic() - started)

    async def _ask_app(self, golden: Golden, reply: Reply) -> Reply:
        """In one fresh conversation, which what was said before has opened."""
        conversation = ""
        for before in golden.history:
            said = await self.client.chat(Question(before), user=USER, conversation_id=conversation)
            conversation = said.conversation_id
        question = Question(golden.question, golden.history)
        answer = await self.client.chat(question, user=USER, conversation_id=conversation)
        return replace(
            reply,
            answer=answer.text,
            cited=self.resolver.resolve(answer.hits),
            tokens=answer.tokens,
            price=answer.price,
            currency=answer.currency,
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
