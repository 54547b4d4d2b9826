"""What the weekly report is told of the bridge: read from its store, where there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from kbtool.cli.bridge.kpi import figures_of
from kbtool.cli.bridge.options import DATABASE_URL, store_of
from kbtool.errors import KbtoolError

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.evaluate.support import Support


WEEK = 7
"""Days: the gaps of the report are the week's, its figures those of [kpi] days."""
SHOWN = 5


def support_of(settings: Settings) -> Support | None:
    """The bridge's week; None where no bridge has run. A store that cannot be read is said, and takes
    nothing from the week's verdict.
    """
    path, _ = store_of(settings, None)
    if not (path.exists() or os.environ.get(DATABASE_URL)):
        return None
    from kbtool.cli.review import topics_of
    from kbtool.evaluate.support import Gap, Support

    try:
        topics = topics_of(settings, days=WEEK)
        gaps = [
            Gap(topic.question, topic.times, {k.value: n for k, n in topic.kinds.items()}, topic.section)
            for topic in topics[:SHOWN]
        ]
        return Support(figures_of(settings), settings.kpi.targets, gaps, len(topics))
    except KbtoolError as error:
        typer.echo(f"the bridge's figures are left out of the report: {error.message}", err=True)
        return None
