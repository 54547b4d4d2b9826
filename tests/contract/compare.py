"""Whether an answer is what was recorded: the same keys and types, and the same values where they matter.

Values that no two servers share (ids, times, scores, token counts, prices, what a language model said) are
compared by type. Ids are also learned here: where the recording has one, the engine's own stands for it in
every later request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BATCH = re.compile(r"\d{20}")
_BY_TYPE = """
id batch score tokens hit_count created_at updated_at completed_at indexing_at disabled_at created_by
updated_by disabled_by processing_started_at parsing_completed_at cleaning_completed_at splitting_completed_at
indexing_latency stopped_at index_node_id index_node_hash upload_file_id tenant_id task_id message_id latency
time_to_first_token prompt_tokens completion_tokens total_tokens prompt_price completion_price total_price
prompt_unit_price completion_unit_price prompt_price_unit completion_price_unit elapsed_time finished_at
upload_date last_update_date source_url segment_hit_count segment_index_node_hash answer text thought label
app_count
"""
VOLATILE = frozenset(_BY_TYPE.split())
# Null on one side and a value on the other is no difference: these depend on the moment
_BY_MOMENT = """
error tokens word_count updated_by disabled_by disabled_at completed_at processing_started_at stopped_at
parsing_completed_at cleaning_completed_at splitting_completed_at indexing_latency time_to_first_token
execution_metadata
"""
NULLABLE = frozenset(_BY_MOMENT.split())
# While a document is on its way, which of these is seen is a matter of milliseconds
UNDER_WAY = {"waiting", "parsing", "cleaning", "splitting", "indexing", "queuing"}
_SUGGESTION = " You have requested this URI"


@dataclass
class Ids:
    """Recorded ids and batches, and what the server calls them. `names` are other words of its own, for
    models and datasets; values of the keys in `loose` are compared by type.
    """

    known: dict[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    loose: frozenset[str] = VOLATILE
    is_switching: bool = False  # documents may be done or not

    def learn(self, recorded: Any, actual: Any) -> None:
        left, right = str(recorded), str(actual)
        if any(pattern.fullmatch(left) and pattern.fullmatch(right) for pattern in (ID, BATCH)):
            self.known.setdefault(left, right)

    def relearn(self, recorded: str, actual: str) -> None:
        self.known[recorded] = actual

    def translate(self, value: Any) -> Any:
        """`value` with every recorded id replaced, also inside text."""
        text = json.dumps(value, ensure_ascii=False)
        for recorded, ours in self.names.items():
            text = text.replace(json.dumps(recorded), json.dumps(ours))
        text = ID.sub(lambda match: self.known.get(match.group(), match.group()), text)
        return json.loads(BATCH.sub(lambda match: self.known.get(match.group(), match.group()), text))


def differences(recorded: Any, actual: Any, ids: Ids, *, at: str = "", values: bool = True) -> Iterator[str]:
    """Each difference as one line. With `values` off only keys and types count, not the lengths of lists."""
    name = at.rsplit(".", 1)[-1]
    if isinstance(recorded, dict) and isinstance(actual, dict):
        yield from _of_objects(recorded, actual, ids, at, values)
    elif isinstance(recorded, list) and isinstance(actual, list):
        if values and len(recorded) != len(actual):
            yield f"{at}: {len(recorded)} recorded, {len(actual)} here"
        for left, right in zip(recorded, actual, strict=False):
            yield from differences(left, right, ids, at=at, values=values)
    elif recorded is None or actual is None:
        if recorded is not actual and name not in NULLABLE and values:
            yield f"{at}: {recorded!r} recorded, {actual!r} here"
    elif _kind(recorded) != _kind(actual):
        yield f"{at}: {_kind(recorded)} recorded, {_kind(actual)} here"
    else:
        ids.learn(recorded, actual)
        if values and not _is_same(name, recorded, actual, ids):
            yield f"{at}: {recorded!r} recorded, {actual!r} here"


def _of_objects(
    recorded: Mapping[str, Any], actual: Mapping[str, Any], ids: Ids, at: str, values: bool
) -> Iterator[str]:
    if missing := sorted(recorded.keys() - actual.keys()):
        yield f"{at}: no {', '.join(missing)}"
    if extra := sorted(actual.keys() - recorded.keys()):
        yield f"{at}: {', '.join(extra)} not recorded"
    for key in recorded.keys() & actual.keys():
        yield from differences(recorded[key], actual[key], ids, at=f"{at}.{key}", values=values)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _is_same(name: str, recorded: Any, actual: Any, ids: Ids) -> bool:
    if name in ids.loose or ids.translate(recorded) == actual:
        return True
    if name in ("indexing_status", "display_status"):
        allowed = UNDER_WAY | ({"completed", "available"} if ids.is_switching else set())
        return recorded in allowed and actual in allowed
    if name == "value" and re.fullmatch(r"[\d.]+", str(recorded)):
        return re.fullmatch(r"[\d.]+", str(actual)) is not None
    return bool(ID.fullmatch(str(recorded)) and ID.fullmatch(str(actual)))


def of_errors(recorded: Any, actual: Any) -> Iterator[str]:
    """Error bodies: the same code and status, and the same message as far as a client could read it."""
    if not isinstance(recorded, dict) or "message" not in recorded:
        yield from differences(recorded, actual, Ids())
        return
    for key in ("code", "status"):
        if recorded.get(key) != actual.get(key):
            yield f"{key}: {recorded.get(key)!r} recorded, {actual.get(key)!r} here"
    if _readable(recorded["message"]) != _readable(actual.get("message", "")):
        yield f"message: {recorded['message']!r} recorded, {actual.get('message')!r} here"


def _readable(message: str) -> str:
    """Without the cut input, Flask's suggestions, ids and PostgreSQL's pointer to the place."""
    message = re.sub(
        r", input_value=.*?(?=, input_type|$)", "", message.split(_SUGGESTION, maxsplit=1)[0], flags=re.DOTALL
    )
    message = re.sub(r"_[0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12}", "", message.split("\nLINE")[0])
    return ID.sub("", message).strip()


def of_hits(
    recorded: list[Any], actual: list[Any], ids: Ids, *, threshold: float | None = None
) -> Iterator[str]:
    """Hits: as many, of the same form, the same one first where the recorded first is better than its second.

    Which chunks share the last places, and in what order, depends on the model; how many pass a threshold
    does too. What is counted is what was found: children where there are any.
    """
    counts = [sum(len(hit.get("child_chunks") or [hit]) for hit in hits) for hits in (recorded, actual)]
    if threshold is None and counts[0] != counts[1]:
        yield f"{counts[0]} found in the recording, {counts[1]} here"
    if threshold is not None and any(hit["score"] < threshold for hit in actual):
        yield f"a hit under the threshold {threshold}"
    if not recorded or not actual:
        return
    yield from differences(recorded[0], actual[0], Ids(dict(ids.known)), at="hit", values=False)
    if recorded[0].get("child_chunks") is None and actual[0].get("child_chunks") is not None:
        yield "child_chunks: null recorded, a list here"
    scores = [hit["score"] for hit in recorded]
    if (
        scores[0] > 0
        and (len(scores) == 1 or scores[0] > 1.05 * scores[1])
        and _text(recorded[0]) != _text(actual[0])
    ):
        yield f"first hit: {_text(recorded[0])!r} recorded, {_text(actual[0])!r} here"
    if [hit["score"] for hit in actual] != sorted((hit["score"] for hit in actual), reverse=True):
        yield "hits are not sorted by score"


def _text(hit: Mapping[str, Any]) -> str:
    return str(hit["segment"]["content"] if "segment" in hit else hit["content"])


def of_streams(recorded: str, actual: str, ids: Ids) -> Iterator[str]:
    """Streams: the same kinds of event in the same order, however many in a row, and the same forms."""
    left, right = _events(recorded), _events(actual)
    if [kind for kind, _ in left] != [kind for kind, _ in right]:
        yield f"events: {[kind for kind, _ in left]} recorded, {[kind for kind, _ in right]} here"
        return
    for (kind, recorded_data), (_, actual_data) in zip(left, right, strict=True):
        yield from differences(recorded_data, actual_data, ids, at=kind, values=False)
        for path in (("status",), ("message",), ("data", "status"), ("data", "error"), ("data", "node_type")):
            was, now = _dig(recorded_data, path), _dig(actual_data, path)
            if was != now:
                yield f"{kind}.{'.'.join(path)}: {was!r} recorded, {now!r} here"


def _events(stream: str) -> list[tuple[str, Any]]:
    """Runs of one kind count as one event: an answer has as many pieces as it has."""
    found: list[tuple[str, Any]] = []
    for block in stream.split("\n\n"):
        if block.startswith("data: "):
            data = json.loads(block[6:])
            found.append((data["event"], data))
        elif block:
            found.append((block.strip(), None))
    return [
        next(run)
        for _, run in groupby(
            found, key=lambda pair: (pair[0], (pair[1] or {}).get("data", {}).get("node_id"))
        )
    ]


def _dig(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data
