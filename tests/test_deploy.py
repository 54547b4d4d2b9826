"""deploy/ as far as it can be checked without containers: it parses, and what it names is there.

Its commands are given to the command line, its metrics to the bridge's own, its variables to the reference.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.operating.metrics import _COUNTED, _TIMED, Metrics
from kbtool.config.environment import VARIABLES
from tests.documents import require_parses

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted((DEPLOY / "systemd").iterdir())
RULES = [path for path in FILES if path.suffix in {".yml", ".yaml"}]
COMMAND = re.compile(r"(?:bin/|run: |&& |; |action: \")kbtool ([a-z][^\n;&|>']*)")
"""After what begins a command; elsewhere it is prose."""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_is_one_that_there_is(path: Path) -> None:
    for found in COMMAND.findall(text(path)):
        line = re.sub(r'"backups/.*"', "FILE", found).strip().strip('"')
        require_parses(["kbtool", *shlex.split(line.partition(",")[0])])


def test_there_are_commands_to_look_at() -> None:
    assert sum(len(COMMAND.findall(text(path))) for path in FILES) > 10


def test_docker_runs_commands_that_there_are() -> None:
    (command,) = re.findall(r"^CMD (\[.*\])$", text(DEPLOY / "docker" / "Dockerfile"), re.MULTILINE)
    require_parses(json.loads(command))


def test_what_the_image_copies_is_in_the_repository_and_enough_to_install_from() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", text(DEPLOY / "docker" / "Dockerfile"), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert all((ROOT / name).exists() for name in names)
    assert {"pyproject.toml", "README.md", "kbtool", "bridge"} <= set(names)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_yaml_parses(path: Path) -> None:
    assert YAML(typ="safe").load(text(path))


@pytest.mark.parametrize("name", ["compose.one.yml", "compose.replicas.yml"])
def test_containers_need_no_rights_and_their_networks_agree(name: str) -> None:
    services = YAML(typ="safe").load(text(DEPLOY / "docker" / name))["services"]
    bridges = {key: one for key, one in services.items() if key.startswith("bridge")}
    assert bridges
    for one in bridges.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
    if "nginx" in services:
        upstreams = set(re.findall(r"server (bridge-\d):8080", text(DEPLOY / "nginx" / "bridge.conf")))
        assert upstreams == set(bridges)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_parse_and_name_each_other(path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string(text(path))
    if path.suffix == ".service":
        assert unit["Service"]["User"] == "kbtool"
        assert unit["Service"]["ProtectSystem"] == "strict"
    if path.suffix == ".timer":
        assert path.with_suffix(".service").exists()
        assert unit["Timer"]["Persistent"] == "true"
    if path.suffix == ".socket":
        assert unit["Socket"]["FileDescriptorName"] == "webhooks"
        assert (path.parent / unit["Socket"]["Service"]).exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    """But for the program and the user, which are not installed here."""
    for path in UNITS:
        content = text(path).replace("/opt/kbtool/bin/kbtool", shutil.which("true") or "/bin/true")
        (tmp_path / path.name).write_text(re.sub(r"^(User|Group)=.*$", "", content, flags=re.MULTILINE))
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / path.name) for path in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "kbtool" in line] == []


def metrics() -> set[str]:
    """Every name that the bridge's metrics can have."""
    own = Metrics()
    for event in {*_COUNTED, *_TIMED}:
        facts = {name: "x" for row in (_COUNTED.get(event), _TIMED.get(event)) if row for name in row[2]}
        own.hear(event, facts | {"seconds": 1.0})
    own.hear("cost", {"route": "x", "tokens": 1, "money": 1.0, "currency": "USD"})
    own.acknowledged(200, 0.1)
    own.chatwoot("GET /x", 200, 0.1)
    names = {sample.name for family in own._registry.collect() for sample in family.samples}
    families = {family.name for family in own._registry.collect()}
    return names | families


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    known = metrics() | {"up"}
    rules = YAML(typ="safe").load(text(DEPLOY / "prometheus" / "rules.yml"))["groups"][0]["rules"]
    board: dict[str, Any] = json.loads(text(DEPLOY / "grafana" / "bridge.json"))
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {name for one in asked for name in re.findall(r"\b(?:bridge_\w+|up)\b", one)}
    assert len(named) > 12
    assert named <= known
    labels = {name for one in asked for name in re.findall(r"(\w+)[!=]~?\"", one)}
    assert labels <= {"job", "event", "outcome", "figure", "state", "action"}


def test_every_variable_is_in_the_reference() -> None:
    known = {name for one in VARIABLES for name in one.names}
    example = text(DEPLOY / "kbtool.env.example")
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) <= known
    for path in FILES:
        used = set(re.findall(r"\b((?:KBTOOL|CHATWOOT|DIFY)_[A-Z_]+)\b", text(path)))
        assert used <= known, path


def test_nothing_has_a_secret() -> None:
    example = text(DEPLOY / "kbtool.env.example")
    filled = dict(re.findall(r"^([A-Z_]+)=(.+)$", example, re.MULTILINE))
    assert set(filled) == {"CHATWOOT_URL"}
