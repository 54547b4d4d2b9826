"""What a Monday morning brings, end to end: the commands, the engine, and all that each verdict leaves.

A broken page, a renamed heading, a swapped model and a dead server: exit code, report, JUnit, message.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bs4 import BeautifulSoup, Tag
from jsonschema import Draft202012Validator

from kbtool.cli import main
from kbtool.events import SCHEMA
from kbtool.signing import signed
from tests.test_notify import Receiver, serving

PAGES = {
    "kitchen": ("kettle", "grinder", "carafe", "gasket", "thermos", "strainer", "mortar", "skillet"),
    "workshop": ("anvil", "chisel", "lathe", "mallet", "pliers", "sander", "clamp", "rasp"),
    "garden": ("hose", "spade", "trowel", "barrow", "sickle", "hoe", "rake", "shears"),
}
KB = """\
[corpus]
sources = ["exports"]
[dify]
base_url = "{base_url}"
dataset = "house"
embedding_model = "{model}"
embedding_provider = "kbtool/lexical/lexical"
[embedded]
path = ".kbtool/{model}.sqlite"
[evals]
golden = ["golden.yaml"]
baseline = "main"
[notify]
webhook = "{webhook}"
"""


def page(name: str) -> str:
    parts = [
        f"## Part {i}\n\nThe {tool} is cleaned with {i} litres of warm water.\n"
        for i, tool in enumerate(PAGES[name], start=1)
    ]
    return "\n".join([f"# {name.capitalize()}\n", *parts])


def golden() -> str:
    """A question about each part; the kettle's names its evidence, by which a renamed heading is followed."""
    text = "".join(
        f"- id: {tool}\n  question: how is my {tool} cleaned\n  tags: [{name}]\n"
        f"  relevant: [{{doc: {name}, section: [Part {i}]}}]\n"
        for name, tools in PAGES.items()
        for i, tool in enumerate(tools, start=1)
    )
    return text.replace("section: [Part 1]}", "section: [Part 1], evidence: The kettle is}", 1)


@dataclass
class House:
    """A project on disk, and who is told."""

    folder: Path
    receiver: Receiver

    def configure(self, *, base_url: str = "embedded", model: str = "words") -> None:
        text = KB.format(base_url=base_url, model=model, webhook=self.receiver.url)
        (self.folder / "kb.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> int:
        """The exit code of the command, run in this process; what it said is kept in `said`."""
        said = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "argv", ["kbtool", *arguments])
            patch.setenv("DIFY_DATASET_KEY", "dataset-x")
            patch.setenv("DIFY_APP_KEY", "app-x")
            try:
                main()
                code = 0
            except SystemExit as left:
                code = int(left.code or 0)
        self.said = said.getvalue()
        return code

    def weekly(self) -> int:
        return self.run("eval", "weekly", "--junit", "junit.xml")

    @property
    def report(self) -> BeautifulSoup:
        """Of the last run, which is the week's as well."""
        runs = sorted((self.folder / "reports" / "runs").iterdir())
        text = (runs[-1] / "report.html").read_text(encoding="utf-8")
        (week,) = (self.folder / "reports").glob("*-W*.html")
        assert week.read_text(encoding="utf-8") == text
        return BeautifulSoup(text, "lxml")

    @property
    def junit(self) -> dict[str, list[str]]:
        """What each test case holds."""
        cases = ET.parse(self.folder / "junit.xml").getroot().findall("testcase")
        return {case.get("name", ""): [child.tag for child in case] for case in cases}

    @property
    def told(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.receiver.posts]


def headline(page: BeautifulSoup) -> str:
    heading = page.find("h1")
    assert isinstance(heading, Tag)
    return " ".join(heading.get_text().split())


def tasks(page: BeautifulSoup) -> list[str]:
    return [" ".join(task.get_text().split()) for task in page.select(".tasks li")]


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Ingested, run and pinned; the tests work on copies."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "exports").mkdir()
    for name in PAGES:
        (folder / "exports" / f"{name}.md").write_text(page(name), encoding="utf-8")
    (folder / "golden.yaml").write_text(golden(), encoding="utf-8")
    with serving(Receiver()) as receiver:
        house = House(folder, receiver)
        house.configure()
        assert house.run("ingest", "--yes") == 0, house.said
        assert house.weekly() == 0, house.said
        assert [told["level"] for told in house.told] == ["info"], "nothing is pinned yet: somebody has to"
        assert house.run("eval", "pin", "--why", "first") == 0, house.said
        yield house


