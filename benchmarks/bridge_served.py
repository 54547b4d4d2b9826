"""The bridge, as shipped but for what is measured, in a process of its own.

    python -m benchmarks.bridge_served URL STORE WINDOW        prints {"port": …}

URL is where Chatwoot and Dify are; WINDOW is the merge window in seconds, or "shipped".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx

from bridge.serve import bridge, listen, run, serving
from bridge.settings import BridgeSettings, Mode, Patience, Route
from kbtool.dify.client import DifyClient
from kbtool.handoff import Policy
from kbtool.http import LeanClient

SECRET, BOT_TOKEN, USER_TOKEN = "bench-secret", "bench-bot", "bench-user"


def settings(store: Path, window: str) -> BridgeSettings:
    patience = Patience() if window == "shipped" else Patience(quiet=float(window))
    route = Route("bench", SECRET, BOT_TOKEN, USER_TOKEN, Mode.REPLY)
    return BridgeSettings(store, (route,), Policy(threshold=0.5), patience)


async def main(url: str, store: str, window: str) -> None:
    hooks, ops = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    asker = LeanClient(f"{url}/v1", timeout=httpx.Timeout(60.0, connect=10.0), trust_env=False)
    async with (
        DifyClient(asker, app_key="app-bench") as chat,
        LeanClient(url, timeout=httpx.Timeout(10.0), trust_env=False) as http,
        bridge(settings(Path(store), window), chat, http) as running,
        serving((running.app, hooks), (running.ops, ops)),
    ):
        print(json.dumps({"port": hooks.getsockname()[1]}), flush=True)
        await running.work


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
