"""What `kbtool cron` prints: a line for a shell, a unit for systemd, a workflow that is YAML."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kbtool.cli.cron import Scheduler, cron
from kbtool.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """In a folder whose name is none that anybody hopes for."""
    folder = tmp_path / "100% of my kb"
    folder.mkdir()
    (folder / "kb.toml").write_text("", encoding="utf-8")
    return folder / "kb.toml"


def printed(scheduler: Scheduler, config: Path, capsys: pytest.CaptureFixture[str]) -> str:
    cron(scheduler, config)
    return capsys.readouterr().out


def test_the_crontab_line_is_a_command_of_the_shell(config, capsys):
    *comments, line = printed(Scheduler.CRONTAB, config, capsys).strip().splitlines()
    assert all(comment.startswith("#") for comment in comments)
    assert line.startswith("0 6 * * 1 ")
    assert "%" not in line.replace(r"\%", ""), "cron would end the line there"
    command = line.removeprefix("0 6 * * 1").replace(r"\%", "%")
    checked = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"cd '{config.parent}'" in command


def test_the_unit_doubles_what_systemd_would_expand(config, capsys):
    text = printed(Scheduler.SYSTEMD, config, capsys)
    assert f"WorkingDirectory={str(config.parent).replace('%', '%%')}\n" in text
    assert "eval weekly --config kb.toml" in text
    assert "OnCalendar=Mon" in text


def test_the_workflow_keeps_the_runs_and_the_report_of_a_red_week_too(config, capsys):
    workflow = YAML(typ="safe").load(printed(Scheduler.GITHUB, config, capsys))
    steps = workflow["jobs"]["weekly"]["steps"]
    names = [step.get("uses") or step["run"] for step in steps]
    check = next(i for i, name in enumerate(names) if "eval weekly" in name)
    assert names.index("actions/cache/restore@v4") < check
    after = {step["uses"]: step.get("if") for step in steps[check + 1 :]}
    assert after == {"actions/cache/save@v4": "always()", "actions/upload-artifact@v4": "always()"}
    assert "--junit" in names[check]


def test_a_folder_without_a_config_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        cron(Scheduler.CRONTAB, tmp_path / "kb.toml")
