"""Rule 30: nothing in Chatwoot wakes a pending conversation, so the bridge does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bridge.sandbox.records import ContactInbox
from tests.rules.world import KEEPS_PENDING, QUESTION, World, world
from tests.server import run


def age(at: World, visit: ContactInbox, by: timedelta) -> None:
    """As if everything in the conversation had happened that long ago."""
    conversation = at.conversation(visit)
    for message in at.state.messages(conversation):
        at.state.put_message(replace(message, created_at=message.created_at - by))
    since = conversation.waiting_since - by if conversation.waiting_since else None
    at.state.put(
        replace(
            conversation,
            created_at=conversation.created_at - by,
            updated_at=conversation.updated_at - by,
            last_activity_at=conversation.last_activity_at - by,
            waiting_since=since,
        )
    )


def test_rule_30_who_wrote_while_the_bridge_was_down_is_given_to_a_person_when_it_comes_back(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, runs=False, delivery=KEEPS_PENDING) as at:
            lost, fresh = at.ask(), at.ask()
            await at.stand.sandbox.settle()
            age(at, lost, timedelta(hours=2))
            assert at.status(lost) == "pending"
            async with at.stand.bridge():
                await at.until(lambda: at.status(lost) == "open")
                assert at.notes(lost) != []
                # The bridge may still be asked about the other one, or answer it by itself
                assert at.status(fresh) == "pending"
            assert QUESTION not in " ".join(at.replies(lost))

    run(scenario())
