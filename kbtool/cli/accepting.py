"""`kbtool golden accept`: proposals become golden questions, which the next run asks."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.evaluate.record import Golden

INTO = Path("evals/accepted.yaml")


def accept(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="The proposals to accept.", show_default=False)
    ] = None,
    config: Config = DEFAULT_CONFIG,
    every: Annotated[bool, typer.Option("--all", help="All proposals.")] = False,
    into: Annotated[Path, typer.Option("--into", help="The golden file that gets them.")] = INTO,
    as_json: Json = False,
) -> None:
    """Move proposals to a golden file. Without an id, show what is proposed.

    They are looked for beside [improve] proposals, where `golden suggest` and the improvement queue write.
    """
    from kbtool.config import load
    from kbtool.golden.accepting import accept as move
    from kbtool.golden.accepting import read

    settings = load(config)
    files = _files(settings)
    if not (ids or every):
        _show([one for file in files for one in read(file, settings.root)], as_json=as_json)
        return
    target = into if into.is_absolute() else settings.root / into
    _require_golden(target, settings)
    accepted = move(files, target, () if every else ids or (), _golden(settings), settings.root)
    if as_json:
        typer.echo(json.dumps([one.id for one in accepted], ensure_ascii=False))
        return
    typer.echo(f"{show.number(len(accepted), 'question')} moved to {into}.")
    typer.echo("Next: kbtool golden lint, then kbtool eval weekly")


def _files(settings: Settings) -> list[Path]:
    """Whatever is proposed, in order."""
    folder = settings.resolve(settings.improve.proposals).parent
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def _golden(settings: Settings) -> tuple[Golden, ...]:
    """The questions that count already, none where there is no file yet. Raises GoldenError."""
    from kbtool.golden import load

    try:
        return load(settings.root, settings.evals.golden).questions
    except ConfigError:
        return ()


def _require_golden(target: Path, settings: Settings) -> None:
    """A file that no run reads would lose them."""
    is_inside = target.is_relative_to(settings.root)
    name = PurePath(target.relative_to(settings.root) if is_inside else target)
    if not any(name.match(pattern) for pattern in settings.evals.golden):
        patterns = ", ".join(settings.evals.golden)
        raise ConfigError(
            f"{name} is no golden file: [evals] golden is {patterns}",
            hint="Take one that fits: kbtool golden accept … --into evals/accepted.yaml",
        )


def _show(proposed: list[Golden], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"id": one.id, "question": one.question, "file": one.file, "line": one.line} for one in proposed
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for one in proposed:
        place = "no page answers it"
        if one.relevant:
            place = " › ".join((one.relevant[0].doc, *one.relevant[0].section))
        typer.echo(f"{one.id}\n  {one.question}\n  {place}  ({one.file}:{one.line})")
    if proposed:
        typer.echo(f"{show.number(len(proposed), 'proposal')}. Next: kbtool golden accept ID…, or --all")
    else:
        typer.echo("Nothing is proposed. Next: kbtool golden suggest, or /queue on the bridge's ops address")
