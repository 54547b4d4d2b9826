"""`kbtool review`: what people had to do, for whoever mends the knowledge base."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config

if TYPE_CHECKING:
    from bridge.improve.topics import Topic
    from kbtool.config import Settings

app = typer.Typer(help="What people had to do: the improvement queue.", no_args_is_help=True)
DAY = 86_400.0


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@app.callback()
def review() -> None:
    """What people had to do: the improvement queue."""


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="The file to write; without one, to stdout.")] = None,
    config: Config = DEFAULT_CONFIG,
    format_: Annotated[Format, typer.Option("--format", help="A line of JSON each, or CSV.")] = Format.JSONL,
    days: Annotated[int, typer.Option(help="What came up in so many days.", min=1, max=90)] = 28,
    store: StoreFile = None,
) -> None:
    """Write the improvement queue by topic: edited and discarded drafts, handoffs, gaps, bad ratings.

    Without e-mail addresses, phone and order numbers. Reads the bridge's store while it runs.
    """
    from bridge.improve.export import to_csv, to_jsonl
    from kbtool.config import load

    topics = topics_of(load(config), store, days)
    text = (to_csv if format_ is Format.CSV else to_jsonl)(topics)
    if file is None:
        typer.echo(text, nl=False)
        return
    half = file.with_name(file.name + ".part")
    half.write_text(text, encoding="utf-8", newline="")
    half.replace(file)
    count = sum(topic.times for topic in topics)
    typer.echo(f"{show.number(count, 'item')} of {show.number(len(topics), 'topic')} written to {file}.")


def topics_of(settings: Settings, store: str | None = None, days: float = 28) -> list[Topic]:
    """The queue of the last days. Raises ConfigError where there is no store."""
    from bridge.improve.rows import visited
    from bridge.improve.topics import topics

    now = time.time()
    path, database = store_of(settings, store)
    return topics(visited(path, now - days * DAY, database), now)
