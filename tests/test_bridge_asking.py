"""What goes to Dify with a question: only what its app asks for, and files from Chatwoot and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from httpx_aiohttp import HttpxAiohttpClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.answering import Answering
from bridge.asking.apps import AGAIN, FRESH, Profiles
from bridge.asking.enclosing import Enclosing
from bridge.asking.fetch import Fetcher, origin_of
from bridge.asking.inputs import Situation, fill, lacking, wants_contact
from bridge.chatwoot.wire import Shown
from bridge.conversation import Facts
from bridge.events import Attachment
from bridge.settings import Mode, Patience
from bridge.speech import Kind, Manner
from bridge.speech.words import ENGLISH, WORDS
from bridge.tables.trace import Note, Subject
from bridge.tables.turns import Decided, Work
from kbtool.dify.conversations import FileRules, InputField, UploadedFile
from kbtool.dify.wire import apps as wire
from kbtool.embedded import AppSettings, CannedAnswer
from kbtool.embedded import InputField as EngineInput
from kbtool.errors import Rejected, Unavailable
from kbtool.handoff import Policy
from kbtool.model import Answer, Hit, Question
from tests.server import APP, over_http, run, served

RECORDED = Path(__file__).parent / "contract" / "dify"
SITUATION = Situation(
    214, 3, "Channel::WebWidget", "de", ("Wo ist es?", "Hallo?"), {"name": "Ada", "email": "a@b"}
)

# Variables

FIELD = st.builds(
    InputField,
    st.sampled_from(["language", "history", "conversation_id", "contact_name", "contact_email", "plan"]),
    st.booleans(),
    st.sampled_from([None, 1, 48]),
)


def fields(*names: str, required: bool = False, longest: int | None = None) -> list[InputField]:
    return [InputField(name, required, longest) for name in names]


def test_the_apps_variables_are_filled_from_the_conversation() -> None:
    wanted = fields("conversation_id", "inbox_id", "channel", "language", "history", "contact_name")
    assert fill(wanted, SITUATION, {"name"}) == {
        "conversation_id": "214",
        "inbox_id": "3",
        "channel": "WebWidget",
        "language": "de",
        "history": "Wo ist es?\nHallo?",
        "contact_name": "Ada",
    }


@given(st.lists(FIELD, unique_by=lambda one: one.name), st.sets(st.sampled_from(["name", "email"])))
def test_an_app_is_told_only_what_it_declares_and_what_may_be_told(
    declared: list[InputField], allowed: set[str]
) -> None:
    filled = fill(declared, SITUATION, allowed)
    assert filled.keys() <= {one.name for one in declared}
    assert {name for name in filled if name.startswith("contact_")} <= {f"contact_{name}" for name in allowed}
    bounds = {one.name: one.longest for one in declared}
    assert all(len(value) <= (bounds[name] or len(value)) for name, value in filled.items())
    missing = lacking(declared, filled)
    assert all(one.is_required for one in declared if one.name in missing)
    assert wants_contact(declared, allowed) == any(
        one.name.removeprefix("contact_") in allowed for one in declared if one.name.startswith("contact_")
    )


# What an app says of the files that it takes


def recorded(name: str) -> Any:
    (path,) = RECORDED.glob(f"{name}-*.json")
    return json.loads(path.read_text(encoding="utf-8"))["response"]


@pytest.mark.parametrize("name", ["249", "354", "451"])
def test_the_recorded_apps_take_no_file(name: str) -> None:
    assert wire.parse_parameters(recorded(name)).files == FileRules()


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("upload", "kinds", "most"),
    [
        ({"image": {"enabled": True, "number_limits": 2}}, {"image"}, 2),
        ({"image": {"enabled": True, "transfer_methods": ["remote_url"]}}, set(), 0),
        (
            {"enabled": True, "allowed_file_types": ["image", "document", "custom"], "number_limits": 3,
             "allowed_file_upload_methods": ["local_file"]},
            {"image", "document"},
            3,
        ),
        ({"enabled": True, "allowed_file_types": ["image"]}, {"image"}, 1),
        ({"enabled": False, "allowed_file_types": ["image"]}, set(), 0),
        ({}, set(), 0),
        (None, set(), 0),
    ],
)  # fmt: skip
def test_the_files_that_an_app_takes(upload: Any, kinds: set[str], most: int) -> None:
    rules = wire.parse_parameters(recorded("451") | {"file_upload": upload}).files
    assert (rules.kinds, rules.most) == (frozenset(kinds), most)
    assert rules.takes("image", 10 * MEGABYTE) == ("image" in kinds)
    assert not rules.takes("image", 10 * MEGABYTE + 1)


def test_an_app_is_looked_up_once_in_a_while() -> None:
    async def story() -> None:
        now = [0.0]
        async with over_http(apps=(replace(APP, mode="agent-chat"),)) as its:
            profiles = Profiles(its.client, clock=lambda: now[0])
            found = await asyncio.gather(*(profiles.profile() for _ in range(5)))
            assert {profile.mode for profile in found} == {"agent-chat"}
            now[0] = FRESH - 1
            await profiles.profile()
            assert its.asked == ["GET /v1/info", "GET /v1/parameters"]
            now[0] = FRESH
            await profiles.profile()
            assert len(its.asked) == 4

    run(story())


def test_an_app_that_could_not_be_looked_up_is_not_known_and_soon_looked_up_again() -> None:
    async def story() -> None:
        now = [0.0]
        async with over_http(CannedAnswer("/parameters", 500, {"message": "no"}), attempts=1) as its:
            profiles = Profiles(its.client, clock=lambda: now[0])
            assert (await profiles.profile()).mode == ""
            now[0] = AGAIN - 1
            assert (await profiles.profile()).mode == ""
            now[0] = AGAIN
            assert (await profiles.profile()).mode == "chat"

    run(story())


# Fetching

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 1000


FILES = {
    "a.png": Response(PNG, media_type="image/png"),
    "a.html": Response(b"<script>", media_type="text/html"),
    "a.svg": Response(b"<svg/>", media_type="image/svg+xml"),
    "large.png": Response(PNG * 20, media_type="image/png"),
    "loop": RedirectResponse("/loop", 302),
}


@asynccontextmanager
async def storage() -> AsyncIterator[tuple[str, list[Request]]]:
    """A host with files, and what it was asked for. One of them has no length, and does not end soon."""
    asked: list[Request] = []

    async def send(request: Request) -> Response:
        asked.append(request)
        name = request.path_params["name"]
        if name == "to":
            return RedirectResponse(request.query_params["url"], 302)
        if name == "slow":
            await asyncio.sleep(1)
        if name == "long":
            return StreamingResponse(parts(), media_type="image/png")
        return FILES.get(name) or Response(status_code=404)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"0" * 4096
            await asyncio.sleep(0.005)

    async with served(Starlette(routes=[Route("/{name}", send)])) as address:
        yield address, asked


def fetch(path: str, *origins: str, largest: int = 10_000, is_other: bool = False) -> tuple[Any, int]:
    """What comes of fetching `path` of a host; `is_other`: that host is not Chatwoot's. And its requests."""

    async def story() -> tuple[Any, int]:
        async with storage() as (address, asked), storage() as (other, elsewhere):
            async with HttpxAiohttpClient(base_url=address, headers={}) as http:
                fetcher = Fetcher.of(http, address, origins)
                fetcher = replace(fetcher, deadline=0.5)
                try:
                    found: Any = await fetcher.fetch(
                        (other if is_other else address) + path.format(other=other), largest, ["image/png"]
                    )
                except (Rejected, Unavailable) as error:
                    found = error
            assert not any("api-access-token" in request.headers for request in asked)
            return found, len(elsewhere)

    return run(story())


