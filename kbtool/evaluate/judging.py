"""The judge of kb.toml, asked about the answers of a run; its cache and the labels it is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from kbtool.config import Settings
from kbtool.evaluate.history import REPLIES, find_run, require_finished
from kbtool.evaluate.project import Project
from kbtool.evaluate.record import Result, RunSpec
from kbtool.evaluate.run import read_replies
from kbtool.evaluate.score import score_all
from kbtool.judge.asking import Cache, Judge
from kbtool.judge.labels import Label, read_labels
from kbtool.judge.verdicts import Judged, judge_run, write_judged
from kbtool.llm import Model
from kbtool.sync.waiting import Progress, quiet

CACHE = ".kbtool/judge.sqlite"


def results_of(project: Project, run_id: str) -> tuple[Path, RunSpec, tuple[Result, ...]]:
    """Folder, description and results of a finished run, by today's questions and policy, without the judge.

    Raises ExportError for a run that is not there, RunInvalid for one that was interrupted.
    """
    folder, spec = find_run(project.settings, run_id)
    require_finished(spec)
    replies = read_replies(folder / REPLIES)
    return folder, spec, score_all(project.questions.questions, replies, spec, project.settings.policy)


def labels_of(settings: Settings) -> dict[str, Label]:
    """What people said of answers. Raises ExportError for a broken file."""
    return read_labels(settings.resolve(settings.evals.labels))


async def judge_results(
    settings: Settings, folder: Path, results: Sequence[Result], *, key: str, progress: Progress = quiet
) -> Judged:
    """What the judge says of them, which is also written into the run's folder. `key` is LLM_KEY's.

    Raises ExportError for a broken file of labels; what the endpoint does is an error of single answers.
    """
    table = settings.judge
    model = Model(table.base_url, table.model, key)
    labels = labels_of(settings)
    with Cache.open(settings.resolve(CACHE)) as cache:
        async with httpx.AsyncClient(timeout=model.patience) as http:
            judge = Judge(model, cache, http, table.concurrency)
            judged = await judge_run(results, labels, judge, progress=progress)
    write_judged(folder, judged)
    return judged
