"""The `kbtool` command: one thin module a command, all heavy imports inside the commands.

`main` is the only place where errors become words and exit codes; a bug keeps its traceback.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kbtool.cli import (
    alert,
    bridge,
    corpus,
    cron,
    demo,
    doctor,
    embedded,
    evaluate,
    golden,
    ingest,
    init,
    reembed,
    review,
    sandbox,
    tune,
)
from kbtool.errors import KbtoolError

app = typer.Typer(
    name="kbtool",
    help="Support knowledge bases run like code: export, clean, chunk, ingest into Dify, measure, tune.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("clean")(corpus.clean)
app.command("chunk")(corpus.chunk)
app.command("ingest")(ingest.ingest)
app.command("reembed")(reembed.reembed)
app.add_typer(golden.app, name="golden")
app.add_typer(evaluate.app, name="eval")
app.command("tune")(tune.tune)
app.command("cron")(cron.cron)
app.add_typer(doctor.app, name="doctor")
app.add_typer(embedded.app, name="embedded")
app.add_typer(bridge.app, name="bridge")
app.add_typer(review.app, name="review")
app.add_typer(alert.app, name="alert")
app.command("sandbox")(sandbox.sandbox)


def _say_version(asked: bool) -> None:
    """The store's version tells which kbtool can work on the store of another (docs/install.md)."""
    if asked:
        from bridge.store import migrate
        from kbtool import __version__

        typer.echo(f"kbtool {__version__} (bridge store {migrate.newest()}, Python {sys.version.split()[0]})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and stop."),
    ] = False,
) -> None:
    """What stands before a command."""


def main() -> None:
    """Run the command line; an error is one sentence, a hint, and the exit code of its kind."""
    try:
        app()
    except KbtoolError as error:
        sys.stderr.write(f"error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(
            f"error: {error.filename}: {error.strerror}\n  Check the path and its permissions.\n"
        )
        sys.exit(1)
