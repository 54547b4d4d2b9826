"""Who may send a draft and who may not: every way in that is not the agent's own is refused, and logged."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bridge.pages import Language
from bridge.review.doors import A_MINUTE, WRONG
from bridge.review.words import WORDS, why
from bridge.sandbox.records import ContactInbox, MessageType
from bridge.settings import Mode, Review
from bridge.speech import QUOTA_SPENT, UNHEARD
from bridge.tables import drafts
from kbtool.handoff import Reason
from tests.bridging import Said, Stand, stand
from tests.reviewing import AGENT, SECRET, STRANGER
from tests.server import run
from tests.waiting import until

DRAFT = "You have 30 days."
ANSWERS = {"How long?": Said(DRAFT, 0.81), "And by post?": Said("By post too.", 0.7)}


@dataclass
class Browser:
    """Somebody with a browser, as far as a server sees of it."""

    at: Stand
    cookie: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.at.port}"

    async def get(self, path: str) -> httpx.Response:
        return await self._ask("GET", path, {})

    async def post(self, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        right = {"Origin": self.address, "Sec-Fetch-Site": "same-origin"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._ask("POST", path, right | given, form)

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self.address}/review{path}"
        kept = {"Cookie": f"__Host-kbtool-review={self.cookie}"} if self.cookie else {}
        answer = await self.at.http.request(method, url, data=form, headers=headers | kept)
        self.at.http.cookies.clear()
        return answer

    async def sign_in(self, token: str) -> httpx.Response:
        answer = await self.post("/in", {"token": token})
        found = re.match(r"__Host-kbtool-review=([^;]+)", answer.headers.get("set-cookie", ""))
        self.cookie = found[1] if found else ""
        return answer

    async def form(self, visit: ContactInbox) -> dict[str, str]:
        """What the page of the conversation would send."""
        page = await self.get(self.path(visit))
        fields = re.findall(r'name="(pass|bot|message)" value="([^"]*)"', page.text.partition("<main")[2])
        return dict(fields) | {"text": DRAFT}

    def path(self, visit: ContactInbox, more: str = "") -> str:
        return f"/c/1/{self.at.conversation(visit).id}{more}"


async def drafted(at: Stand, text: str = "How long?") -> ContactInbox:
    visit = at.ask(text)
    await at.until(lambda: at.status(visit) == "open")
    return visit


@asynccontextmanager
async def desk(folder: Path, **review: object) -> AsyncIterator[tuple[Stand, Browser, ContactInbox]]:
    """A bridge with a draft, and somebody who is signed in."""
    async with stand(folder, ANSWERS, mode=Mode.DRAFT, users=(STRANGER,)) as at:
        settings = Review(**({"secret": SECRET} | review))  # type: ignore[arg-type]
        async with at.bridge(review=settings):
            browser = Browser(at)
            await browser.sign_in(AGENT)
            yield at, browser, await drafted(at)


def said(at: Stand, visit: ContactInbox) -> list[str]:
    """What the customer got."""
    found = at.sandbox.state.messages(at.conversation(visit))
    return [one.content or "" for one in found if one.message_type == 1 and not one.private]


Attack = Callable[[Stand, Browser, ContactInbox], Awaitable[httpx.Response]]


async def other_origin(_: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form = await browser.form(visit)
    return await browser.post(browser.path(visit, "/send"), form, Origin="https://evil.example")


async def no_origin(_: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    return await browser.post(browser.path(visit, "/send"), await browser.form(visit), Origin="null")


async def cross_site(_: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form = await browser.form(visit)
    return await browser.post(browser.path(visit, "/send"), form, Sec_Fetch_Site="cross-site")


async def without_pass(_: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form = await browser.form(visit)
    return await browser.post(browser.path(visit, "/send"), form | {"pass": ""})


async def pass_of_another_conversation(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    other = await browser.form(await drafted(at, "And by post?"))
    form = await browser.form(visit)
    return await browser.post(browser.path(visit, "/send"), form | {"pass": other["pass"]})


async def pass_of_another_session(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    second = Browser(at)
    await second.sign_in(AGENT)
    form = await second.form(visit)
    return await browser.post(browser.path(visit, "/send"), form)


async def no_session(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form = await browser.form(visit)
    return await Browser(at).post(browser.path(visit, "/send"), form)


async def invented_cookie(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form = await browser.form(visit)
    return await Browser(at, "x" * 43).post(browser.path(visit, "/send"), form)


async def cookie_after_signing_out(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    form, stolen = await browser.form(visit), browser.cookie
    page = await browser.get("")
    (way_out,) = re.findall(r'data-pass-out="([^"]+)"', page.text)
    assert (await browser.post("/out", {"pass": way_out})).status_code == 303
    return await Browser(at, stolen).post(browser.path(visit, "/send"), form)


async def agent_of_another_inbox(at: Stand, browser: Browser, visit: ContactInbox) -> httpx.Response:
    stranger = Browser(at)
    await stranger.sign_in(STRANGER.token)
    assert (await stranger.get(browser.path(visit))).status_code == 403
    form = await browser.form(visit)
    return await stranger.post(browser.path(visit, "/send"), form)


ATTACKS: list[tuple[Attack, int, str]] = [
    (other_origin, 403, "other_origin"),
    (no_origin, 403, "other_origin"),
    (cross_site, 403, "other_origin"),
    (without_pass, 403, "no_pass"),
    (pass_of_another_conversation, 403, "no_pass"),
    (pass_of_another_session, 403, "no_pass"),
    (no_session, 401, "no_session"),
    (invented_cookie, 401, "no_such_session"),
    (cookie_after_signing_out, 401, "no_such_session"),
    (agent_of_another_inbox, 403, "no_access"),
]


def test_what_is_not_the_agents_own_is_refused_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bridge")

    async def check() -> None:
        async with desk(tmp_path) as (at, browser, _):
            for attack, status, why in ATTACKS:
                visit, name = await drafted(at), attack.__name__
                await browser.sign_in(AGENT)
                caplog.clear()
                answer = await attack(at, browser, visit)
                assert answer.status_code == status, name
                assert DRAFT not in answer.text, name
                assert said(at, visit) == [], name
                assert answer.headers["content-security-policy"].startswith("default-src 'none'"), name
                assert f"event=review_refused why={why}" in caplog.text, name
                assert AGENT not in caplog.text, name
                assert DRAFT not in caplog.text, name

    run(check())


def test_only_a_persons_token_opens_a_session(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(review=Review(secret=SECRET)):
            for token in ("", "sandbox-bot-token", "nobody's", "x" * 300, "né"):
                caplog.clear()
                answer = await Browser(at).sign_in(token)
                assert answer.status_code == 403, token
                assert "set-cookie" not in answer.headers, token
                assert "review_refused" in caplog.text, token

    run(check())


def test_a_session_ends_by_time_by_another_secret_and_with_its_token(tmp_path: Path) -> None:
    async def check() -> None:
        now = [time.time()]
        async with stand(tmp_path, ANSWERS, mode=Mode.DRAFT, users=(STRANGER,)) as at:
            browser, late = Browser(at), Browser(at)
            async with at.bridge(review=Review(secret=SECRET, session=600), clock=lambda: now[0]):
                await browser.sign_in(AGENT)
                await late.sign_in(AGENT)
                assert (await browser.get("")).text.count("Sign out") == 1
                now[0] += 601
                assert "Sign out" not in (await late.get("")).text
                now[0] -= 601
            async with at.bridge(review=Review(secret=SECRET + "!")):
                assert "Sign out" not in (await browser.get("")).text
            async with at.bridge(review=Review(secret=SECRET)):
                visit = await drafted(at)
                assert (await browser.get(browser.path(visit))).status_code == 200
                at.sandbox.state.directory.users.pop(1)  # the agent is gone from Chatwoot
                assert (await browser.get(browser.path(visit))).status_code == 401
                assert "Sign out" not in (await browser.get("")).text

    run(check())


def test_neither_token_nor_cookie_stand_in_the_store(tmp_path: Path) -> None:
    async def check() -> str:
        async with desk(tmp_path) as (_, browser, _visit):
            assert browser.cookie
            return browser.cookie

    cookie = run(check())
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("bridge.sqlite*"))
    assert AGENT.encode() not in kept
    assert cookie.encode() not in kept


def test_without_a_secret_nobody_can_sign_in_and_the_page_says_so(tmp_path: Path) -> None:
    async def check() -> None:
        async with stand(tmp_path, ANSWERS, mode=Mode.DRAFT) as at, at.bridge(review=Review()):
            browser = Browser(at)
            page = await browser.get("")
            assert page.status_code == 503
            assert "KBTOOL_SECRET_KEY" in page.text
            answer = await browser.sign_in(AGENT)
            assert "set-cookie" not in answer.headers

    run(check())


def test_the_page_says_as_much_in_one_language_as_in_the_other() -> None:
    english, chinese = WORDS[Language.ENGLISH], WORDS[Language.CHINESE]
    fields = re.compile(r"{[a-z]+}")
    assert english.keys() == chinese.keys()
    assert all(english.values())
    for key, sentence in english.items():
        assert sorted(fields.findall(sentence)) == sorted(fields.findall(chinese[key]))


@pytest.mark.parametrize(
    "reason",
    [one for one in (*Reason, QUOTA_SPENT, UNHEARD) if one not in {Reason.ANSWERED, Reason.SMALLTALK}],
)
def test_why_there_is_no_draft_is_said_in_both_languages(reason: str) -> None:
    assert why(Language.CHINESE, reason) != why(Language.ENGLISH, reason) != reason


def test_a_page_that_is_off_is_not_there(tmp_path: Path) -> None:
    async def check() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(review=Review(is_on=False, secret=SECRET)):
            assert (await Browser(at).get("")).status_code == 404

    run(check())


def test_the_cookie_is_for_this_page_alone(tmp_path: Path) -> None:
    async def check() -> str:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(review=Review(secret=SECRET)):
            return str((await Browser(at).sign_in(AGENT)).headers["set-cookie"])

    kept = {part.strip() for part in run(check()).split(";")}
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Max-Age=43200"} <= kept


def test_only_chatwoot_may_show_the_page_in_a_frame(tmp_path: Path) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            for path in ("", browser.path(visit), browser.path(visit, "/version")):
                policy = (await browser.get(path)).headers["content-security-policy"]
                here = str(at.http.base_url).rstrip("/")
                assert f"frame-ancestors 'self' {here}" in policy
                assert "unsafe" not in policy

    run(check())


def test_the_list_has_what_the_agent_may_see_and_nothing_else(tmp_path: Path) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, _):
            stranger = Browser(at)
            await stranger.sign_in(STRANGER.token)
            assert "How long?" in (await browser.get("")).text
            assert "How long?" not in (await stranger.get("")).text

    run(check())


def test_a_draft_goes_out_in_its_own_conversation_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            other = await drafted(at, "And by post?")
            form, its = await browser.form(visit), await browser.form(other)
            answer = await browser.post(
                browser.path(visit, "/send"), form | {"message": its["message"], "bot": its["bot"]}
            )
            assert answer.status_code == 422
            assert said(at, visit) == said(at, other) == []

    run(check())
    assert "why=draft_of_another" in caplog.text


def test_what_the_page_asks_again_and_again_asks_the_store_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form = await browser.form(visit)
            at.chatwoot.requests.clear()
            found = await browser.get(browser.path(visit, f"/version?pass={form['pass']}"))
            assert found.json()["version"] == f"kbtool:{form['message']}:open:"
            assert at.chatwoot.requests == []
            assert (await browser.get(browser.path(visit, "/version?pass=x"))).status_code == 403

    run(check())


def test_a_send_asks_chatwoot_three_times_and_goes_out_as_the_agent(tmp_path: Path) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form, number = await browser.form(visit), at.conversation(visit).id
            at.chatwoot.requests.clear()
            answer = await browser.post(browser.path(visit, "/send"), form)
            assert answer.status_code == 200
            one = f"/api/v1/accounts/1/conversations/{number}"
            assert sorted(at.chatwoot.requests) == sorted(
                [f"GET {one}", f"GET {one}/messages", f"POST {one}/messages"]
            )
            last = at.sandbox.state.messages(at.conversation(visit))[-1]
            assert (last.content, last.private) == (DRAFT, False)
            assert last.sender == at.sandbox.state.directory.users[1]

    run(check())


async def attempt(browser: Browser, visit: ContactInbox, form: dict[str, str]) -> httpx.Response:
    return await browser.post(browser.path(visit, "/send"), form)


def test_a_draft_that_two_send_at_once_goes_out_once(tmp_path: Path) -> None:
    import asyncio

    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form = await browser.form(visit)
            answers = await asyncio.gather(*(attempt(browser, visit, form) for _ in range(5)))
            assert sorted(one.status_code for one in answers) == [200, 409, 409, 409, 409]
            assert said(at, visit) == [DRAFT]

    run(check())


@pytest.mark.parametrize("drops_marks", [False, True])
def test_a_send_whose_answer_is_lost_is_found_and_not_repeated(tmp_path: Path, drops_marks: bool) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form = await browser.form(visit)
            at.chatwoot.drops_marks = drops_marks
            at.chatwoot.faults = ["lost"]
            assert (await attempt(browser, visit, form)).status_code == 200
            page = await browser.get(browser.path(visit))
            assert "The customer got the draft as it was." in page.text
            assert (await attempt(browser, visit, form)).status_code == 409
            assert said(at, visit) == [DRAFT]

    run(check())


@pytest.mark.parametrize(("fault", "status"), [("refused", 409), ("busy", 409), ("down", 200)])
def test_a_send_that_did_not_arrive_can_be_repeated(tmp_path: Path, fault: str, status: int) -> None:
    """After 503 it is looked for until it cannot come any more; the stand's `post_limit` is 0.2 s."""

    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form = await browser.form(visit)
            at.chatwoot.faults = [fault]
            assert (await attempt(browser, visit, form)).status_code == status
            assert said(at, visit) == []

            async def is_open() -> bool:
                return 'id="answer"' in (await browser.get(browser.path(visit))).text

            await until(is_open)
            assert (await attempt(browser, visit, form)).status_code == 200
            assert said(at, visit) == [DRAFT]

    run(check())


