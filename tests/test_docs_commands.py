"""What the documents tell people to type works: the quickstart is run, all other commands are parsed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from kbtool.config.environment import VARIABLES
from kbtool.golden import load as load_golden
from tests.documents import ROOT, blocks, command_lines, documents, require_parses

DOCUMENTS = documents()
NAMES = "|".join(re.sub(r"<\w+>", "[A-Z0-9_]+", name) for one in VARIABLES for name in one.names)
OURS = re.compile(r"(KBTOOL|DIFY|CHATWOOT)_\w+")
FOR_TESTS = re.compile(r"KBTOOL_(LIVE_\w+|EXPORTS|WORLDS|KILLS|PAYLOADS|RESTART_SECONDS|SEED|TEST_\w+)")
TARGETS = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def check(words: list[str]) -> None:
    """One command of a document, by what it begins with; what is not ours is not looked at."""
    while words and re.fullmatch(r"\w+=.*", words[0]):
        check_variable(words.pop(0).partition("=")[0])
    program, *rest = words or [""]
    match program:
        case "kbtool":
            require_parses(words)
        case "export":
            for one in rest:
                check_variable(one.partition("=")[0])
        case "make":
            assert set(rest) <= set(TARGETS), f"there is no `make {' '.join(rest)}`"
        case "python" | ".venv/bin/python" if rest[:1] == ["-m"]:
            module = ROOT / rest[1].replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), rest[1]
        case "python" | ".venv/bin/python" if rest and rest[0].endswith(".py"):
            assert (ROOT / rest[0]).exists(), rest[0]
        case ".venv/bin/pytest":
            assert all((ROOT / one).exists() for one in rest if one.startswith("tests/")), rest


def check_variable(name: str) -> None:
    is_known = not OURS.fullmatch(name) or re.fullmatch(NAMES, name) or FOR_TESTS.fullmatch(name)
    assert is_known, f"nothing reads {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_in_a_block_is_one_that_the_programs_take(document: str) -> None:
    for block in blocks(text_of(document)):
        if block.language in {"sh", "bash", "console"}:
            for words in command_lines(block.text):
                check(list(words))


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for wrong in (
        "kbtool ingest --dry",
        "kbtool bridge listen",
        "kbtool bridge trace",
        "make bench-all",
        "python -m benchmarks.nothing",
        "export KBTOOL_DATABSE_URL=x",
        "CHATWOOT_BOT=x kbtool demo",
    ):
        (words,) = command_lines(wrong)
        with pytest.raises(Exception, match=r"."):
            check(list(words))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_golden_question_and_every_json_in_a_block_is_read(tmp_path: Path, document: str) -> None:
    for block in blocks(text_of(document)):
        if block.language == "yaml" and block.text.startswith("- id:"):
            (tmp_path / "golden.yaml").write_text(block.text, encoding="utf-8")
            assert load_golden(tmp_path, ("golden.yaml",)).questions
        if block.language == "json":
            json.loads(block.text)


def test_the_quickstart_works_word_by_word(tmp_path: Path) -> None:
    """Its marked blocks are run in turn by one shell; the sandbox is looked at and ended."""
    marked = [block for block in blocks(text_of("docs/quickstart.md")) if block.mark]
    script = "\n".join(block.text for block in marked if block.mark == "run")
    shim = tmp_path / "bin" / "kbtool"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m kbtool "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not OURS.fullmatch(name)},
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["sh", "-eux", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "1 document, 2 sections, 2 subsections",
        "3 questions (2 answerable, 1 unanswerable); 0 stale",
        "read back and found equal",
        "2 of 2 found",
        "42 missing",
    ):
        assert said in done.stdout, said
    (served,) = [block.text.split() for block in marked if block.mark == "serve"]
    command = [*served, "--no-open"]
    folder = tmp_path / "help"
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            told = next(line for line in running.stdout if "http" in line)
            (address,) = re.findall(r"http://[\d.:]+/", told)
            with urllib.request.urlopen(address, timeout=30) as page:
                assert b"<html" in page.read()
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
