"""A port of this machine, for the commands that serve."""

from __future__ import annotations

import socket

from kbtool.errors import ConfigError


def listen(host: str, port: int, *, hint: str) -> socket.socket:
    """A bound socket (port 0: any that is free). Raises ConfigError, with `hint`, if the port is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}", hint=hint
        ) from error
    return listening
