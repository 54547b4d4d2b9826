"""`kbtool sandbox`: talk to the bot in a browser, with nothing else installed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import example, show
from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    import httpx

    from bridge.sandbox import BotSettings
    from bridge.settings import BridgeSettings
    from kbtool.config import Settings
    from kbtool.dify.client import DifyClient
    from kbtool.embedded.app import Engine

ENGINE = ".kbtool/sandbox/engine.sqlite"
BOT = "kbtool"
_SUGGESTED = 4


def sandbox(
    config: Config = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="The page's port; 0 takes a free one.", min=0, max=65535)] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="People send what the AI drafts; shows their page.")
    ] = False,
) -> None:
    """Chat with the bot as a customer, and see the agent's desk and what the bridge does with each message.

    Embedded engine, bridge and a small Chatwoot-compatible service, on loopback only; the conversations are
    forgotten at the end. The page can slow Dify down, take it away, and kill the bridge. The bot replies,
    whatever threshold kb.toml has; with --drafts it drafts, and the page on which agents send drafts stands
    beside the conversation, as in Chatwoot.
    Where there is no kb.toml, the bot is that of the demo, whose project is written to kbtool-demo/ first.
    """
    import asyncio

    from kbtool.config import load

    settings = load(example.project(config))
    embedded = settings.embedded.model_copy(update={"path": ENGINE})
    dify = settings.dify.model_copy(update={"base_url": "embedded"})
    settings = settings.model_copy(update={"embedded": embedded, "dify": dify})
    asyncio.run(_run(settings, port, opens=not no_open, drafts=drafts))


async def _run(settings: Settings, port: int, *, opens: bool, drafts: bool) -> None:
    import asyncio
    import tempfile
    import webbrowser

    from bridge.sandbox import BotSettings, SandboxSettings, create_sandbox
    from bridge.sandbox.settings import AGENT_TOKEN
    from bridge.serve import address_of, listen, serving, until_stopped
    from kbtool.cli.connect import APP_KEY, DATASET_KEY
    from kbtool.cli.sandbox.process import BridgeProcess, Job
    from kbtool.cli.sandbox.switches import Switches

    page = listen("127.0.0.1", port, hint="Take another port: kbtool sandbox --port …")
    hooks, ops = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    bot = BotSettings(url=f"{address_of(hooks)}/webhooks/chatwoot/{BOT}")
    with tempfile.TemporaryDirectory(prefix="kbtool-sandbox-") as folder:
        async with _engine(settings) as (engine, base_url):
            dify = settings.dify.model_copy(update={"base_url": base_url})
            of_bridge = _bridge_settings(settings, bot, Path(folder), address_of(page), drafts=drafts)
            job = Job(
                settings.model_copy(update={"dify": dify}), of_bridge, address_of(page), APP_KEY, DATASET_KEY
            )
            process = BridgeProcess(job, hooks, ops)
            service = create_sandbox(
                SandboxSettings(
                    bot=bot,
                    public_url=address_of(page),
                    trace_url=address_of(ops),
                    suggested_questions=_suggested(settings),
                    dashboard_app=f"{address_of(hooks)}/review" if drafts else "",
                ),
                switches=Switches(engine, process),
            )
            try:
                async with serving((service, page)) as servers:
                    bridge = asyncio.create_task(process.run())
                    await asyncio.wait(
                        {bridge, asyncio.create_task(process.serves())}, return_when=asyncio.FIRST_COMPLETED
                    )
                    typer.echo(f"Open {address_of(page)}/ and ask something; stop with Ctrl-C.")
                    if drafts:
                        said = f"Then send its draft on {address_of(page)}/app/1; sign in with {AGENT_TOKEN}."
                        typer.echo(said)
                    typer.echo(f"What people had to do, by topic: {address_of(ops)}/queue")
                    if opens:
                        webbrowser.open(address_of(page))
                    try:
                        await until_stopped(bridge, *servers)
                    finally:
                        bridge.cancel()
                        await asyncio.gather(bridge, return_exceptions=True)
            finally:
                await service.aclose()


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[tuple[Engine, str]]:
    """The embedded engine, served over HTTP on loopback and filled once, and its address for Dify's."""
    from httpx_aiohttp import HttpxAiohttpClient

    from bridge.serve import address_of, listen, serving
    from kbtool.cli.connect import APP_KEY, DATASET_KEY, engine_settings
    from kbtool.dify.client import DifyClient
    from kbtool.embedded import create_app

    listening = listen("127.0.0.1", 0)
    engine = create_app(engine_settings(settings))
    base_url = f"{address_of(listening)}/v1"
    try:
        async with serving((engine, listening)):
            http: httpx.AsyncClient = HttpxAiohttpClient(base_url=base_url, trust_env=False, timeout=60.0)
            async with DifyClient(http, dataset_key=DATASET_KEY, app_key=APP_KEY) as client:
                await _fill(settings, client)
            yield engine, base_url
    finally:
        await engine.aclose()


async def _fill(settings: Settings, client: DifyClient) -> None:
    """Ingest the corpus, unless the dataset has documents."""
    dataset = await client.find_dataset(settings.dify.dataset)
    if dataset and dataset.document_count:
        typer.echo(f"“{dataset.name}” has {show.number(dataset.document_count, 'document')}.")
        return
    from kbtool import corpus
    from kbtool.sync.apply import Sync
    from kbtool.sync.render import render_all
    from kbtool.sync.waiting import Pace

    rendered = render_all(corpus.load(settings).documents, settings)
    sync = Sync(client, settings.dataset_profile, Pace(poll=0.2))
    applied = await sync.apply(await sync.plan(rendered), rendered, is_fresh=True)
    count = show.number(len(rendered), "document")
    typer.echo(f"Ingested {count} into “{settings.dify.dataset}” in {applied.seconds:.1f} s.")


def _bridge_settings(
    settings: Settings, bot: BotSettings, folder: Path, desk: str, *, drafts: bool
) -> BridgeSettings:
    """A bridge that knows nothing from before: the sandbox counts its messages from 1 at each start."""
    import secrets

    from bridge.settings import BridgeSettings, Mode, Patience, Review, Route

    mode = Mode.DRAFT if drafts else Mode.REPLY
    route = Route(name=BOT, secret=bot.secret, bot_token=bot.token, mode=mode)
    review = Review(is_on=drafts, desk=desk, secret=secrets.token_urlsafe(32))
    # Nobody watches a demonstration for the minute that a customer's answer may take.
    patience = Patience(answer=15.0)
    return BridgeSettings(
        folder / "bridge.sqlite", (route,), settings.policy, patience=patience, review=review
    )


def _suggested(settings: Settings) -> tuple[str, ...]:
    """Some of the project's own golden questions, the last one with no answer in the corpus."""
    from kbtool.evaluate.record import QuestionKind
    from kbtool.golden import load

    try:
        golden_set = load(settings.root, settings.evals.golden)
    except ConfigError:  # no golden file yet
        return ()
    questions = [
        golden
        for golden in golden_set.questions
        if golden.kind is QuestionKind.QUESTION and len(golden.question) <= 90
    ]
    answerable = [golden.question for golden in questions if golden.answerable]
    others = [golden.question for golden in questions if not golden.answerable]
    return (*answerable[:: max(1, len(answerable) // _SUGGESTED)][:_SUGGESTED], *others[:1])
