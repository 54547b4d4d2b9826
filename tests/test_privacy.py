"""Export and erasure of a contact: nothing of theirs is left, nothing of anybody else's is touched."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from typer.testing import CliRunner, Result

from bridge.conversation import Facts
from bridge.events import Rating
from bridge.privacy import compacting, erasing
from bridge.privacy.compacting import compact
from bridge.privacy.erasing import IN_HAND, SENDING, UNSORTED, WAITS
from bridge.privacy.export import LEFT_OUT, stored
from bridge.privacy.finding import Found, Who, find
from bridge.privacy.written import Place, places, words_of
from bridge.store import open_store
from bridge.store.schema import (
    conversations,
    deliveries,
    drafts,
    messages,
    metadata,
    posts,
    turns,
)
from bridge.store.visit import visit
from bridge.tables import drafts as drafting
from bridge.tables import inbox, known, leases, ratings, stream
from bridge.tables.drafts import Drafted, Source
from bridge.tables.trace import Step, Subject, note, record
from kbtool.cli import app
from kbtool.errors import ConfigError, Unavailable
from kbtool.events import Event, Kind
from tests.bridging import stand
from tests.postgres import database
from tests.server import over_http, run

WORD, MAIL, PHONE = "Quillonvertex", "quillon@vertex.example", "0171 555 01 99"
CANARY = f"{WORD} here, {MAIL}, {PHONE}: where is my blue lamp that I ordered in spring?"
CANARIES = (WORD, MAIL, PHONE)
NEIGHBOUR = "May I send the green chair back after thirty days?"
CONTACT, OTHER = 7, 8
BODY = {
    "event": "message_created", "id": 11, "content": CANARY, "message_type": "incoming", "account": {"id": 1},
    "sender": {"id": CONTACT, "type": "contact", "email": MAIL, "pubsub_token": "opens-something"},
    "conversation": {"id": 1, "status": "pending", "updated_at": 5.0},
}  # fmt: skip


def fill(connection: Connection, conversation: int, contact: int, words: str) -> None:
    """A conversation with something in every table, and a message of every kind of speaker."""
    at = Subject("kbtool", 1, conversation, conversation * 1000)
    facts = Facts(
        status="open", status_at=5.0, dify_conversation=words[:60], language=words[:20],
        labels=(words,), inbox=1,
    )  # fmt: skip
    known.add(connection, at, facts, None)
    key = {"bot": "kbtool", "account": 1, "conversation": conversation, "verdict": "asks", "state": "done"}
    for number, role in enumerate(["customer", "person", "bot", "note"] * 15):
        said = {
            "id": at.message + number, "at": 5.0, "received_at": 5.0, "role": role, "mark": words[:30],
            # Chatwoot's agents and bots have numbers of their own, which may be those of contacts.
            "contact": contact if role == "customer" else CONTACT,
            "text": words * (1 + number % 7 * 20),  # on pages of their own, too
            "attachments": [{"kind": "image", "url": f"https://chat.example.com/{words}"}],
        }  # fmt: skip
        connection.execute(messages.insert(), key | said)
    turn = {"message": at.message, "at": 5.0, "action": "reply", "reason": "answered", "score": 0.9}
    connection.execute(
        turns.insert(),
        {name: value for name, value in key.items() if name not in {"verdict", "state"}} | turn,
    )
    post = {"bot": "kbtool", "account": 1, "message": at.message, "number": 0, "kind": "reply", "text": words}
    connection.execute(posts.insert(), post | {"state": "sent", "begun_at": 5.0, "posted": 4})
    drafted = Drafted(words, f"Dear {words}", "reply", "answered", 0.8, 0.5, (Source(words),))
    drafting.add(connection, at, drafted, 5.0)
    record(connection, at, 5.0, note(Step.ERROR, f"refused: {words}", why=words))
    survey = Subject("kbtool", 1, conversation, at.message + 500)
    ratings.keep(connection, survey, Rating(1, words), 5.0)
    ratings.close(connection, at, 6.0)
    place = {"bot": "kbtool", "account": 1, "conversation": conversation}
    told = Event(Kind.CSAT, f"{conversation}", 6.0, "s", place | {"rating": 1, "comment": words})
    stream.add(connection, told, "/kbtool/bridge", 6.0)


def fill_all(connection: Connection) -> None:
    """Both contacts' conversations, bodies that were sorted and are gone, and one that nobody could read."""
    for number in range(20):
        inbox.accept(connection, "kbtool", f"d{number}", (CANARY * 100).encode(), 5.0)
    ids = list(connection.execute(select(deliveries.c.id)).scalars())
    inbox.set_sorted(connection, ids)
    fill(connection, 1, CONTACT, CANARY)
    fill(connection, 2, OTHER, NEIGHBOUR)
    inbox.accept(connection, "kbtool", "torn", b'{"content": "' + CANARY.encode(), 5.0)
    inbox.accept(connection, "kbtool", "theirs", json.dumps(BODY).encode(), 5.0)
    of_other = BODY | {"conversation": {"id": 2}, "sender": {"id": OTHER}, "content": NEIGHBOUR}
    inbox.accept(connection, "kbtool", "other's", json.dumps(of_other).encode(), 5.0)
    names = deliveries.c.delivery.in_(["torn", "theirs", "other's"])
    for number in list(connection.execute(select(deliveries.c.id).where(names)).scalars()):
        inbox.set_unreadable(connection, number)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A store as `visit` takes it, filled."""
    with database() if request.param == "postgresql" else _nothing() as url:
        path = tmp_path / "b.sqlite"
        run(make(path, url))
        yield path, url


@pytest.fixture
def on_file(tmp_path: Path) -> tuple[Path, str]:
    """The same on a file alone, for what no database does otherwise."""
    path = tmp_path / "b.sqlite"
    run(make(path, ""))
    return path, ""


@contextmanager
def _nothing() -> Iterator[str]:
    yield ""


async def make(path: Path, url: str) -> None:
    async with open_store(path, url) as opened:
        await opened.write(fill_all)


def erase(store: tuple[Path, str], who: Who, *, unanswered: bool = False) -> erasing.Erased:
    with visit(*store, writes=True) as connection:
        erasing.begin(connection)
        return erasing.erase(connection, find(connection, who), unanswered=unanswered)


def dump(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [row._asdict() for row in connection.execute(select(table))]
        for table in metadata.sorted_tables
    }


def others(dumped: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """Without the rows of conversation 1, whose messages are 1000 to 1999, and of unreadable deliveries."""

    def is_other(table: str, row: dict[str, Any]) -> bool:
        if table == "deliveries":
            return row["delivery"] not in {"torn", "theirs"}
        if table in {"conversations", "posts"}:
            return row["id" if table == "conversations" else "message"] not in {1, 1000}
        return row.get("conversation") != 1

    return [(table, row) for table, rows in dumped.items() for row in rows if is_other(table, row)]


def bytes_of(folder: Path) -> bytes:
    """Of the store's file, its log and whatever lies beside them."""
    return b"".join(path.read_bytes() for path in folder.glob("b*.sqlite*"))


