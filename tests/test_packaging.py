"""What is built from the tree: all of it and nothing else, and it works where the tree is not.

The wheel is installed with the declared dependencies, and no others, in reach: they are linked from the
environment of the tests, so that nothing is fetched.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from kbtool import __version__
from kbtool.cli.example import PARTS
from tests.lowest import lowest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OURS = re.compile(r"(KBTOOL|DIFY|CHATWOOT)_\w+|PYTHONPATH|VIRTUAL_ENV")


@dataclass(frozen=True)
class Built:
    sdist: Path
    wheel: Path
    again: Path
    """The wheel that is made from the sdist."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    again = tmp_path_factory.mktemp("again")
    made(ROOT, out, "sdist", "wheel")
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as packed:
        packed.extractall(again, filter="data")
    made(again / sdist.name.removesuffix(".tar.gz"), again, "wheel")
    return Built(sdist, wheel, next(again.glob("*.whl")))


def made(tree: Path, out: Path, *targets: str) -> None:
    """By the backend that pyproject.toml names, as pip would call it."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out)]
    for target in targets:
        command += ["--target", target]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def metadata(wheel: Path) -> Message:
    (text,) = (text for name, text in contents(wheel).items() if name.endswith("/METADATA"))
    return Parser().parsestr(text.decode())


def files_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT)


def test_the_wheel_has_all_of_both_packages_and_the_example_and_nothing_else(built: Built) -> None:
    expected = {str(path) for package in ("kbtool", "bridge") for path in files_below(ROOT / package)}
    for part in PARTS:
        source = ROOT / part
        files = files_below(source) if source.is_dir() else (Path(part),)
        expected |= {f"kbtool/example/{path}" for path in files}
    assert {"kbtool/py.typed", "bridge/py.typed"} < expected
    assert {name for name in contents(built.wheel) if ".dist-info/" not in name} == expected


def test_the_sdist_makes_the_same_wheel(built: Built) -> None:
    assert contents(built.again) == contents(built.wheel)


def test_what_the_container_image_copies_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    tree = tmp_path / "src"
    tree.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        for name in line.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, tree / name)
    made(tree, tmp_path, "wheel")
    assert contents(next(tmp_path.glob("*.whl"))) == contents(built.wheel)


def test_the_sdist_has_no_tests_and_nothing_that_was_made(built: Built) -> None:
    with tarfile.open(built.sdist) as packed:
        names = [name.partition("/")[2] for name in packed.getnames()]
    known = ("kbtool/", "bridge/", "corpora/notion/", "corpora/lark/", "evals/")
    files = {name for name in names if not name.startswith(known)}
    assert files == {
        ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "kb.toml", "pyproject.toml",
    }  # fmt: skip


def test_one_place_says_the_version_and_the_changelog_knows_it(built: Built) -> None:
    said = metadata(built.wheel)
    assert said["Version"] == __version__
    assert said["Requires-Python"] == ">=3.11"
    assert "version" not in PROJECT["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert headings[0].startswith(f"[{__version__}] - ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d|unreleased)", one) for one in headings)


def test_every_dependency_begins_at_a_version_that_is_not_above_the_pinned_one() -> None:
    pins = [pin.split("==") for pin in PROJECT["tool"]["uv"]["constraint-dependencies"]]
    pinned = {canonical(name): Version(version) for name, version in pins}
    for name, version in lowest():
        assert Version(version) <= pinned[canonical(name)], name


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def program(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`kbtool` of an environment in which the wheel was installed, and its dependencies are within reach."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
               "--no-index", "--no-compile", "--disable-pip-version-check", str(built.wheel)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in needed(metadata(built.wheel).get_all("Requires-Dist", []), set()):
        link(name, packages)
    return folder / "bin" / "kbtool"


def needed(requirements: Sequence[str], known: set[str]) -> set[str]:
    """The distributions that are asked for, and all that those ask for here, except for an extra."""
    for requirement in map(Requirement, requirements):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and (name := canonical(requirement.name)) not in known:
            known.add(name)
            needed(importlib.metadata.requires(name) or [], known)
    return known


def link(name: str, target: Path) -> None:
    """The distribution's modules, where they are installed, as links in `target`."""
    installed = importlib.metadata.distribution(name)
    for part in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
        if not (target / part).exists():
            (target / part).symlink_to(str(installed.locate_file(part)))


