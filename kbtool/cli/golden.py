"""`kbtool golden`: look after the golden questions."""

from __future__ import annotations

import json
from collections import Counter

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

app = typer.Typer(help="Look after the golden questions.", no_args_is_help=True)


@app.callback()
def golden() -> None:
    """Look after the golden questions."""


@app.command()
def lint(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Check the golden files: form, and whether documents, headings and evidence still stand there."""
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate.project import Project

    settings = load(config)
    project = Project.of(settings, corpus.load(settings))
    questions, stale = project.questions, project.stale
    if as_json:
        report = {
            "questions": len(questions.questions),
            "stale": [
                {"id": one.golden.id, "file": one.golden.file, "line": one.golden.line, "reason": one.reason}
                for one in stale
            ],
        }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        for one in stale:
            typer.echo(str(one))
        kinds = Counter(
            "smalltalk" if g.kind.value == "smalltalk" else "answerable" if g.answerable else "unanswerable"
            for g in questions.questions
        )
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        typer.echo(f"{len(questions.questions)} questions ({told}); {len(stale)} stale.")
        typer.echo("Next: " + ("mend the lines above" if stale else "kbtool eval weekly"))
    if stale:
        raise typer.Exit(Exit.INVALID)