def test_no_byte_of_an_erased_contact_is_left_and_the_neighbour_is_untouched(store: tuple[Path, str]) -> None:
    with visit(*store) as connection:
        before = dump(connection)
    done = erase(store, Who(contact=CONTACT))
    compact(*store)
    with visit(*store) as connection:
        after = dump(connection)
    assert done.conversations == 1
    assert not done.left
    assert done.rows == {
        "conversations": 1, "deliveries": 2, "drafts": 1, "messages": 60, "posts": 1, "ratings": 1,
        "stream": 1, "trace": 1,
    }  # fmt: skip
    told = json.dumps(after, default=lambda value: value.decode("utf-8", "replace"), ensure_ascii=False)
    assert not [one for one in CANARIES if one in told]
    assert others(after) == others(before)
    counted = ("turns", "closings", "messages", "ratings", "drafts")
    assert [len(after[name]) for name in counted] == [len(before[name]) for name in counted]
    if not store[1]:
        everything = bytes_of(store[0].parent)
        assert not [one for one in CANARIES if one.encode() in everything]
        assert NEIGHBOUR.encode() in everything


def test_erasing_again_finds_nothing_to_do(store: tuple[Path, str]) -> None:
    erase(store, Who(conversation=1))
    with visit(*store) as connection:
        before = dump(connection)
        assert erasing.plan(connection, find(connection, Who(conversation=1))).rows == {}
        assert find(connection, Who(contact=CONTACT)).subjects == ()
    assert erase(store, Who(conversation=1)).rows == {}
    assert erase(store, Who(contact=CONTACT)) == erasing.Erased(0)
    with visit(*store) as connection:
        assert dump(connection) == before


