"""A contact's conversations with the Dify apps that the routes name: listed, exported, deleted.

They are asked for by the user that the bridge gives itself out as, which finds those of earlier matters too:
the bridge itself remembers the last one only. An app that is not named in kb.toml any more is not reached.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.asking.contact import user_of
from kbtool.dify.conversations import Conversation, Message
from kbtool.errors import KbtoolError


class App(Protocol):
    """A `DifyClient` with the key of one app."""

    def conversations(self, user: str) -> AsyncIterator[Conversation]: ...
    async def messages(self, user: str, conversation_id: str) -> list[Message]: ...
    async def delete_conversation(self, conversation_id: str, user: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Talks:
    """One contact's conversations with one app, by their ids. `problem` says why they could not all be had,
    or deleted; "" where they could.
    """

    app: str
    user: str
    ids: tuple[str, ...] = ()
    problem: str = ""
    told: tuple[dict[str, Any], ...] = field(default=(), repr=False)


async def listed(
    app_of: Callable[[str], App],
    names: Iterable[str],
    contacts: Sequence[tuple[int, int]],
    only: frozenset[str] | None = None,
    *,
    is_told: bool = False,
) -> list[Talks]:
    """For each app and contact; of `only` these conversations, where that is given. `is_told` has all that
    was said with them, as JSON.
    """
    found = []
    for name in names:
        for account, contact in contacts:
            user = user_of(account, contact)
            ids: list[str] = []
            told: list[dict[str, Any]] = []
            problem = ""
            try:
                app = app_of(name)
                async for one in app.conversations(user):
                    if only is None or one.id in only:
                        ids.append(one.id)
                        told += [await _told(app, user, one)] if is_told else []
            except KbtoolError as error:
                problem = error.message
            found.append(Talks(name, user, tuple(ids), problem, tuple(told)))
    return found


async def delete(app_of: Callable[[str], App], talks: Iterable[Talks]) -> list[Talks]:
    """What was deleted; what is gone already counts as deleted."""
    done = []
    for each in talks:
        deleted: list[str] = []
        problem = each.problem
        try:
            for number in each.ids:
                await app_of(each.app).delete_conversation(number, each.user)
                deleted.append(number)
        except KbtoolError as error:
            problem = error.message
        done.append(Talks(each.app, each.user, tuple(deleted), problem))
    return done


async def _told(app: App, user: str, one: Conversation) -> dict[str, Any]:
    said = [
        {"at": message.created_at, "question": message.query, "answer": message.answer}
        for message in await app.messages(user, one.id)
    ]
    return {"id": one.id, "name": one.name, "created_at": one.created_at, "messages": said}
