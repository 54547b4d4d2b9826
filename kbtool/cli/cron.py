"""`kbtool cron`: what makes a machine run `kbtool eval weekly` by itself, to be looked at and installed."""

from __future__ import annotations

import shlex
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config

SECRETS = ("DIFY_DATASET_KEY", "DIFY_APP_KEY")


class Scheduler(StrEnum):
    CRONTAB = "crontab"
    SYSTEMD = "systemd"
    GITHUB = "github"


def cron(
    scheduler: Annotated[Scheduler, typer.Argument(help="For whom.")] = Scheduler.CRONTAB,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print what runs the weekly check by itself: a crontab line, a systemd timer or a CI workflow."""
    from kbtool.config.loading import missing

    if not config.exists():
        raise missing(config)
    folder = config.resolve().parent
    typer.echo(_TEXTS[scheduler](folder, config.name).rstrip())


def _command() -> str:
    """The `kbtool` of this environment: cron has another PATH than the person who asks."""
    beside = Path(sys.executable).parent / "kbtool"
    found = beside if beside.exists() else shutil.which("kbtool")
    return shlex.quote(str(found or "kbtool"))


def _crontab(folder: Path, name: str) -> str:
    log = shlex.quote(".kbtool/weekly.log")
    command = f"cd {shlex.quote(str(folder))} && {_command()} eval weekly --config {shlex.quote(name)}"
    # In a crontab `%` is a line end.
    line = f"{command} >>{log} 2>&1".replace("%", "\\%")
    return f"""\
# Mondays at 06:00: add with `crontab -e`. Exit codes: 0 fine, 3 regression, 4 run invalid.
# The keys stand in a file that only you can read (chmod 600), as lines `export DIFY_DATASET_KEY=…`.
0 6 * * 1  . "$HOME/.config/kbtool.env" && {line}
"""


def _systemd(folder: Path, name: str) -> str:
    return f"""\
# /etc/systemd/system/kbtool-weekly.service
[Unit]
Description=Weekly evaluation of the support knowledge base
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={_unit(str(folder))}
# {" and ".join(SECRETS)}, one KEY=value a line, readable by root alone.
EnvironmentFile=/etc/kbtool/kbtool.env
ExecStart={_command()} eval weekly --config {_unit(name)}
# 3 is a regression and 4 an invalid run: both stand in the report and were told; the unit is shown as failed.
TimeoutStartSec=2h

# /etc/systemd/system/kbtool-weekly.timer
[Unit]
Description=Weekly evaluation of the support knowledge base, Mondays at 06:00

[Timer]
OnCalendar=Mon *-*-* 06:00
# A machine that was off on Monday morning catches up.
Persistent=true
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target

# Then: systemctl daemon-reload && systemctl enable --now kbtool-weekly.timer
"""


def _unit(text: str) -> str:
    """As unit files want it: `%` begins a specifier."""
    return text.replace("%", "%%")


def _github(folder: Path, name: str) -> str:
    keys = "\n".join(f"          {key}: ${{{{ secrets.{key} }}}}" for key in SECRETS)
    return f"""\
# .github/workflows/knowledge-base.yml
name: knowledge base
on:
  schedule:
    - cron: "0 6 * * 1"
  workflow_dispatch:
jobs:
  weekly:
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: pip install kbtool
      # Earlier runs are the trend, and "two weeks running" needs last week's.
      - uses: actions/cache/restore@v4
        with:
          path: reports/runs
          key: kbtool-runs-${{{{ github.run_id }}}}
          restore-keys: kbtool-runs-
      - run: kbtool eval weekly --config {shlex.quote(name)} --junit reports/kbtool.xml
        env:
{keys}
      # Also of a red week: a cache that is kept only by green ones would forget it.
      - if: always()
        uses: actions/cache/save@v4
        with:
          path: reports/runs
          key: kbtool-runs-${{{{ github.run_id }}}}
      - if: always()
        uses: actions/upload-artifact@v4
        with:
          name: report
          path: reports/*.html
# {folder.name}: keep it in version control with {name}, the exports, evals/ and evals/baselines/.
"""


_TEXTS = {Scheduler.CRONTAB: _crontab, Scheduler.SYSTEMD: _systemd, Scheduler.GITHUB: _github}
