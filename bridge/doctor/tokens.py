"""The tokens: each is of the kind that it is used as (bridge rule 23), and of somebody who is there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.chatwoot.admin import ADMINISTRATOR, BOT_REFUSED, Admin
from bridge.doctor.scene import Known, Scene
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import Rejected, ServiceError

_WHERE = "Take an administrator's: in Chatwoot, Profile › Access Token."


async def look(scene: Scene, known: Known) -> AsyncIterator[Finding]:
    if not known.is_there:
        return
    routes = {route.address: route for route in scene.settings.routes}
    for token in dict.fromkeys(route.bot_token for route in routes.values()):
        yield await _bot(scene, token)
    users = dict.fromkeys(route.user_token for route in routes.values() if route.user_token)
    for token in users:
        yield await _user(scene, known, token)
    if not users:
        yield note(
            "user token",
            "not set: what is set up in Chatwoot, and where messages are, cannot be looked at",
            "export CHATWOOT_USER_TOKEN=…   (an administrator's Profile › Access Token)",
        )


async def _bot(scene: Scene, token: str) -> Finding:
    """A bot may not ask who it is, and is told that it is a bot."""
    try:
        person = await Admin(scene.chatwoot, token).me()
    except Rejected as error:
        if BOT_REFUSED in error.message:
            return fine("bot token", "is an agent bot's")
        said = f"is nobody's: {error.message}"
        return problem("bot token", said, "Copy it again: Settings › Bots › the bot › Access Token.")
    except ServiceError as error:
        return problem("bot token", error.message, error.hint or "Try again.")
    return problem(
        "bot token",
        f"is {person.name}'s own: every reply would count as that person's, and be assigned to them",
        "Take the bot's: Settings › Bots › the bot › Access Token.",
    )


async def _user(scene: Scene, known: Known, token: str) -> Finding:
    try:
        person = await Admin(scene.chatwoot, token).me()
    except Rejected as error:
        is_bots = BOT_REFUSED in error.message
        said = "is an agent bot's, which may list nothing" if is_bots else f"is nobody's: {error.message}"
        return problem("user token", said, _WHERE)
    except ServiceError as error:
        return problem("user token", error.message, error.hint or "Try again.")
    accounts = tuple(number for number, role in person.roles.items() if role == ADMINISTRATOR)
    if not accounts:
        said = f"is {person.name}'s, who is an agent: bots and inboxes are an administrator's to see"
        return problem("user token", said, _WHERE)
    known.admin, known.accounts = Admin(scene.chatwoot, token), accounts
    return fine("user token", f"is {person.name}'s, an administrator")
