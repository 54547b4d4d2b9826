"""What systemd hands to a service, and wants to hear: sockets that outlive the process, and its state.

With a socket unit what Chatwoot sends while the bridge is started anew waits at the door instead of being
refused, which would open the customers' conversations (bridge rule 4). See sd_listen_fds(3) and sd_notify(3).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from kbtool.errors import ConfigError

FIRST = 3
WEBHOOKS, OPS = "webhooks", "ops"
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited(environment: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """The sockets that were passed to this process, by name (FileDescriptorName=); none where there are none.

    Without names the first is the webhooks', the second the operator's. The variables are taken out of the
    environment: they are for this process alone. Raises ConfigError for what is no listening socket.
    """
    pid, count, given = (environment.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    names = given.split(":") if given else []
    usual = [WEBHOOKS, OPS]
    found: dict[str, socket.socket] = {}
    for number in range(int(count)):
        name = names[number] if number < len(names) else ""
        if name not in usual:
            name = usual[number] if number < len(usual) else name
        try:
            one = socket.socket(fileno=FIRST + number)
            is_listening = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        except OSError as error:
            raise ConfigError(f"file descriptor {FIRST + number} is no socket ({error.strerror})") from error
        if not is_listening or one.type != socket.SOCK_STREAM:
            one.close()
            raise ConfigError(
                f"file descriptor {FIRST + number} is no listening TCP socket",
                hint="In the socket unit: ListenStream=, and Accept=no.",
            )
        one.set_inheritable(False)
        found[name] = one
    return found


def notify(state: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell the service manager, where there is one that listens: `READY=1`, `STOPPING=1`."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # Linux's abstract namespace
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to, suppress(OSError):
        to.sendto(state.encode(), address)  # a manager that is gone is no reason to end
