"""No request, however hostile, makes the engine fail where a real Dify would not.

Dify's own 500s are recorded: a retrieval model without its mandatory fields [164], a document without an
indexing technique [359], economy to high_quality without a model [333].
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbtool.embedded import AppSettings, EngineSettings, create_app
from kbtool.embedded.app_routes import ROUTES as APP_ROUTES
from kbtool.embedded.forms import parse_form
from kbtool.embedded.knowledge_routes import ROUTES as KNOWLEDGE_ROUTES
from tests.server import run

BIG = "9" * 30
RECORDED_500 = ("'score_threshold_enabled'", "'reranking_enable'", "Internal Server Error")
APPS = tuple(
    AppSettings(f"app-{mode}", mode, mode, datasets=("kb",))
    for mode in ("chat", "agent-chat", "advanced-chat", "completion")
)
RULE = {
    "mode": "hierarchical",
    "rules": {
        "pre_processing_rules": [{"id": "remove_urls_emails", "enabled": True}],
        "segmentation": {"separator": "\n\n", "max_tokens": 4000},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": "\n", "max_tokens": 4000},
    },
}


class Target:
    """An engine with one dataset, document, segment and child, reached in process."""

    def __init__(self, http: httpx.AsyncClient, ids: dict[str, str]) -> None:
        self.http = http
        self.ids = ids

    def path(self, template: str) -> str:
        for name, value in self.ids.items():
            template = template.replace("{" + name + ":uuid}", value).replace("{" + name + "}", value)
        return template

    async def send(self, method: str, path: str, *, key: str = "dataset-test", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} | more.pop("headers", {})
        response = await self.http.request(method, path, headers=headers, **more)
        await response.aread()
        return response


@asynccontextmanager
async def target(**more: Any) -> AsyncIterator[Target]:
    more |= {"dataset_key": "dataset-test", "apps": APPS, "ping_seconds": 0.01, "hang_seconds": 0.01}
    engine = create_app(EngineSettings(**more))
    transport = httpx.ASGITransport(engine, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://embedded/v1") as http:
        its = Target(http, {})
        dataset = await its.send(
            "POST", "/datasets", json={"name": "kb", "indexing_technique": "high_quality"}
        )
        its.ids["dataset_id"] = dataset.json()["id"]
        body: dict[str, Any] = {
            "name": "one",
            "text": "refunds\nthirty days",
            "indexing_technique": "high_quality",
        }
        body |= {"doc_form": "hierarchical_model", "process_rule": RULE}
        made = await its.send("POST", its.path("/datasets/{dataset_id}/document/create-by-text"), json=body)
        await engine.settle()
        its.ids |= {"document_id": made.json()["document"]["id"], "batch": made.json()["batch"]}
        listed = await its.send("GET", its.path("/datasets/{dataset_id}/documents/{document_id}/segments"))
        segment = listed.json()["data"][0]
        its.ids |= {"segment_id": segment["id"], "child_chunk_id": segment["child_chunks"][0]["id"]}
        its.ids |= {"action": "enable", "kind": "rerank", "task_id": "task"}
        asked = {"inputs": {}, "query": "refunds", "user": "u"}
        answer = (await its.send("POST", "/chat-messages", json=asked, key="app-chat")).json()
        its.ids |= {"message_id": answer["message_id"], "conversation_id": answer["conversation_id"]}
        field = {"type": "string", "name": "language"}
        made = await its.send("POST", its.path("/datasets/{dataset_id}/metadata"), json=field)
        its.ids["metadata_id"] = made.json()["id"]
        yield its
        await engine.settle()
    await engine.aclose()


def is_fine(response: httpx.Response) -> bool:
    if response.status_code < 500:
        return True
    return "json" in response.headers["content-type"] and response.json()["message"] in RECORDED_500


ROUTES = [(method, path, "dataset-test") for method, path, _ in KNOWLEDGE_ROUTES] + [
    (method, path, app.key) for method, path, _ in APP_ROUTES for app in APPS
]
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
BODIES = {
    "nothing": b"",
    "bad UTF-8": b'{"name": "\xff\xfe"}',
    "deep objects": DEEP,
    "deep lists": b"[" * 100_000,
    "a list": b"[1, 2]",
    "text": b'"text"',
    "a number": b"1e999",
    "many digits": b'{"name": ' + b"9" * 5000 + b"}",
    "NaN": b'{"query": NaN, "top_k": Infinity}',
    "a lone surrogate": json.dumps(
        dict.fromkeys(("name", "text", "query", "content", "user", "type"), "\ud800")
        | {"inputs": {"a": "\udfff"}}
    ).encode(),
    "NUL": json.dumps(dict.fromkeys(("name", "text", "query", "content", "user"), "a\0b")).encode(),
}
TYPES = ("application/json", "multipart/form-data; boundary=x", "\xff")


@pytest.mark.parametrize("name", BODIES)
def test_no_body_makes_any_route_fail(name: str) -> None:
    async def failures() -> list[str]:
        async with target() as its:
            found = []
            for method, path, key in ROUTES:
                for media_type in TYPES:
                    headers = {"content-type": media_type.encode("latin-1")}
                    response = await its.send(
                        method, its.path(path), key=key, content=BODIES[name], headers=headers
                    )
                    if not is_fine(response):
                        found.append(f"{method} {path} {media_type}: {response.text[:200]}")
            return found

    assert run(failures()) == []


@pytest.mark.parametrize("value", [BIG, "9" * 4500, "-1", "0", "x", "٣", "²", "\0", "%", "1e9", "a" * 2_000])
def test_no_query_makes_any_listing_fail(value: str) -> None:
    async def failures() -> list[str]:
        async with target() as its:
            found = []
            names = ("page", "limit", "keyword", "status", "user", "first_id", "last_id", "metadata")
            for method, path, key in ROUTES:
                if method == "GET":
                    response = await its.send(
                        method, its.path(path), key=key, params=dict.fromkeys(names, value)
                    )
                    if not is_fine(response):
                        found.append(f"{path}: {response.text[:200]}")
            return found

    assert run(failures()) == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\0", "high_quality", "economy", "hierarchical_model", "a" * 300, 10**30]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3)
    ),
    max_leaves=4,
)
KNOWN = {
    "name", "text", "indexing_technique", "doc_form", "process_rule", "embedding_model", "retrieval_model",
    "embedding_model_provider", "query", "segments", "segment", "content", "document_ids", "operation_data",
    "type", "permission", "inputs", "user", "response_mode", "conversation_id", "files", "rating",
}  # fmt: skip
bodies = st.dictionaries(st.sampled_from(sorted(KNOWN)), json_values, max_size=6)
retrievals = st.fixed_dictionaries(
    {},
    optional={
        "search_method": st.sampled_from(["semantic_search", "keyword_search", "x"]) | json_values,
        "reranking_enable": json_values,
        "top_k": json_values,
        "score_threshold_enabled": json_values,
        "score_threshold": json_values,
        "metadata_filtering_conditions": st.fixed_dictionaries(
            {}, optional={"logical_operator": json_values, "conditions": st.lists(
                st.fixed_dictionaries({"name": json_values, "comparison_operator": st.sampled_from(
                    ["is", "in", "≥", "before", "empty", "contains"]), "value": json_values}), max_size=2)}
        ) | json_values,
    },
)  # fmt: skip
items = st.dictionaries(
    st.sampled_from(["content", "answer", "keywords", "enabled", "regenerate_child_chunks"]), json_values
)
right: dict[str, Any] = {"name": "kb2", "text": "a", "indexing_technique": "high_quality", "query": "refunds"}
right |= {"user": "u", "inputs": {}, "content": "c", "type": "string"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(bodies, retrievals, st.lists(items, max_size=2), st.booleans()), min_size=1, max_size=3
    )
)
def test_no_json_makes_any_route_fail(cases: list[tuple[Any, Any, Any, bool]]) -> None:
    async def failures() -> list[str]:
        async with target() as its:
            found = []
            for body, retrieval, segments, is_nearly_right in cases:
                asked = (right | body) if is_nearly_right else body
                asked |= {
                    "retrieval_model": retrieval,
                    "segments": segments,
                    "segment": (segments or [None])[0],
                }
                for method, path, key in ROUTES:
                    if method in ("GET", "DELETE"):
                        continue
                    response = await its.send(
                        method, its.path(path), key=key, content=json.dumps(asked).encode()
                    )
                    if not is_fine(response):
                        found.append(f"{method} {path} {asked}: {response.text[:200]}")
            return found

    assert run(failures()) == []


def test_what_was_written_before_can_still_be_read_after_hostile_writes() -> None:
    """Answers are made of what was stored: text that is no text must not have got in."""

    async def story() -> list[int]:
        async with target() as its:
            segments = its.path("/datasets/{dataset_id}/documents/{document_id}/segments")
            contents: list[Any] = ["x", 5, None, ["x"], {"a": 1}, "\ud800", "\0", "a" * 100_000]
            others: list[dict[str, Any]] = [{}, {"keywords": "word"}, {"keywords": [1]}, {"answer": 5}]
            for content in contents:
                for more in others:
                    await its.send(
                        "POST", segments, content=json.dumps({"segments": [{"content": content, **more}]})
                    )
            paths = (segments, its.path("/datasets/{dataset_id}/documents"), "/datasets")
            return [(await its.send("GET", path)).status_code for path in paths]

    assert run(story()) == [200, 200, 200]


def test_a_body_over_the_bound_is_refused_before_it_is_whole() -> None:
    async def story() -> tuple[int, int]:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 100:
                sent += 1
                yield b"x" * 1000

        async with target(max_body=10_000) as its:
            response = await its.send("POST", "/datasets", content=endless())
            return response.status_code, sent

    status, sent = run(story())
    assert status == 413
    assert sent <= 100


def parts(*bodies: tuple[str, bytes], boundary: str = "B") -> bytes:
    """A multipart body of these heads and contents."""
    return b"".join(
        f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in bodies
    ) + f"--{boundary}--\r\n".encode()  # fmt: skip


def test_a_form_keeps_the_bytes_of_its_files() -> None:
    content = bytes(range(256)) + b"\r\n--b\r\n\n\r"
    head = 'Content-Disposition: form-data; name="file"; filename="naïve \\"x\\".md"'
    head += "\r\nContent-Type: text/markdown"
    body = parts((head, content), ('content-disposition: form-data; name="user"', "ü".encode()))
    form = parse_form("multipart/form-data; boundary=B", body)
    assert form.fields == {"user": "ü"}
    assert (form.files["file"].name, form.files["file"].content) == ('naïve "x".md', content)
    assert form.files["file"].media_type == "text/markdown"


def test_a_part_that_is_multipart_itself_is_a_file_like_any_other() -> None:
    inner = parts(('Content-Disposition: form-data; name="deep"', b"x"), boundary="C")
    head = 'Content-Disposition: form-data; name="file"; filename="a.txt"'
    head += "\r\nContent-Type: multipart/mixed; boundary=C"
    form = parse_form("multipart/form-data; boundary=B", parts((head, inner)))
    assert form.files["file"].content == inner
    assert form.fields == {}


@given(st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_are_a_form(body: bytes, content_type: str) -> None:
    for boundary in ("", "; boundary=B", f"; boundary={content_type}"):
        parse_form(f"multipart/form-data{boundary}", b"--B\r\n" + body)


def nasty_texts() -> Iterator[tuple[str, str]]:
    yield "txt", "a" * 200_000
    yield "txt", "a@" * 100_000
    yield "md", "<" * 200_000
    yield "md", "#" * 200_000
    yield "md", "```\n" * 5_000


@pytest.mark.parametrize(("extension", "text"), list(nasty_texts()))
def test_no_text_takes_a_time_that_grows_as_a_square(extension: str, text: str) -> None:
    """At a square's pace each of these would run for minutes, and the suite has a limit."""

    async def status() -> str:
        async with target() as its:
            data = json.dumps(
                {"indexing_technique": "high_quality", "process_rule": RULE, "doc_form": "hierarchical_model"}
            )
            path = its.path("/datasets/{dataset_id}/document/create-by-file")
            files = {"file": (f"nasty.{extension}", text.encode())}
            made = await its.send("POST", path, data={"data": data}, files=files)
            return str(made.json()["document"]["indexing_status"])

    assert run(status()) == "waiting"
