"""Chatwoot's own REST API on an account: finding conversations and contacts.

For users' tokens only; a bot's is refused before it comes here.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from bridge.sandbox import filters, views
from bridge.sandbox.access import not_found
from bridge.sandbox.api import Call, Routes
from bridge.sandbox.payloads import Body
from bridge.sandbox.records import Bot, Conversation, User

PAGE = 25


def list_conversations(call: Call) -> Response:
    """`status` is open unless it is given; `all` is every one."""
    wanted = call.query.get("status", "open")
    inbox = call.query.get("inbox_id", "")
    found = [
        one
        for one in _of_account(call)
        if wanted in ("all", one.status) and (not inbox or inbox == str(one.inbox.id))
    ]
    page = [_listed(call, one) for one in _page(call, found)]
    return JSONResponse({"data": {"meta": _meta(call, found), "payload": page}})


def filter_conversations(call: Call) -> Response:
    """`POST /conversations/filter`, 25 a page, the latest activity first."""
    found = [one for one in _of_account(call) if filters.holds(one, call.body.get("payload"))]
    page = [_listed(call, one) for one in _page(call, found)]
    return JSONResponse({"meta": _meta(call, found), "payload": page})


def show_contact(call: Call) -> Response:
    visits = [visit for visit in call.state.visits.values() if visit.contact.id == call.path["contact"]]
    if not visits or visits[0].contact.account_id != call.account.id:
        raise not_found()
    inboxes = [{"source_id": visit.source_id, "inbox": views.inbox(visit.inbox)} for visit in visits]
    return JSONResponse({"payload": views.contact(visits[0].contact) | {"contact_inboxes": inboxes}})


ROUTES: Routes = (
    ("GET", "/conversations", "conversations", "index", list_conversations),
    ("POST", "/conversations/filter", "conversations", "filter", filter_conversations),
    ("GET", "/contacts/{contact}", "contacts", "show", show_contact),
)


def _of_account(call: Call) -> list[Conversation]:
    own = [one for (account, _), one in call.state.conversations.items() if account == call.account.id]
    return sorted(own, key=lambda one: one.last_activity_at, reverse=True)


def _page(call: Call, found: list[Conversation]) -> list[Conversation]:
    given = call.query.get("page", "")
    number = max(1, int(given)) if given.isdigit() else 1
    return found[PAGE * (number - 1) : PAGE * number]


def _listed(call: Call, one: Conversation) -> Body:
    return views.conversation(call.state.thread(one), call.state.messages(one))


def _meta(call: Call, found: list[Conversation]) -> Body:
    assigned = [one.assignee for one in found if isinstance(one.assignee, User | Bot)]
    return {
        "mine_count": sum(who == call.who for who in assigned),
        "assigned_count": len(assigned),
        "unassigned_count": len(found) - len(assigned),
        "all_count": len(found),
    }
