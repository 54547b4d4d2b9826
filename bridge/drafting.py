"""From a decision to the draft that a person is shown. Pure."""

from __future__ import annotations

from bridge.speech import place_of, said_to_customer
from bridge.speech.words import Words
from bridge.tables.drafts import Drafted, Source
from kbtool.handoff import Action, Decision, Policy
from kbtool.model import Answer, Hit
from kbtool.sync.fields import URL

_SOURCES = 8


def drafted(decision: Decision, answer: Answer, words: Words, policy: Policy) -> Drafted:
    """What the AI would say, and what it stands on; without a text where the decision is a handoff."""
    threshold = policy.threshold if decision.threshold is None else decision.threshold
    return Drafted(
        answer.question.text,
        said_to_customer(decision, answer, words),
        decision.action.value,
        decision.reason.value,
        decision.score,
        None if decision.score is None else threshold,
        tuple(_source(hit) for hit in answer.hits[:_SOURCES]),
    )


def undrafted(asked: str, reason: str) -> Drafted:
    """Where there is no answer to decide on: a person begins with an empty page."""
    return Drafted(asked, "", Action.HANDOFF.value, reason)


def _source(hit: Hit) -> Source:
    """Only an address that can be followed is kept: what a page says of itself may be anything."""
    url = hit.metadata.get(URL, "")
    is_link = url.startswith(("https://", "http://"))
    return Source(place_of(hit), hit.score, url if is_link else "", hit.document_name)