@pytest.fixture
def house(pinned: House, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "house"
    shutil.copytree(pinned.folder, folder)
    with serving(Receiver()) as receiver:
        copy = House(folder, receiver)
        copy.configure()
        yield copy


def test_a_week_in_which_nothing_happened_is_green_and_nobody_is_told(house: House) -> None:
    assert house.weekly() == 0, house.said
    assert headline(house.report) == "✓ No regression."
    assert tasks(house.report) == []
    assert house.told == []
    assert house.junit["ok"] == []


def test_a_broken_page_is_a_regression_that_names_its_questions(house: House) -> None:
    empty = "# Kitchen\n\n" + "\n".join(f"## Part {i}\n\nComing soon.\n" for i in range(1, 9))
    (house.folder / "exports" / "kitchen.md").write_text(empty, encoding="utf-8")
    assert house.run("ingest", "--yes") == 0, house.said
    assert house.weekly() == 3, house.said
    assert headline(house.report).startswith("✗ Regression: 7 broke and 0 were mended of 23 compared")
    broken = [task for task in tasks(house.report) if "newly broken" in task]
    assert [word for tool in PAGES["kitchen"][1:] for word in broken if f"my {tool} " in word] == sorted(
        broken, key=lambda task: [tool in task for tool in PAGES["kitchen"]], reverse=True
    )
    assert len(broken) == 7
    assert "expected kitchen › Part 2, first came" in next(task for task in broken if "grinder" in task)
    assert house.junit["fail"] == house.junit["grinder"] == ["failure"]
    assert house.junit["anvil"] == []
    (message,) = house.told
    assert message["level"] == "critical"
    assert "newly broken: grinder" in str(message["lines"])


def test_another_program_gets_a_regression_as_an_event_and_nothing_of_a_green_week(house: House) -> None:
    with serving(Receiver()) as program, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENTS_SECRET", "s3cret")
        with (house.folder / "kb.toml").open("a", encoding="utf-8") as file:
            file.write(f'[events]\nurl = "{program.url}"\n')
        assert house.weekly() == 0, house.said
        assert program.posts == []
        empty = "# Kitchen\n\n" + "\n".join(f"## Part {i}\n\nComing soon.\n" for i in range(1, 9))
        (house.folder / "exports" / "kitchen.md").write_text(empty, encoding="utf-8")
        assert house.run("ingest", "--yes") == 0, house.said
        assert house.weekly() == 3, house.said
    ((headers, body),) = program.posts
    stamp = headers["x-kbtool-timestamp"]
    assert headers["x-kbtool-signature"] == signed(body, "s3cret", float(stamp))["x-kbtool-signature"]
    event = json.loads(body)
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(event)
    assert (event["type"], event["subject"]) == ("kbtool.regression", "house")
    assert (event["data"]["status"], event["data"]["level"]) == ("fail", "critical")


def test_a_renamed_heading_is_stale_and_no_regression_until_it_is_followed(house: House) -> None:
    renamed = page("kitchen").replace("## Part 1\n", "## The first part\n")
    (house.folder / "exports" / "kitchen.md").write_text(renamed, encoding="utf-8")
    assert house.run("ingest", "--yes") == 0, house.said
    assert house.weekly() == 0, house.said
    assert headline(house.report) == "✓ No regression."
    (task,) = tasks(house.report)
    assert "my kettle" in task
    assert "stale" in task
    assert house.junit["kettle"] == ["skipped"]
    assert [told["level"] for told in house.told] == ["info"]

    assert house.run("golden", "fix", "--yes") == 0, house.said
    assert "The first part" in (house.folder / "golden.yaml").read_text(encoding="utf-8")
    assert house.weekly() == 0, house.said
    assert tasks(house.report) == []
    assert "1 edited since" in house.report.get_text()
    assert len(house.told) == 1, "nobody has anything to do any more"


def test_a_page_of_renamed_headings_makes_a_run_that_proves_nothing(house: House) -> None:
    renamed = page("kitchen").replace("## Part", "## Section")
    (house.folder / "exports" / "kitchen.md").write_text(renamed, encoding="utf-8")
    assert house.run("ingest", "--yes") == 0, house.said
    assert house.weekly() == 4, house.said
    assert "8 of 24 questions expect what the corpus no longer has" in headline(house.report)
    assert house.junit["invalid"] == ["error"]


def test_a_swapped_model_is_never_compared(house: House) -> None:
    house.configure(model="other-words")
    assert house.run("ingest", "--yes") == 0, house.said
    assert house.weekly() == 4, house.said
    assert "This run proves nothing: the baseline" in headline(house.report)
    assert "measured under other settings" in headline(house.report)
    assert house.report.select_one("#trend .change") is not None, "the trend shows where the settings changed"
    (message,) = house.told
    assert message["level"] == "critical"
    assert house.run("eval", "pin", "--why", "the new model") == 0, house.said
    assert house.weekly() == 0, house.said


def test_a_dead_server_is_an_invalid_run_with_a_report_and_goes_on_when_it_is_back(house: House) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    house.configure(base_url=f"http://127.0.0.1:{port}/v1")
    assert house.weekly() == 4, house.said
    assert "cannot be reached" in headline(house.report)
    assert headline(house.report).startswith("! This run proves nothing")
    (task,) = tasks(house.report)
    assert "not asked" in task
    assert "and 23 more for the same reason" in task
    assert house.junit["invalid"] == house.junit["anvil"] == ["error"]
    (message,) = house.told
    assert message["level"] == "critical"
    assert "kbtool eval run --resume" in str(message["lines"])
    assert not list((house.folder / "reports" / "runs").glob("*/outcome.json"))[1:], "in no trend"

    house.configure()
    assert house.run("eval", "run", "--resume", "latest") == 0, house.said
    assert headline(house.report) == "✓ No regression."


def test_a_weekly_check_that_cannot_begin_is_told(house: House) -> None:
    (house.folder / "exports" / "garden.md").write_text(page("garden") + "\nAnd a hammock.\n")
    assert house.weekly() == 4, house.said
    assert "kbtool ingest" in house.said
    (message,) = house.told
    assert "gave no verdict" in str(message["subject"])
    assert message["lines"] == ["Bring it up to date first: kbtool ingest"]


def test_a_damaged_baseline_of_another_name_costs_no_verdict_and_no_run(house: House) -> None:
    (house.folder / "evals" / "baselines" / "other.json").write_text("{", encoding="utf-8")
    assert house.weekly() == 0, house.said
    assert "no old run was removed: baseline other" in house.said
