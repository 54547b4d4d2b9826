"""The acts of a handoff that are no messages: labels, priority, team, opening. Each can be repeated."""

from __future__ import annotations

from bridge.chatwoot.client import ChatwootClient
from bridge.speech import Kind, Post
from bridge.tables.trace import Note, Step, note


async def act(client: ChatwootClient, account: int, conversation: int, post: Post) -> Note:
    """Do what `post` says, and tell what came of it. Raises Unavailable, Rejected and ContractBroken.

    A team is assigned where nobody has the conversation yet, in an open one also if the team is there: what a
    bot owned until then was assigned to none of its members. Who has it keeps it. Chatwoot does not say that
    a team is unknown, so it is looked at again.
    """
    match post.kind:
        case Kind.LABELS:
            labels = await client.add_labels(account, conversation, post.text.splitlines())
            return note(Step.HANDOFF, f"labels: {', '.join(labels)}")
        case Kind.PRIORITY:
            await client.set_priority(account, conversation, post.text)
            return note(Step.HANDOFF, f"priority: {post.text}")
        case Kind.TEAM:
            return await _assign(client, account, conversation, int(post.text))
        case Kind.OPEN:
            status = await client.open(account, conversation)
            return note(Step.HANDOFF, f"conversation is {status}: people see it now", status=status)
        case _:
            raise ValueError(f"{post.kind} is a message")


async def _assign(client: ChatwootClient, account: int, conversation: int, team: int) -> Note:
    shown = await client.conversation(account, conversation)
    if shown.has_person or (shown.team == team and shown.status != "open"):
        return note(Step.HANDOFF, f"team {shown.team or 'none'}, assignee {shown.assignee or 'none'}")
    await client.assign_team(account, conversation, team)
    after = await client.conversation(account, conversation)
    if after.team != team:
        return note(Step.ERROR, f"team {team} did not get the conversation: is there such a team?", team=team)
    return note(Step.HANDOFF, f"given to team {team}, assignee {after.assignee or 'none'}", team=team)