def test_a_file_of_chatwoots_is_fetched() -> None:
    found, _ = fetch("/a.png")
    assert (found.content, found.media_type) == (PNG, "image/png")
    found, _ = fetch("/to?url=/a.png")
    assert found.content == PNG


@pytest.mark.parametrize(
    ("path", "is_other", "why"),
    [
        ("/a.png", True, "not Chatwoot's"),
        ("/to?url={other}/a.png", False, "not Chatwoot's"),
        ("/to?url=http://169.254.169.254/latest", False, "not Chatwoot's"),
        ("/to?url=file:///etc/passwd", False, "no http address"),
        ("/loop", False, "leads from one to the next"),
        ("/a.html", False, "text/html"),
        ("/a.svg", False, "image/svg+xml"),
        ("/long", False, "more than 10000 bytes"),
        ("/large.png", False, "more than 10000 bytes"),
        ("/missing", False, "404"),
        ("/slow", False, "could not be fetched"),
    ],
)
def test_nothing_else_is_fetched_nor_anybody_else_asked(path: str, *, is_other: bool, why: str) -> None:
    found, elsewhere = fetch(path, is_other=is_other)
    assert isinstance(found, (Rejected, Unavailable))
    assert why in found.message
    assert elsewhere == 0


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://chat.example/a", "https://chat.example:443"),
        ("https://chat.example@evil.example/a", "https://evil.example:443"),
        ("https://chat.example:8443", "https://chat.example:8443"),
        ("HTTPS://CHAT.example", "https://chat.example:443"),
        ("https://chat.example.evil.example", "https://chat.example.evil.example:443"),
        ("ftp://chat.example", ""),
        ("//chat.example", ""),
        ("chat.example", ""),
        ("http://[::1", ""),
        ("", ""),
    ],
)
def test_an_origin_is_scheme_host_and_port_as_a_client_would_go_there(address: str, origin: str) -> None:
    assert origin_of(address) == origin


