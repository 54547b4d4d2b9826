"""The documents say what is true today."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from pathlib import Path

import pytest
import typer

from bridge.channels.table import channel_of
from bridge.settings import Keep
from bridge.speech.words import WORDS
from kbtool import corpus
from kbtool.chunk import section_text
from kbtool.cli import app
from kbtool.config import Bridge, load
from kbtool.config.bridge import BridgeRoute
from kbtool.golden import load as load_golden
from kbtool.sync.render import render
from tests.documents import documents

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDED = " ".join(README.split())
BRIDGE = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
CHANNELS = (
    "WebWidget", "Api", "Email", "Telegram", "Whatsapp", "FacebookPage", "Line", "Instagram", "Tiktok",
    "TwilioSms/whatsapp", "TwilioSms", "Sms",
)  # fmt: skip
LIFECYCLE = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
DOCUMENTS = documents()


def commands() -> dict[str, set[str]]:
    """Command → its options."""
    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        for child, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {child}".strip())
        if not hasattr(command, "commands"):
            found[name] = {option for p in getattr(command, "params", ()) for option in p.opts}

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_in_the_documents_exists(document: str) -> None:
    known = commands()
    text = (ROOT / document).read_text(encoding="utf-8")
    prose = re.sub(r"<!-- demo.*?/demo -->", "", text, flags=re.DOTALL)
    pieces = re.findall(r"```.*?```|`[^`]*`", prose, re.DOTALL)
    code = "\n".join(one if one.startswith("```") else " ".join(one.split()) for one in pieces)
    for called in re.findall(r"(?<![/\w])kbtool ((?:[a-z]+ ?)+)((?:--[a-z-]+[^\n`]*)?)", code):
        words = called[0].split()
        name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in known), None)
        assert name, f"there is no command kbtool {called[0]}"
        assert set(re.findall(r"--[a-z-]+", called[1])) <= known[name] | {"--help"}, called


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_piece_of_kb_toml_in_the_documents_loads(tmp_path: Path, document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for number, piece in enumerate(re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)):
        path = tmp_path / f"{number}.toml"
        path.write_text(textwrap.dedent(piece), encoding="utf-8")
        load(path)


def test_the_page_of_the_bridge_says_what_the_channels_and_the_languages_are() -> None:
    limits = {f"{channel_of(f'Channel::{name}').limit:,}" for name in CHANNELS}
    row = re.search(r"^\| 10,000 .*$", BRIDGE, re.MULTILINE)
    assert row
    assert set(re.findall(r"[\d,]*\d", row[0])) == limits
    spoken = re.search(r"own sentences are in (.*?), by what", BRIDGE, re.DOTALL)
    assert spoken
    assert len(re.findall(r"[A-Z][a-z]+", spoken[1])) == len(WORDS)


def test_the_page_of_the_bridge_gives_the_times_that_are_shipped() -> None:
    route, keep = BridgeRoute(), Keep()
    for said in (
        f"`patience` ({route.patience:.0f} s)",
        f"`post_limit` ({route.post_limit:.0f} s)",
        f"`merge_window` ({route.merge_window:g} s)",
        f"`unanswered_minutes` ({Bridge().unanswered_minutes:.0f})",
        f"words are kept {keep.words:.0f} days, counts {keep.rows:.0f}",
    ):
        assert said in " ".join(BRIDGE.split()), said


def test_every_module_that_the_lifecycle_names_is_there() -> None:
    for name in re.findall(r"`(?:kbtool/)?((?:[a-z_]+/)*[a-z_]+\.py)`", LIFECYCLE):
        assert list((ROOT / "kbtool").rglob(name)) or list(ROOT.glob(name)), name


def test_the_page_of_the_lifecycle_goes_as_it_says() -> None:
    settings = load(ROOT / "kb.toml")
    export = corpus.read_sources(settings)
    (cleaned,) = [done for done in corpus.clean_pages(export) if done.page.title == "Returning a product"]
    assert cleaned.page.key in LIFECYCLE
    assert cleaned.page.slug in LIFECYCLE
    rules = {removal.rule for removal in cleaned.removals}
    assert rules == set(re.findall(r"^\| `(\w+)` \|", LIFECYCLE, re.MULTILINE))
    (document,) = corpus.chunk_pages([cleaned], export, settings).documents
    assert len(document.sections) == 7
    assert render(document).name in LIFECYCLE
    quoted = re.search(r"<!-- chunk -->\n(.*?)\n<!-- /chunk -->", LIFECYCLE, re.DOTALL)
    assert quoted
    text = textwrap.dedent(quoted[1])
    assert any(section_text(section).startswith(text) for section in document.sections)


def test_the_figures_of_the_readme_are_those_of_the_files() -> None:
    coverage = tomllib.loads((ROOT / "tests" / "contract" / "coverage.toml").read_text(encoding="utf-8"))
    covered = sum(state == "covered" for state in coverage.values())
    assert f"{covered} of {len(coverage)} exchanges" in FOLDED
    pinned = json.loads((ROOT / "evals" / "baselines" / "demo.json").read_text(encoding="utf-8"))
    assert f"{len(pinned['questions'])} golden questions" in FOLDED
    questions = load_golden(ROOT, load(ROOT / "kb.toml").evals.golden).questions
    answerable = {golden.id for golden in questions if golden.answerable}
    found = sum(one["passed"] for one in pinned["questions"] if one["id"] in answerable)
    assert f"{found} of {len(answerable)} found" in FOLDED
