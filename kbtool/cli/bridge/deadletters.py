"""`kbtool bridge deadletters`: what nothing more is tried with."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from bridge.operating.deadletters import DeadLetter

app = typer.Typer(help="Messages and deliveries that nothing more is tried with.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="As `list` shows it: m345 is a message, d17 a delivery.")]


@app.command("list")
def list_letters(store: StoreFile = None, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """All of them, the oldest first."""
    from bridge.operating import deadletters
    from bridge.store.visit import visit
    from kbtool.config import load

    with visit(*store_of(load(config), store)) as connection:
        letters = deadletters.every(connection)
    if as_json:
        typer.echo(json.dumps([asdict(letter) for letter in letters], ensure_ascii=False, indent=1))
        return
    for letter in letters:
        typer.echo(_line(letter))
    typer.echo(f"{len(letters)} dead letters." if letters else "No dead letters.")


@app.command()
def show(name: Name, store: StoreFile = None, config: Config = DEFAULT_CONFIG) -> None:
    """One of them: why, and for a delivery its first 2,000 characters, which may hold personal data."""
    from bridge.operating import deadletters
    from bridge.store.visit import visit
    from kbtool.config import load

    with visit(*store_of(load(config), store)) as connection:
        letter = deadletters.find(connection, name)
        body = deadletters.body(connection, letter)
    typer.echo(_line(letter))
    if body:
        typer.echo(body[:2000].decode("utf-8", "backslashreplace"))
    else:
        typer.echo(f"Its hops: kbtool bridge trace --message {letter.name[1:]}")


@app.command()
def retry(
    name: Annotated[str, typer.Argument(help="As `list` shows it.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Give one, or all, to the bridge once more; what was sent already is not sent again."""
    import time

    from bridge.operating import deadletters
    from bridge.store.visit import visit
    from kbtool.config import load

    if bool(name) == every:
        raise ConfigError("which dead letter?", hint="kbtool bridge deadletters retry m345   (or --all)")
    with visit(*store_of(load(config), store), writes=True) as connection:
        letters = deadletters.every(connection) if every else [deadletters.find(connection, name)]
        deadletters.retry(connection, letters, time.time())
    typer.echo(f"{len(letters)} given to the bridge again; it takes them up within seconds.")


def _line(letter: DeadLetter) -> str:
    from bridge.operating.hops import iso

    place = (
        f"conversation {letter.account}/{letter.conversation}" if letter.conversation else "no conversation"
    )
    return f"{letter.name}  {iso(letter.at)}  {letter.bot}  {place}: {letter.why}"
