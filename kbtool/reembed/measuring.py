"""Hit@k of a dataset on the golden questions, and whether one model is worse than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kbtool.dify.client import DifyClient
from kbtool.errors import RunInvalid
from kbtool.evaluate.compare import mcnemar
from kbtool.evaluate.project import Project
from kbtool.evaluate.record import Golden, Outcome, QuestionKind
from kbtool.evaluate.run import Asker, Resolver
from kbtool.evaluate.score import score
from kbtool.sync.waiting import Progress

LEAST_DROP = 0.03
LARGEST_P = 0.05
"""The bounds of the regression rule (design decision 10): a drop of three points that is no chance."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Which questions were found, by id."""

    passed: Mapping[str, bool]

    @property
    def hits(self) -> int:
        return sum(self.passed.values())

    @property
    def words(self) -> str:
        """`41 of 50 (82 %)`."""
        count = len(self.passed)
        return f"{self.hits} of {count} ({self.hits / count:.0%})" if count else "no questions"

    def as_json(self) -> dict[str, int]:
        return {"hits": self.hits, "questions": len(self.passed)}


def questions_of(project: Project) -> list[Golden]:
    """Questions that a page answers, and that still fit the corpus."""
    stale = {one.golden.id for one in project.stale}
    return [
        golden
        for golden in project.questions.questions
        if golden.answerable and golden.kind is not QuestionKind.SMALLTALK and golden.id not in stale
    ]


async def measure(
    project: Project, client: DifyClient, dataset_id: str, replies: Path, progress: Progress
) -> Measured:
    """Ask the dataset, as kb.toml searches it. Raises RunInvalid where a question could not be asked."""
    settings, questions = project.settings, questions_of(project)
    asker = Asker(
        client=client,
        dataset_id=dataset_id,
        retrieval=settings.retrieval_profile,
        resolver=Resolver.of(project.rendered),
        asks_app=False,
        concurrency=settings.evals.concurrency,
    )
    told = await asker.ask(questions, replies, progress=progress)
    failed = next((reply.error for reply in told.values() if reply.error), "")
    if failed:
        raise RunInvalid(f"A golden question could not be asked: {failed}", hint="Run the command again.")
    results = {
        golden.id: score(
            golden, told[golden.id], k=settings.retrieval.top_k, policy=settings.policy, target="retrieval"
        )
        for golden in questions
    }
    return Measured({id_: result.outcome is Outcome.PASS for id_, result in results.items()})


def why_worse(before: Measured, after: Measured, critical: frozenset[str]) -> str:
    """A sentence where `after` is a regression, else ""."""
    lost = sorted(id_ for id_, passed in before.passed.items() if passed and not after.passed[id_])
    gained = sum(not passed and after.passed[id_] for id_, passed in before.passed.items())
    broken = [id_ for id_ in lost if id_ in critical]
    if broken:
        return f"the critical question {broken[0]} is no longer found"
    drop = (len(lost) - gained) / max(1, len(before.passed))
    if drop >= LEAST_DROP and mcnemar(len(lost), gained) <= LARGEST_P:
        return f"hit@k falls from {before.words} to {after.words}; {len(lost)} are lost, {gained} gained"
    return ""
