"""The operator's pages over HTTP: who is refused, what leaves the store, and what a click writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bridge.operator.guard import is_own_name
from bridge.operator.words import WORDS
from bridge.pages.guarding import LONGEST_FORM
from bridge.pages.languages import Language
from kbtool.cli import app
from kbtool.golden import accepting, load
from kbtool.kpi.definitions import DEFINITIONS
from tests.improving import HOSTILE, ICELAND, pages, project


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def http(config: Path) -> Iterator[httpx.Client]:
    with pages(config) as address, httpx.Client(base_url=address, trust_env=False) as client:
        yield client


def topic_of(http: httpx.Client, question: str) -> str:
    """The path of the topic's page."""
    found = re.search(rf'href="(/queue/\w+)[^"]*">{re.escape(question)}<', http.get("/queue").text)
    assert found, question
    return found[1]


def form_of(http: httpx.Client, path: str) -> dict[str, str]:
    token = re.search(r'name="token" value="([^"]+)"', http.get(path).text)
    assert token
    return {"token": token[1]}


def post(http: httpx.Client, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    origin = str(http.base_url).rstrip("/")
    return http.post(path, data=fields, headers={"origin": origin} | headers)


@pytest.mark.parametrize("path", ["/kpi", "/queue"])
def test_a_page_under_another_name_is_refused(http: httpx.Client, path: str) -> None:
    """DNS rebinding: a site makes a name of its own point here, and would read the page."""
    for host in ("attacker.example", "attacker.example:8081", "127.0.0.1.attacker.example", ""):
        answer = http.get(path, headers={"host": host})
        assert answer.status_code in {400, 403}, host
        assert ICELAND not in answer.text
    assert http.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:8081", True),
        ("[::1]:8081", True),
        ("localhost", True),
        ("10.0.0.7:8081", True),
        ("localhost.attacker.example", False),
        ("bridge.internal", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_only_digits_and_localhost_are_names_that_nobody_else_has(host: str, is_ours: bool) -> None:
    assert is_own_name(host) is is_ours


def test_a_form_from_elsewhere_or_without_our_token_changes_nothing(http: httpx.Client, config: Path) -> None:
    path = topic_of(http, ICELAND)
    form = form_of(http, path) | {"question": ICELAND, "place": ""}
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        (form, {"origin": "https://attacker.example"}),
        (form, {"origin": "null"}),
        (form, {"origin": ""}),
        (form | {"token": "guessed"}, {}),
        ({"question": ICELAND}, {}),
        (form, {"host": "attacker.example", "origin": "http://attacker.example"}),
    ]
    for fields, headers in attempts:
        answer = post(http, f"{path}/golden", fields, **headers)
        assert answer.status_code == 403, (fields, headers)
        assert answer.text.startswith("Refused")
    assert post(http, f"{path}/golden", form | {"question": "x" * LONGEST_FORM}).status_code == 413
    assert http.get(f"{path}/golden").status_code == 405
    assert not (config.parent / "evals").exists()
    assert topic_of(http, ICELAND) == path


def test_every_answer_keeps_itself_to_itself(http: httpx.Client) -> None:
    for path in ("/kpi", "/queue", topic_of(http, ICELAND)):
        headers = http.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_what_customers_wrote_is_shown_as_text_without_addresses_and_numbers(http: httpx.Client) -> None:
    listed = http.get("/queue").text
    assert "<script>alert" not in listed
    path = topic_of(http, "&lt;script&gt;alert(1)&lt;/script&gt; when will my order [number] come, [email]")
    for text in (listed, http.get(path).text):
        assert "&lt;script&gt;alert(1)" in text
        assert "marta@example.net" not in text
        assert "204418" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_figures_stand_beside_their_meaning_in_both_languages(http: httpx.Client, language: str) -> None:
    text = http.get("/kpi", headers={"accept-language": f"{language}-XX,en;q=0.5"}).text
    for definition in DEFINITIONS:
        assert definition.title.of(language) in text
        assert definition.formula.of(language).split("'")[0] in text
    assert f'<html lang="{language}' in text
    assert WORDS[Language(language)]["missed"] in text  # CSAT


@pytest.mark.parametrize("days", ["0", "-1", "99999", "x", "１", "1e3", ""])
def test_a_number_of_days_that_is_none_is_taken_as_one_that_can_be(http: httpx.Client, days: str) -> None:
    assert http.get("/kpi", params={"days": days}).status_code == 200


def test_a_link_can_only_say_our_sentences(http: httpx.Client) -> None:
    said = http.get("/queue", params={"done": "golden", "what": "<b>run curl evil|sh</b>"}).text
    assert "evil" not in said
    assert "evil" not in http.get("/queue", params={"done": "evil", "what": "x"}).text
    assert http.get("/queue/nowhere").headers["location"] == "/queue?done=gone"


def test_sections_that_contradict_each_other_are_a_group_of_their_own(http: httpx.Client) -> None:
    text = http.get("/queue").text
    assert "5.90 eur" in text
    assert "4.90 eur" in text


@pytest.mark.usefixtures("http")
def test_the_export_is_of_the_same_items(config: Path) -> None:
    called = ["review", "export", "--config", str(config)]
    done = CliRunner().invoke(app, called, catch_exceptions=False)
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.output.splitlines()]
    assert {row["kind"] for row in rows} == {"unanswered", "handoff", "rating"}
    assert max(row["topic_times"] for row in rows) == 4
    assert "marta@" not in done.output
    rated = next(row for row in rows if row["kind"] == "rating")
    assert (rated["answer"], rated["words"], rated["rating"]) == ("An answer.", "I paid less last time", 1)
    assert HOSTILE not in done.output


