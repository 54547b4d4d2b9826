"""What the bridge could not answer, read from its store for `kbtool golden suggest`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from bridge.history import unanswered
from bridge.schema import messages, metadata, turns
from kbtool.errors import ConfigError


def store_of(path: Path, *asked: tuple[str, str, str]) -> Path:
    """A store in which these (text, action, reason) came to a decision."""
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number, (text, action, reason) in enumerate(asked, start=1):
            key: dict[str, Any] = {"bot": "kbtool", "account": 1, "conversation": 1, "at": 0.0}
            message = {"id": number, "role": "customer", "verdict": "asks", "text": text, "state": "done"}
            connection.execute(insert(messages).values(**key, **message, attachments=[], contact=1, mark=""))
            connection.execute(insert(turns).values(**key, message=number, action=action, reason=reason))
    engine.dispose()
    return path


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


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no bridge store"):
        unanswered(tmp_path / "missing.sqlite")
    (tmp_path / "other.sqlite").write_text("not a database" * 100, encoding="utf-8")
    with pytest.raises(ConfigError, match="not a store that this kbtool can read"):
        unanswered(tmp_path / "other.sqlite")
