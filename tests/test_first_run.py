"""Where there is no project: every command says so in a sentence, and what to do; nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kbtool.cli import app
from kbtool.config import load
from kbtool.config.loading import missing
from kbtool.errors import ConfigError, Exit, KbtoolError

WITHOUT = {"demo", "sandbox", "init"}
"""They need no project: tests/test_packaging.py starts them in an empty folder."""


def commands() -> Iterator[list[str]]:
    """Each with a word for every argument and option that it cannot do without."""

    def walk(command: Any, words: list[str]) -> Iterator[list[str]]:
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*words, name])
        if not hasattr(command, "commands"):
            needed = [p for p in command.params if p.required]
            options = [word for p in needed if p.param_type_name == "option" for word in (p.opts[0], "1")]
            yield [*words, *("1" for p in needed if p.param_type_name == "argument"), *options]

    return (words for words in walk(typer.main.get_command(app), []) if words[0] not in WITHOUT)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_a_command_outside_of_a_project_says_what_to_do(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KBTOOL_CONFIG", raising=False)
    said = CliRunner().invoke(app, words)
    assert isinstance(said.exception, KbtoolError), said.output
    assert said.exception.exit_code is Exit.ERROR
    assert "\n" not in said.exception.message
    assert "kbtool" in said.exception.hint or "Check the path" in said.exception.hint
    assert list(tmp_path.iterdir()) == []


def test_a_project_further_up_is_pointed_to(tmp_path: Path) -> None:
    (tmp_path / "kb.toml").touch()
    below = tmp_path / "exports" / "notion"
    below.mkdir(parents=True)
    with pytest.raises(ConfigError) as told:
        load(below / "kb.toml")
    assert str(tmp_path / "kb.toml") in told.value.hint


def test_where_none_is_near_the_ways_to_one_are_named(tmp_path: Path) -> None:
    hint = missing(tmp_path / "kb.toml").hint
    assert "kbtool init" in hint
    assert "kbtool demo" in hint
