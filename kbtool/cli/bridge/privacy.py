"""`kbtool bridge export` and `erase`: what a contact may ask for, of all that the bridge keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError, Exit, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.privacy.dify import Talks
    from bridge.privacy.erasing import Erased
    from bridge.privacy.finding import Found, Who
    from bridge.privacy.written import Place
    from kbtool.config import Settings

Contact = Annotated[int, typer.Option(help="The contact's number: the last part of its page in Chatwoot.")]
Conversation = Annotated[int, typer.Option(help="One conversation, by its number in Chatwoot.")]
Account = Annotated[int, typer.Option(help="Chatwoot's account; none: all that the bridge knows.")]
NoDify = Annotated[bool, typer.Option("--no-dify", help="Leave the Dify apps out.")]

NOT_REACHED = (
    "Chatwoot itself: delete the contact there (Contacts › the contact › Delete).",
    "Dify's own logs and traces, files that were uploaded to it, and the model's provider: theirs to keep.",
    "Copies: `kbtool bridge backup`, database dumps and archives, snapshots of disks, exported queues.",
    "What was sent already: mails and chat alerts. They name conversations by number, and no words.",
)


def export(
    contact: Contact = 0,
    conversation: Conversation = 0,
    account: Account = 0,
    out: Annotated[Path | None, typer.Option(help="The file to make.", show_default="contact-7.json")] = None,
    no_dify: NoDify = False,
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """All that the bridge and its Dify apps keep of a contact, or of one conversation, as one JSON file.

    It is readable for its owner only. The exit code is 1 where a Dify app could not be asked: the file says
    which.
    """
    import asyncio
    import json
    from datetime import UTC, datetime

    from bridge.privacy.export import stored
    from bridge.privacy.finding import find
    from bridge.store.visit import visit
    from kbtool.config import load

    who, settings = _who(contact, conversation, account), load(config)
    target = out or Path(f"{who.name.replace(' ', '-')}.json")
    with visit(*store_of(settings, store)) as connection:
        found = find(connection, who)
        kept = stored(connection, found)
        only = None if found.is_all else _dify_ids(kept)
    talks = [] if no_dify else asyncio.run(_listed(settings, found, only, is_told=True))
    told = {
        "about": who.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bridge": kept,
        "dify": [
            {"app": one.app or "DIFY_APP_KEY", "user": one.user, "conversations": one.told}
            | ({"problem": one.problem} if one.problem else {})
            for one in talks
        ],
        "not_in_here": NOT_REACHED,
    }
    _write(target, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    rows = sum(len(one) for one in kept.values() if isinstance(one, list))
    typer.echo(f"{target}: {rows} rows of the bridge, {_conversations(talks)} at Dify.")
    if not rows and not any(one.ids for one in talks):
        typer.echo(f"Nothing is kept of {who.name}, or nothing that is known to be theirs any more.")
    _end(problems=_problems(talks))


def erase(
    contact: Contact = 0,
    conversation: Conversation = 0,
    account: Account = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    unanswered: Annotated[
        bool,
        typer.Option(
            "--unanswered", help="Also messages that wait for an answer: people get those conversations."
        ),
    ] = False,
    no_dify: NoDify = False,
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Erase all that the bridge and its Dify apps keep of a contact, or of one conversation.

    What would go is shown first. The bridge may be at work meanwhile; what it is answering at this moment is
    left, and the same command later finishes it (exit code 1 until then). That there were messages, when, and
    what was decided stays, without words and without the contact, for as long as other counts.
    """
    import asyncio

    from bridge.privacy import erasing
    from bridge.privacy.compacting import compact
    from bridge.privacy.export import stored
    from bridge.privacy.finding import find
    from bridge.privacy.written import places, words_of
    from bridge.store.visit import visit
    from kbtool.cli.show import is_confirmed
    from kbtool.config import load

    who, settings = _who(contact, conversation, account), load(config)
    path, database = store_of(settings, store)
    with visit(path, database) as connection:
        found = find(connection, who)
        planned = erasing.plan(connection, found, unanswered=unanswered)
        only = None if found.is_all else _dify_ids(stored(connection, found))
        written = places(words_of(connection, found), _folders(settings))
    talks = [] if no_dify else asyncio.run(_listed(settings, found, only))
    typer.echo(f"Of {who.name}, in the bridge's store:")
    _show(planned, "would be erased")
    typer.echo(f"At Dify: {_conversations(talks)} would be deleted.")
    _show_files(written)
    has_any = bool(planned.rows) or any(one.ids for one in talks)
    if has_any and not yes and not is_confirmed("Erase it? This cannot be taken back."):
        raise typer.Exit(Exit.ERROR)
    # Dify first: where it fails, the store still knows what to ask it for.
    gone = asyncio.run(_deleted(settings, talks))
    if not found.is_all and (problems := _problems(gone)):
        raise Unavailable(
            f"{problems[0]}; nothing was erased in the store, which alone knows that conversation's there",
            hint="Try again later, or leave the Dify apps out: --no-dify",
        )
    with visit(path, database, writes=True) as connection:
        erasing.begin(connection)
        done = erasing.erase(connection, find(connection, who), unanswered=unanswered)
    typer.echo("Done:" if has_any else "Nothing is left to erase.")
    if has_any:
        _show(done, "erased")
        typer.echo(f"At Dify: {_conversations(gone)} deleted.")
    problems = _problems(gone) + [
        f"conversation {one.subject.account}/{one.subject.conversation} was left: {one.why}"
        for one in done.left
    ]
    try:
        compact(path, database)
    except Unavailable as error:
        problems.append(f"{error.message}. {error.hint}")
    _show_not_reached(found)
    _end(problems)


