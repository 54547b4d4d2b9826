"""The reference says what the code does, and every key, option and variable has its sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs.reference.command_line import commands
from docs.reference.configuration import keys, tables
from docs.reference.write import HERE, pages
from kbtool.config import Settings
from kbtool.config.environment import VARIABLES

ROOT = Path(__file__).parent.parent
NAMES = {name for variable in VARIABLES for name in variable.names}
VARIABLE = re.compile(
    r"(KBTOOL|DIFY|CHATWOOT|GITHUB)_[A-Z_]+|[A-Z_]+_(KEY|TOKEN|SECRET|WEBHOOK|PASSWORD|DATABASE_URL)"
)


@pytest.mark.parametrize("name", ["cli.md", "configuration.md"])
def test_the_page_is_what_the_code_gives(name: str) -> None:
    written = (HERE / name).read_text(encoding="utf-8")
    assert written == pages()[name], "the code has changed: make reference"


def test_every_key_of_every_table_has_its_meaning() -> None:
    silent = [f"{name} {key.name}" for name, of in tables(Settings) for key in keys(of) if not key.meaning]
    silent += [key.name for key in keys(Settings) if not (key.meaning or key.kind == "table")]
    assert not silent, "write a sentence in quotes below these keys"
    headers = {name for name, _ in tables(Settings)}
    assert {"[bridge.routes.<name>.handoff]", "[notify.email]", "[[handoff.canaries]]"} <= headers


def test_every_command_and_option_has_its_help() -> None:
    silent = [
        f"{name} {one.name}" for name, command in commands() for one in command.params if not (one.help or "")
    ]
    assert not [name for name, command in commands() if not command.help] + silent


def test_every_variable_that_the_code_names_is_in_the_list_and_the_other_way_round() -> None:
    named = set()
    for package in ("kbtool", "bridge"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "environment.py":
                named |= {
                    node.value
                    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                    if isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and VARIABLE.fullmatch(node.value)
                }
    assert named - NAMES == set(), "add them to kbtool/config/environment.py"
    assert {name for name in NAMES if "<" not in name} - named == set(), "nobody reads these"
