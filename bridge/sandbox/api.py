"""Chatwoot's own REST API on one conversation, as far as a bridge uses it.

Left out: files in requests (JSON only), drafts, and rack-attack's limits. What concerns a whole account is in
`api_account.py` and `api_setup.py`; what is in none of them answers 501 and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from starlette.responses import JSONResponse, Response

from bridge.sandbox import posting, views
from bridge.sandbox.access import Refused, not_found, not_yours
from bridge.sandbox.records import (
    Account,
    Bot,
    Conversation,
    Message,
    MessageType,
    Priority,
    Status,
    User,
    parse_status,
)
from bridge.sandbox.settings import SandboxSettings
from bridge.sandbox.state import State


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request. `path` holds the numbers of the URL by name."""

    state: State
    settings: SandboxSettings
    now: datetime
    who: User | Bot
    account: Account
    path: Mapping[str, int]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def conversation(self) -> Conversation:
        found = self.state.conversations.get((self.account.id, self.path["conversation"]))
        if found is None:
            raise not_found()
        if isinstance(self.who, User) and not self.who.sees(found.inbox.id):
            raise not_yours()
        return found


def crashed() -> Refused:
    """What Rails answers to an error that nobody rescues, such as an unknown enum value."""
    return Refused(500, {"status": 500, "error": "Internal Server Error"})


Endpoint = Callable[[Call], Response]


def show(call: Call) -> Response:
    return _conversation(call, call.conversation())


def create(call: Call) -> Response:
    """A conversation of a customer who has been here before, by `source_id` or by contact and inbox."""
    wanted = call.body
    visit = next(
        (
            visit
            for visit in call.state.visits.values()
            if visit.inbox.account_id == call.account.id
            and (
                visit.source_id == wanted.get("source_id")
                or (visit.inbox.id, visit.contact.id) == (wanted.get("inbox_id"), wanted.get("contact_id"))
            )
        ),
        None,
    )
    if visit is None:
        raise not_found()
    conversation = call.state.begin(visit, status=parse_status(wanted.get("status")) or "open")
    if isinstance(wanted.get("message"), Mapping):
        _post(call, conversation, wanted["message"])
    return _conversation(call, conversation)


def update(call: Call) -> Response:
    """Only the priority can be changed this way."""
    fields = {"priority": _priority(call.body["priority"])} if "priority" in call.body else {}
    return _conversation(call, call.state.save(call.conversation(), call.who, **fields))


def toggle_status(call: Call) -> Response:
    """`success` is null where the bot handed off, and true otherwise."""
    conversation, asked = call.conversation(), call.body.get("status")
    is_handoff = isinstance(call.who, Bot) and (conversation.status, asked) == ("pending", "open")
    toggled: Status = "resolved" if conversation.status == "open" else "open"
    status = parse_status(asked) if asked else toggled
    if status is None:
        raise crashed()
    until = str(call.body.get("snoozed_until"))
    snoozed_until = datetime.fromtimestamp(int(until), UTC) if until.isdigit() else None
    after = call.state.set_status(conversation, status, call.who, snoozed_until)
    return JSONResponse(views.status(after, success=None if is_handoff else True))


def toggle_typing_status(call: Call) -> Response:
    is_private = bool(call.body.get("is_private"))
    state = {"on": True, "off": False}.get(str(call.body.get("typing_status")))
    if state is not None:
        call.state.type(call.conversation(), call.who, is_on=state, is_private=is_private)
    return Response()


def toggle_priority(call: Call) -> Response:
    call.state.save(call.conversation(), call.who, priority=_priority(call.body.get("priority")))
    return Response()


def assign(call: Call) -> Response:
    """With an `assignee_id` the team is not read [assignments_controller.rb:4]. Nobody and no team, which an
    unknown id is too, are answered with null.
    """
    if "assignee_id" not in call.body:
        return _assign_team(call)
    directory, number = call.state.directory, call.body["assignee_id"]
    people: Mapping[int, User | Bot] = directory.users
    if call.body.get("assignee_type") == "AgentBot":
        people = directory.bots
    assignee = people.get(int(number)) if str(number).isdigit() else None
    if assignee is not None and assignee.account_id != call.account.id:
        assignee = None
    call.state.assign(call.conversation(), assignee, call.who)
    return JSONResponse(None if assignee is None else views.assignee(assignee))


def _assign_team(call: Call) -> Response:
    number = str(call.body.get("team_id"))
    team = call.state.directory.teams.get(int(number)) if number.isdigit() else None
    if team is not None and team.account_id != call.account.id:
        team = None
    call.state.assign_team(call.conversation(), team, call.who)
    return JSONResponse(None if team is None else views.team(team))


def list_labels(call: Call) -> Response:
    return JSONResponse(views.labels(call.conversation()))


def set_labels(call: Call) -> Response:
    """The whole list is replaced [labelable.rb:8]."""
    given = call.body.get("labels") or ()
    labels = tuple(dict.fromkeys(str(label) for label in given))
    return JSONResponse(views.labels(call.state.save(call.conversation(), call.who, labels=labels)))