def test_the_plan_says_what_the_erasure_then_does(on_file: tuple[Path, str]) -> None:
    for who in (Who(contact=CONTACT), Who(contact=99), Who(conversation=2)):
        with visit(*on_file) as connection:
            planned = erasing.plan(connection, find(connection, who))
        assert erase(on_file, who) == planned


def test_an_export_has_every_row_of_the_contact_and_none_of_another(on_file: tuple[Path, str]) -> None:
    with visit(*on_file) as connection:
        kept = stored(connection, find(connection, Who(contact=CONTACT)))
        emptied = find(connection, Who(contact=99))
        assert not any(stored(connection, emptied)[name] for name in ("messages", "drafts", "deliveries"))
    counts = {name: len(rows) for name, rows in kept.items() if isinstance(rows, list)}
    assert counts == {
        "messages": 60, "conversations": 1, "turns": 1, "posts": 1, "drafts": 1, "trace": 1, "ratings": 1,
        "closings": 1, "deliveries": 1, "stream": 1,
    }  # fmt: skip
    assert kept["unattributed_deliveries"] == 1
    told = json.dumps(kept, ensure_ascii=False)
    assert NEIGHBOUR not in told
    assert kept["deliveries"][0]["body"]["sender"]["pubsub_token"] == LEFT_OUT
    assert kept["conversations"][0]["status_at"] == "1970-01-01T00:00:05.000+00:00"
    assert kept["conversations"][0]["person_at"] is None


# What is under way


def _own(connection: Connection) -> None:
    connection.execute(conversations.update().where(conversations.c.id == 1).values(owner="a bridge"))


def _wait(connection: Connection) -> None:
    connection.execute(messages.update().where(messages.c.id == 1000).values(state="waiting"))


def _send(connection: Connection) -> None:
    connection.execute(posts.update().where(posts.c.message == 1000).values(state="sending"))


def _send_draft(connection: Connection) -> None:
    connection.execute(drafts.update().where(drafts.c.conversation == 1).values(state="sending"))


def _deliver(connection: Connection) -> None:
    inbox.accept(connection, "kbtool", "new", json.dumps(BODY).encode(), 6.0)


@pytest.mark.parametrize(
    ("happens", "why", "is_ended"),
    [
        (_own, IN_HAND, False),
        (_wait, WAITS, True),
        (_send, SENDING, False),
        (_send_draft, SENDING, False),
        (_deliver, UNSORTED, False),
    ],
)
def test_what_is_under_way_is_left_and_said(
    on_file: tuple[Path, str], happens: Callable[[Connection], None], why: str, is_ended: bool
) -> None:
    with visit(*on_file, writes=True) as connection:
        happens(connection)
    with visit(*on_file) as connection:
        before = dump(connection)
    done = erase(on_file, Who(contact=CONTACT))
    assert [one.why for one in done.left] == [why]
    with visit(*on_file) as connection:
        kept = dump(connection)
    assert kept | {"deliveries": []} == before | {"deliveries": []}
    done = erase(on_file, Who(contact=CONTACT), unanswered=True)
    assert [one.why for one in done.left] == ([] if is_ended else [why])
    if is_ended:
        with visit(*on_file) as connection:
            states = connection.execute(select(messages.c.state).where(messages.c.id == 1000))
            assert states.scalar_one() == "done"