# A whole question


@dataclass
class Listening:
    """A Dify client that is listened to."""

    client: Any
    asked: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[tuple[str, str, str]] = field(default_factory=list)
    forgets: set[str] = field(default_factory=set)

    async def chat(
        self,
        question: Question,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, Any] | None = None,
        files: Sequence[UploadedFile] = (),
    ) -> Answer:
        self.asked.append(
            {"query": question.text, "user": user, "conversation": conversation_id,
             "inputs": dict(inputs or {}), "files": [file.name for file in files]}
        )  # fmt: skip
        answer: Answer = await self.client.chat(
            question, user=user, conversation_id=conversation_id, inputs=inputs, files=files
        )
        return answer

    async def app_info(self) -> Any:
        return await self.client.app_info()

    async def app_parameters(self) -> Any:
        return await self.client.app_parameters()

    async def upload_file(
        self, name: str, content: bytes, *, user: str, media_type: str = ""
    ) -> UploadedFile:
        self.uploads.append((name, user, media_type))
        uploaded: UploadedFile = await self.client.upload_file(
            name, content, user=user, media_type=media_type
        )
        return uploaded


class Desk:
    """Who knows the contact."""

    looked, typed = 0, 0

    async def conversation(self, account: int, conversation: int) -> Shown:
        assert (account, conversation) == (1, 214)
        self.looked += 1
        return Shown(
            "pending", False, frozenset(), contact=(("name", "Ada"), ("email", "a@b"), ("custom_plan", "pro"))
        )

    async def type(self, account: int, conversation: int, *, is_on: bool) -> None:
        assert (account, conversation, is_on) == (1, 214, True)
        self.typed += 1
        raise Unavailable("Chatwoot is slow today")


NOTHING = Facts()


@dataclass
class Asked:
    decided: Decided
    notes: list[Note]
    dify: Listening
    desk: Desk


