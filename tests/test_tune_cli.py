"""`kbtool tune` on runs of known answers: what it says, what it writes, and when it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kbtool import corpus
from kbtool.canary import mark
from kbtool.cli import app
from kbtool.config import load
from kbtool.errors import KbtoolError
from kbtool.evaluate.project import Project
from kbtool.evaluate.record import Found, Reply, RunSpec
from kbtool.evaluate.run import write_spec
from kbtool.evaluate.threshold import propose
from kbtool.evaluate.weekly import Evaluation, reopen

KB = """\
[corpus]
sources = ["returns.md"]
[evals]
golden = ["golden.yaml"]
[handoff]
# where we began
threshold = 0.5
floor = 0.3
"""
PAGE = "# Returns\n\n## Costs\n\nThe return label costs €6.50.\n"
COSTS = "Returns › Costs\n\nThe return label costs €6.50."
Scores = Sequence[float]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kb.toml").write_text(KB, encoding="utf-8")
    (tmp_path / "returns.md").write_text(PAGE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ran(shop: Path) -> Callable[..., str]:
    """Make a finished run: right answers at these scores, answers that should not be given at those."""

    def make(right: Scores, wrong: Scores, *, langs: Sequence[str] = ("en",), **changes: object) -> str:
        lines = [
            f"- id: r{i}\n  question: what does the label cost, number {i}\n  lang: {langs[i % len(langs)]}\n"
            "  relevant: [{doc: returns, section: [Costs]}]\n  answer: {must_contain: ['6.50']}\n"
            for i in range(len(right))
        ]
        lines += [
            f"- id: w{i}\n  question: can I fly there, number {i}\n  lang: {langs[i % len(langs)]}\n"
            "  answerable: false\n"
            for i in range(len(wrong))
        ]
        (shop / "golden.yaml").write_text("".join(lines) or "[]\n", encoding="utf-8")
        settings = load(shop / "kb.toml")
        questions = Project.of(settings, corpus.load(settings)).questions.questions
        scores = {f"r{i}": s for i, s in enumerate(right)} | {f"w{i}": s for i, s in enumerate(wrong)}
        replies = []
        for golden in questions:
            found = (Found("returns", (("Returns", "Costs"),), scores[golden.id], COSTS),)
            replies.append(Reply(golden.id, golden.content_hash, found, "It costs €6.50.", found))
        spec = RunSpec(
            run_id="2026-11-26T080000-000aa",
            started="2026-11-26T08:00:00+00:00",
            target="both",
            dataset=settings.dify.dataset,
            app="app",
            engine="embedded",
            version="1.13.0",
            embedding_model=settings.dify.embedding_model,
            retrieval=settings.retrieval_profile.as_json(),
            questions=len(questions),
            is_finished=True,
        )
        spec = replace(spec, **changes)  # type: ignore[arg-type]
        folder = shop / "reports" / "runs" / spec.run_id
        write_spec(spec, folder / "run.json")
        (folder / "replies.jsonl").write_text(
            "".join(json.dumps(asdict(reply)) + "\n" for reply in replies), encoding="utf-8"
        )
        return spec.run_id

    return make


def tune(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tune", *arguments])


def reopened(shop: Path) -> Evaluation:
    settings = load(shop / "kb.toml")
    return reopen(Project.of(settings, corpus.load(settings)), "latest")


RIGHT = [0.7 + i % 25 / 100 for i in range(190)]


@pytest.mark.parametrize(
    ("right", "wrong", "changes", "sentence"),
    [
        (RIGHT, [0.5] * 10, {"retrieval": {"top_k": 9}}, "since this run the retrieval settings changed"),
        (RIGHT, [0.5] * 10, {"embedding_model": "other"}, "since this run the embedding model changed"),
        ([], [], {}, "no question was asked in this run"),
        (RIGHT, [], {}, "all 190 answers are right"),
        ([], [0.4] * 60, {}, "all 60 answers are wrong"),
        (RIGHT[:30], [0.5] * 8, {}, "45 questions needed, 38 given"),
        (RIGHT, [0.99] * 10, {}, "already the best scores hold more wrong answers"),
    ],
    ids=[
        "other settings",
        "other model",
        "empty",
        "all right",
        "all wrong",
        "38 questions",
        "wrong at the top",
    ],
)
def test_what_cannot_be_promised_has_its_sentence_and_changes_nothing(
    shop: Path,
    ran: Callable[..., str],
    right: Scores,
    wrong: Scores,
    changes: dict[str, object],
    sentence: str,
) -> None:
    ran(right, wrong, **changes)
    shown = tune("--json")
    assert shown.exit_code == 0, shown.exception
    told = json.loads(shown.stdout)
    assert (told["threshold"], told["written"]) == (None, False)
    assert sentence in told["sentence"]
    assert "stays at 0.50" in told["sentence"]
    refused = tune("--write")
    assert isinstance(refused.exception, KbtoolError)
    assert sentence in refused.exception.message
    assert (shop / "kb.toml").read_text(encoding="utf-8") == KB


def test_what_is_written_is_what_was_measured(shop: Path, ran: Callable[..., str]) -> None:
    run = ran(RIGHT, [0.5] * 10)
    done = tune("--write")
    assert done.exit_code == 0, done.exception
    assert done.stdout.startswith("Threshold 0.60: of 200 conversations like these the bot answers 190 (95%)")
    assert "kb.toml has the new threshold" in done.stdout
    handoff = load(shop / "kb.toml").handoff
    assert (handoff.threshold, handoff.run, handoff.floor) == (0.6, run, 0.3)
    assert handoff.fingerprint == reopened(shop).spec.fingerprint
    assert "# where we began" in (shop / "kb.toml").read_text(encoding="utf-8")
    scores = [canary.score for canary in handoff.canaries]
    assert scores == sorted(scores, reverse=True)
    assert (len(scores), scores[0], scores[-1]) == (5, max(RIGHT), min(RIGHT))
    assert {canary.chunk for canary in handoff.canaries} == {mark(COSTS)}
    kept = tune("--write")
    assert "Keep 0.60" in kept.stdout
    assert "nothing was written" in kept.stdout


def test_a_threshold_for_each_language(shop: Path, ran: Callable[..., str]) -> None:
    scores = [
        0.9 if i % 2 else 0.7 for i in range(240)
    ]  # German pages score higher, also where they are wrong
    ran(scores, [0.8 if i % 2 else 0.4 for i in range(20)], langs=("en", "de"))
    assert tune("--write").exit_code == 0  # one for all first: it does not stand in the way
    done = tune("--by", "language", "--write")
    assert done.exit_code == 0, done.exception
    policy = load(shop / "kb.toml").policy
    assert policy.languages == {"de": 0.85, "en": 0.55}
    assert policy.threshold == 0.85, "a language that is not among the questions is held to the strictest"
    assert "in each of de, en" in done.stdout
    assert [one.name for one in reopened(shop).proposal.slices] == ["de", "en"], "kb.toml asks for them now"


def test_a_threshold_of_other_settings_or_of_another_search_is_void(
    shop: Path, ran: Callable[..., str]
) -> None:
    ran(RIGHT, [0.5] * 10)
    tune("--write")
    assert reopened(shop).proposal.advice.value == "keep"
    text = (shop / "kb.toml").read_text(encoding="utf-8")
    (shop / "kb.toml").write_text(text.replace('fingerprint = "', 'fingerprint = "0'), encoding="utf-8")
    other = reopened(shop).proposal
    assert (other.advice.value, other.reason) == ("propose", "tuned")
    assert other.sentence.startswith("The threshold of kb.toml was measured under other settings or scores")
    (shop / "kb.toml").write_text(text, encoding="utf-8")
    ran([score - 0.2 for score in RIGHT], [0.3] * 10)
    moved = reopened(shop).proposal
    assert (moved.threshold, moved.advice.value) == (0.4, "propose")
    assert "holds no more" in moved.sentence


def test_an_estimate_is_written_only_when_it_is_accepted(shop: Path, ran: Callable[..., str]) -> None:
    run = ran(RIGHT, [0.5] * 10, target="retrieval")
    path = shop / "reports" / "runs" / run / "replies.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(line | {"answer": None}) + "\n" for line in lines), encoding="utf-8")
    refused = tune("--write")
    assert isinstance(refused.exception, KbtoolError)
    assert (shop / "kb.toml").read_text(encoding="utf-8") == KB
    accepted = tune("--write", "--accept-estimate")
    assert accepted.exit_code == 0, accepted.exception
    assert "promises nothing" in accepted.stdout
    handoff = load(shop / "kb.toml").handoff
    assert (handoff.threshold, handoff.tuned, bool(handoff.estimated)) == (0.6, "", True)
    ran(RIGHT, [0.5] * 10)
    assert reopened(shop).proposal.advice.value == "propose", "a promise takes the estimate's place at once"
    assert tune("--write").exit_code == 0
    assert (load(shop / "kb.toml").handoff.estimated, bool(load(shop / "kb.toml").handoff.tuned)) == (
        "",
        True,
    )


def test_a_wish_of_last_week_counts_unless_it_was_met_since(shop: Path, ran: Callable[..., str]) -> None:
    ran(RIGHT, [0.5] * 10)
    tune("--write")
    ran(RIGHT, [0.85] * 10)
    evaluation, settings = reopened(shop), load(shop / "kb.toml")

    def advice(wanted_at: str) -> tuple[str, str]:
        found = propose(settings, evaluation.spec, evaluation.results, wanted_at=wanted_at)
        return found.advice.value, found.reason

    assert evaluation.proposal.wants_change
    assert advice("") == ("keep", "once")
    assert advice("2020-01-06T08:00:00+00:00") == ("keep", "once"), "the threshold was written since"
    assert advice("2099-01-05T08:00:00+00:00") == ("propose", "tuned")


def test_what_an_intent_takes_away_is_said(shop: Path, ran: Callable[..., str]) -> None:
    (shop / "kb.toml").write_text(
        KB + "[handoff.intents]\nflying = ['fly there, number 3']\n", encoding="utf-8"
    )
    ran(RIGHT, [0.5] * 10)
    shown = tune()
    assert (
        "The intent flying takes 1 golden question to a person before any score; a page answers 0."
        in shown.stdout
    )
    assert json.loads(tune("--json").stdout)["taken"] == [{"intent": "flying", "n": 1, "answerable": 0}]


def test_raising_stands_alone_and_says_both_values(shop: Path) -> None:
    raised = tune("--raise", "0.8")
    assert "threshold 0.50 -> 0.80" in raised.stdout
    assert load(shop / "kb.toml").handoff.threshold == 0.8
    assert tune("--raise", "0.9", "--write").exit_code == 2
    assert tune("--by", "colour").exit_code == 2


def test_an_unread_store_is_named_when_it_is_asked_for(ran: Callable[..., str]) -> None:
    ran(RIGHT, [0.5] * 10)
    assert json.loads(tune("--json").stdout)["preview"] is None
    asked = tune("--store", "elsewhere.sqlite")
    assert isinstance(asked.exception, KbtoolError)