def test_no_bridge_begins_with_a_conversation_that_is_being_erased() -> None:
    """On a PostgreSQL several work at a time: what an erasure looks at is claimed by none until its end."""

    async def make_due(url: str) -> None:
        async with open_store(Path("none"), url) as opened:
            await opened.write(fill_all)
            await opened.write(lambda c: leases.join(c, "a bridge"))
            await opened.write(_wait)
            await opened.write(lambda c: c.execute(conversations.update().values(due_at=1.0)))

    with database() as url:
        run(make_due(url))
        with visit(Path("none"), url, writes=True) as mine:
            erasing.erase(mine, find(mine, Who(contact=CONTACT)), unanswered=True)
            with visit(Path("none"), url, writes=True) as theirs:
                claimed = leases.claim(theirs, "a bridge", ["kbtool"], 2.0, 10)
                assert [one.subject.conversation for one in claimed] == [2]
        with visit(Path("none"), url, writes=True) as theirs:
            assert leases.claim(theirs, "a bridge", ["kbtool"], 2.0, 10) == []


def test_a_draft_without_words_can_be_sent_no_more(on_file: tuple[Path, str]) -> None:
    erase(on_file, Who(contact=CONTACT))
    with visit(*on_file) as connection:
        assert [one.subject.conversation for one in drafting.waiting(connection, 10)] == [2]


def test_a_conversation_of_the_same_number_in_two_accounts_must_be_named(on_file: tuple[Path, str]) -> None:
    with visit(*on_file, writes=True) as connection:
        known.add(connection, Subject("kbtool", 2, 1), Facts(), None)
        with pytest.raises(ConfigError, match="in several accounts: 1, 2"):
            find(connection, Who(conversation=1))
        assert find(connection, Who(conversation=1, account=1)).contacts == ((1, CONTACT),)
        assert find(connection, Who(contact=CONTACT)).contacts == ((1, CONTACT), (2, CONTACT))
        assert find(connection, Who(contact=CONTACT, account=2)).subjects == ()


# The files of the database


def test_a_large_file_is_written_anew_only_while_no_bridge_works_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.sqlite"
    monkeypatch.setattr(compacting, "LARGEST_IN_PASSING", 10_000)

    async def scenario() -> None:
        async with open_store(path) as opened:
            await opened.write(fill_all)
            with pytest.raises(Unavailable, match="too many to write it anew while the bridge works"):
                compact(path)

    run(scenario())
    before = path.stat().st_size
    erase((path, ""), Who(contact=CONTACT))
    compact(path)
    assert path.stat().st_size < before


# The project's files


def test_their_words_are_found_in_the_projects_files_by_line(tmp_path: Path) -> None:
    said = f"{CANARY}\nAnd it's urgent for {MAIL}"
    folder = tmp_path / "evals"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "- id: q1\n  question: >\n    quillonvertex here, [email], [number]: where is my blue\n"
        "    lamp that I ordered in spring?\n    And it''s urgent for [email]\n"
        "- id: q2\n  question: 'Lamp?'\n"
    )
    (folder / "b.jsonl").write_text(json.dumps({"a": 1}) + "\n" + json.dumps({"q": said}) + "\n")
    (folder / "c.html").write_text(
        "<p>x</p>\n<p>" + said.replace("'", "&#39;").replace("\n", "\n<br>") + "</p>"
    )
    (folder / "d.png").write_bytes(said.encode())
    (folder / "e.md").write_text("Where is my lamp?")
    found = places([said, "Lamp?", ""], [folder, tmp_path / "none"])
    assert [Place(folder / "a.yaml", 3), Place(folder / "b.jsonl", 2), Place(folder / "c.html", 2)] == found


def test_words_are_looked_for_of_everything_that_the_contact_said(on_file: tuple[Path, str]) -> None:
    with visit(*on_file) as connection:
        texts = words_of(connection, find(connection, Who(contact=CONTACT)))
    assert CANARY in texts
    assert not any(NEIGHBOUR in text for text in texts)
    with visit(*on_file) as connection:
        assert words_of(connection, Found((), (), is_all=True)) == []


# The commands, beside a bridge and a Dify at work


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bridge", *arguments])


