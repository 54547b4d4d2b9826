"""What the review page adds to sending a reply: a send through it, beside Chatwoot asked the same directly.

    python -m benchmarks.review [--rounds SENDS]

Both do what a send needs of Chatwoot (the conversation and what was said since, at once; then the message),
to the sandbox on loopback, in turns. The difference is the bridge's own: session, form, two commits to the
disk, and the page that it answers with.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.result import Finding, Line, told
from bridge.sandbox import BotSettings, Sandbox, SandboxSettings, create_sandbox
from bridge.sandbox.records import Conversation
from bridge.serve import address_of, bridge, listen, run, serving
from bridge.settings import BridgeSettings, Mode, Patience, Review, Route
from kbtool.handoff import Policy
from kbtool.model import Answer, Hit, Question

SENDS = 60
DRAFT = "You have 30 days from the day it reached you."
TOKEN = "sandbox-agent-token"


class Said:
    """An app that always answers the same."""

    async def chat(self, question: Question, **_: object) -> Answer:
        return Answer(question, DRAFT, (Hit("1", "1", "Returns", "Returns › Time limit\n\n30 days.", 0.8),))


async def sends_both_ways(sends: int) -> tuple[list[float], list[float]]:
    """Seconds of each send, through the page and directly."""
    hooks, here = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    bot = BotSettings(url=f"{address_of(hooks)}/webhooks/chatwoot/kbtool")
    sandbox = create_sandbox(SandboxSettings(bot=bot))
    with tempfile.TemporaryDirectory() as folder:
        settings = BridgeSettings(
            Path(folder) / "bridge.sqlite",
            (Route("kbtool", bot.secret, bot.token, mode=Mode.DRAFT),),
            Policy(),
            Patience(quiet=0.0),
            review=Review(secret=secrets.token_urlsafe(32)),
        )
        async with (
            serving((sandbox, here)),
            HttpxAiohttpClient(base_url=address_of(here), trust_env=False) as http,
            HttpxAiohttpClient(base_url=address_of(hooks), trust_env=False) as browser,
            bridge(settings, Said(), http) as running,
            serving((running.app, hooks)),
        ):
            try:
                return await _measure(sandbox, http, browser, sends)
            finally:
                await sandbox.aclose()


async def _measure(
    sandbox: Sandbox, http: HttpxAiohttpClient, browser: HttpxAiohttpClient, sends: int
) -> tuple[list[float], list[float]]:
    own = {"Origin": str(browser.base_url).rstrip("/")}
    signed_in = await browser.post("/review/in", data={"token": TOKEN}, headers=own)
    cookie = signed_in.headers["set-cookie"].partition(";")[0]
    browser.cookies.clear()
    through, directly = [], []
    for _ in range(sends):
        conversation = await _drafted(sandbox)
        path = f"/review/c/1/{conversation.id}"
        page = await browser.get(path, headers={"Cookie": cookie})
        fields = re.findall(r'name="(pass|bot|message)" value="([^"]*)"', page.text.partition("<main")[2])
        form = dict(fields) | {"text": DRAFT}
        begun = time.perf_counter()
        answer = await browser.post(f"{path}/send", data=form, headers=own | {"Cookie": cookie})
        through.append(time.perf_counter() - begun)
        assert answer.status_code == 200, answer.text
        directly.append(await _send(http, conversation.id, form["message"]))
    return through, directly


async def _drafted(sandbox: Sandbox) -> Conversation:
    """A customer has asked, and people have the conversation with its draft."""
    state = sandbox.state
    visit = state.arrive()
    state.say(visit, "How long may I wait?")
    while True:
        conversation = state.conversation_of(visit)
        if conversation is not None and conversation.status == "open":
            await sandbox.settle()
            return conversation
        await asyncio.sleep(0.005)


async def _send(http: HttpxAiohttpClient, number: int, after: str) -> float:
    path, token = f"/api/v1/accounts/1/conversations/{number}", {"Api-Access-Token": TOKEN}
    begun = time.perf_counter()
    await asyncio.gather(
        http.get(path, headers=token), http.get(f"{path}/messages", params={"after": after}, headers=token)
    )
    await http.post(f"{path}/messages", json={"content": DRAFT, "message_type": "outgoing"}, headers=token)
    return time.perf_counter() - begun


def measure(given: argparse.Namespace) -> Finding:
    seconds: list[tuple[list[float], list[float]]] = []

    async def all_sends() -> None:
        seconds.append(await sends_both_ways(10 if given.short else given.rounds))

    run(all_sends())
    ((through, directly),) = seconds
    added = [1000 * (one - other) for one, other in zip(through, directly, strict=True)]
    tail = statistics.quantiles(added, n=20)[-1]
    what = "a send from the review page, beside Chatwoot's own answers to it: added"
    return Finding(
        (
            Line(f"{what}, median", f"{statistics.median(added):.0f} ms", "50 ms"),
            Line("the same, p95", f"{tail:.0f} ms"),
        )
    )


if __name__ == "__main__":
    told(__doc__, measure, rounds=SENDS)
