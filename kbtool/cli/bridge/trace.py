"""`kbtool bridge trace`: where a message is, and how it came there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from kbtool.cli.bridge.options import Account, IsMessage, Number, StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from bridge.operating.hops import Journey


def trace(
    number: Number,
    is_message: IsMessage = False,
    account: Account = 0,
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Every hop of a conversation or a message, with its times: from delivery to channel status.

    The number is a conversation's, as in its address in Chatwoot; with --message, or where there is no such
    conversation, a message's. No words of customers are shown.
    """
    from bridge.operating.hops import find, journey
    from bridge.store.visit import visit
    from kbtool.config import load

    with visit(*store_of(load(config), store)) as connection:
        found = journey(connection, find(connection, number, account, is_message=is_message))
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
    else:
        _show(found)


def _show(found: Journey) -> None:
    from bridge.operating.hops import iso

    place = found.place
    typer.echo(
        f"Conversation {place.conversation} of account {place.account}, bot {place.bot}: {found.status}"
    )
    last = -1
    for hop in found.hops:
        if hop.message != last:
            typer.echo(f"message {hop.message}" if hop.message else "the conversation")
            last = hop.message
        typer.echo(f"  {iso(hop.at)}  {_since(hop.since):>10}  {hop.step:<9} {hop.text}")
    for one in found.now:
        sent = f"; {', '.join(one.posts)}" if one.posts else ""
        typer.echo(f"message {one.message} is {one.state} ({one.verdict}){sent}")


def _since(seconds: float) -> str:
    if not seconds:
        return ""
    return f"+{seconds * 1000:.0f} ms" if seconds < 1 else f"+{seconds:.1f} s"