def _who(contact: int, conversation: int, account: int) -> Who:
    from bridge.privacy.finding import Who

    if (contact > 0) == (conversation > 0) or min(contact, conversation, account) < 0:
        raise ConfigError(
            "of whom?", hint="kbtool bridge export --contact 7   (or --conversation 12; likewise erase)"
        )
    return Who(contact, conversation, account)


def _dify_ids(kept: dict[str, object]) -> frozenset[str]:
    """Of one conversation only the last Dify conversation is known."""
    rows = kept["conversations"]
    assert isinstance(rows, list)
    return frozenset(row["dify_conversation"] for row in rows if row["dify_conversation"])


async def _listed(
    settings: Settings, found: Found, only: frozenset[str] | None, *, is_told: bool = False
) -> list[Talks]:
    import os

    from bridge.privacy.dify import listed
    from kbtool.cli.bridge.apps import apps

    if not found.contacts:
        if found.is_all:
            typer.echo("Dify was not asked: the store knows no account. Say it: --account 1", err=True)
        return []
    async with apps(settings, os.environ) as app_of:
        return await listed(app_of, _app_names(settings), found.contacts, only, is_told=is_told)


async def _deleted(settings: Settings, talks: Sequence[Talks]) -> list[Talks]:
    import os

    from bridge.privacy.dify import delete
    from kbtool.cli.bridge.apps import apps

    if not talks:
        return []
    async with apps(settings, os.environ) as app_of:
        return await delete(app_of, talks)


def _app_names(settings: Settings) -> list[str]:
    """Those of the routes, each once; of a route that is off too, since it was asked once."""
    from kbtool.config import EMBEDDED

    if settings.dify.base_url == EMBEDDED:
        return [""]
    return list(dict.fromkeys(route.app for route in settings.bridge.routes.values())) or [""]


def _folders(settings: Settings) -> list[Path]:
    """Where people and reports may have written down what a contact said."""
    globs = [settings.resolve(str(Path(one).parent)) for one in settings.evals.golden]
    others = (settings.improve.proposals, settings.improve.pages, settings.reports.directory)
    return [path for path in (*globs, *map(settings.resolve, others)) if path.exists()]


def _show(done: Erased, word: str) -> None:
    rows = ", ".join(f"{name} {count}" for name, count in sorted(done.rows.items())) or "nothing"
    typer.echo(f"  {done.conversations} conversations; {word}: {rows}")
    for one in done.left:
        typer.echo(f"  left: conversation {one.subject.account}/{one.subject.conversation}, {one.why}")


def _show_files(written: Sequence[Place]) -> None:
    if not written:
        typer.echo("In golden questions, proposals, page stubs and reports: none of their words found.")
        return
    typer.echo("Their words stand in files of the project, which are yours to mend, and their history:")
    for place in written:
        typer.echo(f"  {place.path}:{place.line}")


def _show_not_reached(found: Found) -> None:
    typer.echo("Not reached from here:")
    for sentence in NOT_REACHED:
        typer.echo(f"  {sentence}")
    if not found.is_all:
        typer.echo(
            "  Dify conversations of earlier matters in this conversation: `--contact` reaches them all."
        )


def _conversations(talks: Sequence[Talks]) -> str:
    count = sum(len(one.ids) for one in talks)
    return f"{count} conversation{'' if count == 1 else 's'}"


def _problems(talks: Sequence[Talks]) -> list[str]:
    return [f"Dify app {one.app or '(DIFY_APP_KEY)'}: {one.problem}" for one in talks if one.problem]


def _write(path: Path, text: str) -> None:
    import os

    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already", hint="Give another name: --out FILE") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _end(problems: Sequence[str]) -> None:
    for one in problems:
        typer.echo(f"error: {one}", err=True)
    if problems:
        raise typer.Exit(Exit.ERROR)
