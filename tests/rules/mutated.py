"""Webhook bodies gone wrong: a value of another kind, a key too many, a byte too few. Seeded."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

# No small number among them: it might be the number of a conversation that a test has
_JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**30, -0.5, 1e308, float("nan"), float("inf"), "", "x", "\x00",
    "\ud800", "9" * 400, "ﷺ" * 50, "1e999", "{{contact.email}}", "' OR 1=1 --", "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59.999Z", [], {}, [[]], [None], {"": ""}, {"id": {}}, [{"type": []}], "A" * 20_000,
)  # fmt: skip


def bodies(originals: list[dict[str, Any]], count: int, seed: int) -> Iterator[bytes]:
    """`count` bodies, each an original with one to five things changed in its values or in its bytes."""
    rng = random.Random(seed)
    for _ in range(count):
        body: Any = copy.deepcopy(rng.choice(originals))
        for _ in range(rng.randint(1, 5)):
            body = _changed(body, rng)
        raw = bytearray(json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
        if rng.random() < 0.3:
            for _ in range(rng.randint(1, 3)):
                _damage(raw, rng)
        yield bytes(raw)


def _changed(body: Any, rng: random.Random) -> Any:
    """One value somewhere inside is another one, gone, doubled, or one level deeper."""
    places = list(_places(body))
    if not places:
        return copy.deepcopy(rng.choice(_JUNK))
    inside, key = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del inside[key]
        case 1:
            inside[key] = [inside[key]]
        case 2:
            inside[key] = {"value": inside[key]}
        case 3 if isinstance(inside, dict):
            inside[f"{key}_new"] = copy.deepcopy(rng.choice(_JUNK))
        case 4:
            other, its = rng.choice(places)
            value = other[its] if (its in other if isinstance(other, dict) else its < len(other)) else None
            inside[key] = copy.deepcopy(value)
        case _:
            inside[key] = copy.deepcopy(rng.choice(_JUNK))
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _damage(raw: bytearray, rng: random.Random) -> None:
    if not raw:
        return
    place = rng.randrange(len(raw))
    match rng.randrange(4):
        case 0:
            raw[place] = rng.randrange(256)
        case 1:
            del raw[place : place + rng.randint(1, 20)]
        case 2:
            raw[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        case _:
            del raw[place:]
