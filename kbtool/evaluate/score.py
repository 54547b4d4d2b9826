"""One question judged: where the right chunk stood, and what would have become of the answer. Pure.

Three outcomes: pass, fail, error (design decision 9). The headline is the section-level hit at the app's
own k; document and evidence level tell where it went wrong. "Correct", which the threshold is chosen from,
means that the answer passed its assertions and cites a relevant source (design decision 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kbtool.evaluate.assertions import checks, first_failure
from kbtool.evaluate.record import Found, Golden, Outcome, QuestionKind, Relevant, Reply, Result, RunSpec
from kbtool.golden import covers
from kbtool.handoff import Action, Policy, can_answer, decide
from kbtool.model import Answer, Hit, Question
from kbtool.script import fold


def score(golden: Golden, reply: Reply, *, k: int, policy: Policy, target: str = "both") -> Result:
    """The reply judged against the question.

    Ranks are of the dataset's own answer, and of the app's citations only where nothing else was asked
    (`target` "answers"): a retrieval that found nothing is a miss, whatever the app cites.
    """
    if reply.error:
        return Result(golden, reply, Outcome.ERROR, reply.error)
    chunks = reply.cited if target == "answers" else reply.retrieved
    rank_section = _first(chunks, golden.relevant, _is_section)
    answer = answer_of(golden, reply)
    decision = decide(answer, policy) if answer else None
    checked = checks(golden, reply)
    outcome, why = _headline(golden, chunks, rank_section, k, decision.action if decision else None)
    top = (reply.cited if answer else chunks)[:1]
    return Result(
        golden=golden,
        reply=reply,
        outcome=outcome,
        why=why,
        rank_document=_first(_documents(chunks), golden.relevant, _is_document),
        rank_section=rank_section,
        rank_evidence=_first(chunks, golden.relevant, _is_evidence),
        ranking=tuple(
            (chunk.doc, any(_is_document(chunk, relevant) for relevant in golden.relevant))
            for chunk in _documents(chunks)
        ),
        top_score=top[0].score if top else None,
        decision=decision.action.value if decision else "",
        decision_reason=decision.reason.value if decision else "",
        decision_detail=decision.detail if decision else "",
        can_answer=can_answer(answer, policy) if answer else bool(chunks and chunks[0].score is not None),
        is_correct=golden.answerable and (not first_failure(checked) if answer else outcome is Outcome.PASS),
        checks=checked,
    )


def score_all(
    questions: Sequence[Golden], replies: Mapping[str, Reply], spec: RunSpec, policy: Policy
) -> tuple[Result, ...]:
    """Results, at the run's threshold, of the questions that have a reply to their present content."""
    return tuple(
        score(golden, reply, k=spec.k, policy=replace(policy, threshold=spec.threshold), target=spec.target)
        for golden in questions
        if (reply := replies.get(golden.id)) and reply.content_hash == golden.content_hash
    )


def answer_of(golden: Golden, reply: Reply) -> Answer | None:
    """The reply as the answer that `handoff.decide` judges; None where the app was not asked."""
    if reply.answer is None:
        return None
    hits = tuple(Hit("", "", found.doc, found.text, found.score) for found in reply.cited)
    question = Question(golden.question, golden.history, language=golden.lang, inbox=golden.inbox)
    return Answer(question, reply.answer, hits)


def _headline(
    golden: Golden, chunks: Sequence[Found], rank: int | None, k: int, action: Action | None
) -> tuple[Outcome | None, str]:
    """The outcome that is counted, with one sentence why."""
    if golden.kind is QuestionKind.SMALLTALK or not golden.answerable:
        if action is None:
            return None, "only retrieval was asked"
        if golden.kind is QuestionKind.SMALLTALK:
            is_right = action is Action.SMALLTALK
            return _outcome(
                is_right
            ), "met as small talk" if is_right else f"small talk, met with {action.value}"
        is_right = action is not Action.REPLY
        return _outcome(is_right), "rightly not answered" if is_right else "answered, though no page does"
    if rank is not None and rank <= k:
        return Outcome.PASS, f"found at {rank}"
    wanted = golden.relevant[0]
    where = " › ".join((wanted.doc, *wanted.section))
    if not chunks:
        return Outcome.FAIL, f"nothing was found; expected {where}"
    first = " › ".join(chunks[0].paths[0]) if chunks[0].paths else chunks[0].doc
    depth = f" (it is at {rank})" if rank else ""
    return Outcome.FAIL, f"expected {where}{depth}; first came {first}"


def _outcome(is_right: bool) -> Outcome:
    return Outcome.PASS if is_right else Outcome.FAIL


def _documents(chunks: Sequence[Found]) -> list[Found]:
    """The first chunk of each document, in API order: one document must not fill the ranking."""
    first: dict[str, Found] = {}
    for chunk in chunks:
        first.setdefault(chunk.doc, chunk)
    return list(first.values())


def _first(
    chunks: Sequence[Found], wanted: Sequence[Relevant], fits: Callable[[Found, Relevant], bool]
) -> int | None:
    ranks = (rank for rank, chunk in enumerate(chunks, start=1) if any(fits(chunk, one) for one in wanted))
    return next(ranks, None)


def _is_document(found: Found, relevant: Relevant) -> bool:
    return found.doc == relevant.doc


def _is_section(found: Found, relevant: Relevant) -> bool:
    return _is_document(found, relevant) and covers(relevant, found.paths)


def _is_evidence(found: Found, relevant: Relevant) -> bool:
    return _is_section(found, relevant) and fold(relevant.evidence) in fold(found.text)
