"""`make audit` says that nothing is known only where everything was looked up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.audit import Audit, audit, read

SOUND = {"name": "attrs", "version": "26.1.0", "vulns": []}
FLAWED = {
    "name": "jinja2", "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"], "aliases": [], "description": "…"}],
}  # fmt: skip
# As pip-audit 2.10 says it of an index that has no JSON API, and then ends with 0.
SKIPPED = {
    "name": "alembic",
    "skip_reason": "Dependency not found on PyPI and could not be audited: alembic (1.20.1)",
}


def told(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (told(SOUND), 0),
        (told(SOUND, FLAWED), 3),
        (told(SKIPPED, FLAWED), 3),
        (told(SOUND, SKIPPED), 4),
        (told(SKIPPED), 4),
        (told(), 4),
    ],
)
def test_an_audit_ends_as_what_it_knows(output: str, code: int) -> None:
    answer = read(output)
    assert answer is not None
    assert answer.exit_code == code


@pytest.mark.parametrize("output", ["", "Traceback", "[]", "{}"])
def test_what_is_no_answer_is_none(output: str) -> None:
    assert read(output) is None
    assert Audit().exit_code == 4


def test_the_next_service_is_asked_where_the_first_knows_too_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"service pypi"*) echo \'' + told(SKIPPED) + "';;\n"
        '*"service osv"*) echo \'' + told(SOUND, FLAWED) + "'; exit 1;;\n"
        "*) echo 'no route' >&2; exit 1;; esac\n"
    )
    program.chmod(0o700)
    assert audit(program, tmp_path / "pins") == 3
    assert "jinja2 2.4.1: PYSEC-2021-66, fixed in 2.11.3" in capsys.readouterr().out
    assert audit(program, tmp_path / "pins", ["pypi", "none"]) == 4
    said = capsys.readouterr().out
    assert "not audited" in said
    assert "none: not reached (no route)" in said
