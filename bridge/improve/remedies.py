"""What becomes of a topic: a golden question that somebody accepts, or the stub of a page that is missing."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from bridge.improve.topics import Topic
from bridge.improve.workshop import Near, Workshop
from kbtool import page_stub
from kbtool.dify.objects import LONGEST_QUERY
from kbtool.errors import ConfigError
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden import accepting
from kbtool.golden.propose import PROPOSED
from kbtool.redact import redact
from kbtool.script import fold, language, slugify

QUEUE = "queue"
"""The tag of what came from the improvement queue; it stays, so that runs can be cut by it."""
_LONGEST_NAME = 40


def golden_of(question: str, place: Near | None) -> Golden:
    """The question as a proposal. `place` is where its answer stands, None where no page answers it."""
    text = " ".join(redact(question).split())[:LONGEST_QUERY].rstrip()
    digest = hashlib.sha256(fold(text).encode()).hexdigest()[:6]
    return Golden(
        id=f"{slugify(text)[:_LONGEST_NAME].strip('-') or QUEUE}-{digest}",
        question=text,
        lang=language(text),
        tags=(PROPOSED, QUEUE),
        answerable=place is not None,
        relevant=(Relevant(place.doc, place.section),) if place else (),
    )


def propose(workshop: Workshop, question: str, place: Near | None) -> tuple[Golden, bool]:
    """Write the proposal; it, and whether it is new. Raises GoldenError, and ConfigError for no question."""
    golden = golden_of(question, place)
    if not golden.question:
        raise ConfigError("a question is wanted")
    try:
        return golden, accepting.add(workshop.proposals, golden, workshop.root)
    except OSError as error:
        raise ConfigError(f"{workshop.proposals}: cannot be written ({error.strerror or error})") from error


def stub(workshop: Workshop, topic: Topic, title: str, answer: str, now: float) -> Path:
    """Write the stub of a page that answers the topic; its path. Raises ConfigError."""
    name = " ".join(redact(title).split())
    if not name:
        raise ConfigError("a title is wanted")
    day = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
    text = page_stub.text_of(name, topic.questions, redact(answer), day)
    return page_stub.write(workshop.pages, name, text)
