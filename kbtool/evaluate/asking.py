"""Who asks what of which server: the dataset that must hold the corpus, and the two rounds of a run.

A server that dies midway ends the asking and not the run: what was not asked is an error, for `--resume`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kbtool.config import Settings
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset
from kbtool.errors import ConfigError, RunInvalid
from kbtool.evaluate.history import CONFIRMED, LATEST, REPLIES, find_interrupted, find_run
from kbtool.evaluate.project import Project, part_of, require_same
from kbtool.evaluate.record import Golden, Reply, RunSpec
from kbtool.evaluate.run import Asker, Resolver, read_replies
from kbtool.sync.plan import plan
from kbtool.sync.waiting import Progress, quiet


@dataclass(slots=True)
class Rounds:
    """The two rounds of a run. `died` is why asking was given up, "" while it was not."""

    asker: Asker
    folder: Path
    progress: Progress
    died: str = ""

    async def everything(self, questions: Sequence[Golden]) -> dict[str, Reply]:
        """A reply to every question; of those that were not reached, an error."""
        replies = await self._ask(questions, REPLIES, self.progress)
        return with_unasked(questions, replies, self.died) if self.died else replies

    async def again(self, questions: Sequence[Golden]) -> dict[str, Reply]:
        return {} if self.died else await self._ask(questions, CONFIRMED, quiet)

    async def _ask(self, questions: Sequence[Golden], name: str, progress: Progress) -> dict[str, Reply]:
        try:
            return await self.asker.ask(questions, self.folder / name, progress=progress)
        except RunInvalid as error:
            self.died = error.message
            return read_replies(self.folder / name)


def with_unasked(questions: Sequence[Golden], replies: Mapping[str, Reply], why: str) -> dict[str, Reply]:
    """What was not asked is an error like one that was asked in vain, and not a question less."""
    unasked = {golden.id: Reply(golden.id, golden.content_hash, error=why) for golden in questions}
    return {**unasked, **replies}


async def require_current(project: Project, client: DifyClient) -> Dataset:
    """The dataset, if it holds exactly this corpus: no run is labelled with pages that it never saw."""
    name = project.settings.dify.dataset
    dataset = await client.find_dataset(name)
    if dataset is None:
        raise ConfigError(f"There is no dataset “{name}” yet", hint="Make it with `kbtool ingest`.")
    stored = await client.documents(dataset.id)
    pending = plan(project.rendered, stored, dataset, project.settings.dataset_profile)
    if not pending.is_empty:
        counts = ", ".join(f"{count} to {action.value}" for action, count in pending.counts.items())
        raise RunInvalid(
            f"“{name}” does not hold this corpus: {counts or pending.conflicts[0]}",
            hint="Bring it up to date first: kbtool ingest",
        )
    return dataset


def resumed(settings: Settings, today: RunSpec, run_id: str) -> RunSpec:
    """The interrupted run, if it asked what would be asked today: two runs must not be mixed in one."""
    _, earlier = find_interrupted(settings) if run_id == LATEST else find_run(settings, run_id)
    if (today.target, today.tags) != (earlier.target, earlier.tags):
        raise RunInvalid(
            f"The run {earlier.run_id} asked {part_of(earlier)}, and now {part_of(today)} is wanted",
            hint="Resume it with the same --target and --tag.",
        )
    if not earlier.engine:  # its server was not there: nothing was asked yet that could be of something else
        return replace(today, run_id=earlier.run_id, started=earlier.started)
    require_same(earlier, today, hint="Start a new one: kbtool eval run")
    return earlier


def asker(project: Project, client: DifyClient, dataset: Dataset, spec: RunSpec) -> Asker:
    return Asker(
        client=client,
        dataset_id=dataset.id,
        retrieval=project.settings.retrieval_profile,
        resolver=Resolver.of(project.rendered),
        asks_app=spec.target != "retrieval",
        asks_retrieval=spec.target != "answers",
        concurrency=project.settings.evals.concurrency,
    )