async def the_customer_writes(at: Stand, visit: ContactInbox) -> None:
    at.ask("And by post?", visit)


async def a_person_writes(at: Stand, visit: ContactInbox) -> None:
    agent = at.sandbox.state.directory.users[1]
    at.sandbox.state.add(at.conversation(visit), MessageType.outgoing, "14 days.", agent)


async def it_is_resolved(at: Stand, visit: ContactInbox) -> None:
    at.sandbox.state.set_status(at.conversation(visit), "resolved", at.sandbox.state.directory.users[1])


@pytest.mark.parametrize("move", [the_customer_writes, a_person_writes, it_is_resolved])
@pytest.mark.parametrize("is_heard", [True, False], ids=["heard of", "not heard of yet"])
def test_a_draft_does_not_go_out_when_the_conversation_moved_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    move: Callable[[Stand, ContactInbox], Awaitable[None]],
    is_heard: bool,
) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            form = await browser.form(visit)
            if not is_heard:
                monkeypatch.setattr(at.sandbox.deliveries, "send", lambda _: None)
            await move(at, visit)
            before = said(at, visit)
            if is_heard:
                await at.sandbox.settle()
            answer = await attempt(browser, visit, form | {"text": "My own words"})
            assert answer.status_code == 409
            assert "My own words" in answer.text  # kept for who wrote them
            assert said(at, visit) == before

    run(check())


