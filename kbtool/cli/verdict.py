"""What becomes of a verdict at the command's edge: report, JUnit, annotations, messages, exit code.

All are made from one `Evaluation`, so that none can say something else than the others.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kbtool.cli.channels import channels

if TYPE_CHECKING:
    from httpx import AsyncClient

    from kbtool.config import Settings
    from kbtool.errors import KbtoolError
    from kbtool.evaluate.weekly import Evaluation
    from kbtool.events import Event
    from kbtool.notify import Message

ENVIRONMENT: Mapping[str, str] = os.environ


def conclude(evaluation: Evaluation, *, as_json: bool, junit: Path | None = None) -> None:
    """Say the verdict in all forms that are wanted, and leave with its exit code. The report is written."""
    if junit:
        from kbtool.evaluate.ci import junit as as_junit

        _write(junit, as_junit(evaluation.view))
    _tell_github(evaluation)
    if as_json:
        typer.echo(
            json.dumps(summary(evaluation) | {"report": str(evaluation.report)}, ensure_ascii=False, indent=1)
        )
    else:
        for stale in evaluation.stale:
            typer.echo(f"stale: {stale}", err=True)
        typer.echo(evaluation.verdict.sentence)
        typer.echo(evaluation.proposal.sentence)
        for taken in evaluation.proposal.taken:
            typer.echo(str(taken))
        typer.echo(f"Report: {evaluation.report}")
        if evaluation.hint:
            typer.echo(evaluation.hint)
    raise typer.Exit(evaluation.verdict.exit_code)


def write_report(evaluation: Evaluation, *, publishes: bool) -> Path:
    """The HTML report, whole or not at all; its path.

    `publishes` makes it the week's: not a run of some questions, nor an old one judged again. What a dead
    server interrupted is shown as the week's, and not remembered: it is in no trend.
    """
    from kbtool.evaluate import report as html
    from kbtool.evaluate.weekly import write_outcome

    page = html.render(evaluation.view)
    paths = [evaluation.report]
    if publishes and evaluation.spec.asks_everything:
        paths.append(evaluation.folder.parent.parent / f"{_week(evaluation.spec.started)}.html")
    if publishes and evaluation.spec.is_whole:
        write_outcome(evaluation)
    for path in paths:
        _write(path, page)
    return evaluation.report


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """What scripts read: the verdict, the threshold, the headline figures."""
    verdict, proposal, spec = evaluation.verdict, evaluation.proposal, evaluation.spec
    return {
        "run": spec.run_id,
        "status": verdict.status.value,
        "sentence": verdict.sentence,
        "reasons": [
            {"rule": reason.rule, "sentence": reason.sentence, "questions": list(reason.ids)}
            for reason in verdict.reasons
        ],
        "questions": len(evaluation.results),
        "stale": list(spec.stale),
        "threshold": proposal.threshold,
        "threshold_sentence": proposal.sentence,
        "taken": {taken.intent: taken.n for taken in proposal.taken},
    }


def message_of(evaluation: Evaluation) -> Message | None:
    """What people are told, None where nobody has anything to do.

    Ids and reasons only: a question may quote a customer, and a chat room is no place for that.
    """
    from kbtool.evaluate.gate import Status
    from kbtool.evaluate.view import MOST_TASKS, shown_questions, tasks_of
    from kbtool.notify import Level, Message

    levels = {
        Status.FAIL: Level.CRITICAL,
        Status.INVALID: Level.CRITICAL,
        Status.WATCH: Level.WARNING,
        Status.NO_BASELINE: Level.INFO,
    }
    verdict, view = evaluation.verdict, evaluation.view
    level = levels.get(verdict.status)
    if level is None and not evaluation.stale and not evaluation.proposal.wants_change:
        return None
    blamed = {id_ for reason in verdict.reasons for id_ in reason.ids}
    tasks = [t for t in tasks_of(view, shown_questions(view)) if t.golden.id in blamed or not t.row]
    lines = [f"{task.what}: {task.golden.id}{f' ({task.note})' if task.note else ''}" for task in tasks]
    more = len(lines) - MOST_TASKS
    return Message(
        subject=f"{evaluation.spec.dataset}: {verdict.sentence}",
        lines=(
            *lines[:MOST_TASKS],
            *([f"and {more} more"] if more > 0 else []),
            *([evaluation.proposal.sentence] if evaluation.proposal.wants_change else []),
            *([evaluation.hint] if evaluation.hint else []),
            f"Report: {evaluation.report.name} of run {evaluation.spec.run_id}",
        ),
        level=level or Level.INFO,
        key=f"eval-{evaluation.spec.dataset}-{verdict.status.value}",
        details=summary(evaluation),
    )


def message_of_error(error: KbtoolError, settings: Settings) -> Message:
    """For a weekly check that came to no verdict at all: somebody has to mend that before the next one."""
    from kbtool.notify import Level, Message

    name = settings.dify.dataset
    return Message(
        subject=f"{name}: the weekly check gave no verdict: {error.message}",
        lines=(error.hint,) if error.hint else (),
        level=Level.CRITICAL,
        key=f"eval-{name}-error",
    )


async def tell(message: Message | None, settings: Settings) -> None:
    """Send the message, where there is one and anybody wants it. What could not be told is said here."""
    from kbtool import notify

    to, event = channels(settings, ENVIRONMENT), _event(message, settings)
    if message is None or not (to.names or event):
        return
    from kbtool.http import for_alerts

    async with for_alerts() as http:
        failures = await notify.send(message, to, http)
        if event is not None:
            failures += await _stream(event, settings, http)
    for failure in failures:
        typer.echo(f"not told over {failure}", err=True)


def _event(message: Message | None, settings: Settings) -> Event | None:
    """What other programs are told: the same as people, but for what nobody has to do anything about."""
    from kbtool.events import Event, Kind
    from kbtool.notify import Level

    wants = settings.events.url and Kind.REGRESSION in settings.events.kinds
    if message is None or not wants or message.level is Level.INFO:
        return None
    name, now = settings.dify.dataset, time.time()
    data = {
        "dataset": name,
        "status": str(message.details.get("status", "error")),
        "sentence": message.subject,
        "level": message.level.value,
        "lines": list(message.lines),
    }
    return Event(Kind.REGRESSION, f"{name} {message.details.get('run', now)}", now, name, data)


async def _stream(event: Event, settings: Settings, http: AsyncClient) -> tuple[str, ...]:
    """Three times at most: nothing runs here that could go on trying."""
    from asyncio import sleep

    from kbtool.events import post

    secret = ENVIRONMENT.get("EVENTS_SECRET", "").strip()
    why = ""
    for pause in (0.0, 1.0, 4.0):
        await sleep(pause)
        refusal = await post(http, settings.events.url, secret, event.envelope("/kbtool/eval"))
        if refusal is None:
            return ()
        why = f"events: the receiver {refusal.why}"
        if refusal.is_final:
            break
    return (why,)


def _tell_github(evaluation: Evaluation) -> None:
    """Annotations on stderr, where the runner reads them too, and a job summary; elsewhere nothing."""
    if ENVIRONMENT.get("GITHUB_ACTIONS") != "true":
        return
    from kbtool.evaluate.ci import github_commands, step_summary

    for line in github_commands(evaluation.view):
        typer.echo(line, err=True)
    target = ENVIRONMENT.get("GITHUB_STEP_SUMMARY", "")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(step_summary(evaluation.view))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def _week(started: str) -> str:
    from datetime import datetime

    year, week, _ = datetime.fromisoformat(started).isocalendar()
    return f"{year}-W{week:02d}"
