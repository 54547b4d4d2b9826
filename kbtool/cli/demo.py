"""`kbtool demo`: the whole chain on the bundled corpora, one line a stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import example
from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.corpus import Corpus
    from kbtool.evaluate.weekly import Evaluation

ENGINE = ".kbtool/demo/engine.sqlite"


def demo(
    config: Config = DEFAULT_CONFIG,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the last demo's dataset.")] = False,
) -> None:
    """Run the whole chain on the bundled corpora: no key, no server, under a minute.

    Where there is no kb.toml, the example project is written to kbtool-demo/ first.
    """
    import asyncio

    asyncio.run(_demo(example.project(config), keep=keep))


async def _demo(config: Path, *, keep: bool) -> None:
    started = time.monotonic()
    with _stage("read") as say:
        from kbtool import corpus
        from kbtool.cli.show import number

        settings = _settings(config, keep=keep)
        export = corpus.read_sources(settings)
        say(
            f"{number(len(export.pages), 'page')} from {number(len(settings.corpus.sources), 'export')}, "
            f"{len(export.skipped)} files skipped"
        )
    with _stage("clean") as say:
        cleaned = corpus.clean_pages(export)
        removals = [removal.rule for result in cleaned for removal in result.removals]
        say(f"{len(removals):,} pieces of export noise removed by {len(set(removals))} rules")
    with _stage("chunk") as say:
        loaded = corpus.chunk_pages(cleaned, export, settings)
        say(f"{len(loaded.documents)} documents, {loaded.sections} sections, {loaded.children} subsections")
    evaluation = await _measure(settings, loaded)
    with _stage("report") as say:
        from kbtool.cli.verdict import write_report

        path = write_report(evaluation, publishes=True)
        say(f"{path.stat().st_size / 1024:,.0f} kB, opens from the file system")
    typer.echo(f"\n{evaluation.verdict.sentence}")
    typer.echo(f"{evaluation.proposal.sentence}\n")
    typer.echo(f"Report  {path}")
    typer.echo(f"Total   {time.monotonic() - started:.1f} s")
    typer.echo(f"Next    {_next(config)}      to see the sections that were made of each page")


def _next(config: Path) -> str:
    """A command as it can be typed here: the demo of a clone runs from an environment that is not active."""
    import shutil
    import sys

    typed = sys.argv[0] if Path(sys.argv[0]).name == "kbtool" else "python -m kbtool"
    program = "kbtool" if shutil.which("kbtool") else typed
    named = "" if config == DEFAULT_CONFIG else f" --config {config}"
    return f"{program} chunk{named}"


def _settings(config: Path, *, keep: bool) -> Settings:
    """Those of kb.toml, with an engine of the demo's own, empty unless `keep`."""
    import shutil

    from kbtool.config import load

    settings = load(config)
    if settings.dify.base_url != "embedded":
        raise ConfigError(
            f"{config}: the demo fills the embedded engine, and base_url is {settings.dify.base_url}",
            hint='Set [dify] base_url = "embedded", or run the chain itself: kbtool ingest.',
        )
    if not keep:
        shutil.rmtree(settings.resolve(ENGINE).parent, ignore_errors=True)
    embedded = settings.embedded.model_copy(update={"path": ENGINE})
    return settings.model_copy(update={"embedded": embedded})


async def _measure(settings: Settings, loaded: Corpus) -> Evaluation:
    """Into the dataset, and what its answers are worth."""
    from kbtool.cli.connect import connect
    from kbtool.cli.show import number
    from kbtool.evaluate import weekly
    from kbtool.evaluate.project import Project
    from kbtool.sync.apply import Sync
    from kbtool.sync.waiting import Pace

    project = Project.of(settings, loaded)
    async with connect(settings) as client:
        sync = Sync(client, settings.dataset_profile, Pace(poll=0.2))
        with _stage("plan") as say:
            plan = await sync.plan(project.rendered)
            counts = ", ".join(f"{count} to {action.value}" for action, count in plan.counts.items())
            say(f"{counts or 'nothing to do'} in “{plan.dataset}”")
        with _stage("ingest") as say:
            applied = await sync.apply(plan, project.rendered, is_fresh=True)
            say(f"{number(applied.chunks, 'section')} sent, indexed, read back and found equal")
        with _stage("ask") as say:
            evaluation = await weekly.run(project, client)
            found = evaluation.metrics.section
            say(
                f"{len(evaluation.results)} golden questions; hit@5 {_percent(found.hit_5)}, "
                f"MRR@10 {_two(found.mrr_10)}"
            )
    with _stage("threshold") as say:
        value, now = evaluation.proposal.threshold, settings.handoff.threshold
        if value is None:
            say("none can be promised")
        else:
            say(f"{now:.2f} stays" if value == now else f"{value:.2f} instead of {now:.2f}")
    return evaluation


@contextmanager
def _stage(name: str) -> Iterator[Callable[[str], None]]:
    """A line for the stage with its time, once it is done."""
    told: list[str] = []
    started = time.monotonic()
    yield told.append
    typer.echo(f"{name:<10}{time.monotonic() - started:>6.1f} s  {''.join(told)}")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
