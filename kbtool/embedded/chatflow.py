"""The stream of a chatflow: start, knowledge retrieval, language model, answer [320, 321].

Its scores can be seen in one place only: `outputs.result[].metadata.score` of the knowledge-retrieval node.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from kbtool.embedded.chat import Chat, Turn, app_id
from kbtool.embedded.database import new_id
from kbtool.embedded.fault_kinds import FailingModel
from kbtool.embedded.streams import PING, event, pieces_of, waiting


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the workflow."""

    turn: Turn
    run_id: str
    workflow_id: str

    def event(self, kind: str, data: dict[str, Any]) -> bytes:
        ids = {"task_id": self.turn.task_id, "workflow_run_id": self.run_id}
        return event(kind, self.turn, **ids, data=data)

    def inputs(self) -> dict[str, Any]:
        return {
            "sys.files": [],
            "sys.user_id": self.turn.user,
            "sys.app_id": app_id(self.turn.app),
            "sys.workflow_id": self.workflow_id,
            "sys.workflow_run_id": self.run_id,
            "sys.query": self.turn.query,
            "sys.dialogue_count": self.turn.dialogue_count,
        }


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the run with what it is given and gives."""

    name: str
    kind: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    process: dict[str, Any]
    cost: dict[str, Any] | None = None
    error: str | None = None


async def events(chat: Chat, turn: Turn) -> AsyncIterator[bytes]:
    """The stream; it ends at `workflow_finished`, without `message_end`."""
    run = _Run(turn, new_id(), app_id(turn.app))
    failing = chat.models.faults.failing_model(turn.query)
    yield PING
    async for ping in waiting(chat, turn):
        yield ping
    started = int(time.time())
    about = {"id": run.run_id, "workflow_id": run.workflow_id}
    yield run.event(
        "workflow_started", about | {"inputs": run.inputs(), "created_at": started, "reason": "initial"}
    )
    for node in _before_the_answer(run):
        for part in _whole(run, node):
            yield part
    llm, node_id = _llm(turn, failing), new_id()
    yield _started(run, llm, node_id)
    if failing is None:
        async for piece in chat.pieces(turn, pieces_of(turn.answer)):
            ids = {"task_id": turn.task_id, "id": turn.message_id}
            yield event("message", turn, **ids, answer=piece, from_variable_selector=["llm", "text"])
    yield _finished(run, llm, node_id)
    if failing is None:
        for part in _whole(run, _Node("answer", "answer", {}, _outputs(turn), {})):
            yield part
    else:
        await chat.cut_short(turn, "", failing.message)
    yield run.event("workflow_finished", about | _result(turn, failing, started))


def _before_the_answer(run: _Run) -> list[_Node]:
    given = run.inputs() | {"sys.conversation_id": run.turn.conversation_id}
    usage = run.turn.usage(is_blocking=True) | {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    result = {"result": _cited(run.turn)}
    free = {"total_tokens": 0, "total_price": "0.0", "currency": "USD"}
    return [
        _Node("start", "start", given, given, {}),
        _Node("kr", "knowledge-retrieval", {"query": run.turn.query}, result, {"usage": usage}, free),
    ]


def _llm(turn: Turn, failing: FailingModel | None) -> _Node:
    context = {"#context#": "\n".join(hit.segment["content"] for _, hit in turn.hits)}
    if failing is not None:
        return _Node("llm", "llm", context, {}, {}, error=failing.message)
    usage = turn.usage(is_blocking=False, first_token=0.0)
    about = {"usage": usage, "finish_reason": "stop"}
    prompts = [{"role": "user", "text": turn.query, "files": []}]
    process = {
        "model_mode": "chat",
        "prompts": prompts,
        **about,
        "model_provider": "kbtool",
        "model_name": "extract",
    }
    cost = {name: usage[name] for name in ("total_tokens", "total_price", "currency")}
    return _Node(
        "llm", "llm", context, {"text": turn.answer, "reasoning_content": "", **about}, process, cost
    )


def _outputs(turn: Turn) -> dict[str, Any]:
    return {"answer": turn.answer, "files": []}


def _result(turn: Turn, failing: FailingModel | None, started: int) -> dict[str, Any]:
    has_failed = failing is not None
    return {
        "status": "failed" if has_failed else "succeeded",
        "outputs": {} if has_failed else _outputs(turn),
        "error": failing.message if failing else None,
        "elapsed_time": turn.latency,
        "total_tokens": 0 if has_failed else turn.usage(is_blocking=True)["total_tokens"],
        "total_steps": 3 if has_failed else 4,
        "created_by": {"id": new_id(), "user": turn.user},
        "created_at": started,
        "finished_at": int(time.time()),
        "exceptions_count": int(has_failed),
        "files": [],
    }


def _whole(run: _Run, node: _Node) -> tuple[bytes, bytes]:
    node_id = new_id()
    return _started(run, node, node_id), _finished(run, node, node_id)


def _about(node: _Node, node_id: str) -> dict[str, Any]:
    return {
        "id": node_id,
        "node_id": node.name,
        "node_type": node.kind,
        "title": node.kind,
        "index": 1,
        "predecessor_node_id": None,
    }


def _started(run: _Run, node: _Node, node_id: str) -> bytes:
    return run.event(
        "node_started",
        _about(node, node_id)
        | {
            "inputs": None,
            "inputs_truncated": False,
            "created_at": int(time.time()),
            "extras": {},
            "iteration_id": None,
            "loop_id": None,
            "agent_strategy": None,
        },
    )


def _finished(run: _Run, node: _Node, node_id: str) -> bytes:
    return run.event(
        "node_finished",
        _about(node, node_id)
        | {
            "inputs": node.inputs,
            "inputs_truncated": False,
            "process_data": node.process,
            "process_data_truncated": False,
            "outputs": node.outputs,
            "outputs_truncated": False,
            "status": "failed" if node.error else "succeeded",
            "error": node.error,
            "elapsed_time": run.turn.latency,
            "execution_metadata": node.cost,
            "created_at": int(time.time()),
            "finished_at": int(time.time()),
            "files": [],
            "iteration_id": None,
            "loop_id": None,
        },
    )


def _cited(turn: Turn) -> list[dict[str, Any]]:
    return [
        {
            "metadata": {
                "source": "knowledge",
                "dataset_id": dataset["id"],
                "dataset_name": dataset["name"],
                "document_id": hit.document["id"],
                "document_name": hit.document["name"],
                "data_source_type": "upload_file",
                "segment_id": hit.segment["id"],
                "retriever_from": "workflow",
                "score": hit.score,
                "child_chunks": [
                    {"id": row["id"], "content": row["content"], "position": row["position"], "score": score}
                    for row, score in hit.children
                ],
                "segment_hit_count": hit.segment["hit_count"],
                "segment_word_count": hit.segment["word_count"],
                "segment_position": hit.segment["position"],
                "segment_index_node_hash": hashlib.sha256(hit.segment["content"].encode()).hexdigest(),
                "doc_metadata": None,
                "position": position,
            },
            "title": hit.document["name"],
            "files": None,
            "content": hit.segment["content"],
            "summary": None,
        }
        for position, (dataset, hit) in enumerate(turn.hits, 1)
    ]
