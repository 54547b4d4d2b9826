"""`kbtool eval` and `kbtool golden` in this process, over the embedded engine: the judge, and bad input.

Whatever is wrong has a clear outcome, and none is a wrong green.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from kbtool import cli
from kbtool.config import load
from kbtool.evaluate.cost import Price, Spent
from kbtool.evaluate.history import find_run
from kbtool.evaluate.metrics import summarize
from kbtool.evaluate.record import Golden, Outcome, Reply, Result
from kbtool.judge.criteria import Criterion, Material
from kbtool.judge.labels import Label, add_label
from tests.forked import Kbtool, start
from tests.judging import Endpoint, beside, fair, verdicts
from tests.server import run

KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "shop"
[evals]
golden = ["golden.yaml"]
"""
WINDOW = """\
- id: window
  question: how many days do I have to return a kettle
  lang: en
  tags: [returns]
  relevant: [{doc: returns, section: [Time limit], evidence: 30 days}]
"""
COINS = "- id: coins\n  question: do you accept digital coins\n  answerable: false\n"


@dataclass(frozen=True)
class Shop:
    """A project of one page, ingested; `kbtool` runs a command in it: exit code, stdout, stderr."""

    folder: Path
    kbtool: Callable[..., tuple[int, str, str]]

    def ask(self, golden: str) -> None:
        (self.folder / "golden.yaml").write_text(golden, encoding="utf-8")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    (tmp_path / "exports").mkdir()
    page = "# Returns\n\n## Time limit\n\nYou have 30 days to return a kettle.\n"
    (tmp_path / "exports" / "returns.md").write_text(page, encoding="utf-8")
    (tmp_path / "kb.toml").write_text(KB, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def kbtool(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kbtool", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    made = Shop(tmp_path, kbtool)
    made.ask(WINDOW + COINS)
    assert kbtool("ingest", "--yes")[0] == 0
    return made


def test_a_set_without_questions_proves_nothing(shop: Shop) -> None:
    shop.ask("# nothing yet\n")
    code, said, _ = shop.kbtool("eval", "run")
    assert (code, "no question has a result" in said) == (4, True)
    assert "Next: kbtool golden suggest" in said
    assert shop.kbtool("golden", "lint")[0] == 0


def test_a_set_of_unanswerable_questions_proves_nothing_by_retrieval_and_refusals_by_answers(
    shop: Shop,
) -> None:
    shop.ask(COINS)
    assert shop.kbtool("eval", "run", "--target", "retrieval")[0] == 4
    code, said, _ = shop.kbtool("eval", "run", "--json")
    told = json.loads(said)
    assert (code, told["status"]) == (0, "no-baseline")
    assert "There was nothing to find" in told["sentence"]
    assert "No regression" not in told["sentence"]


def test_a_tab_and_every_other_slip_is_named_with_its_line_and_nothing_is_asked(shop: Shop) -> None:
    shop.ask(WINDOW + "- id: x\n\tquestion: y\n")
    code, _, said = shop.kbtool("eval", "run")
    assert (code, "golden.yaml:7: not valid YAML" in said) == (1, True)
    assert "Tabs cannot indent YAML" in said
    shop.ask(WINDOW + WINDOW + "- id: y\n  question: z\n  lnag: en\n  answerable: false\n")
    code, said, _ = shop.kbtool("golden", "lint")
    assert code == 1
    assert "golden.yaml:6: the id window is used twice" in said
    assert "golden.yaml:13: y: unknown key `lnag`; did you mean `lang`?" in said
    assert not list(shop.folder.glob("reports/runs/*"))


def test_two_questions_that_ask_the_same_are_a_mistake(shop: Shop) -> None:
    shop.ask(WINDOW + WINDOW.replace("id: window", "id: again"))
    code, said, _ = shop.kbtool("golden", "lint")
    assert (code, "again: asks the same as window" in said) == (1, True)


def test_a_question_that_left_since_the_pin_is_not_compared_and_a_critical_one_is_missed(shop: Shop) -> None:
    label = WINDOW.replace("id: window", "id: label").replace("  lang", "  critical: true\n  lang")
    shop.ask(WINDOW + label.replace("how many days", "until when") + COINS)
    assert shop.kbtool("eval", "weekly")[0] == 0
    assert shop.kbtool("eval", "pin", "--why", "first")[0] == 0
    shop.ask(WINDOW + COINS)
    code, said, _ = shop.kbtool("eval", "weekly", "--strict", "--json")
    told = json.loads(said)
    assert (code, told["status"]) == (6, "watch")
    assert [reason["rule"] for reason in told["reasons"]] == ["critical-gone"]


def test_half_a_results_file_is_resumed_and_a_broken_one_is_named(shop: Shop) -> None:
    told = json.loads(shop.kbtool("eval", "run", "--json")[1])
    folder = shop.folder / "reports" / "runs" / told["run"]
    replies = folder / "replies.jsonl"
    first, second = replies.read_text(encoding="utf-8").splitlines(keepends=True)
    replies.write_text(first + second[:25], encoding="utf-8")
    code, said, _ = shop.kbtool("eval", "run", "--json", "--resume", told["run"])
    assert (code, json.loads(said)["questions"]) == (0, 2)
    replies.write_text(first + second[:25] + "\n" + second, encoding="utf-8")
    code, _, said = shop.kbtool("eval", "report", told["run"])
    assert (code, "replies.jsonl:2: not a reply" in said) == (1, True)


def judge_at(shop: Shop, address: str) -> None:
    text = f'{KB}[judge]\nbase_url = "{address}/v1"\nmodel = "m"\n'
    (shop.folder / "kb.toml").write_text(text, encoding="utf-8")


def test_a_run_is_judged_and_nothing_is_asked_of_the_judge_twice(shop: Shop) -> None:
    endpoint = Endpoint(fair)
    with beside(endpoint.app) as address:
        judge_at(shop, address)
        planned = json.loads(shop.kbtool("eval", "run", "--dry-run", "--json")[1])
        assert (planned["judged"], planned["price"]) == (2, None)
        assert shop.kbtool("eval", "run", "--json")[0] == 0
        asked = len(endpoint.asked)
        code, said, _ = shop.kbtool("eval", "judge", "--json")
        shown = shop.kbtool("eval", "judge")[1]
    told = {one["criterion"]: one for one in json.loads(said)["criteria"]}
    assert (code, asked, len(endpoint.asked)) == (0, 2, 2)
    assert (told["complete"]["held"], told["complete"]["of"]) == (1, 1)
    assert told["complete"]["kappa"] is None
    assert not told["complete"]["counts"]
    assert "no label yet" in shown


def test_a_judge_that_is_down_takes_nothing_from_the_verdict(shop: Shop) -> None:
    def down(_: dict[str, Any]) -> int:
        return 400

    with beside(Endpoint(down).app) as address:
        judge_at(shop, address)
        code, said, _ = shop.kbtool("eval", "run", "--json")
        judged = json.loads(shop.kbtool("eval", "judge", "--json")[1])
    assert (code, json.loads(said)["status"]) == (0, "no-baseline")
    assert (judged["answers"], judged["errors"]) == (2, 2)
    assert all(one["held"] == one["of"] == 0 for one in judged["criteria"])


def test_a_broken_file_of_labels_costs_no_run(shop: Shop) -> None:
    (shop.folder / "evals").mkdir()
    (shop.folder / "evals" / "labels.jsonl").write_text("{}\n", encoding="utf-8")
    judge_at(shop, "http://127.0.0.1:9")
    code, _, said = shop.kbtool("eval", "run")
    assert (code, "labels.jsonl:1: not a label" in said) == (1, True)
    assert not list(shop.folder.glob("reports/runs/*"))


def test_labels_decide_what_a_judge_is_worth(shop: Shop) -> None:
    def strict(material: dict[str, Any]) -> str:
        holds = not material["question"].startswith("odd")
        quote = material["answer"] if not holds or material["expected"] == [] else material["expected"][0]
        return verdicts(*((c["criterion"], holds, quote) for c in material["criteria"]))

    labels = load(shop.folder / "kb.toml").resolve("evals/labels.jsonl")
    for number in range(60):
        question = f"{'odd' if number % 2 else 'even'} {number}"
        material = Material(question, f"I cannot say anything about {number}", answerable=False)
        add_label(labels, Label("x", "r", "2026-03-02", material, {Criterion.REFUSES: number % 2 == 0}))
    endpoint = Endpoint(strict)
    shop.ask(COINS)
    with beside(endpoint.app) as address:
        judge_at(shop, address)
        assert shop.kbtool("eval", "run", "--json")[0] == 0
        code, said, _ = shop.kbtool("eval", "judge")
    assert code == 0
    assert "refuses: 1 of 1 (100%)" in said
    assert "agrees with people on 100% of 60 (30 both yes, 30 both no" in said
    assert "κ 1.00 (95 % interval 1.00 to 1.00): counts" in said


def test_proposals_are_written_for_review_without_what_points_to_a_customer(shop: Shop) -> None:
    def reword(_: dict[str, Any]) -> str:
        return "- kettle back until when?\n- my order 48213, ann@mail.example: can it go back"

    endpoint = Endpoint(reword)
    with beside(endpoint.app) as address:
        text = f'{KB}[llm]\nbase_url = "{address}/v1"\nmodel = "m"\n'
        (shop.folder / "kb.toml").write_text(text, encoding="utf-8")
        code, said, _ = shop.kbtool("golden", "suggest", "--paraphrase")
    written = (shop.folder / "evals" / "proposals" / "proposed.yaml").read_text(encoding="utf-8")
    assert (code, "2 proposals" in said) == (0, True)
    assert "kettle back until when?" in written
    assert "my order [number], [email]: can it go back" in written
    assert written.count("doc: returns") == 2
    assert "proposed" in written
    refused, _, said = shop.kbtool("golden", "suggest")
    assert (refused, "Review it first" in said) == (1, True)


def test_without_a_golden_file_proposals_are_made_and_everything_else_says_so(shop: Shop) -> None:
    (shop.folder / "golden.yaml").unlink()
    for command in (("golden", "lint"), ("golden", "stats"), ("golden", "fix"), ("eval", "run"), ("tune",)):
        code, _, said = shop.kbtool(*command)
        assert (code, "kbtool golden suggest" in said) == (1, True), command
    code, said, _ = shop.kbtool("golden", "suggest")
    assert (code, "or is too short for one" in said) == (0, True)
    page = shop.folder / "exports" / "returns.md"
    page.write_text(page.read_text(encoding="utf-8") + "Send it to us in its box. " * 4, encoding="utf-8")
    code, said, _ = shop.kbtool("golden", "suggest")
    assert (code, "kbtool golden accept" in said) == (0, True)
    (shop.folder / "evals" / "proposals" / "proposed.yaml").rename(shop.folder / "golden.yaml")
    assert shop.kbtool("golden", "lint")[0] == 0


def test_the_labelling_page_is_served_until_it_is_stopped(shop: Shop) -> None:
    assert shop.kbtool("eval", "run")[0] == 0

    async def scenario() -> tuple[str, int, Kbtool]:
        command = await start("eval", "label", cwd=shop.folder)
        found = None
        for _ in range(600):
            found = re.search(r"http://127\.0\.0\.1:\d+/", command.stdout)
            if found or command.returncode is not None:
                break
            await asyncio.sleep(0.1)
        assert found, command.stderr
        async with httpx.AsyncClient(follow_redirects=True) as http:
            page = (await http.get(found[0])).text
        assert command.process.pid
        os.kill(command.process.pid, signal.SIGINT)
        return page, await command.wait(), command

    page, code, command = run(scenario())
    assert code in {0, 130, -signal.SIGINT}, command.stderr
    assert "Traceback" not in command.stderr
    assert "Answer 1 of 2" in page
    assert f"Labelling run {find_run(load(shop.folder / 'kb.toml'), 'latest')[1].run_id}" in page
    assert "evals/labels.jsonl; commit it" in command.stdout


def test_without_a_judge_the_command_says_how_to_have_one(shop: Shop) -> None:
    code, _, said = shop.kbtool("eval", "judge")
    assert (code, "[judge] base_url" in said) == (1, True)


def answered(id_: str, **reply: Any) -> Result:
    return Result(Golden(id_, "?", answerable=False), Reply(id_, "", answer="x", **reply), Outcome.PASS, "")


def test_what_a_run_took_is_summed_over_what_is_known() -> None:
    many = [answered(f"{i}", latency=i / 10, tokens=10, price="0.1", currency="USD") for i in range(1, 21)]
    spent = summarize([*many, answered("unknown")], k=5).spent
    assert spent == Spent(21, (1.0, 1.9), 200, 20, (Price("2.0", "USD", 20),))
    mixed = [answered("a", price="1", currency="USD"), answered("b", price="1", currency="CNY")]
    assert summarize(mixed, k=5).spent.prices == (Price("1", "CNY", 1), Price("1", "USD", 1))
    assert summarize([answered("a", price="?")], k=5).spent == Spent(1)


def test_slices_say_what_became_of_the_answers_too() -> None:
    refused = Golden("a", "?", tags=("pay",), lang="en", inbox="web", answerable=False)
    results = [
        Result(refused, Reply("a", "", answer="no"), Outcome.PASS, ""),
        Result(refused, Reply("b", "", answer="yes"), Outcome.FAIL, ""),
    ]
    slices = {(one.by, one.name): one for one in summarize(results, k=5).slices}
    assert set(slices) == {("tag", "pay"), ("language", "en"), ("inbox", "web")}
    assert (slices["tag", "pay"].refusals.hits, slices["tag", "pay"].refusals.n) == (1, 2)
    assert slices["tag", "pay"].found.value is None