def set_custom_attributes(call: Call) -> Response:
    """All of them are replaced."""
    given = call.body.get("custom_attributes")
    attributes = dict(given) if isinstance(given, Mapping) else {}
    after = call.state.save(call.conversation(), call.who, custom_attributes=attributes)
    return JSONResponse({"custom_attributes": dict(after.custom_attributes)})


def list_messages(call: Call) -> Response:
    """The latest 20; after an id the next 100; before an id the 20 before it; between two up to 1000."""
    conversation = call.conversation()
    page = list(call.state.messages(conversation))
    if call.query.get("filter_internal_messages"):
        page = [m for m in page if m.is_chat]
    after, before = _id(call.query.get("after")), _id(call.query.get("before"))
    if after is not None and before is not None:
        page = [m for m in page if after <= m.id < before][:1000]
    elif before is not None:
        page = [m for m in page if m.id < before][-20:]
    elif after is not None:
        page = [m for m in page if m.id > after][:100]
    else:
        page = page[-20:]
    return JSONResponse(views.messages(call.state.thread(conversation), page))


def create_message(call: Call) -> Response:
    """There is no idempotency: the same request twice is two messages, whatever its `echo_id` says."""
    conversation = call.conversation()
    echo_id = call.body.get("echo_id")
    message = _post(call, conversation, call.body)
    return JSONResponse(views.message(message, None if echo_id is None else str(echo_id)))


def update_message(call: Call) -> Response:
    """How an API inbox reports a message as delivered or failed."""
    conversation = call.conversation()
    if conversation.inbox.channel != "Channel::Api":
        raise Refused(403, {"error": "Message status update is only allowed for API inboxes"})
    found = next((m for m in call.state.messages(conversation) if m.id == call.path["message"]), None)
    if found is None:
        raise not_found()
    status = call.body.get("status")
    if status not in ("sent", "delivered", "read", "failed"):
        raise posting.unprocessable(f"'{status}' is not a valid status")
    attributes = dict(found.content_attributes)
    if call.body.get("external_error"):
        attributes["external_error"] = str(call.body["external_error"])
    return JSONResponse(views.message(call.state.update(found, status=status, content_attributes=attributes)))


# method, path below the account, Chatwoot's controller and action: what the bots' allow-list names
Routes = Sequence[tuple[str, str, str, str, Endpoint]]
_ONE = "/conversations/{conversation}"
ROUTES: Routes = (
    ("POST", "/conversations", "conversations", "create", create),
    ("GET", _ONE, "conversations", "show", show),
    ("PATCH", _ONE, "conversations", "update", update),
    ("POST", f"{_ONE}/toggle_status", "conversations", "toggle_status", toggle_status),
    ("POST", f"{_ONE}/toggle_typing_status", "conversations", "toggle_typing_status", toggle_typing_status),
    ("POST", f"{_ONE}/toggle_priority", "conversations", "toggle_priority", toggle_priority),
    ("POST", f"{_ONE}/custom_attributes", "conversations", "custom_attributes", set_custom_attributes),
    ("POST", f"{_ONE}/assignments", "assignments", "create", assign),
    ("GET", f"{_ONE}/labels", "labels", "index", list_labels),
    ("POST", f"{_ONE}/labels", "labels", "create", set_labels),
    ("GET", f"{_ONE}/messages", "messages", "index", list_messages),
    ("POST", f"{_ONE}/messages", "messages", "create", create_message),
    ("PATCH", f"{_ONE}/messages/{{message}}", "messages", "update", update_message),
)


def _post(call: Call, conversation: Conversation, body: Mapping[str, Any]) -> Message:
    draft = posting.read(body, conversation.inbox, keeps_unknown=not call.state.faults.loses_attributes)
    recent = call.now - timedelta(minutes=1)
    sent = sum(message.created_at > recent for message in call.state.messages(conversation))
    if sent >= call.settings.messages_per_minute:
        raise posting.unprocessable("Validation failed: Too many messages")
    # Whatever is not outgoing is stored as the contact's [message_builder.rb:116]
    sender = call.who if draft.message_type is MessageType.outgoing else conversation.contact
    return call.state.add(
        conversation, draft.message_type, draft.content, sender, private=draft.private,
        content_type=draft.content_type, content_attributes=draft.content_attributes,
        source_id=draft.source_id,
    )  # fmt: skip


def _conversation(call: Call, conversation: Conversation) -> Response:
    thread = call.state.thread(conversation)
    return JSONResponse(views.conversation(thread, call.state.messages(conversation)))


def _priority(given: Any) -> str | None:
    """Null and the empty string mean none."""
    if given in get_args(Priority):
        return str(given)
    if given:
        raise crashed()
    return None


def _id(given: str | None) -> int | None:
    """As Ruby's to_i: what is no number is 0; absent or empty is none."""
    if not given:
        return None
    return int(given) if given.isdigit() else 0
