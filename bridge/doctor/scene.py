"""What a doctor has to look with, and what it has found so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Connection

from bridge.chatwoot.admin import Admin, Bot, Inbox
from bridge.settings import BridgeSettings
from kbtool.dify.client import DifyClient


@dataclass(frozen=True, slots=True)
class Scene:
    """`chatwoot` has its base URL; `outside` goes everywhere else, and follows no redirect. `apps` has the
    Dify app of a name. `listens` is where the bridge takes webhooks, `ops` its second address, `visit` opens
    its store. `conversation` is the one to follow, 0 the latest.
    """

    settings: BridgeSettings
    chatwoot: httpx.AsyncClient
    outside: httpx.AsyncClient
    apps: Callable[[str], DifyClient]
    listens: tuple[str, int]
    ops: str
    visit: Callable[[], AbstractContextManager[Connection]]
    conversation: int = 0
    clock: Callable[[], float] = time.time


@dataclass
class Known:
    """What the hops have found: those behind them need it.

    `admin` reads as an administrator of `accounts`. `bots` are ours by address, with the account of each;
    `inboxes` those that they are in. `is_private` says that an address of ours is in no public network.
    """

    is_there: bool = False
    admin: Admin | None = None
    accounts: tuple[int, ...] = ()
    bots: dict[str, tuple[int, Bot]] = field(default_factory=dict)
    inboxes: dict[str, tuple[Inbox, ...]] = field(default_factory=dict)
    is_private: bool = False
