"""Chatwoot's own REST API on what an administrator sets up: inboxes, bots, webhooks, teams, dashboard apps.

For users' tokens only; a bot's is refused before it comes here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from bridge.sandbox import views
from bridge.sandbox.access import Refused, not_found, not_yours
from bridge.sandbox.api import Call, Routes
from bridge.sandbox.records import Inbox, User
from bridge.sandbox.settings import BotSettings, WebhookSettings

LONGEST_URL = 2048
"""[limits.rb:4]"""


def list_inboxes(call: Call) -> Response:
    own = [one for one in call.state.directory.inboxes.values() if one.account_id == call.account.id]
    return JSONResponse({"payload": [views.inbox(one) for one in own]})


def show_inbox(call: Call) -> Response:
    return JSONResponse(views.inbox(_inbox(call)))


def show_inbox_bot(call: Call) -> Response:
    """An inbox without a bot answers an empty object."""
    bot = _inbox(call).bot
    return JSONResponse({"agent_bot": {} if bot is None else views.bot(bot, call.who)})


def list_bots(call: Call) -> Response:
    """The secret is an administrator's to see; the token any agent's [agent_bot_presenter.rb]."""
    own = [one for one in call.state.directory.bots.values() if one.account_id == call.account.id]
    return JSONResponse([views.bot(one, call.who) for one in own])


def list_teams(call: Call) -> Response:
    own = [one for one in call.state.directory.teams.values() if one.account_id == call.account.id]
    return JSONResponse([views.team(one) for one in own])


def list_webhooks(call: Call) -> Response:
    own = [one for one in call.state.directory.webhooks.values() if one.account_id == call.account.id]
    return JSONResponse({"payload": {"webhooks": [views.webhook(one) for one in own]}})


def create_bot(call: Call) -> Response:
    """Its secret and its token are Chatwoot's to make."""
    _require_administrator(call)
    body = BotSettings(
        url=_url(call.body.get("outgoing_url")),
        secret=secrets.token_urlsafe(18),
        token=secrets.token_urlsafe(18),
        name=str(call.body.get("name") or ""),
        description=str(call.body.get("description") or ""),
    )
    return JSONResponse(views.bot(call.state.directory.add_bot(call.account, body), call.who))


def update_bot(call: Call) -> Response:
    _require_administrator(call)
    found = call.state.directory.bots.get(call.path["bot"])
    if found is None or found.account_id != call.account.id:
        raise not_found()
    if "outgoing_url" in call.body:
        found = replace(found, url=_url(call.body["outgoing_url"]))
    if call.body.get("name"):
        found = replace(found, name=str(call.body["name"]))
    call.state.directory.change_bot(found)
    return JSONResponse(views.bot(found, call.who))


def set_inbox_bot(call: Call) -> Response:
    """Without one, the inbox has none afterwards. Answered with nothing [inboxes_controller.rb]."""
    _require_administrator(call)
    number = call.body.get("agent_bot")
    bot = call.state.directory.bots.get(number) if isinstance(number, int) else None
    if number and (bot is None or bot.account_id != call.account.id):
        raise not_found()
    call.state.directory.attach(_inbox(call), bot)
    return Response()


def create_webhook(call: Call) -> Response:
    """One of each address in an account [webhook.rb]."""
    _require_administrator(call)
    given = _mapping(call.body.get("webhook"))
    url = _url(given.get("url"))
    there = call.state.directory.webhooks.values()
    if any((one.account_id, one.url) == (call.account.id, url) for one in there):
        raise Refused(422, {"message": "Url has already been taken", "attributes": ["url"]})
    names = tuple(str(name) for name in given.get("subscriptions") or ())
    made = WebhookSettings(url, secrets.token_urlsafe(18), names)
    added = call.state.directory.add_webhook(call.account, made)
    return JSONResponse({"payload": {"webhook": views.webhook(added)}})


def list_dashboard_apps(call: Call) -> Response:
    own = [one for one in call.state.directory.dashboard_apps.values() if one.account_id == call.account.id]
    return JSONResponse([views.dashboard_app(one) for one in own])


def create_dashboard_app(call: Call) -> Response:
    """Any agent may [dashboard_apps_controller.rb]."""
    given = _mapping(call.body.get("dashboard_app"))
    frames = [one for one in given.get("content") or () if isinstance(one, Mapping)]
    if not frames or any(one.get("type") != "frame" for one in frames):
        raise Refused(422, {"message": "Content Invalid data", "attributes": ["content"]})
    urls = tuple(_url(one.get("url")) for one in frames)
    added = call.state.directory.add_dashboard_app(call.account.id, str(given.get("title") or ""), urls)
    return JSONResponse(views.dashboard_app(added))


def list_integrations(call: Call) -> Response:
    directory = call.state.directory
    own = [directory.inboxes[number] for number in sorted(directory.dialogflow)]
    return JSONResponse({"payload": [views.integration("dialogflow", own)]})


def list_assistants(call: Call) -> Response:
    """Captain is not in the community edition, which knows no such address."""
    if not call.state.directory.captain:
        raise not_found()
    return JSONResponse({"payload": [{"id": 1, "name": "Captain"}], "meta": {"total_count": 1, "page": 1}})


def list_assistant_inboxes(call: Call) -> Response:
    directory = call.state.directory
    own = [views.inbox(directory.inboxes[number]) for number in sorted(directory.captain)]
    return JSONResponse({"payload": own, "meta": {"total_count": len(own), "page": 1}})


ROUTES: Routes = (
    ("GET", "/inboxes", "inboxes", "index", list_inboxes),
    ("GET", "/inboxes/{inbox}", "inboxes", "show", show_inbox),
    ("GET", "/inboxes/{inbox}/agent_bot", "inboxes", "agent_bot", show_inbox_bot),
    ("POST", "/inboxes/{inbox}/set_agent_bot", "inboxes", "set_agent_bot", set_inbox_bot),
    ("GET", "/agent_bots", "agent_bots", "index", list_bots),
    ("POST", "/agent_bots", "agent_bots", "create", create_bot),
    ("PATCH", "/agent_bots/{bot}", "agent_bots", "update", update_bot),
    ("GET", "/teams", "teams", "index", list_teams),
    ("GET", "/webhooks", "webhooks", "index", list_webhooks),
    ("POST", "/webhooks", "webhooks", "create", create_webhook),
    ("GET", "/dashboard_apps", "dashboard_apps", "index", list_dashboard_apps),
    ("POST", "/dashboard_apps", "dashboard_apps", "create", create_dashboard_app),
    ("GET", "/integrations/apps", "integrations/apps", "index", list_integrations),
    ("GET", "/captain/assistants", "captain/assistants", "index", list_assistants),
    ("GET", "/captain/assistants/{assistant}/inboxes", "captain/inboxes", "index", list_assistant_inboxes),
)


def _require_administrator(call: Call) -> None:
    """Refused with 401, as every refusal is [request_exception_handler.rb]."""
    if not (isinstance(call.who, User) and call.who.role == "administrator"):
        raise not_yours()


def _url(given: object) -> str:
    """Its length alone is looked at: the form in the browser is stricter [agent_bot.rb]."""
    if not isinstance(given, str) or not given or len(given) > LONGEST_URL:
        raise Refused(422, {"message": "Url is invalid", "attributes": ["url"]})
    return given


def _mapping(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _inbox(call: Call) -> Inbox:
    found = call.state.directory.inboxes.get(call.path["inbox"])
    if found is None or found.account_id != call.account.id:
        raise not_found()
    return found
