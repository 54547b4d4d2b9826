"""What the bridge could not answer, read from its store for `kbtool golden suggest`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert
from typer.testing import CliRunner

from bridge.operating.history import unanswered
from bridge.store.schema import messages, metadata, turns
from kbtool.cli import app
from kbtool.errors import ConfigError
from tests.postgres import database

Asked = tuple[str, str, str]
"""A question's text, and the action and reason of its decision."""


def store_of(path: Path, *asked: Asked) -> Path:
    fill(f"sqlite:///{path}", *asked)
    return path


def fill(address: str, *asked: Asked) -> None:
    """Make a store of the database, in which these came to a decision."""
    engine = create_engine(address)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number, (text, action, reason) in enumerate(asked, start=1):
            key: dict[str, Any] = {"bot": "kbtool", "account": 1, "conversation": 1, "at": 0.0}
            message = {"id": number, "role": "customer", "verdict": "asks", "text": text, "state": "done"}
            connection.execute(insert(messages).values(**key, **message, attachments=[], contact=1, mark=""))
            connection.execute(insert(turns).values(**key, message=number, action=action, reason=reason))
    engine.dispose()


def test_what_was_handed_off_for_want_of_knowledge_is_counted(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "bridge.sqlite",
        ("do you ship to Iceland", "handoff", "below_threshold"),
        ("do you ship to Iceland", "handoff", "no_sources"),
        ("give me a person", "handoff", "asked_for_person"),
        ("how long do I have", "reply", "answered"),
    )
    before = store.read_bytes()
    assert unanswered(store) == {"do you ship to Iceland": 2}
    assert store.read_bytes() == before


def test_a_store_in_postgresql_is_read_alike(tmp_path: Path) -> None:
    with database() as url:
        address = url.replace("postgresql://", "postgresql+psycopg://")
        fill(address, ("do you ship to Iceland", "handoff", "refused"), ("why", "reply", "answered"))
        assert unanswered(tmp_path / "none.sqlite", url) == {"do you ship to Iceland": 1}


def test_suggest_reads_the_store_that_is_named_be_it_a_file_or_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kb.toml").write_text('[corpus]\nsources = ["a.md"]\n', encoding="utf-8")
    (tmp_path / "a.md").write_text("# Shipping\n\n## Costs\n\nIt is free.\n", encoding="utf-8")
    (tmp_path / "evals").mkdir()
    known = "- id: costs\n  question: what does it cost\n  relevant: [{doc: a, section: [Costs]}]\n"
    (tmp_path / "evals" / "a.yaml").write_text(known, encoding="utf-8")
    store_of(tmp_path / "own.sqlite", ("do you ship to Iceland", "handoff", "refused"))
    with database() as url:
        address = url.replace("postgresql://", "postgresql+psycopg://")
        fill(address, ("do you ship to Greenland", "handoff", "refused"))
        for store, asked in (("own.sqlite", "Iceland"), (url, "Greenland")):
            called = ["golden", "suggest", "--store", store, "--out", "proposed.yaml", "--force"]
            done = CliRunner().invoke(app, called, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            assert f"do you ship to {asked}" in (tmp_path / "proposed.yaml").read_text(encoding="utf-8")


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no bridge store"):
        unanswered(tmp_path / "missing.sqlite")
    (tmp_path / "other.sqlite").write_text("not a database" * 100, encoding="utf-8")
    with pytest.raises(ConfigError, match="not a store that this kbtool can read"):
        unanswered(tmp_path / "other.sqlite")
