"""What customers gave, and when conversations were resolved: what figures need that messages do not tell.

Written when such an event comes, and by no other, so that an ordinary message costs no statement more. What a
customer wrote to a rating is kept without addresses and numbers, and for as long as other words are.
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from bridge.events import Rating
from bridge.store.schema import closings, insert_new, ratings
from bridge.tables.trace import Subject
from kbtool.redact import redact

LONGEST = 1000
"""Characters of what is written to a rating."""


def keep(connection: Connection, subject: Subject, rating: Rating, at: float) -> None:
    """The rating that was given to the survey `subject.message`, asked for `at`; over an earlier one."""
    key = {"bot": subject.bot, "account": subject.account, "message": subject.message}
    value = {"rating": rating.stars, "words": redact(rating.words)[:LONGEST]}
    if insert_new(connection, ratings, key | {"conversation": subject.conversation, "at": at} | value):
        return
    r = ratings.c
    same = (r.bot == subject.bot, r.account == subject.account, r.message == subject.message)
    connection.execute(update(ratings).where(*same).values(value))


def close(connection: Connection, subject: Subject, at: float) -> None:
    """The conversation was resolved at that time; told several times, it was once."""
    key = {"bot": subject.bot, "account": subject.account, "conversation": subject.conversation}
    insert_new(connection, closings, key | {"at": at})
