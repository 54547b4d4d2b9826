"""`kbtool bridge`: the Chatwoot bridge that runs the policy of kb.toml, and what its store knows."""

from __future__ import annotations

import typer

from kbtool.cli.bridge import backup, deadletters, downgrade, kpi, privacy, replay, serve, setup, trace

app = typer.Typer(help="The Chatwoot bridge.", no_args_is_help=True)
app.command("setup")(setup.setup)
app.command("serve")(serve.serve)
app.command("trace")(trace.trace)
app.command("replay")(replay.replay)
app.command("kpi")(kpi.kpi)
app.command("backup")(backup.backup)
app.command("downgrade")(downgrade.downgrade)
app.command("export")(privacy.export)
app.command("erase")(privacy.erase)
app.add_typer(deadletters.app, name="deadletters")


@app.callback()
def bridge() -> None:
    """The Chatwoot bridge: webhooks in, measured decisions out."""
