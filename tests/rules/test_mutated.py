"""Bodies that are wrong in thousands of ways: none is refused that is signed, none is taken that is not.

KBTOOL_PAYLOADS is how many; `make soak` sends 10,000.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
import uuid
from pathlib import Path
from typing import Any

from bridge import signature
from tests.rules.mutated import bodies
from tests.rules.world import ANSWER, SAMPLES, SETTINGS, World, sample, world
from tests.server import run

COUNT = int(os.environ.get("KBTOOL_PAYLOADS", "1500"))
AT_ONCE = 50
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if '"event"' in path.read_text(encoding="utf-8"))


def originals() -> list[dict[str, Any]]:
    """The samples, with numbers of conversations and messages that no few digits less make small."""
    found = []
    for name in NAMES:
        body = sample(name)
        for part in (body, body.get("conversation")):
            if isinstance(part, dict) and isinstance(part.get("id"), int):
                part["id"] += 9_000_000_000_000
        found.append(body)
    return found


async def send(at: World, raw: bytes, name: str, *, signed: bool) -> tuple[int, str]:
    """Status and text of the answer to a delivery with this id."""
    timestamp = str(int(time.time()))
    right = signature.sign(raw if signed else raw + b" ", timestamp, SETTINGS.bot.secret)
    headers = {
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": right,
        "X-Chatwoot-Delivery": name,
    }
    url = f"http://127.0.0.1:{at.stand.port}/webhooks/chatwoot/kbtool"
    answer = await at.stand.http.post(url, content=raw, headers=headers)
    return answer.status_code, answer.text


def test_rule_03_no_body_however_wrong_is_refused_when_it_is_signed_nor_taken_when_it_is_not(
    tmp_path: Path,
) -> None:
    names = [str(uuid.uuid4()) for _ in range(COUNT)]

    async def scenario() -> None:
        async with world(tmp_path) as at:
            sent = list(bodies(originals(), COUNT, seed=8))
            for begin in range(0, COUNT, AT_ONCE):
                group = sent[begin : begin + AT_ONCE]
                pairs = zip(group, names[begin:], strict=False)
                signed = await asyncio.gather(*(send(at, raw, name, signed=True) for raw, name in pairs))
                forged = await asyncio.gather(*(send(at, raw, "forged", signed=False) for raw in group[:5]))
                for raw, (status, text) in zip(group, signed, strict=True):
                    assert status == 200, (status, raw[:2000])
                    assert "Traceback" not in text
                for raw, (status, text) in zip(group, forged, strict=False):
                    assert status == 401, (status, raw[:2000])
                    assert "Traceback" not in text
                if begin % (10 * AT_ONCE) == 0:  # it goes on meanwhile, and whoever asks is answered
                    visit = await at.answered()
                    assert at.replies(visit) == [ANSWER]
            visit = await at.answered()
            assert at.replies(visit) == [ANSWER]

    run(scenario())
    (store,) = tmp_path.glob("*.sqlite")
    with sqlite3.connect(store) as beside:
        kept = "\n".join(beside.iterdump())
    beside.close()
    assert [name for name in names if name not in kept] == []
    assert "forged" not in kept


def test_the_bodies_are_wrong_in_ways_that_matter() -> None:
    made = list(bodies(originals(), 300, seed=8))
    assert made == list(bodies(originals(), 300, seed=8))
    assert len(set(made)) > 290
    readable = 0
    for raw in made:
        try:
            json.loads(raw)
        except ValueError:
            continue
        readable += 1
    assert 150 < readable < 290
