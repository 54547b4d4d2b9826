"""The canaries of a run: which questions tell whether the app still searches as it did, and what they say.

A run asks every golden question through the app, so the canaries of a policy, or of a pinned baseline, are
seen in it without asking anything more.
"""

from __future__ import annotations

from collections.abc import Sequence

from kbtool.canary import WANTED, Canary, Drift, drift, mark
from kbtool.evaluate.record import QuestionKind, Result


def choose(results: Sequence[Result], wanted: int = WANTED) -> tuple[Canary, ...]:
    """Questions from the whole range of scores, evenly by rank, the best and the worst among them.

    Only those that one question can ask: follow-ups and small talk are none, nor is what is decided by words.
    """
    able = {
        r.golden.question: (score, r)
        for r in results
        if r.golden.kind is QuestionKind.QUESTION
        and r.golden.answerable
        and not r.golden.history
        and r.reply.answer is not None
        and r.reply.cited
        and (score := r.reply.cited[0].score) is not None
    }
    ranked = sorted(able.values(), key=lambda pair: (-pair[0], pair[1].golden.id))
    last = len(ranked) - 1
    places = sorted({round(i * last / max(1, wanted - 1)) for i in range(min(wanted, len(ranked)))})
    chosen = [ranked[place] for place in places]
    return tuple(Canary(r.golden.question, round(s, 4), mark(r.reply.cited[0].text)) for s, r in chosen)


def seen(results: Sequence[Result], canaries: Sequence[Canary]) -> Drift:
    """What a run says of them; a question that it did not ask through the app is unknown."""
    asked = {
        r.golden.question: r.reply for r in results if r.reply.answer is not None and not r.golden.history
    }
    now: list[tuple[float | None, str] | None] = []
    for canary in canaries:
        reply = asked.get(canary.question)
        first = reply.cited[0] if reply and reply.cited else None
        now.append(None if reply is None else (first.score, mark(first.text)) if first else (None, ""))
    return drift(canaries, now)