def test_one_click_makes_a_proposal_and_accepted_it_is_asked_by_the_next_run(
    http: httpx.Client, config: Path
) -> None:
    path = topic_of(http, ICELAND)
    assert "shipping › Countries" in http.get(path).text
    form = form_of(http, path) | {"question": "Do you ship to Iceland, ask marta@example.net?", "place": "0"}
    answer = post(http, f"{path}/golden", form)
    assert answer.status_code == 303
    (proposed,) = accepting.read(config.parent / "evals" / "proposals" / "queue.yaml", config.parent)
    assert proposed.question == "Do you ship to Iceland, ask [email]?"
    assert [(one.doc, one.section) for one in proposed.relevant] == [("shipping", ("Countries",))]
    assert proposed.id in http.get(answer.headers["location"]).text
    assert ICELAND not in http.get("/queue").text  # seen to
    assert post(http, f"{path}/golden", form).headers["location"].startswith("/queue?done=gone")

    def kbtool(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--config", str(config)], catch_exceptions=False)
        assert done.exit_code in {0, 5}, done.output  # 5: nothing is pinned yet
        return done.output

    assert proposed.id in kbtool("golden", "accept")
    kbtool("golden", "accept", proposed.id)
    assert "1 questions (1 answerable); 0 stale" in kbtool("golden", "lint")
    run = json.loads(
        kbtool("eval", "run", "--target", "retrieval", "--json").partition("\n{")[2].join(["{", ""])
    )
    assert run["questions"] == 1
    replies = next((config.parent / "reports").glob("**/replies.jsonl")).read_text(encoding="utf-8")
    assert json.loads(replies.splitlines()[0])["id"] == proposed.id


def test_one_click_writes_the_stub_of_a_page_and_never_over_one(http: httpx.Client, config: Path) -> None:
    path = topic_of(http, "你们发货到冰岛吗")
    form = form_of(http, path)
    assert post(http, f"{path}/stub", form | {"title": " ", "answer": "x"}).status_code == 400
    answer = post(
        http, f"{path}/stub", form | {"title": "发货到冰岛", "answer": "目前不发货，请写 a@b.example"}
    )
    assert answer.status_code == 303
    (stub,) = (config.parent / "page-stubs").iterdir()
    text = stub.read_text(encoding="utf-8")
    assert text.startswith("# 发货到冰岛\n")
    assert "请问可以发货到冰岛吗？" in text
    assert "请写 [email]" in text


def test_what_needs_nothing_is_taken_off(http: httpx.Client) -> None:
    path = topic_of(http, "how much is standard shipping")
    assert post(http, f"{path}/dismiss", form_of(http, path)).status_code == 303
    assert "how much is standard shipping" not in http.get("/queue").text


def test_the_golden_files_of_the_project_are_whole(config: Path) -> None:
    assert len(load(config.parent, ["evals/*.yaml"]).questions) == 1
