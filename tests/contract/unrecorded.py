"""What was done between two recordings without being recorded, and the files that were sent.

Texts and ids come from later recordings that show them: a document's segments, a chat's citations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.contract.replay import Replay

CUT = "====="
RULE = {
    "mode": "custom",
    "rules": {
        "pre_processing_rules": [],
        "segmentation": {"separator": CUT, "max_tokens": 1000, "chunk_overlap": 0},
    },
}
GUIDE = (
    "# Title\n\nIntro <!-- c --> text with [link](https://x.example/y).\n\n"
    "## Sec A\n\nAlpha text.\n\n## Sec B\n\nBeta text <b>bold</b>.\n"
)
FILES = {  # all others hold the guide
    "big.txt": "x" * (15 * 1024 * 1024 + 1),
    "guide-v2.md": "# New\n\nfresh content\n",
    "a.txt": "hello",
    "a.png": "x" * (10 * 1024 * 1024 + 1),
}
PAGES = {
    "refunds.md": ("Refund policy", "Refund exceptions"),
    "account.md": ("Reset password", "Delete account"),
    "billing.md": ("Invoices", "VAT numbers"),
}


LONG_CUT = 12 * "="  # gives the recorded size of the files
LONG_RULE = {
    "mode": "custom",
    "rules": {
        "pre_processing_rules": [],
        "segmentation": {"separator": LONG_CUT, "max_tokens": 1000, "chunk_overlap": 0},
    },
}


async def _create(replay: Replay, dataset: str, name: str, text: str, rule: Any = RULE) -> str:
    body = {"name": name, "text": text, "indexing_technique": "high_quality", "process_rule": rule}
    made = await replay.ask("POST", f"/datasets/{dataset}/document/create-by-text", body)
    await replay.settle()
    return str(made["document"]["id"])


async def _delete_two_children(replay: Replay) -> None:
    path = replay.recorded[207].path.removeprefix("/v1")
    for child in replay.recorded[207].response["data"][1:]:
        await replay.ask("DELETE", f"{path}/{child['id']}")


async def _twenty_documents(replay: Replay) -> None:
    """A topic that no recording shows gets the length that its word count says."""
    dataset = replay.recorded[225].response["id"]
    shown = json.dumps([replay.recorded[number].response for number in (228, 235, 237, 240)])
    first, second = (
        "{0} basics\n\nEverything about {0} number {1}.",
        "{0} details\n\nMore detail on {0} item {1} here.",
    )
    for document in sorted(replay.recorded[226].response["data"], key=lambda item: item["position"]):
        number = document["name"].removeprefix("doc-").removesuffix(".md")
        seen = re.search(rf"Everything about (\w+) number {number}\.", shown)
        length = (document["word_count"] - len((first + second).format("", number))) // 4
        topic = seen.group(1) if seen else chr(ord("a") + int(number)) * length
        await _create(
            replay, dataset, document["name"], LONG_CUT.join((first, second)).format(topic, number), LONG_RULE
        )


async def _one_name_six_times(replay: Replay) -> None:
    """Six concurrent creates gave one document with every segment twice; one create gives its word count."""
    word_count = replay.recorded[227].response["data"][0]["word_count"]
    text = LONG_CUT.join((word_count // 2) * letter for letter in "ab")
    await _create(replay, replay.recorded[225].response["id"], "same-name.md", text, LONG_RULE)


async def _support_pages(replay: Replay) -> None:
    """The pages that the recorded apps answer from, with the ids that citations name."""
    dataset = replay.recorded[247].response["id"]
    cited = {
        hit["segment_id"]: hit for recording in replay.recorded.values() for hit in _citations(recording)
    }
    for name, titles in PAGES.items():
        texts = [
            next(hit["content"] for hit in cited.values() if hit["content"].startswith(title))
            for title in titles
        ]
        document_id = await _create(replay, dataset, name, CUT.join(texts))
        segments = await replay.ask("GET", f"/datasets/{dataset}/documents/{document_id}/segments")
        for segment in segments["data"]:
            for recorded_id, hit in cited.items():
                if hit["content"] == segment["content"]:
                    replay.ids.relearn(recorded_id, segment["id"])
                    replay.ids.relearn(hit["document_id"], document_id)


def _citations(recording: Any) -> list[dict[str, Any]]:
    if recording.stream is not None:
        ends = re.findall(r'^data: (\{"event":"message_end".*)$', recording.stream, re.MULTILINE)
        return [hit for end in ends for hit in json.loads(end)["metadata"]["retriever_resources"]]
    if not recording.path.endswith("/chat-messages") or recording.status != 200:
        return []
    found: list[dict[str, Any]] = recording.response["metadata"]["retriever_resources"]
    return found


async def _stoppable_stream(replay: Replay) -> None:
    await replay.start_stream(replay.recorded[316])


async def _console_closes(replay: Replay) -> None:
    await replay.switch_dataset_api(_closed(replay), is_on=False)


async def _console_opens(replay: Replay) -> None:
    await replay.switch_dataset_api(_closed(replay), is_on=True)


def _closed(replay: Replay) -> str:
    return str(replay.ids.translate(replay.recorded[344].path.split("/")[3]))


async def _earlier_chatflow(replay: Replay) -> None:
    """The conversation of 356 was begun by a request that was not recorded."""
    recorded = (replay.recorded[356].query or {})["conversation_id"]
    answer = await replay.client.post(
        "/v1/chat-messages", json=replay.recorded[320].request, headers={"authorization": "Bearer app_flow"}
    )
    replay.ids.relearn(recorded, re.findall(r'"conversation_id":"([^"]+)"', answer.text)[0])


async def _disabled_document(replay: Replay) -> None:
    dataset, document = replay.recorded[384].path.split("/")[3::2]
    replay.ids.relearn(document, await _create(replay, dataset, "dis.md", "one"))
    await replay.ask("PATCH", f"/datasets/{dataset}/documents/status/disable", {"document_ids": [document]})


async def _another_dataset(replay: Replay) -> None:
    made = await replay.ask("POST", "/datasets", {"name": "kb-earlier-story"})
    replay.ids.relearn(replay.recorded[400].path.split("/")[3], made["id"])


BEFORE: dict[int, Callable[[Replay], Awaitable[None]]] = {
    209: _delete_two_children,
    226: _twenty_documents,
    227: _one_name_six_times,
    248: _support_pages,
    314: _stoppable_stream,
    344: _console_closes,
    345: _console_opens,
    356: _earlier_chatflow,
    383: _disabled_document,
    400: _another_dataset,
}
