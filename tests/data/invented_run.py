"""Runs made from a seed, for looking at the report and for laws: a help desk in English and Chinese.

`judged` makes one result from the few things that a test is about; `invented_run` a whole run of a support
knowledge base for an invented shop of tea kettles.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kbtool.evaluate.record import (
    Check,
    Expected,
    Found,
    Golden,
    Outcome,
    QuestionKind,
    Relevant,
    Reply,
    Result,
    RunSpec,
)

SPEC = RunSpec(
    run_id="2026-11-21-0930",
    started="2026-11-21T09:30:00+00:00",
    target="embedded",
    dataset="kettle-help",
    app="kettle-assistant",
    engine="embedded",
    version="1.13.0",
    embedding_model="",
    retrieval=MappingProxyType({"search_method": "full_text_search", "top_k": 5}),
    k=5,
    threshold=0.5,
    commit="3f9c2ab",
    corpus_hash="9d41c07be2f0",
    golden_hash="51be90aa31cc",
    documents=24,
    chunks=131,
    questions=186,
    stale=("warranty-old-plan", "kettle-mini-colours"),
    seconds=41.7,
)


def judged(
    question_id: str,
    outcome: Outcome | None = Outcome.PASS,
    *,
    question: str = "How long is the warranty?",
    score: float | None = 0.7,
    right: bool | None = None,
    answer: str | None = "Two years.",
    can_answer: bool = True,
    answerable: bool = True,
    critical: bool = False,
    kind: QuestionKind = QuestionKind.QUESTION,
    tags: tuple[str, ...] = (),
    lang: str = "en",
    inbox: str = "",
    ranking: tuple[tuple[str, bool], ...] = (),
    rank_section: int | None = None,
    relevant: tuple[Relevant, ...] = (),
) -> Result:
    golden = Golden(
        question_id,
        question,
        lang,
        tags,
        critical=critical,
        answerable=answerable,
        kind=kind,
        relevant=relevant,
        inbox=inbox,
    )
    return Result(
        golden,
        Reply(question_id, golden.content_hash, answer=answer),
        outcome,
        why="",
        rank_section=rank_section,
        ranking=ranking,
        top_score=score,
        can_answer=can_answer,
        places=tuple((rank_section, None) for _ in relevant),
        is_correct=(outcome is Outcome.PASS) if right is None else right,
    )


SHOP = json.loads((Path(__file__).parent / "kettle_shop.json").read_text(encoding="utf-8"))


def invented_run(seed: int = 7, *, quality: float = 0.86, copies: int = 6) -> list[Result]:
    """24 questions for each of up to six copies, and some more; `quality`: the chance to find the section."""
    rng = random.Random(seed)
    results: list[Result] = []
    for copy in range(copies):
        for page in SHOP["pages"]:
            opening = SHOP["openings"][page["lang"]][copy]
            results += [
                _answerable(rng, page, i, copy, opening, quality) for i in range(len(page["sections"]))
            ]
        if copy < 3:
            for i, (lang, question) in enumerate(SHOP["unanswerable"]):
                text = SHOP["openings"][lang][copy] + question
                results.append(_refused(rng, f"no-answer-{i + 1}-{copy + 1}", lang, text))
    results[11] = judged_error(results[11])
    return [*results, *(_thanks(i, lang) for i, lang in enumerate(("en", "zh", "en")))]


def judged_error(result: Result) -> Result:
    reply = Reply(result.golden.id, result.golden.content_hash, error="Dify did not answer within 60 s.")
    return Result(result.golden, reply, Outcome.ERROR, why=reply.error)


def _answerable(
    rng: random.Random, page: dict[str, Any], number: int, copy: int, opening: str, quality: float
) -> Result:
    section, question, answer = page["sections"][number]
    title, slug = page["title"], page["slug"]
    name = f"{slug.replace('/', '-')}-{number + 1}-{copy + 1}"
    golden = Golden(
        name,
        opening + question,
        page["lang"],
        (page["tag"],),
        critical=(number, copy) == (0, 0) and page["tag"] in {"billing", "account"},
        relevant=(Relevant(slug, (title, section), answer[:12]),),
        expected=Expected(must_contain=((answer[:12],),), cite=(slug,)),
        inbox="website" if page["lang"] == "en" else "wechat",
        file="evals/golden.yaml",
        line=rng.randrange(10, 900),
    )
    is_found = rng.random() < quality
    rank = rng.choices((1, 2, 3, 4), (70, 18, 8, 4))[0] if is_found else None
    found, ranking = _returned(rng, golden, rank, answer)
    top = found[0].score or 0.0
    is_correct = rank is not None and rng.random() < (0.97 if rank == 1 else 0.85)
    said = answer if is_correct else "That depends on your order; please see the page above."
    latency = round(rng.uniform(0.4, 2.2), 2)
    is_sent = top >= SPEC.threshold
    return Result(
        golden,
        Reply(name, golden.content_hash, found, said, found[:3], latency=latency, tokens=640),
        Outcome.PASS if is_found else Outcome.FAIL,
        why="" if is_found else f"{title} › {section} is not among the first {SPEC.k} chunks",
        rank_document=rank,
        rank_section=rank,
        rank_evidence=rank,
        ranking=ranking,
        top_score=top,
        decision="reply" if is_sent else "handoff",
        decision_reason="" if is_sent else "below_threshold",
        can_answer=True,
        is_correct=is_correct,
        checks=(
            Check("contains", is_correct, "" if is_correct else f"does not say {answer[:12]!r}"),
            Check("cites", rank is not None and rank <= 3, "cites no expected page"),
        ),
        places=((rank, rank),),
    )


def _returned(
    rng: random.Random, golden: Golden, rank: int | None, answer: str
) -> tuple[tuple[Found, ...], tuple[tuple[str, bool], ...]]:
    """Five chunks, best first, the relevant one at `rank`."""
    others = [page for page in SHOP["pages"] if page["slug"] != golden.relevant[0].doc]
    rng.shuffle(others)
    score = min(0.97, max(0.12, rng.gauss(0.74 if rank == 1 else 0.52, 0.12)))
    found, ranking = [], []
    for position in range(1, 6):
        page = others[position]
        slug, title, (section, _, text) = page["slug"], page["title"], page["sections"][position % 3]
        if position == rank:
            (slug, (title, section)), text = (golden.relevant[0].doc, golden.relevant[0].section), answer
        long = f"{title} › {section}\n{text} " + " ".join(part[2] for part in page["sections"]) * 2
        found.append(Found(slug, ((title, section),), round(score, 4), long))
        ranking.append((slug, position == rank))
        score *= rng.uniform(0.75, 0.97)
    return tuple(found), tuple(ranking)


def _refused(rng: random.Random, name: str, lang: str, text: str) -> Result:
    golden = Golden(name, text, lang, ("off-topic",), answerable=False, file="evals/golden.yaml", line=900)
    placeholder = Golden(name, text, lang, relevant=(Relevant("nowhere", ("Nowhere", "Nothing")),))
    found, ranking = _returned(rng, placeholder, None, "")
    score = round(min(0.8, max(0.05, rng.gauss(0.33, 0.13))), 4)
    found = (Found(found[0].doc, found[0].paths, score, found[0].text), *found[1:])
    is_sent = score >= SPEC.threshold
    return Result(
        golden,
        Reply(name, golden.content_hash, found, "I could not find that.", found[:1], latency=0.9, tokens=420),
        Outcome.FAIL if is_sent else Outcome.PASS,
        why="answered, though no page answers it" if is_sent else "",
        ranking=ranking,
        top_score=score,
        decision="reply" if is_sent else "handoff",
        decision_reason="" if is_sent else "below_threshold",
        can_answer=True,
    )


def _thanks(number: int, lang: str) -> Result:
    text = "Thanks, that helped!" if lang == "en" else "好的，谢谢！"
    golden = Golden(f"thanks-{number + 1}", text, lang, ("smalltalk",), kind=QuestionKind.SMALLTALK)
    reply = Reply(golden.id, golden.content_hash, answer="You are welcome.")
    return Result(golden, reply, Outcome.PASS, why="", decision="smalltalk", is_correct=True)