def test_a_contact_is_exported_and_erased_while_the_bridge_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIFY_APP_KEY", "app-test")
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "own.yaml").write_text(f"- id: q\n  question: '{CANARY}'\n")

    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, over_http() as its:
            at.chat = its.client
            await its.dataset("# Lamps\n\nA blue lamp that was ordered in spring comes within 30 days.")
            (tmp_path / "kb.toml").write_text(
                f'[dify]\nbase_url = "{its.address}/v1"\n[bridge]\nstore = "bridge.sqlite"\n'
            )
            async with at.bridge():
                mine, other = at.ask(CANARY), at.ask(NEIGHBOUR)
                await at.traced(mine, "posted")
                await at.traced(other, "posted")
                number, account = at.conversation(mine).contact.id, at.conversation(mine).account_id
                user = f"chatwoot-{account}-{number}"
                neighbour = f"chatwoot-{account}-{at.conversation(other).contact.id}"
                assert [one async for one in its.client.conversations(user)]
                shown = await asyncio.to_thread(command, "export", "--contact", str(number))
                assert shown.exit_code == 0, shown.output
                target = tmp_path / f"contact-{number}.json"
                told = json.loads(target.read_text())
                assert told["dify"][0]["conversations"][0]["messages"][0]["question"] == CANARY
                assert told["bridge"]["messages"][0]["text"] == CANARY
                assert stat.S_IMODE(target.stat().st_mode) == 0o600
                again = await asyncio.to_thread(command, "export", "--contact", str(number))
                assert "is there already" in str(again.exception)
                target.unlink()

                asked = await asyncio.to_thread(command, "erase", "--contact", str(number))
                assert asked.exit_code == 2, asked.output  # nobody is there to say yes
                assert "evals/own.yaml:2" in asked.output
                assert [one async for one in its.client.conversations(user)]
                done = await asyncio.to_thread(command, "erase", "--contact", str(number), "--yes")
                assert done.exit_code == 0, done.output
                assert "At Dify: 1 conversation deleted." in done.output
                assert "Chatwoot itself" in done.output
                assert [one async for one in its.client.conversations(user)] == []
                assert [one async for one in its.client.conversations(neighbour)]
                again = await asyncio.to_thread(command, "erase", "--contact", str(number), "--yes")
                assert again.exit_code == 0, again.output
                assert "Nothing is left to erase." in again.output

                kept = bytes_of(tmp_path)
                assert not [one for one in CANARIES if one.encode() in kept]
                assert NEIGHBOUR.encode() in kept
                at.ask("Where is my lamp?", mine)
                await at.traced(mine, "received")

    run(scenario())


def test_where_dify_fails_the_command_says_so_and_ends_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIFY_APP_KEY", "app-of-yesterday")
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    path = tmp_path / "b.sqlite"

    async def scenario() -> None:
        async with open_store(path) as opened:
            await opened.write(fill_all)
        async with over_http() as its:
            (tmp_path / "kb.toml").write_text(
                f'[dify]\nbase_url = "{its.address}/v1"\n[bridge]\nstore = "b.sqlite"\n'
            )
            refused = await asyncio.to_thread(command, "erase", "--conversation", "1", "--yes")
            assert isinstance(refused.exception, Unavailable)
            with visit(path) as connection:
                assert find(connection, Who(contact=CONTACT)).subjects
            exported = await asyncio.to_thread(command, "export", "--contact", str(CONTACT))
            assert exported.exit_code == 1
            assert json.loads((tmp_path / "contact-7.json").read_text())["dify"][0]["problem"]
            done = await asyncio.to_thread(command, "erase", "--contact", str(CONTACT), "--yes")
            assert done.exit_code == 1
            assert "Dify app (DIFY_APP_KEY)" in done.output
            assert WORD.encode() not in bytes_of(tmp_path)
            again = await asyncio.to_thread(command, "erase", "--conversation", "1", "--yes", "--no-dify")
            assert again.exit_code == 0, again.output

    run(scenario())


@pytest.mark.parametrize("arguments", [[], ["--contact", "1", "--conversation", "2"], ["--contact", "-1"]])
def test_a_request_must_say_about_whom_it_is(arguments: list[str]) -> None:
    assert isinstance(command("erase", *arguments).exception, ConfigError)