def decide(
    app: AppSettings,
    text: str = "How long do refunds take?",
    *attachments: str,
    facts: Facts = NOTHING,
    allowed: frozenset[str] = frozenset(),
    places: int = 0,
) -> Asked:
    """One question to an app of the embedded engine, decided. `attachments` are paths at Chatwoot's host."""

    async def story() -> Asked:
        async with over_http(apps=(app,)) as its, storage() as (address, _):
            await its.dataset("Refunds take thirty days. " * 10)
            async with HttpxAiohttpClient(base_url=address) as http:
                dify, desk, notes = Listening(its.client), Desk(), list[Note]()

                async def tell(note: Note) -> None:
                    notes.append(note)

                answering = Answering(
                    dify, Policy(threshold=0.01), Patience(answer=5.0),
                    enclosing=Enclosing(dify, Fetcher.of(http, address), allowed),
                    places=asyncio.Semaphore(places) if places else None,
                )  # fmt: skip
                files = tuple(Attachment("image", address + path, "image/png", 1008) for path in attachments)
                work = Work(Subject("kbtool", 1, 214, 9001), text, 1.0, files, 101, 0)
                manner = Manner("Channel::WebWidget")
                decided = await answering.decide(
                    work,
                    facts,
                    ("Was ist mit meiner Bestellung?",),
                    Mode.REPLY,
                    tell,
                    manner=manner,
                    desk=desk,
                )
                return Asked(decided, notes, dify, desk)

    return run(story())


FORM = tuple(
    EngineInput(name, required=False) for name in ("language", "history", "contact_name", "contact_email")
)


def test_an_app_gets_its_variables_when_its_conversation_begins() -> None:
    asked = decide(replace(APP, inputs=FORM), allowed=frozenset({"name"}))
    (question,) = asked.dify.asked
    assert question["user"] == "chatwoot-1-101"
    assert question["inputs"] == {
        "language": "en",
        "history": "Was ist mit meiner Bestellung?",
        "contact_name": "Ada",
    }
    assert asked.desk.looked == 1
    assert asked.decided.outcome.action == "reply"
    assert asked.decided.facts.dify_conversation


def test_the_contact_is_not_looked_up_where_nothing_of_it_may_be_told() -> None:
    asked = decide(replace(APP, inputs=FORM))
    assert "contact_name" not in asked.dify.asked[0]["inputs"]
    assert asked.desk.looked == 0


def test_a_conversation_that_dify_lost_begins_anew_with_its_variables() -> None:
    lost = Facts(dify_conversation="6d6b78f3-5484-4e2a-bf32-d635ef5786b4")
    asked = decide(replace(APP, inputs=FORM), facts=lost)
    assert [(one["conversation"], bool(one["inputs"])) for one in asked.dify.asked] == [
        (lost.dify_conversation, False),
        ("", True),
    ]
    assert asked.decided.outcome.action == "reply"


def test_an_app_that_requires_what_nobody_knows_means_a_person_with_the_reason() -> None:
    asked = decide(replace(APP, inputs=(EngineInput("order_number"),)))
    assert asked.dify.asked == []
    assert asked.decided.outcome.reason == "ai_unavailable"
    note = next(post for post in asked.decided.posts if post.kind is Kind.NOTE)
    assert "order_number" in note.text


def test_an_app_that_holds_no_conversation_means_a_person_with_the_reason() -> None:
    asked = decide(replace(APP, mode="completion"))
    assert asked.dify.asked == []
    note = next(post for post in asked.decided.posts if post.kind is Kind.NOTE)
    assert "completion app" in note.text


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat"])
def test_every_app_that_holds_a_conversation_is_asked(mode: Any) -> None:
    asked = decide(replace(APP, mode=mode), places=1)
    assert (asked.decided.outcome.action, len(asked.dify.asked)) == ("reply", 1)


SEES = replace(APP, file_types=("image",))


def test_a_picture_goes_to_an_app_that_takes_pictures() -> None:
    asked = decide(SEES, "What do refunds take?", "/a.png", "/to?url=/a.png")
    assert asked.dify.asked[0]["files"] == ["image-1.png", "image-2.png"]
    assert asked.dify.uploads == [(f"image-{n}.png", "chatwoot-1-101", "image/png") for n in (1, 2)]


def test_a_picture_alone_is_a_question_to_an_app_that_sees() -> None:
    asked = decide(SEES, "", "/a.png")
    assert asked.dify.asked[0]["query"] in {words.look_at for words in WORDS.values()}


