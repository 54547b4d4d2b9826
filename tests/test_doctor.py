"""`kbtool doctor dify`: each thing that can be wrong is found and comes with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kbtool.config import Dify, Retrieval, Settings
from kbtool.dify.client import DifyClient
from kbtool.doctor import Finding, Level, examine
from kbtool.embedded import CannedAnswer, FailingEmbedding
from kbtool.sync.form import Form
from kbtool.sync.render import render
from tests import forked
from tests.server import Server, document, run
from tests.syncing import alter, ingest

CORPUS = tuple(
    render(document(title, f"About {title}: it is {word}.\n", title))
    for title, word in (("Kettle", "hot"), ("Grinder", "loud"), ("Tank", "full"))
)
SETTINGS = Settings(dify=Dify(dataset="help"))


async def findings(
    server: Server, settings: Settings = SETTINGS, *, key: str = "", app: bool = True
) -> list[Finding]:
    async with server.client() as client:
        asked = client if not key else DifyClient(client._http, dataset_key=key)
        return [one async for one in examine(asked, settings, CORPUS, has_app_key=app)]


def problems(found: list[Finding]) -> dict[str, str]:
    assert all(one.remedy for one in found if one.level is not Level.FINE)
    return {one.about: one.said for one in found if one.level is Level.PROBLEM}


def test_a_sound_server_has_no_problems(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    found = run(findings(server()))
    assert problems(found) == {}
    assert {one.about for one in found} >= {"version", "embedding model", "documents", "app's retrieval"}


def test_the_wrong_kind_of_key_is_named(server: Callable[..., Server]) -> None:
    (found,) = run(findings(server(), key="app-test"))
    assert (found.about, found.level) == ("dataset key", Level.PROBLEM)
    assert "`dataset-...` is for datasets" in found.remedy


def test_a_dataset_that_is_not_there_and_a_model_that_is_misspelt(server: Callable[..., Server]) -> None:
    misspelt = Settings(dify=Dify(dataset="help", embedding_model="bge-m33"))
    said = problems(run(findings(server(), misspelt, app=False)))
    assert said["dataset"] == "there is no “help”"
    assert "words-and-bigrams" in said["embedding model"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("enabled = 0", "1 disabled, first “Kettle"),
        ("archived = 1", "1 archived, first “Kettle"),
        ("indexing_status = 'error', error = 'no credit'", "1 error, first “Kettle #"),
        ("indexing_status = 'waiting'", "1 queuing, first “Kettle"),
    ],
)
def test_documents_that_answer_nothing_are_counted(
    server: Callable[..., Server], change: str, said: str
) -> None:
    run(ingest(server(), CORPUS))
    alter(server(), change, CORPUS[0].name, forget_jobs=True)
    found = run(findings(server(), app=False))
    assert any(one.said.startswith(said) for one in found if one.about == "documents")


def test_settings_that_differ_from_kb_toml_are_named(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    other = Settings(dify=Dify(dataset="help", form=Form.FLAT), retrieval=Retrieval(top_k=9))
    found = {one.about: one for one in run(findings(server(), other, app=False))}
    assert found["doc_form"].said == "is hierarchical_model, kb.toml says text_model"
    assert found["retrieval top_k"].said == "the dataset has 5, kb.toml 9"


def test_a_search_that_fails_is_a_problem_of_retrieval(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    failing = server(faults=(FailingEmbedding("it is hot", "different vector dimensions 384 and 256"),))
    assert "different vector dimensions" in problems(run(findings(failing, app=False)))["retrieval"]


def test_citations_that_are_off_are_the_apps_problem(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    switches = {
        name: {"enabled": False} for name in ("retriever_resource", "suggested_questions_after_answer")
    }
    off = switches | {"opening_statement": "", "suggested_questions": [], "user_input_form": []}
    found = problems(run(findings(server(faults=(CannedAnswer("/parameters", 200, off),)))))
    assert found.keys() == {"citations"}


def test_an_app_that_searches_otherwise_is_found_out(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    narrow = Settings(dify=Dify(dataset="help"), retrieval=Retrieval(filter={"kbtool_slug": "tank"}))
    found = problems(run(findings(server(), narrow)))
    assert "app's retrieval" in found


def test_the_command_prints_findings_and_fails_for_problems(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nText of a.\n", encoding="utf-8")
    (tmp_path / "kb.toml").write_text('[corpus]\nsources = ["a.md"]\n', encoding="utf-8")
    missing = run(forked.kbtool("doctor", "dify", cwd=tmp_path))
    assert missing.returncode == 1
    assert "problem  dataset: there is no “support-kb”\n         → Make it: kbtool ingest" in missing.stdout
    assert run(forked.kbtool("ingest", "--yes", cwd=tmp_path)).returncode == 0
    told = run(forked.kbtool("doctor", "dify", "--json", cwd=tmp_path))
    assert told.returncode == 0, told.stdout
    assert {one["level"] for one in json.loads(told.stdout)} <= {"fine", "note"}
