"""Customers whom nobody has answered in time: found in the store, and handed to a person, once.

Nothing else wakes a pending conversation: Chatwoot notifies nobody of it, assigns it to nobody and never
resolves it (bridge rule 30). A handoff is planned in the store like any turn's, so whatever posts it does so
once; what is worked on at the moment, or was answered, is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, join, or_, select, update

from bridge.conversation import Facts, is_rivals
from bridge.events import Role, Verdict
from bridge.settings import Mode
from bridge.speech import UNANSWERED, Kind, because, posts_opened, posts_without_answer
from bridge.speech.words import words_for
from bridge.store.schema import WAITING, conversations, messages
from bridge.store.schema import turns as turns_of
from bridge.tables import known, outbox, turns
from bridge.tables.outbox import Planned, State
from bridge.tables.trace import Step, Subject, note, record
from bridge.tables.turns import Decided, Outcome, Work
from bridge.turn import Desk
from kbtool.handoff import Action

_WORDS = (Role.CUSTOMER.value, Role.PERSON.value, Role.BOT.value)


@dataclass(frozen=True, slots=True)
class Overdue:
    """The customer's last message in a pending conversation; `at` is when it was written. `is_question` is
    False for what is never answered, such as an automatic reply.
    """

    subject: Subject
    text: str
    at: float
    is_question: bool
    facts: Facts

    @property
    def work(self) -> Work:
        """As a turn has it; what it was asked with is not needed any more."""
        return Work(self.subject, self.text, self.at, (), 0, 0)


def find(connection: Connection, bots: Collection[str], before: float, limit: int) -> Sequence[Overdue]:
    """Pending conversations whose last word is a customer's, written before that time; the oldest first.

    Private notes are no word to the customer. What a bridge works on is left out.
    """
    c, own = conversations.c, messages.alias()
    last = (
        select(func.max(own.c.id))
        .where(
            own.c.bot == c.bot,
            own.c.account == c.account,
            own.c.conversation == c.id,
            own.c.role.in_(_WORDS),
        )
        .correlate(conversations)
        .scalar_subquery()
    )
    is_last = and_(messages.c.bot == c.bot, messages.c.account == c.account, messages.c.id == last)
    query = (
        select(messages)
        .select_from(join(conversations, messages, is_last))
        .where(
            c.bot.in_(bots),
            c.status == "pending",
            c.owner == "",
            messages.c.role == Role.CUSTOMER.value,
            messages.c.at < before,
        )
        .order_by(messages.c.at)
        .limit(limit)
        .with_for_update(of=conversations, skip_locked=True)
    )
    found = []
    for row in connection.execute(query):
        subject = Subject(row.bot, row.account, row.conversation, row.id)
        facts = known.facts_of(connection, subject) or Facts()
        found.append(Overdue(subject, row.text, row.at, row.verdict == Verdict.ASKS, facts))
    return found


def hand_off(connection: Connection, one: Overdue, desk: Desk) -> bool:
    """Plan that people get the conversation; False where the customer was answered, people have it, or it
    waits for somebody else's account webhook. Where another brain is silent, it is opened without a word.
    """
    subject = one.subject
    planned, action = outbox.posts_of(connection, subject), _action(connection, subject)
    mode, now = desk.mode(subject.bot, one.facts), desk.clock()
    if mode is Mode.SILENT or _is_settled(planned, action):
        return False
    minutes = f"for {(now - one.at) / 60:.0f} minutes"
    manner = desk.manner(subject.bot, one.facts)
    posts = posts_opened(manner)
    is_ours = mode is not Mode.OFF and not is_rivals(one.facts, one.at, mode)
    if one.is_question and is_ours:
        words = words_for(one.text, manner.language or one.facts.language)
        posts = posts_without_answer(UNANSWERED, minutes, words, mode, manner, asked=one.text)
    told = note(
        Step.DECISION, f"handoff: {because(UNANSWERED)} {minutes}", action="handoff", reason=UNANSWERED
    )
    if action is None:
        decided = Decided(Outcome("handoff", UNANSWERED), posts, one.facts, (told,))
        turns.plan(connection, one.work, decided, now, begun=False)
    else:
        outbox.drop(connection, subject)
        outbox.add(connection, subject, posts, first=len(planned), now=now, begun=False)
        record(connection, subject, now, told)
    _make_due(connection, subject, now)
    return True


def _is_settled(planned: Sequence[Planned], action: str | None) -> bool:
    """Whether something was said, or may have been, or a handoff was tried: that is not tried twice.

    A turn that decided to say nothing has no posts. One whose posts were all dropped has answered nobody.
    """
    if not planned:
        return action not in {None, Action.HANDOFF.value}
    return any(post.kind is Kind.OPEN or post.state in {State.SENT, State.SENDING} for post in planned)


def _action(connection: Connection, subject: Subject) -> str | None:
    query = select(turns_of.c.action).where(
        turns_of.c.bot == subject.bot,
        turns_of.c.account == subject.account,
        turns_of.c.message == subject.message,
    )
    return connection.execute(query).scalar_one_or_none()


def _make_due(connection: Connection, subject: Subject, now: float) -> None:
    """The turn is due, whatever became of it before, with all that waits in the conversation."""
    m, c = messages.c, conversations.c
    of_conversation = and_(
        m.bot == subject.bot, m.account == subject.account, m.conversation == subject.conversation
    )
    own = and_(
        of_conversation, or_(m.id == subject.message, and_(m.state == WAITING, m.id < subject.message))
    )
    connection.execute(update(messages).where(own).values(state=WAITING, turn=subject.message))
    its = and_(c.bot == subject.bot, c.account == subject.account, c.id == subject.conversation)
    connection.execute(update(conversations).where(its).values(due_at=now, attempts=0))
