"""The watchdog: looks for customers whom nobody has answered, and for what no webhook brought.

    round   what the store knows to be overdue goes to people; then, with the user token, Chatwoot is asked
            for the pending conversations, and messages that are not in the store are put into the inbox as
            if they had come; and for the open ones, since those that Chatwoot has opened because it could
            not deliver are told of by no webhook

The first round is at the start, so an outage ends with it. A round asks for at most `PAGES` pages and
`MISSED` conversations and hands off at most `BATCH`; what is left is the next round's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from bridge import intake, log
from bridge.chatwoot import listing
from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.listing import Listed
from bridge.events import Role
from bridge.guards import overdue
from bridge.store import Store
from bridge.store.schema import deliveries, messages
from bridge.tables import alerts, inbox
from bridge.tables.inbox import Delivery
from bridge.turn import Desk
from kbtool.errors import ServiceError
from kbtool.notify import Level, Message

EVERY = 60.0
"""Seconds between two rounds."""
GRACE = 30.0
"""Seconds that a webhook may be on its way, Chatwoot's three attempts included."""
PAGES, MISSED, BATCH = 8, 25, 25
RECENT = 3600.0
"""Seconds for which what Chatwoot has opened by itself is told."""
KNOWN_FOR = 3600.0
"""Seconds for which it is believed which bot an inbox has."""


@dataclass
class Watchdog:
    """`run` until cancelled; `round` is one look. `wake` tells the worker that something waits."""

    store: Store
    desk: Callable[[], Desk]
    wake: Callable[[], None]
    clock: Callable[[], float] = time.time
    _bots: dict[tuple[int, int], tuple[str, float]] = field(default_factory=dict)

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except ServiceError as error:
                log.problem("watchdog", why=error.message)
            except Exception as error:  # noqa: BLE001 whatever it is, the bridge goes on without this round
                log.problem("watchdog_failed", error)
            await asyncio.sleep(EVERY)

    async def round(self) -> None:
        """One look. Raises Unavailable where the store, or Chatwoot, is."""
        await self._hand_off_overdue()
        client = self._reader()
        if client is None:
            return
        for account in listing.parse_accounts(await client.read(listing.profile())):
            await self._reconcile(client, account)
            await self._look_behind(client, account)
        await self._hand_off_overdue()

    async def _hand_off_overdue(self) -> None:
        desk = self.desk()
        settings, before = desk.settings, self.clock() - desk.settings.unanswered

        def hand_off(connection: Connection) -> list[str]:
            found = overdue.find(connection, settings.addresses, before, BATCH)
            return [one.subject.bot for one in found if overdue.hand_off(connection, one, desk)]

        for bot in await self.store.write(hand_off):
            log.problem("overdue", bot=bot, minutes=settings.unanswered / 60)
            self.wake()

    def _reader(self) -> ChatwootClient | None:
        """The first client that may list; they all see the same account's conversations."""
        desk = self.desk()
        names = [route.address for route in desk.settings.routes if route.user_token]
        return desk.clients[names[0]] if names else None

    async def _reconcile(self, client: ChatwootClient, account: int) -> None:
        """What Chatwoot has pending and the store does not know the last message of."""
        now, left = self.clock(), MISSED
        for page in range(1, PAGES + 1):
            listed = await _list(client, account, "pending", page)
            asking = [one for one in listed if one.is_asking and one.last_at < now - GRACE]
            for one in await self._unknown(asking):
                if left and (address := await self._address(client, one)):
                    left -= 1
                    await self._take_in(client, one, address)
            if len(listed) < listing.PAGE or not left:
                return

    async def _look_behind(self, client: ChatwootClient, account: int) -> None:
        """Conversations that Chatwoot has opened because it could not deliver: people have them, and the
        customer's last message is unknown here. Only of the last hour, and of a time when there was a bridge.
        """
        now = self.clock()
        listed = await _list(client, account, "open", 1)
        recent = [one for one in listed if one.is_asking and now - RECENT < one.last_at < now - GRACE]
        if not recent:
            return
        first = await self.store.read(lambda c: c.execute(select(func.min(messages.c.received_at))).scalar())
        since = now if first is None else first
        lost = [one for one in await self._unknown(recent) if one.last_at > since]
        own = [one for one in lost if await self._address(client, one)]
        if own:
            await alerts.raise_alert(self.store, _opened(own), now)

    async def _unknown(self, asking: Collection[Listed]) -> list[Listed]:
        def known(connection: Connection) -> set[int]:
            query = select(messages.c.id).where(messages.c.id.in_([one.last_id for one in asking]))
            return set(connection.execute(query).scalars())

        there = await self.store.read(known) if asking else set()
        return [one for one in asking if one.last_id not in there]

    async def _address(self, client: ChatwootClient, one: Listed) -> str:
        """Ours, if the inbox's bot calls it: conversations that wait for another bot are that one's."""
        key = (one.account, one.inbox)
        address, until = self._bots.get(key, ("", 0.0))
        if self.clock() >= until:
            address = listing.parse_address(await client.read(listing.inbox_bot(one.account, one.inbox)))
            self._bots[key] = (address, self.clock() + KNOWN_FOR)
        return address if address in self.desk().settings.addresses else ""

    async def _take_in(self, client: ChatwootClient, one: Listed, address: str) -> None:
        """Put the messages that were missed into the inbox and sort them, in one transaction.

        Sorted with those that wait, so that what is overdue by now is handed off before a turn begins.
        """

        def last_known(connection: Connection) -> int:
            query = select(func.max(messages.c.id)).where(
                messages.c.bot == address,
                messages.c.account == one.account,
                messages.c.conversation == one.id,
                messages.c.role == Role.CUSTOMER.value,
            )
            return connection.execute(query).scalar_one() or 0

        after = await self.store.read(last_known)
        body = await client.read(listing.latest_messages(one.account, one.id, after))
        missed, now, desk = listing.missed(body, one), self.clock(), self.desk()
        settings = desk.settings

        def keep(connection: Connection) -> list[str]:
            words = []
            for number, webhook in missed:
                if not inbox.accept(connection, address, f"listed:{number}", webhook, now):
                    continue
                query = select(deliveries.c.id).where(
                    deliveries.c.bot == address, deliveries.c.delivery == f"listed:{number}"
                )
                delivery = Delivery(connection.execute(query).scalar_one(), address, now, webhook)
                found = intake.sort(connection, [delivery], settings.inboxes, now, desk.manner)
                words += [one.word for one in found]
            for late in overdue.find(connection, [address], now - settings.unanswered, BATCH):
                if (late.subject.account, late.subject.conversation) == (one.account, one.id):
                    overdue.hand_off(connection, late, desk)
            return words

        for word in await self.store.write(keep):
            log.event("missed", bot=address, account=one.account, conversation=one.id, verdict=word)
        self.wake()


async def _list(client: ChatwootClient, account: int, status: str, page: int) -> list[Listed]:
    return listing.parse_listed(await client.read(listing.filter_status(account, status, page)), account)


def _opened(some: Collection[Listed]) -> Message:
    first = min(some, key=lambda one: one.last_at)
    return Message(
        "Chatwoot could not deliver to the bridge, and gave conversations to people",
        (f"{len(some)} in the last hour, the first is {first.id}.", "Find out why: kbtool doctor bridge"),
        Level.CRITICAL,
        key=f"opened:{first.account}",
        details={"account": first.account, "conversations": [one.id for one in some]},
    )
