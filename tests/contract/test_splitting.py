"""Cleaning and splitting, as pure functions, give the segments that the real server was recorded to give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.embedded import indexing, rules
from kbtool.embedded.indexing import Cut, Piece, Rule, SplitError
from kbtool.embedded.payloads import ProcessRule
from tests.contract import recordings
from tests.contract.recordings import Recording

EXACT = Rule(Cut("\n\n=====CUT=====\n\n", 4000), children=Cut("\n \n \n", 4000))


@dataclass(frozen=True)
class Case:
    """A document that was sent, and what became of it: segments, or the sentence of its error."""

    name: str
    text: str
    rule: Rule
    doc_form: str
    pieces: list[Piece] | None = None
    error: str = ""


def cases() -> list[Case]:
    """Every recorded document whose segments, or whose failure to be split, were read back."""
    sent: dict[str, Case] = {}
    found: list[Case] = []
    for recording in recordings.load():
        parts = recording.path.split("/")
        if parts[-1] in ("create-by-text", "update-by-text") and recording.status == 200:
            document = recording.response["document"]["id"]
            sent[document] = _sent(recording, sent.get(document))
        elif parts[-1] == "segments" and recording.method == "POST":
            sent.pop(parts[5], None)
        elif (
            parts[-1] == "segments"
            and recording.query in (None, {"page": 1, "limit": 100})
            and parts[5] in sent
        ):
            pieces = [_piece(segment) for segment in recording.response["data"]]
            if pieces:
                found.append(replace(sent[parts[5]], pieces=pieces))
        elif parts[-1] == "indexing-status" and recording.status == 200:
            status = recording.response["data"][0]
            if status["indexing_status"] == "error" and not status["error"].startswith("{"):
                found.append(replace(sent[status["id"]], error=status["error"]))
    return found


def _sent(recording: Recording, before: Case | None) -> Case:
    body = recording.request
    if (rule := body.get("process_rule")) is not None:
        stored = {"mode": rule["mode"], "rules": ProcessRule(**rule).model_dump_json(include={"rules"})}
        follow = rules.to_follow(_row(stored))
    else:
        follow = before.rule if before else indexing.AUTOMATIC
    return Case(recording.key, body["text"], follow, body.get("doc_form", "text_model"))


def _row(stored: dict[str, str]) -> Any:
    """A row as the database gives it: the rules are JSON."""
    return {"mode": stored["mode"], "rules": stored["rules"].removeprefix('{"rules":')[:-1]}


def _piece(segment: dict[str, Any]) -> Piece:
    return Piece(segment["content"], tuple(child["content"] for child in segment["child_chunks"]))


CASES = cases()


def test_there_are_recorded_documents_to_compare_with() -> None:
    assert len([case for case in CASES if case.pieces]) >= 15
    assert {case.error.split("(")[0] for case in CASES if case.error} == {
        "Custom segment length should be between 50 and 4000.",
        "Got a larger chunk overlap ",
        "No subchunk segmentation found in rules.",
    }


@pytest.mark.parametrize("case", CASES, ids=[f"{at}-{case.name}" for at, case in enumerate(CASES)])
def test_a_recorded_document_is_split_as_recorded(case: Case) -> None:
    if case.error:
        with pytest.raises(SplitError) as raised:
            indexing.split(case.text, case.rule, case.doc_form)
        assert str(raised.value) == case.error
    else:
        assert indexing.split(case.text, case.rule, case.doc_form) == case.pieces


line = st.text(
    st.characters(codec="utf-8", exclude_characters="ï¿¾<>|\n", exclude_categories=["C"]), min_size=1
)
chunk = st.lists(line.map(lambda text: f"x{text}x"), min_size=1, max_size=4).map("\n\n".join)


@given(st.lists(st.lists(chunk, min_size=1, max_size=4), min_size=1, max_size=4))
def test_our_own_form_arrives_exactly_as_it_was_sent(sections: list[list[str]]) -> None:
    text = EXACT.cut.separator.join("\n \n \n".join(children) for children in sections)
    pieces = indexing.split(text, EXACT, "hierarchical_model")
    assert [list(piece.children) for piece in pieces] == sections
    assert [piece.content for piece in pieces] == ["\n \n \n".join(children) for children in sections]


@given(st.text(max_size=3000), st.integers(50, 400), st.integers(0, 40))
def test_no_piece_is_longer_than_the_rule_allows(text: str, length: int, overlap: int) -> None:
    rule = Rule(Cut("\n\n", length, overlap))
    assert all(len(piece.content) <= length for piece in indexing.split(text, rule, "text_model"))


@given(st.text(st.sampled_from("ab cd\n"), max_size=2000))
def test_splitting_again_loses_spaces_and_nothing_else(text: str) -> None:
    pieces = indexing.split(text, Rule(Cut("@@@", 50)), "text_model")
    assert "".join("".join(piece.content.split()) for piece in pieces) == "".join(text.split())


def test_the_characters_that_dify_always_loses_are_lost() -> None:
    sent = "na\u00efve ¿que? 3¾ <|tag|> bell\x07 tab\t end"
    assert indexing.clean(sent, Rule(Cut("\n", 500))) == "nave que? 3 <tag> bell tab\t end"
