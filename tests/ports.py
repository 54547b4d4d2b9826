"""A port for a server that is started again and again, or by another process."""

from __future__ import annotations

import random
import socket

_CHANCE = random.SystemRandom()  # processes that test at the same time must not try the same ones


def free_port() -> int:
    """A free port of loopback, below those that a system gives to whoever connects: one of those may be free
    now and taken before a server is back on it.
    """
    while True:
        port = _CHANCE.randrange(10_000, 32_000)
        with socket.socket() as trying:
            try:
                trying.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
