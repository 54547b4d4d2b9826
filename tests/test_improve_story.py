"""The story of the queue in the sandbox: a draft is edited, the edit comes up, and the next run asks it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from bridge.improve.items import Kind
from bridge.improve.remedies import golden_of
from bridge.improve.rows import OTHER, visited
from bridge.kpi.rows import rows
from bridge.sandbox.records import ContactInbox, User
from bridge.settings import Mode
from bridge.tables.drafts import Draft, Drafted, State
from bridge.tables.fates import dealt
from bridge.tables.trace import Subject
from kbtool.cli import app
from kbtool.cli.bridge.workshop import workshop
from kbtool.config import load
from kbtool.golden import accepting
from kbtool.golden import load as load_golden
from kbtool.kpi.rows import Fate
from tests.bridging import Said, Stand, stand
from tests.improving import project
from tests.server import run
from tests.waiting import until

ASKED = "Do you ship to Iceland?"
AI = "We ship to all countries of the European Union, and to Norway. We do not ship to Iceland."
EDITED = "We ship to all countries of the European Union, and to Norway. Iceland is planned for May."
OWN = "Please call us: +49 151 2345678."
DIFY = {ASKED: Said(AI, 0.9, ("Shipping › Countries\n\nWe do not ship to Iceland.",))}


def person(at: Stand) -> User:
    return next(iter(at.sandbox.state.directory.users.values()))


async def drafted(at: Stand) -> ContactInbox:
    visit = at.ask(ASKED)
    await at.until(lambda: len(at.notes(visit)) == 1)
    return visit


def test_an_edited_draft_becomes_a_golden_question_that_the_next_run_asks(tmp_path: Path) -> None:
    config = project(tmp_path)

    async def scenario() -> None:
        async with (
            workshop(load(config)) as at_hand,
            stand(tmp_path, DIFY, mode=Mode.DRAFT) as at,
            at.bridge(workshop=at_hand) as bridge,
        ):
            visit = await drafted(at)
            at.sandbox.state.reply(at.conversation(visit), EDITED, person(at))

            async def listed() -> str:
                text = (await at.http.get(f"{at.ops}/queue")).text
                return text if f">{ASKED}<" in text else ""

            page = await until(listed)
            assert "draft edited" in page
            (path,) = set(re.findall(r'href="(/queue/\w+)"', page))
            text = (await at.http.get(f"{at.ops}{path}")).text
            assert AI in text
            assert EDITED in text
            (token,) = set(re.findall(r'name="token" value="([^"]+)"', text))
            form = {"token": token, "place": "0", "question": ASKED}
            headers = {"origin": at.ops, "content-type": "application/x-www-form-urlencoded"}
            answer = await at.http.post(f"{at.ops}{path}/golden", content=urlencode(form), headers=headers)
            assert answer.status_code == 303
            assert not await listed()
            found = await bridge.store.read(lambda c: rows(c, 0.0, time.time()))
            assert [one.fate for one in found.drafted] == [Fate.EDITED]

    run(scenario())

    def kbtool(*words: str) -> str:
        return CliRunner().invoke(app, [*words, "--config", str(config)], catch_exceptions=False).output

    (proposed,) = json.loads(kbtool("golden", "accept", "--json"))
    assert proposed["question"] == ASKED
    assert json.loads(kbtool("golden", "accept", proposed["id"], "--json")) == [proposed["id"]]
    assert json.loads(kbtool("golden", "accept", "--json")) == []
    kbtool("eval", "run", "--target", "retrieval")
    (replies,) = (tmp_path / "reports").glob("**/replies.jsonl")
    asked = [json.loads(line) for line in replies.read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in asked] == [proposed["id"]]
    assert asked[0]["retrieved"][0]["doc"] == "shipping"


def test_another_answer_is_a_discarded_draft_and_what_was_pasted_is_none_of_the_queue(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY, mode=Mode.DRAFT) as at, at.bridge() as bridge:
            for answer in (OWN, f"{AI} "):
                visit = await drafted(at)
                at.sandbox.state.reply(at.conversation(visit), answer, person(at))

            async def decided() -> bool:
                found = await bridge.store.read(lambda c: rows(c, 0.0, time.time()))
                return sorted(one.fate for one in found.drafted) == [Fate.OTHER, Fate.SENT]

            await until(decided)
        (item,) = visited(at.settings.store, 0.0)
        assert (item.kind, item.reason, item.answer) == (Kind.DISCARDED, OTHER, AI)
        assert item.human == "Please call us: [number]."
        assert item.section == "Shipping › Countries"
        assert item.agent == person(at).id

    run(scenario())


def test_without_the_knowledge_base_at_hand_the_queue_shows_and_dismisses_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at, at.bridge():
            visit = at.ask("I want to talk to a human")
            await at.until(lambda: at.status(visit) == "open")
            (path,) = re.findall(r'href="(/queue/\w+)"', (await at.http.get(f"{at.ops}/queue")).text)
            text = (await at.http.get(f"{at.ops}{path}")).text
            assert "nothing can be written" in text
            assert f"{path}/golden" not in text
            (token,) = set(re.findall(r'name="token" value="([^"]+)"', text))
            for what, done in (
                ("golden", "nowhere"),
                ("stub", "nowhere"),
                ("dismiss", "dismissed"),
                ("dismiss", "gone"),
            ):
                answer = await at.http.post(
                    f"{at.ops}{path}/{what}", data={"token": token}, headers={"origin": at.ops}
                )
                assert answer.headers["location"] == f"/queue?done={done}"

    run(scenario())


def test_proposals_are_accepted_into_a_golden_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kb.toml").write_text("", encoding="utf-8")
    kbtool = CliRunner()
    assert "Nothing is proposed" in kbtool.invoke(app, ["golden", "accept"]).output
    for question in (ASKED, "Do you ship to Norway?"):
        accepting.add(tmp_path / "evals/proposals/queue.yaml", golden_of(question, None), tmp_path)
    listed = kbtool.invoke(app, ["golden", "accept"]).output
    assert "no page answers it" in listed
    assert "2 proposals" in listed
    refused = kbtool.invoke(app, ["golden", "accept", "--all", "--into", "notes.yaml"])
    assert "notes.yaml is no golden file" in str(refused.exception)
    assert (
        "2 questions moved to evals/accepted.yaml" in kbtool.invoke(app, ["golden", "accept", "--all"]).output
    )
    assert len(load_golden(tmp_path, ["evals/*.yaml"]).questions) == 2


@pytest.mark.parametrize(
    ("state", "sent", "distance", "fate"),
    [
        (State.SENT, AI, 0, Fate.SENT),
        (State.EDITED, EDITED, 30, Fate.EDITED),
        (State.DISCARDED, "", None, Fate.DISCARDED),
        (State.BY_HAND, AI, 0, Fate.SENT),
        (State.BY_HAND, EDITED, 30, Fate.EDITED),
        (State.BY_HAND, OWN, 80, Fate.OTHER),
        (State.OPEN, "", None, None),
        (State.SENDING, AI, None, None),
        (State.SUPERSEDED, "", None, None),
    ],
)
def test_what_a_person_made_of_a_draft(
    state: State, sent: str, distance: int | None, fate: Fate | None
) -> None:
    subject = Subject("kbtool", 1, 7, 9)
    draft = Draft(subject, 0.0, Drafted(ASKED, AI, "reply", "answered"), state, sent, distance)
    found = dealt(draft)
    assert (found.fate if found else None) is fate


def test_where_the_ai_had_nothing_to_say_no_draft_was_refused() -> None:
    empty = Drafted(ASKED, "", "handoff", "no_sources")
    draft = Draft(Subject("kbtool", 1, 7, 9), 0.0, empty, State.BY_HAND, OWN, len(OWN))
    assert dealt(draft) is None
