"""What a bridge is run from: kb.toml, the environment and the command line, read anew at each reload."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kbtool.cli.bridge.options import DATABASE_URL
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from bridge.serve import Bridge as Running
    from bridge.settings import BridgeSettings
    from kbtool.config import Bridge, Settings


@dataclass(frozen=True, slots=True)
class OnlyRoute:
    """The one route that the command line can describe; all empty for none."""

    bot: str = ""
    mode: str = ""
    inboxes: tuple[int, ...] = ()
    is_untuned: bool = False

    def __bool__(self) -> bool:
        return bool(self.bot or self.mode or self.inboxes or self.is_untuned)

    def table(self) -> dict[str, Any]:
        """As [bridge.routes] would have it. Raises ConfigError."""
        from kbtool.config.bridge import NAME

        bot, mode = self.bot or "kbtool", self.mode or "draft"
        if not NAME.fullmatch(bot):
            raise ConfigError(
                f"--bot {bot!r}: it is part of an address",
                hint="Small letters, digits and hyphens, at most 40.",
            )
        if mode not in {"draft", "reply", "off"}:
            raise ConfigError(f"--mode {mode!r} is not a mode", hint="draft, reply or off")
        row = {"bot": bot, "mode": mode, "inboxes": self.inboxes, "untuned": self.is_untuned}
        return {bot: row}


@dataclass(frozen=True, slots=True)
class Source:
    """`server` are keys of [bridge] that the command line says otherwise, `url` is Chatwoot's, if said there.
    Each method raises ConfigError.
    """

    config: Path
    url: str = ""
    server: Mapping[str, Any] = field(default_factory=dict)
    route: OnlyRoute = OnlyRoute()
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def settings(self) -> Settings:
        """kb.toml with what the command line says."""
        from kbtool.config import Bridge, load

        settings = load(self.config)
        said = settings.bridge.model_dump() | dict(self.server)
        if self.route:
            if settings.bridge.routes:
                raise ConfigError(
                    f"{self.config} has [bridge.routes], and the command line describes another route",
                    hint="Leave out --mode, --bot, --inbox and --untuned; they stand in the table.",
                )
            said["routes"] = self.route.table()
        return settings.model_copy(update={"bridge": Bridge(**said)})

    def table(self) -> Bridge:
        return self.settings().bridge

    def read(self) -> BridgeSettings:
        """The bridge, with its secrets."""
        from dataclasses import replace

        from bridge.routes.routing import settings_of

        settings = settings_of(self.settings(), self.environment)
        return replace(settings, database=self.environment.get(DATABASE_URL, ""))

    def chatwoot_url(self) -> str:
        url = self.url or self.environment.get("CHATWOOT_URL", "") or self.table().chatwoot_url
        if not re.match(r"https?://[^/]", url):
            said = f"{url!r} is no address of a server" if url else "Chatwoot's address is not known"
            raise ConfigError(said, hint="--chatwoot-url https://chat.example.com, or export CHATWOOT_URL=…")
        return url


@asynccontextmanager
async def running(source: Source, settings: BridgeSettings, chatwoot_url: str) -> AsyncIterator[Running]:
    """A bridge with its connections, for the time of the block; it reads kb.toml anew when that changes."""
    import httpx

    from bridge.routes.receiving import receiver_of
    from bridge.serve import Reread, Streamed, Told, bridge
    from kbtool.cli.bridge.apps import apps
    from kbtool.cli.bridge.workshop import workshop
    from kbtool.cli.channels import channels
    from kbtool.http import LeanClient, for_alerts

    reread = Reread(source.config, source.read)
    async with (
        apps(source.settings(), source.environment) as chats,
        LeanClient(chatwoot_url, timeout=httpx.Timeout(10.0)) as http,
        workshop(source.settings()) as at_hand,
        for_alerts() as outside,
    ):
        told = Told(channels(source.settings(), source.environment), outside, source.settings().notify.awake)
        receiver = receiver_of(source.settings(), source.environment, chatwoot_url)
        streamed = Streamed(receiver, outside) if receiver is not None else None
        async with bridge(
            settings, chats, http, reread=reread, workshop=at_hand, told=told, streamed=streamed
        ) as at_work:
            yield at_work
