"""What a run would ask and cost, said before it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from kbtool.errors import KbtoolError
from kbtool.evaluate.cost import spent
from kbtool.evaluate.history import REPLIES, SPEC, runs_folder
from kbtool.evaluate.project import Ask, Project, asked_of
from kbtool.evaluate.record import QuestionKind, Reply
from kbtool.evaluate.run import read_replies, read_spec


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls of a run, and what its messages would cost if they were like those of the run `measured_by`.

    `tokens` and `price` are None where no run has told them: unknown is never 0. `again` is the most
    questions that confirmation could ask a second time, `judged` the most calls of the judge of kb.toml
    (one an answer; what it has judged before costs nothing).
    """

    questions: int
    searches: int
    chats: int
    again: int
    tokens: int | None = None
    price: float | None = None
    currency: str = ""
    measured_by: str = ""
    judged: int = 0


def estimate(project: Project, ask: Ask) -> Estimate:
    """Raises ConfigError for a tag that no question has."""
    stale = {one.golden.id for one in project.stale}
    asked = [golden for golden in asked_of(project, ask.tags) if golden.id not in stale]
    searches = sum(golden.kind is not QuestionKind.SMALLTALK for golden in asked)
    chats = sum(1 + len(golden.history) for golden in asked)
    chats = 0 if ask.target == "retrieval" else chats
    run_id, replies = _last_with_tokens(project)
    tokens = _mean([reply.tokens for reply in replies if reply.tokens is not None])
    prices = spent(replies).prices
    # Of several currencies nothing is said: their mean is a number without a meaning.
    price = Decimal(prices[0].amount) / prices[0].of if len(prices) == 1 else None
    return Estimate(
        questions=len(asked),
        searches=0 if ask.target == "answers" else searches,
        chats=chats,
        again=len(asked),
        tokens=round(tokens * chats) if tokens is not None and chats else None,
        price=float(price * chats) if price is not None and chats else None,
        currency=prices[0].currency if price is not None else "",
        measured_by=run_id if chats else "",
        judged=searches if chats and project.settings.judge.is_set else 0,
    )


def _last_with_tokens(project: Project) -> tuple[str, list[Reply]]:
    """The newest run of the same app whose replies say what they took."""
    for path in sorted(runs_folder(project.settings).glob(f"*/{SPEC}"), reverse=True):
        try:
            spec = read_spec(path)
            replies = [r for r in read_replies(path.parent / REPLIES).values() if r.tokens is not None]
        except KbtoolError:
            continue  # a damaged run is `eval list`'s to report, and no reason not to ask
        if replies and spec.dataset == project.settings.dify.dataset:
            return spec.run_id, replies
    return "", []


def _mean(values: Sequence[int]) -> Decimal | None:
    return Decimal(sum(values)) / len(values) if values else None