def test_what_a_person_writes_in_chatwoot_itself_decides_the_draft(tmp_path: Path) -> None:
    async def check() -> None:
        async with desk(tmp_path) as (at, browser, visit):
            await a_person_writes(at, visit)

            async def is_matched() -> bool:
                return "Answered in Chatwoot itself" in (await browser.get(browser.path(visit))).text

            await until(is_matched)
            page = await browser.get(browser.path(visit))
            assert f"{drafts.distance(DRAFT, '14 days.')}" in page.text
            assert "14 days." in page.text

    run(check())


def test_who_tries_one_token_after_the_other_is_held_up_for_a_minute_and_nobody_longer(
    tmp_path: Path,
) -> None:
    now = [time.time()]

    async def scenario() -> None:
        async with (
            stand(tmp_path, ANSWERS, mode=Mode.DRAFT) as at,
            at.bridge(review=Review(secret=SECRET), clock=lambda: now[0]),
        ):
            browser = Browser(at)
            found = [(await browser.sign_in(f"guess-{number}")).status_code for number in range(WRONG)]
            assert found == [403] * WRONG
            assert (await browser.sign_in("guess-again")).status_code == 503
            assert (await browser.sign_in(AGENT)).status_code == 503
            now[0] += A_MINUTE
            assert (await browser.sign_in(AGENT)).status_code == 303

    run(scenario())
