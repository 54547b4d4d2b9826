"""Who is told of alarms, and whether mail from us would be taken. Nothing is sent: `kbtool alert test` does.

A provider takes mail from the domains that were verified there; the others that send for a domain are told
by its owner to be refused (DMARC). Either way an alarm is lost that everybody believes to be on.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator

from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.notify import Channels, Email, mail_server

UNREACHABLE = ("localhost", "local", "internal", "lan", "test", "example", "invalid")
"""Ends of names that are nobody's in the world's DNS (RFC 2606, RFC 6762)."""
STRICT = {
    "gmail.com": "gmail.com",
    "googlemail.com": "gmail.com",
    "yahoo.com": "yahoo.com",
    "aol.com": "aol.com",
    "icloud.com": "mail.me.com",
    "me.com": "mail.me.com",
    "outlook.com": "office365.com",
    "hotmail.com": "office365.com",
    "live.com": "office365.com",
    "qq.com": "qq.com",
    "163.com": "163.com",
    "126.com": "126.com",
}
"""Domains of mailboxes for everybody, and the end of the only servers' names that may send for them."""


async def examine_alerts(channels: Channels) -> AsyncIterator[Finding]:
    if not channels.names:
        yield note(
            "alerts",
            "nobody is told of anything",
            "Set [notify] webhook or [notify.email], or SLACK_WEBHOOK or LARK_WEBHOOK.",
        )
        return
    yield fine("alerts", f"told by {', '.join(channels.names)}; `kbtool alert test` tries them")
    if channels.email is not None:
        yield _domain(channels.email) or await _server(channels.email, channels.smtp_password)


async def _server(email: Email, password: str) -> Finding:
    return await asyncio.to_thread(_dialogue, email, password)


def _domain(email: Email) -> Finding | None:
    domain = email.sender.rpartition("@")[2].strip("> ").casefold()
    if "." not in domain or domain.rpartition(".")[2] in UNREACHABLE:
        return problem(
            "alert sender",
            f"{domain or email.sender!r} is no domain that others can look up: mail from it is refused",
            "Set [notify.email] sender to an address of your own domain.",
        )
    own = STRICT.get(domain, "")
    if own and not email.host.casefold().endswith(own):
        return problem(
            "alert sender",
            f"{domain} tells receivers to refuse what other servers send for it, and {email.host} is one",
            "Set [notify.email] sender to an address of your own domain, verified at the provider.",
        )
    return None


def _dialogue(email: Email, password: str) -> Finding:
    """As far as the server goes before a message: it says there whom it takes mail from, and for whom."""
    at = f"{email.host}:{email.port}"
    try:
        with mail_server(email, password) as server:
            server.ehlo_or_helo_if_needed()
            code, _ = server.mail(email.sender.rpartition("<")[2].strip("> "))
            if code >= 400:
                return problem(
                    "alert sender",
                    f"{at} takes no mail from {email.sender} (it answered {code})",
                    "Verify the domain there (Postmark: Sender Signatures; SES: Verified identities).",
                )
            refused = [to for to in email.to if server.rcpt(to)[0] >= 400]
            server.rset()
    except smtplib.SMTPAuthenticationError as error:
        said = f"{at} does not let us in (it answered {error.smtp_code})"
        return problem("mail server", said, "Check [notify.email] user and SMTP_PASSWORD.")
    except (OSError, smtplib.SMTPException) as error:
        said = f"{at} cannot be used: {type(error).__name__}"
        return problem("mail server", said, "Check [notify.email] host, port and tls.")
    if refused:
        return problem(
            "alert receivers",
            f"{at} delivers nothing to {', '.join(refused)}",
            "Check [notify.email] to; a new SES account may only write to verified addresses.",
        )
    return fine("mail server", f"{at} takes mail from {email.sender} to {len(email.to)}")
