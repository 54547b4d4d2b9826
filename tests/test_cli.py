"""The commands as a person runs them: real processes, what they print, what they leave with."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "shop"
[evals]
golden = ["golden.yaml"]
baseline = "main"
"""
GOLDEN = """\
- id: window
  question: how many days do I have to return a kettle
  lang: en
  critical: true
  relevant: [{doc: returns, section: [Time limit], evidence: 30 days}]
  answer: {must_contain: [30 days]}
- id: label
  question: what does the return label cost
  lang: en
  relevant: [{doc: returns, section: [Costs], evidence: €6.50}]
  answer: {must_contain: ["6.50"]}
- id: coins
  question: do you accept digital coins
  answerable: false
- id: hello
  question: hello
  kind: smalltalk
"""
PAGE = """\
# Returns

## Time limit

You have 30 days to return a kettle.

## Costs

The return label costs €6.50.
"""


def environment(**variables: str) -> dict[str, str]:
    """This process's, with the checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def kbtool(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kbtool", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=environment(**variables),
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "returns.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "kb.toml").write_text(KB, encoding="utf-8")
    (tmp_path / "golden.yaml").write_text(GOLDEN, encoding="utf-8")
    return tmp_path


def say_no_traceback(*done: subprocess.CompletedProcess[str]) -> None:
    for one in done:
        assert "Traceback" not in one.stderr + one.stdout


def test_the_chain_from_export_to_threshold(shop: Path) -> None:
    chunk = kbtool("chunk", "--json", cwd=shop)
    lines = [json.loads(line) for line in chunk.stdout.splitlines()]
    assert {line["level"] for line in lines} == {"parent", "child"}
    assert lines[0]["heading_path"] == ["Returns", "Time limit"]
    assert set(lines[0]) == {"document", "title", "heading_path", "level", "text", "source", "sha256"}

    shown = kbtool("ingest", "--plan", "--json", cwd=shop)
    assert [change["action"] for change in json.loads(shown.stdout)["changes"]] == ["create"]
    assert kbtool("ingest", "--plan", "--check", cwd=shop).returncode == 6

    unasked = kbtool("ingest", cwd=shop)
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    done = kbtool("ingest", "--yes", cwd=shop)
    assert (done.returncode, "found equal" in done.stdout) == (0, True)
    assert kbtool("ingest", "--plan", "--check", cwd=shop).returncode == 0

    weekly = kbtool("eval", "weekly", "--json", cwd=shop)
    told = json.loads(weekly.stdout)
    assert (weekly.returncode, told["status"], told["questions"]) == (0, "no-baseline", 4)
    assert Path(told["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")

    pinned = kbtool("eval", "pin", "--why", "first", cwd=shop)
    assert pinned.returncode == 0, pinned.stderr
    compared = kbtool("eval", "weekly", cwd=shop)
    assert (compared.returncode, "No regression" in compared.stdout) == (0, True)

    tuned = kbtool("tune", "--json", cwd=shop)
    proposal = json.loads(tuned.stdout)
    assert proposal["threshold"] is None
    assert "45 questions" in proposal["sentence"]
    refused = kbtool("tune", "--write", cwd=shop)
    assert (refused.returncode, (shop / "kb.toml").read_text(encoding="utf-8")) == (1, KB)


def test_a_page_that_lost_its_answer_is_stale_and_a_worse_one_a_regression(shop: Path) -> None:
    kbtool("ingest", "--yes", cwd=shop)
    kbtool("eval", "weekly", cwd=shop)
    kbtool("eval", "pin", "--why", "first", cwd=shop)
    page = shop / "exports" / "returns.md"
    page.write_text(PAGE.replace("30 days", "60 days"), encoding="utf-8")
    lint = kbtool("golden", "lint", cwd=shop)
    assert (lint.returncode, "golden.yaml:1: window" in lint.stdout) == (4, True)
    assert kbtool("eval", "weekly", cwd=shop).returncode == 4

    page.write_text(PAGE, encoding="utf-8")
    (shop / "exports" / "other.md").write_text(
        "# Kettle\n\n"
        + "\n".join(f"## Day {i}\n\nhow many days do I have to return a kettle\n" for i in range(9)),
        encoding="utf-8",
    )
    kbtool("ingest", "--yes", cwd=shop)
    worse = kbtool("eval", "weekly", cwd=shop)
    assert (worse.returncode, "critical" in worse.stdout) == (3, True)


def test_a_killed_run_resumes_and_asks_nothing_twice(shop: Path) -> None:
    kbtool("ingest", "--yes", cwd=shop)
    first = json.loads(kbtool("eval", "run", "--json", cwd=shop).stdout)
    replies = shop / "reports" / "runs" / first["run"] / "replies.jsonl"
    lines = replies.read_text(encoding="utf-8").splitlines(keepends=True)
    replies.write_text("".join(lines[:2]) + lines[2][:40], encoding="utf-8")
    again = kbtool("eval", "run", "--json", "--resume", first["run"], cwd=shop)
    assert json.loads(again.stdout)["questions"] == 4
    resumed = replies.read_text(encoding="utf-8").splitlines(keepends=True)
    assert resumed[:2] == lines[:2]
    assert len(resumed) == 4


def test_the_demo_runs_the_whole_chain(tmp_path: Path) -> None:
    text = (ROOT / "kb.toml").read_text(encoding="utf-8")
    text = re.sub(r'"(corpora|evals)/', rf'"{ROOT}/\1/', text)
    text = text.replace('baseline = "demo"', f'baselines = "{ROOT}/evals/baselines"\nbaseline = "demo"')
    (tmp_path / "kb.toml").write_text(text, encoding="utf-8")
    done = kbtool("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stages = [line.split()[0] for line in done.stdout.splitlines()[:8]]
    assert stages == ["read", "clean", "chunk", "plan", "ingest", "ask", "threshold", "report"]
    (path,) = re.findall(r"^Report +(.*)$", done.stdout, re.MULTILINE)
    report = Path(path).read_text(encoding="utf-8")
    pinned = json.loads((ROOT / "evals" / "baselines" / "demo.json").read_text(encoding="utf-8"))
    assert f"{len(pinned['questions'])} golden questions" in done.stdout
    assert "0 were lost and 0 gained" in done.stdout
    assert done.stdout.split("\n\n")[1].split(". ")[0] in report
    assert "Next" in done.stdout


def test_init_writes_a_config_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    assert kbtool("init", cwd=tmp_path).returncode == 0
    again = kbtool("init", cwd=tmp_path)
    assert (again.returncode, "there already" in again.stderr) == (1, True)
    (tmp_path / "exports").mkdir()
    empty = kbtool("chunk", cwd=tmp_path)
    assert (empty.returncode, "No page was found" in empty.stderr) == (1, True)


def test_a_tuned_threshold_is_written_with_comments_kept(shop: Path) -> None:
    questions = "".join(
        f"- id: q{i}\n  question: what does the return label cost for parcel {i}\n"
        "  relevant: [{doc: returns, section: [Costs]}]\n  answer: {must_contain: ['6.50']}\n"
        for i in range(50)
    )
    questions += "- {id: moon, question: tickets to the moon, answerable: false}\n"
    (shop / "golden.yaml").write_text(questions, encoding="utf-8")
    (shop / "kb.toml").write_text(KB + "[handoff]\n# where we began\nthreshold = 0.5\n", encoding="utf-8")
    kbtool("ingest", "--yes", cwd=shop)
    estimate = kbtool("eval", "run", "--target", "retrieval", cwd=shop)
    assert "estimate" in estimate.stdout
    assert kbtool("tune", "--write", cwd=shop).returncode == 1
    before = (shop / "kb.toml").read_text(encoding="utf-8")
    accepted = kbtool("tune", "--write", "--accept-estimate", cwd=shop)
    assert accepted.returncode == 0, accepted.stderr
    assert "estimated = " in (shop / "kb.toml").read_text(encoding="utf-8")
    assert "tuned = " not in (shop / "kb.toml").read_text(encoding="utf-8")
    (shop / "kb.toml").write_text(before, encoding="utf-8")
    run = json.loads(kbtool("eval", "run", "--json", cwd=shop).stdout)
    done = kbtool("tune", "--write", cwd=shop)
    assert done.returncode == 0, done.stderr
    text = (shop / "kb.toml").read_text(encoding="utf-8")
    assert "# where we began" in text
    assert f'run = "{run["run"]}"' in text
    assert f"threshold = {run['threshold']}" in text
    again = kbtool("tune", "--write", cwd=shop)
    assert (again.returncode, "nothing was written" in again.stdout) == (0, True)
    assert (shop / "kb.toml").read_text(encoding="utf-8") == text

    raised = kbtool("tune", "--raise", "0.97", cwd=shop)
    assert (raised.returncode, "threshold" in raised.stdout, "-> 0.97" in raised.stdout) == (0, True, True)
    text = (shop / "kb.toml").read_text(encoding="utf-8")
    assert "threshold = 0.97" in text
    assert 'raised = "' in text
    lower = kbtool("tune", "--raise", "0.5", cwd=shop)
    assert (lower.returncode, "raises nothing" in lower.stderr) == (1, True)

    (shop / "kb.toml").write_text(text.replace("[dify]", "[retrieval]\ntop_k = 3\n[dify]"), encoding="utf-8")
    changed = kbtool("tune", "--write", cwd=shop)
    assert (changed.returncode, "retrieval settings changed" in changed.stderr) == (1, True)


BAD = {
    "missing-source": (KB.replace('"exports"', '"nowhere.zip"'), "nowhere.zip"),
    "unknown-key": (KB.replace("dataset =", "datset ="), "Did you mean `dataset`?"),
    "no-toml": ("[corpus\n", "not valid TOML"),
    "no-key": (KB.replace("[dify]", '[dify]\nbase_url = "http://127.0.0.1:9/v1"'), "DIFY_DATASET_KEY"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_users_mistake_is_one_sentence_and_a_way_out(shop: Path, name: str) -> None:
    text, expected = BAD[name]
    (shop / "kb.toml").write_text(text, encoding="utf-8")
    done = kbtool("ingest", "--yes", cwd=shop)
    say_no_traceback(done)
    assert done.returncode == 1
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert not (shop / "reports").exists()


def test_a_truncated_zip_is_named(shop: Path) -> None:
    (shop / "exports" / "broken.zip").write_bytes(b"PK\x03\x04 nothing more")
    done = kbtool("chunk", cwd=shop)
    say_no_traceback(done)
    assert (done.returncode, "broken.zip" in done.stderr, "Returns" in done.stdout) == (1, True, True)


def test_a_server_that_is_down_is_named(shop: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    text = KB.replace("[dify]", f'[dify]\nbase_url = "http://127.0.0.1:{port}/v1"')
    (shop / "kb.toml").write_text(text, encoding="utf-8")
    done = kbtool("ingest", "--plan", cwd=shop, DIFY_DATASET_KEY="dataset-x", DIFY_APP_KEY="app-x")
    say_no_traceback(done)
    assert (done.returncode, "cannot be reached" in done.stderr) == (1, True)
    assert "dataset-x" not in done.stderr


def test_evaluating_before_ingesting_says_what_to_do(shop: Path) -> None:
    done = kbtool("eval", "weekly", cwd=shop)
    assert (done.returncode, "kbtool ingest" in done.stderr) == (1, True)


def test_an_unknown_run_is_named(shop: Path) -> None:
    done = kbtool("tune", "2020", cwd=shop)
    assert (done.returncode, "kbtool eval list" in done.stderr) == (1, True)


def test_the_engine_serves_over_http_and_an_occupied_port_is_named(shop: Path) -> None:
    command = [sys.executable, "-u", "-m", "kbtool", "embedded", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout
        address = re.search(r"http://127\.0\.0\.1:(\d+)/v1", server.stdout.readline())
        assert address
        text = KB.replace("[dify]", f'[dify]\nbase_url = "{address[0]}"')
        (shop / "kb.toml").write_text(text, encoding="utf-8")
        keys = {"DIFY_DATASET_KEY": "dataset-embedded", "DIFY_APP_KEY": "app-embedded"}
        done = kbtool("ingest", "--yes", cwd=shop, **keys)
        assert done.returncode == 0, done.stderr
        assert kbtool("eval", "weekly", cwd=shop, **keys).returncode == 0
        wrong = kbtool("ingest", "--plan", cwd=shop, **{**keys, "DIFY_DATASET_KEY": "app-embedded"})
        assert (wrong.returncode, "Check the key" in wrong.stderr) == (1, True)
        taken = kbtool("embedded", "serve", "--port", address[1], cwd=shop)
        say_no_traceback(taken)
        assert (taken.returncode, f"127.0.0.1:{address[1]}" in taken.stderr) == (1, True)
        server.send_signal(signal.SIGINT)
        server.wait(10)


def test_every_command_has_help() -> None:
    shown = kbtool("--help", cwd=ROOT)
    assert shown.returncode == 0
    for command in ("demo", "init", "clean", "chunk", "ingest", "golden", "eval", "tune", "embedded"):
        assert re.search(rf"^ *{command} +\S", shown.stdout, re.MULTILINE), command


def test_what_cannot_be_written_is_named(shop: Path) -> None:
    (shop / "reports").write_text("in the way", encoding="utf-8")
    kbtool("ingest", "--yes", cwd=shop)
    done = kbtool("eval", "weekly", cwd=shop)
    say_no_traceback(done)
    assert (done.returncode, "reports" in done.stderr) == (1, True)


def test_a_key_with_odd_characters_is_refused_and_not_shown(shop: Path) -> None:
    done = kbtool("ingest", "--plan", cwd=shop, DIFY_DATASET_KEY="dataset-s3cret…")
    say_no_traceback(done)
    assert (done.returncode, "DIFY_DATASET_KEY" in done.stderr, "s3cret" in done.stderr) == (1, True, False)


def test_a_pipe_among_the_sources_hangs_nothing(shop: Path) -> None:
    os.mkfifo(shop / "exports" / "pipe.md")
    assert kbtool("chunk", cwd=shop).returncode == 0
