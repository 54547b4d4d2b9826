"""Runs over time: what may be resumed, pinned, published, and what two weeks in turn mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kbtool.canary import Canary, Drift, Seen, check
from kbtool.cli.verdict import write_report
from kbtool.config import Settings, load
from kbtool.corpus import load as load_corpus
from kbtool.errors import ExportError, RunInvalid
from kbtool.evaluate.canaries import choose
from kbtool.evaluate.compare import Comparison
from kbtool.evaluate.history import LOCK, before, find_run, last_week
from kbtool.evaluate.metrics import Rate
from kbtool.evaluate.project import Ask, Project
from kbtool.evaluate.weekly import Evaluation, pin_run, reopen, run
from kbtool.golden import GoldenSet
from kbtool.lock import only_one
from kbtool.sync.apply import Sync
from kbtool.sync.waiting import Pace
from tests.server import PROFILE, Server
from tests.server import run as wait

TOPICS = ("kettle", "grinder", "carafe", "filter", "gasket", "scale", "tank", "lid", "pump", "dial")


@pytest.fixture
def project(tmp_path: Path) -> Callable[[], Project]:
    """Ten pages and a question about each, in one folder; built again after every edit."""
    (tmp_path / "exports").mkdir()
    for topic in TOPICS:
        text = f"# The {topic}\n\n## Care\n\nRinse the {topic} once a week.\n"
        (tmp_path / "exports" / f"{topic}.md").write_text(text, encoding="utf-8")
    golden = "".join(
        f"- id: {topic}\n  question: how do I look after my {topic}\n  tags: [{topic[0]}]\n"
        f"  relevant: [{{doc: the-{topic}, section: [Care], evidence: once a week}}]\n"
        for topic in TOPICS
    )
    (tmp_path / "golden.yaml").write_text(golden, encoding="utf-8")
    text = '[corpus]\nsources = ["exports"]\n[dify]\ndataset = "help"\n[evals]\ngolden = ["golden.yaml"]\n'
    (tmp_path / "kb.toml").write_text(text, encoding="utf-8")

    def build() -> Project:
        settings: Settings = load(tmp_path / "kb.toml")
        return Project.of(settings, load_corpus(settings))

    return build


async def ingest(server: Server, project: Project) -> None:
    async with server.client() as client:
        sync = Sync(client, PROFILE, Pace(poll=0.01))
        await sync.apply(await sync.plan(project.rendered), project.rendered)


async def evaluate(server: Server, project: Project, ask: Ask | None = None) -> Evaluation:
    async with server.client() as client:
        evaluation = await run(project, client, ask or Ask())
        write_report(evaluation, publishes=True)
        return evaluation


async def pin(server: Server, project: Project, run_id: str) -> Path:
    async with server.client() as client:
        return await pin_run(project, client, run_id, "test")


def test_a_run_of_pages_that_were_not_ingested_is_refused(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    wait(ingest(server(), project()))
    wait(evaluate(server(), project()))
    page = tmp_path / "exports" / "lid.md"
    page.write_text("# The lid\n\n## Care\n\nRinse the lid once a week, by hand.\n", encoding="utf-8")
    with pytest.raises(RunInvalid, match="does not hold this corpus: 1 to update"):
        wait(evaluate(server(), project()))


def test_a_run_of_some_questions_is_not_the_weeks_run(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    wait(ingest(server(), project()))
    whole = wait(evaluate(server(), project()))
    published = next((tmp_path / "reports").glob("*-W*.html"))
    content = published.read_text(encoding="utf-8")
    part = wait(evaluate(server(), project(), Ask(tags=("k",))))
    assert len(part.results) == 1
    assert published.read_text(encoding="utf-8") == content
    assert whole.spec.run_id in content
    with pytest.raises(RunInvalid, match="tagged k"):
        wait(pin(server(), project(), part.spec.run_id))
    wait(pin(server(), project(), whole.spec.run_id))
    again = wait(evaluate(server(), project(), Ask(tags=("k",))))
    assert again.verdict.status.value == "ok"


def test_an_interrupted_run_proves_nothing_until_it_is_resumed(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    whole = wait(evaluate(server(), project()))
    folder = whole.folder
    lines = (folder / "replies.jsonl").read_text(encoding="utf-8").split("\n")
    (folder / "replies.jsonl").write_text("\n".join(lines[:4]) + "\n" + lines[4][:30], encoding="utf-8")
    spec = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(spec | {"is_finished": False}), encoding="utf-8")

    with pytest.raises(ExportError, match="no finished run"):
        reopen(project(), "latest")
    with pytest.raises(RunInvalid, match="interrupted"):
        reopen(project(), whole.spec.run_id)
    with pytest.raises(RunInvalid, match="interrupted"):
        wait(pin(server(), project(), whole.spec.run_id))

    counting = server()
    resumed = wait(evaluate(counting, project(), Ask(resume=whole.spec.run_id)))
    assert resumed.spec.started == whole.spec.started
    assert len(resumed.results) == len(TOPICS)
    assert sum("/chat-messages" in request for request in counting.requests) == len(TOPICS) - 4


def test_a_run_is_not_resumed_as_another_one(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    golden = tmp_path / "golden.yaml"
    golden.write_text(golden.read_text(encoding="utf-8").replace("my lid", "the lid"), encoding="utf-8")
    with pytest.raises(RunInvalid, match="golden questions changed"):
        wait(evaluate(server(), project(), Ask(resume=first.spec.run_id)))
    with pytest.raises(RunInvalid, match="is wanted"):
        wait(evaluate(server(), project(), Ask(resume=first.spec.run_id, tags=("k",))))
    with pytest.raises(ExportError, match="no run"):
        wait(evaluate(server(), project(), Ask(resume="../../../evil")))
    assert not (tmp_path / "evil").exists()


def test_a_threshold_of_another_model_is_not_kept(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    wait(ingest(server(), project()))
    with (tmp_path / "golden.yaml").open("a", encoding="utf-8") as golden:  # where wrong answers begin
        golden.write("- {id: moon, question: how do I look after the moon, answerable: false}\n")
    text = (tmp_path / "kb.toml").read_text(encoding="utf-8")
    tuned = '[handoff]\nbudget = 0.3\nfloor = 0.9\nrun = "r"\nfingerprint = "{}"\n'
    mine = wait(evaluate(server(), project())).spec.fingerprint
    for fingerprint, advice in ((mine, "keep"), ("another", "propose")):
        (tmp_path / "kb.toml").write_text(text + tuned.format(fingerprint), encoding="utf-8")
        assert reopen(project(), "latest").proposal.advice.value == advice


def test_two_runs_of_one_week_are_not_two_weeks(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    second = wait(evaluate(server(), project()))
    assert len(before(second.folder)) == 1
    assert last_week(before(second.folder), second.spec.started) is None
    outcome = first.folder / "outcome.json"
    content = json.loads(outcome.read_text(encoding="utf-8"))
    outcome.write_text(json.dumps(content | {"started": "2020-01-06T09:00:00+00:00"}), encoding="utf-8")
    found = last_week(before(second.folder), second.spec.started)
    assert found is not None
    assert found.past is not None
    assert found.past.found == Rate(10, 10)


def test_a_drop_watched_in_two_weeks_against_one_pin_fails(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    wait(ingest(server(), project()))
    whole = wait(evaluate(server(), project()))
    wait(pin(server(), project(), whole.spec.run_id))
    pinned = tmp_path / "evals" / "baselines" / "main.json"
    content = json.loads(pinned.read_text(encoding="utf-8"))
    # A pin under which six of ten would have been lost by chance too often to fail at once.
    content |= {"flip_rate": 0.5, "reasks": 10}
    pinned.write_text(json.dumps(content), encoding="utf-8")
    for topic in TOPICS[:5]:
        page = tmp_path / "exports" / f"other-{topic}.md"
        lines = "".join(f"## Day {i}\n\nhow do I look after my {topic}\n\n" for i in range(6))
        page.write_text(f"# Another {topic}\n\n{lines}", encoding="utf-8")
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    assert (first.verdict.status.value, first.verdict.watches_drop) == ("watch", True)
    outcome = first.folder / "outcome.json"
    remembered = json.loads(outcome.read_text(encoding="utf-8"))
    for change, status in (({}, "fail"), ({"baseline": "another pin"}, "watch")):
        past = remembered | {"started": "2020-01-06T09:00:00+00:00"} | change
        outcome.write_text(json.dumps(past), encoding="utf-8")
        second = wait(evaluate(server(), project()))
        assert second.verdict.status.value == status
        (second.folder / "outcome.json").unlink()


def test_line_separators_in_an_answer_break_no_line(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    page = tmp_path / "exports" / "lid.md"
    page.write_text("# The lid\n\n## Care\n\nRinse\x85 the lid\u2028 once a week.\n", encoding="utf-8")
    golden = tmp_path / "golden.yaml"
    golden.write_text(
        golden.read_text(encoding="utf-8").replace("my lid", "my lid\u2028 now"), encoding="utf-8"
    )
    wait(ingest(server(), project()))
    evaluation = wait(evaluate(server(), project()))
    assert len(reopen(project(), evaluation.spec.run_id).results) == len(TOPICS)


def test_a_run_is_found_by_the_beginning_of_its_id(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    settings = project().settings
    assert find_run(settings, first.spec.run_id[:10])[1].run_id == first.spec.run_id
    assert find_run(settings, "latest")[0] == first.folder
    second = replace(first.spec, run_id=first.spec.run_id + "b")
    assert second.fingerprint == first.spec.fingerprint
    with pytest.raises(ExportError, match="no run"):
        find_run(settings, "2020")


def test_a_server_that_dies_midway_ends_the_asking_and_the_run_goes_on_later(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    dying = server(dies_after=12)
    sixty = replace(project(), questions=many(project(), 60))
    cut = wait(evaluate(dying, sixty))
    assert (cut.verdict.status.value, int(cut.verdict.exit_code)) == ("invalid", 4)
    assert [reason.rule for reason in cut.verdict.reasons] == ["interrupted", "errors"]
    assert "in a row could not be asked: " in cut.verdict.sentence
    assert "cannot be reached" in cut.verdict.sentence
    assert len(cut.results) == 60
    assert len(dying.requests) < 20, "a server that died is not asked for hours"
    assert "not asked" in cut.report.read_text(encoding="utf-8")
    assert not (cut.folder / "outcome.json").exists()
    assert cut.hint.endswith(f"kbtool eval run --resume {cut.spec.run_id}")

    resumed = wait(evaluate(server(), sixty, Ask(resume=cut.spec.run_id)))
    assert (len(resumed.results), resumed.metrics.errors) == (60, 0)
    assert resumed.hint == "Next: kbtool eval pin --why …", "it is whole, and nothing is pinned yet"
    assert (cut.folder / "outcome.json").exists()


def test_what_flipped_back_twice_is_quarantined_until_the_next_pin(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    whole = wait(evaluate(server(), project()))
    wait(pin(server(), project(), whole.spec.run_id))
    for flipped_back in (["lid", "tank"], ["lid"]):
        outcome = wait(evaluate(server(), project())).folder / "outcome.json"
        content = json.loads(outcome.read_text(encoding="utf-8"))
        outcome.write_text(json.dumps(content | {"flipped_back": flipped_back}), encoding="utf-8")
    third = wait(evaluate(server(), project()))
    assert isinstance(third.comparison, Comparison)
    assert (third.comparison.quarantined, third.comparison.n) == (("lid",), 9)
    assert "Quarantined" in third.report.read_text(encoding="utf-8")
    wait(pin(server(), project(), third.spec.run_id))
    fourth = wait(evaluate(server(), project()))
    assert isinstance(fourth.comparison, Comparison)
    assert fourth.comparison.quarantined == ()


def test_a_damaged_outcome_is_named_before_anything_is_asked(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    (first.folder / "outcome.json").write_text('{"format": 2, "started"', encoding="utf-8")
    counting = server()
    with pytest.raises(ExportError, match=r"outcome\.json: not the outcome of a run"):
        wait(evaluate(counting, project()))
    assert counting.requests == []
    (first.folder / "outcome.json").write_text('{"started": "2020"}', encoding="utf-8")
    assert wait(evaluate(server(), project())).earlier == (), "another version's is passed over"


def test_one_run_is_not_asked_twice_at_once(
    project: Callable[[], Project], server: Callable[..., Server]
) -> None:
    wait(ingest(server(), project()))
    first = wait(evaluate(server(), project()))
    with (
        only_one(first.folder / LOCK, what="the run"),
        pytest.raises(RunInvalid, match="is running already"),
    ):
        wait(evaluate(server(), project(), Ask(resume=first.spec.run_id)))


def many(project: Project, count: int) -> GoldenSet:
    questions = project.questions.questions
    return GoldenSet(tuple(replace(questions[i % 10], id=f"q{i}") for i in range(count)))


def test_the_canaries_of_a_run_hold_when_they_are_asked_again_and_not_after_other_pages(
    project: Callable[[], Project], server: Callable[..., Server], tmp_path: Path
) -> None:
    async def ask(canaries: tuple[Canary, ...]) -> Drift:
        async with server().client() as client:
            return await check(client, canaries)

    wait(ingest(server(), project()))
    canaries = choose(wait(evaluate(server(), project())).results)
    assert len(canaries) == 5
    assert wait(ask(canaries)).seen == (Seen.SAME,) * 5
    for topic in TOPICS:
        page = tmp_path / "exports" / f"{topic}.md"
        page.write_text(f"# The {topic}\n\n## Care\n\nNever rinse the {topic}.\n", encoding="utf-8")
    wait(ingest(server(), project()))
    changed = wait(ask(canaries))
    assert (changed.is_stale, changed.has_moved) == (True, False)
