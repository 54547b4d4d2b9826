"""The Dify app to import: what it says when it knows nothing is what the handoff understands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kbtool.config import Settings
from kbtool.handoff import Action, Policy, Reason, decide
from kbtool.model import Answer, Hit, Question

FILE = Path(__file__).parent.parent / "deploy" / "dify" / "support-bot.yml"
SOURCE = Hit("c", "d", "Refunds", "Refunds take five days.", 0.9)


@pytest.fixture(scope="module")
def app() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return loaded


def refusals(app: dict[str, Any]) -> list[str]:
    """The sentences that the prompt prescribes for a question without an answer."""
    return re.findall(r"nothing else: (.+)|不加其他内容：(.+)", app["model_config"]["pre_prompt"])


def test_it_is_a_chat_app_with_citations_and_no_temperature(app: dict[str, Any]) -> None:
    config = app["model_config"]
    assert (app["kind"], app["app"]["mode"]) == ("app", "chat")
    assert config["retriever_resource"] == {"enabled": True}
    assert config["model"]["completion_params"]["temperature"] == 0


def test_both_refusals_are_handed_off_whatever_the_score(app: dict[str, Any]) -> None:
    said = ["".join(pair) for pair in refusals(app)]
    assert len(said) == 2
    for sentence in said:
        decision = decide(Answer(Question("How long do refunds take?"), sentence, (SOURCE,)), Policy())
        assert (decision.action, decision.reason) == (Action.HANDOFF, Reason.REFUSED)


def test_it_searches_as_a_new_kb_toml_does(app: dict[str, Any]) -> None:
    configs, retrieval = app["model_config"]["dataset_configs"], Settings().retrieval
    assert configs["top_k"] == retrieval.top_k
    assert (configs["reranking_enable"], configs["score_threshold_enabled"]) == (False, False)


def test_it_holds_no_key_and_no_dataset_of_anyone(app: dict[str, Any]) -> None:
    assert app["model_config"]["dataset_configs"]["datasets"]["datasets"] == []
    assert not re.search(r"(?:app|dataset|sk)-[A-Za-z0-9]{8}", FILE.read_text(encoding="utf-8"))