def environment(program: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
    return kept | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def start(program: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], cwd=cwd, env=environment(program) | variables, capture_output=True, text=True,
        check=False, timeout=180, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def call(program: Path, *arguments: str, cwd: Path) -> str:
    done = start(program, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_program_helps_tells_its_version_and_begins_a_project(
    program: Path, tmp_path: Path
) -> None:
    where = "import kbtool, bridge; print(kbtool.__file__, bridge.__file__)"
    said = call(program.with_name("python"), "-c", where, cwd=tmp_path)
    assert str(ROOT) not in said
    assert call(program, "--version", cwd=tmp_path).startswith(f"kbtool {__version__} (bridge store ")
    assert "sandbox" in call(program, "--help", cwd=tmp_path)
    assert "--chatwoot-url" in call(program, "bridge", "serve", "--help", cwd=tmp_path)
    assert "kb.toml written" in call(program, "init", cwd=tmp_path)
    assert (tmp_path / "kb.toml").read_bytes() == (ROOT / "kbtool" / "cli" / "kb.toml").read_bytes()


def test_a_postgresql_without_its_driver_is_told_in_a_sentence(program: Path, tmp_path: Path) -> None:
    """Only the extra `postgres` brings it."""
    call(program, "init", cwd=tmp_path)
    address = {"KBTOOL_DATABASE_URL": "postgresql://bridge:hunter2@127.0.0.1:1/bridge"}
    for words in (("kpi",), ("downgrade",)):
        done = start(program, "bridge", *words, cwd=tmp_path, **address)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert "psycopg is not installed" in done.stderr
        assert "postgres]" in done.stderr
        assert "hunter2" not in done.stderr


def test_the_demo_runs_to_its_end_in_an_empty_folder_and_its_project_can_be_gone_on_with(
    program: Path, tmp_path: Path
) -> None:
    said = call(program, "demo", cwd=tmp_path)
    assert "328 golden questions" in said
    assert "read back and found equal" in said
    assert "Next    kbtool chunk --config kbtool-demo/kb.toml" in said
    (report,) = (tmp_path / "kbtool-demo" / "reports" / "runs").glob("*/report.html")
    assert str(report) in said
    assert [path.name for path in tmp_path.iterdir()] == ["kbtool-demo"]
    assert "95 documents" in call(program, "chunk", "--config", "kbtool-demo/kb.toml", cwd=tmp_path)


def test_the_sandbox_answers_in_an_empty_folder(program: Path, tmp_path: Path) -> None:
    command = [str(program), "sandbox", "--no-open"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(program), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout
            told = next(line for line in running.stdout if "http" in line)
            (address,) = re.findall(r"http://[\d.:]+/", told)
            assert b"<html" in asked(address)
            customer = json.loads(asked(f"{address}sandbox/customers", {}))["source_id"]
            question = {"text": "how long can i wait before i send the brewer back"}
            asked(f"{address}sandbox/customers/{customer}/messages", question)
            assert last_speaker(f"{address}sandbox/view?customer={customer}&conversation=1") == "bot"
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def asked(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: bytes = answer.read()
        return told


def last_speaker(view: str) -> str:
    """Of the conversation, once there is more in it than the question."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        messages = json.loads(asked(view))["chat"]["messages"]
        if len(messages) > 1:
            said: str = messages[-1]["who"]
            return said
        time.sleep(0.1)
    raise AssertionError("nobody answered within a minute")