def test_a_picture_alone_goes_to_a_person_where_the_app_is_blind() -> None:
    asked = decide(APP, "", "/a.png")
    assert asked.dify.asked == []
    assert asked.decided.outcome.reason == "no_text"


def test_a_file_that_cannot_be_had_is_told_of_and_the_question_asked() -> None:
    asked = decide(SEES, "How long do refunds take?", "/missing")
    assert asked.dify.asked[0]["files"] == []
    assert any("404" in note.text for note in asked.notes)
    assert asked.decided.outcome.action == "reply"


def test_typing_that_fails_disturbs_nobody() -> None:
    asked = decide(APP)
    assert asked.desk.typed == 1
    assert asked.decided.outcome.action == "reply"


def test_what_the_words_decide_alone_is_neither_asked_nor_typed_at() -> None:
    asked = decide(APP, "I want to talk to a human")
    assert (asked.dify.asked, asked.desk.typed) == ([], 0)
    assert asked.decided.posts[0].text == ENGLISH.handoff


# Bounds


class Queue:
    """A Dify that answers when it is told to, and counts who waits inside."""

    def __init__(self) -> None:
        self.inside, self.most = 0, 0
        self.released = asyncio.Event()

    async def chat(self, question: Question, **_: Any) -> Answer:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.released.wait()
        self.inside -= 1
        return Answer(question, "Thirty days.", (Hit("c", "d", "n", "Thirty days.", 0.9),))


def test_an_app_is_asked_as_many_questions_at_once_as_it_has_places() -> None:
    async def story() -> None:
        queue = Queue()
        answering = Answering(queue, Policy(), Patience(answer=5.0), places=asyncio.Semaphore(2))

        async def tell(_: Note) -> None:
            pass

        works = [
            Work(Subject("kbtool", 1, n, n), "How long do refunds take?", 1.0, (), n, 0) for n in range(6)
        ]
        turns = [asyncio.create_task(answering.decide(w, Facts(), (), Mode.REPLY, tell)) for w in works]
        await asyncio.sleep(0.05)
        assert queue.inside == 2
        queue.released.set()
        decided = await asyncio.gather(*turns)
        assert queue.most == 2
        assert {one.outcome.action for one in decided} == {"reply"}

    run(story())


def test_waiting_for_a_place_counts_as_waiting_for_the_answer() -> None:
    async def story() -> None:
        answering = Answering(Queue(), Policy(), Patience(answer=0.05), places=asyncio.Semaphore(0))

        async def tell(_: Note) -> None:
            pass

        work = Work(Subject("kbtool", 1, 1, 1), "How long do refunds take?", 1.0, (), 1, 0)
        decided = await answering.decide(work, Facts(), (), Mode.REPLY, tell)
        assert decided.outcome.reason == "ai_unavailable"

    run(story())


@settings(deadline=None)
@given(st.sampled_from(["provider_quota_exceeded", "provider_not_initialize"]))
def test_a_used_up_quota_is_told_from_other_refusals_and_not_tried_again(code: str) -> None:
    class Refusing:
        asked = 0

        async def chat(self, question: Question, **_: Any) -> Answer:
            self.asked += 1
            raise Unavailable(f"no answer to {question.text}", status=400, code=code)

    async def story() -> None:
        async def no_wait(_: float) -> None:
            pass

        async def tell(_: Note) -> None:
            pass

        refusing = Refusing()
        answering = Answering(refusing, Policy(), Patience(attempts=3), sleep=no_wait)
        work = Work(Subject("kbtool", 1, 1, 1), "How long do refunds take?", 1.0, (), 1, 0)
        decided = await answering.decide(work, Facts(), (), Mode.REPLY, tell)
        is_quota = code == "provider_quota_exceeded"
        assert decided.outcome.reason == ("quota_spent" if is_quota else "ai_unavailable")
        assert refusing.asked == (1 if is_quota else 3)

    run(story())
