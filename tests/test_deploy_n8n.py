"""The workflow for n8n: whole, without secrets, and about events that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kbtool.events import SCHEMA, Event, Kind, serialised

FILE = Path(__file__).parent.parent / "deploy" / "n8n" / "events.json"
FLOW = json.loads(FILE.read_text(encoding="utf-8"))
NODES = {node["name"]: node for node in FLOW["nodes"]}
TYPES = set(json.loads(SCHEMA.read_text(encoding="utf-8"))["properties"]["type"]["enum"])


def test_every_connection_leads_from_a_node_to_a_node_and_each_but_the_first_is_reached() -> None:
    reached = set()
    for name, outputs in FLOW["connections"].items():
        assert name in NODES
        for targets in outputs["main"]:
            for target in targets:
                assert target["node"] in NODES
                reached.add(target["node"])
    assert set(NODES) - reached == {"Event"}
    assert len({node["id"] for node in FLOW["nodes"]}) == len(NODES)


def test_it_chooses_among_events_that_there_are_one_output_for_each() -> None:
    rules = NODES["By type"]["parameters"]["rules"]["values"]
    chosen = [rule["conditions"]["conditions"][0]["rightValue"] for rule in rules]
    assert set(chosen) <= TYPES
    assert {"kbtool.sensitive", "kbtool.handoff", "kbtool.regression"} <= set(chosen)
    assert len(FLOW["connections"]["By type"]["main"]) == len(chosen)


def test_what_its_expressions_read_is_there() -> None:
    settings = json.loads(NODES["Settings"]["parameters"]["jsonOutput"])
    text = FILE.read_text(encoding="utf-8")
    assert set(re.findall(r"\$\('Settings'\)\.first\(\)\.json\.(\w+)", text)) == set(settings)
    assert set(re.findall(r"\$\('([^']+)'\)", text)) <= set(NODES)
    defined = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    known = {name for one in defined.values() for name in one["properties"]}
    assert set(re.findall(r"\.body\.data\.(\w+)", text)) <= known


def test_it_has_no_credentials_and_no_secrets() -> None:
    assert all("credentials" not in node for node in FLOW["nodes"])
    assert NODES["Signature"]["parameters"]["secret"] == "paste EVENTS_SECRET here"
    assert FLOW["active"] is False


EXAMPLES: list[dict[str, Any]] = [
    {"score": 0.9, "changed": 0.1234567, "text": "“30 天” \\ \n\t/ \u2028 é"},
    {"score": 1.0, "many": [0, -0.0, 0.0001, 123456789], "none": None, "is": True},
    {"deep": [{"a": [[], {}]}], "": "empty"},
]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js here")
@pytest.mark.parametrize("data", EXAMPLES)
def test_what_is_signed_is_what_javascript_writes_of_it(data: dict[str, Any]) -> None:
    """n8n has the parsed body only, and must come to the bytes that were signed."""
    body = serialised(Event(Kind.HANDOFF, "k", 1.5, "s", data).envelope("/kbtool/bridge"))
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8'))))"
    written = subprocess.run(["node", "-e", script], input=body, capture_output=True, check=True).stdout
    assert written == body


@pytest.mark.parametrize("data", EXAMPLES)
def test_numbers_are_written_as_both_languages_write_them(data: dict[str, Any]) -> None:
    body = serialised(data).decode()
    assert not re.search(r"\d\.0\b|\de-?\d", body)
    assert ", " not in body.replace("“30 天”", "")
