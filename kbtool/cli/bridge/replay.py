"""`kbtool bridge replay`: a stored conversation against today's configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kbtool.cli.bridge.options import Account, IsMessage, Number, StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from bridge.operating.replay import Replayed
    from bridge.tables.turns import Outcome


def replay(
    number: Number,
    is_message: IsMessage = False,
    account: Account = 0,
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Ask and decide again, as kb.toml says today; nothing is posted, and nothing is written.

    The Dify app is asked once for each question, which costs what answers cost. Where Chatwoot's address is
    known the customer's files and attributes go along; what does not is said.
    """
    import asyncio

    replayed = asyncio.run(_replay(config, store, number, account, is_message=is_message))
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in replayed], ensure_ascii=False, indent=1))
        return
    for one in replayed:
        sign = "=" if one.is_same else "≠"
        typer.echo(f"message {one.message}: {_told(one.then)} {sign} {_told(one.now)}")
        for kind, text in one.posts:
            typer.echo(f"    {kind}: {text.splitlines()[0][:100] if text else ''}")
        for sentence in one.lacking:
            typer.echo(f"    not asked along: {sentence}")
    changed = sum(not one.is_same for one in replayed)
    typer.echo(f"{len(replayed)} replayed, {changed} would be dealt with otherwise; nothing was posted.")


async def _replay(
    config: Path, store: str | None, number: int, account: int, *, is_message: bool
) -> list[Replayed]:
    import os
    from contextlib import AsyncExitStack

    import httpx

    from bridge.chatwoot.client import ChatwootClient
    from bridge.operating.hops import find
    from bridge.operating.replay import Onlooker, answering_of, replay, stored
    from bridge.routes.routing import settings_of
    from bridge.store.visit import visit
    from kbtool.cli.bridge.apps import apps
    from kbtool.config import load
    from kbtool.http import LeanClient

    settings = load(config)
    with visit(*store_of(settings, store)) as connection:
        place = find(connection, number, account, is_message=is_message)
        facts, questions = stored(connection, place)
    bridge_settings = settings_of(settings, os.environ)
    url = os.environ.get("CHATWOOT_URL", "") or settings.bridge.chatwoot_url
    async with AsyncExitStack() as stack:
        chats = await stack.enter_async_context(apps(settings, os.environ))
        http, desk = None, None
        if url:
            http = await stack.enter_async_context(LeanClient(url, timeout=httpx.Timeout(10.0)))
            tokens = [route.bot_token for route in bridge_settings.routes if route.address == place.bot]
            desk = Onlooker(ChatwootClient(http, tokens[0])) if tokens else None
        make = answering_of(bridge_settings, chats, http)
        return await replay(facts, questions, bridge_settings, make, place.message, desk)


def _told(outcome: Outcome | None) -> str:
    if outcome is None:
        return "silent"
    score = "" if outcome.score is None else f" {outcome.score:.2f}"
    return f"{outcome.action} ({outcome.reason}{score})"
