"""Sends webhooks as Chatwoot does, from a process of its own: signed, each on a new connection.

    python -m benchmarks.bridge_load PORT FIRST COUNT SENDERS RATE

COUNT messages of as many customers, numbered from FIRST, by SENDERS at once; RATE a second, or 0 for as fast
as they are taken. Prints one JSON line: for each message when it was sent (CLOCK_MONOTONIC), how many seconds
the answer took, and its status.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECRET = b"bench-secret"
SAMPLE = (
    Path(__file__).parent.parent
    / "tests" / "contract" / "chatwoot" / "message_created_incoming_text_web.json"
)  # fmt: skip
LONGEST = 30.0


def webhook(template: dict[str, Any], number: int) -> bytes:
    """The message of customer `number` in conversation `number`; the question names it too."""
    body = copy.deepcopy(template)
    now = datetime.now(UTC)
    question = f"How long may I wait for my refund of order {number}?"
    body |= {"id": number, "content": question, "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    body["sender"]["id"] = number
    own = body["conversation"]
    own |= {"id": number, "status": "pending", "updated_at": now.timestamp()}
    own["messages"][0] |= {"id": number, "content": question, "processed_message_content": question}
    return json.dumps(body, separators=(",", ":")).encode()


def request(port: int, body: bytes) -> bytes:
    timestamp = str(int(time.time()))
    signed = hmac.new(SECRET, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    head = (
        f"POST /webhooks/chatwoot/bench HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Chatwoot-Delivery: {uuid.uuid4()}\r\nX-Chatwoot-Timestamp: {timestamp}\r\n"
        f"X-Chatwoot-Signature: sha256={signed}\r\n\r\n"
    )
    return head.encode() + body


async def send(port: int, raw: bytes) -> tuple[float, float, int]:
    """When, how long, and the status; 0 where the connection broke or nothing came in `LONGEST` seconds."""
    begun = time.monotonic()
    status = 0
    try:
        async with asyncio.timeout(LONGEST):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            line = await reader.readline()
            status = int(line.split()[1])
            writer.close()
    except (OSError, TimeoutError, IndexError):
        pass
    return begun, time.monotonic() - begun, status


async def main(port: int, first: int, count: int, senders: int, rate: float) -> None:
    template = json.loads(SAMPLE.read_text(encoding="utf-8"))["body"]
    raws = [request(port, webhook(template, number)) for number in range(first, first + count)]
    sent: list[tuple[float, float, int]] = [(0.0, 0.0, 0)] * count
    room = asyncio.Semaphore(senders)

    async def one(place: int) -> None:
        async with room:
            sent[place] = await send(port, raws[place])

    if rate:
        begun, tasks = time.monotonic(), []
        for place in range(count):
            await asyncio.sleep(max(0.0, begun + place / rate - time.monotonic()))
            tasks.append(asyncio.create_task(one(place)))
        await asyncio.gather(*tasks)
    else:
        await asyncio.gather(*(one(place) for place in range(count)))
    print(json.dumps(sent))


if __name__ == "__main__":
    to, begin, many, at_once = map(int, sys.argv[1:5])
    asyncio.run(main(to, begin, many, at_once, float(sys.argv[5])))
