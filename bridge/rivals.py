"""One brain for an inbox (bridge rule 16): whether the bot that has a conversation is ours or another.

Chatwoot tells no bot its own id. Ours is that of the sender of our posts, which come back as webhooks; before
the first one, the user token can ask whose address the inbox's bot has.
"""

from __future__ import annotations

from sqlalchemy import Connection, and_, select

from bridge import log
from bridge.chatwoot import listing
from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.wire import Shown
from bridge.events import Rival, Role
from bridge.store import Store
from bridge.store.schema import messages, posts
from bridge.tables import alerts
from bridge.tables.trace import Subject
from kbtool.errors import ContractBroken, Rejected
from kbtool.notify import Message

_CAME_BACK = and_(
    messages.c.bot == posts.c.bot,
    messages.c.account == posts.c.account,
    messages.c.id == posts.c.posted,
    messages.c.contact != 0,
)


def own_bot(connection: Connection, subject: Subject) -> int:
    """The id of the bot that we post as there; 0 where none of our posts has come back yet."""
    query = select(messages.c.contact).select_from(posts).join(messages, _CAME_BACK)
    of_bot = query.where(posts.c.bot == subject.bot, posts.c.account == subject.account)
    return connection.execute(of_bot.where(messages.c.role == Role.BOT.value).limit(1)).scalar() or 0


async def is_others(store: Store, client: ChatwootClient, subject: Subject, shown: Shown) -> bool:
    """Whether another brain has the conversation that Chatwoot shows. Raises Unavailable."""
    if shown.owner is None:
        return False
    own = await store.read(lambda connection: own_bot(connection, subject))
    if own or shown.owner.is_captain:
        return shown.owner.is_other(own)
    return await _is_not_the_inboxs(client, subject, shown.owner)


async def _is_not_the_inboxs(client: ChatwootClient, subject: Subject, owner: Rival) -> bool:
    """Whether the inbox is ours and its owner another, or the other way round; False where we may not ask."""
    try:
        body = await client.read(listing.inbox_bot(subject.account, owner.inbox_id))
    except (Rejected, ContractBroken):
        return False
    is_ours = listing.parse_address(body).split("/", 1)[0] == subject.bot
    return (listing.parse_bot(body) == owner.id) is not is_ours


def tell(connection: Connection, subject: Subject, rival: Rival, now: float) -> None:
    """Say who else answers in the inbox, in the log and to an operator; once in a while."""
    message = Message(
        subject="An inbox has a second brain: ours says nothing where it is at work",
        lines=(str(rival), "Disconnect one of them in Chatwoot: the inbox's bot, Captain or Dialogflow."),
        key=f"rival:{subject.bot}:{subject.account}:{rival.inbox_id}",
        details={"account": subject.account, "conversation": subject.conversation},
    )
    if alerts.keep(connection, message, now):
        where = {"account": subject.account, "conversation": subject.conversation}
        log.problem("rival", bot=subject.bot, **where, inbox=rival.inbox_id, why=str(rival))
