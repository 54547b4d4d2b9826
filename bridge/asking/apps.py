"""What the app behind a key is: looked up when it is first asked, and again after a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kbtool.dify.conversations import AppInfo, AppParameters, FileRules, InputField
from kbtool.errors import ServiceError

FRESH = 600.0
"""Seconds for which what was found is believed."""
AGAIN = 60.0
"""Seconds until an app that could not be looked up is looked up again."""
LONGEST = 10.0
"""Seconds that looking may take."""
_CHATS = frozenset({"chat", "agent-chat", "advanced-chat"})


class Described(Protocol):
    """An app that says what it is: a `DifyClient`."""

    async def app_info(self) -> AppInfo: ...
    async def app_parameters(self) -> AppParameters: ...


@dataclass(frozen=True, slots=True)
class Profile:
    """`mode` is "" where the app could not be looked up: it is then asked with the question alone."""

    mode: str = ""
    inputs: tuple[InputField, ...] = ()
    files: FileRules = field(default_factory=FileRules)

    @property
    def problem(self) -> str:
        """Why this app cannot hold a conversation; "" where it can.

        All that can are asked by streaming: agents refuse to answer in one piece, and a chatflow of 1.13.0
        never comes to an end with it.
        """
        if not self.mode or self.mode in _CHATS:
            return ""
        return f"the Dify app is a {self.mode} app, which holds no conversation; the bridge needs a chat app"


@dataclass(slots=True)
class Profiles:
    """The profile of one app, kept for a while. `clock` is an argument so that tests need not wait."""

    app: Described
    clock: Callable[[], float] = time.monotonic
    _profile: Profile = field(default_factory=Profile)
    _until: float = float("-inf")
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def profile(self) -> Profile:
        """What the app is now. Never raises: what cannot be looked up is not known."""
        async with self._looking:  # many questions may wait for the first look
            if self.clock() >= self._until:
                self._profile, fresh = await _look(self.app)
                self._until = self.clock() + fresh
        return self._profile


async def _look(app: Described) -> tuple[Profile, float]:
    try:
        async with asyncio.timeout(LONGEST):
            about, form = await app.app_info(), await app.app_parameters()
    except (ServiceError, TimeoutError):
        return Profile(), AGAIN
    return Profile(about.mode, form.inputs, form.files), FRESH
