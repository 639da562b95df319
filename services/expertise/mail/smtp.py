"""The mail server: how it is named, reached and spoken to. All of it blocks, and runs in a thread."""

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from contracts.event import Harmless

PORTS: Final = {"smtp": 587, "smtps": 465}
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CLOSING: Final = 421
"""With what a server takes leave in the middle of anything."""


class Misconfigured(Harmless):
    """Mail is set up in a way that cannot work; says why, without the password."""


class ServerAway(Harmless):
    """The mail server cannot be used now; says nothing of the letter. The message holds no personal data."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where letters are handed in."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server said of one letter; `why` is its code alone, for its words may repeat the address."""

    outcome: Literal["sent", "waiting", "failed"]
    why: str | None = None


def server_of(url: str) -> Server:
    """The server that an address names. Raises Misconfigured."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise Misconfigured("LOTSMAN_SMTP_URL must be smtp://user:password@host:port or smtps://...")
    user, password = unquote(parts.username or "") or None, unquote(parts.password or "")
    return Server(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smtps", user, password)


def connect(server: Server, timeout: float) -> smtplib.SMTP:
    """A connection ready for letters. Certificates are checked; a password never goes unencrypted beyond this machine.

    Raises ServerAway.
    """
    context = ssl.create_default_context()
    smtp: smtplib.SMTP | None = None
    try:
        if server.tls:
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=timeout)
        _log_in(smtp, server, context)
    except (OSError, ValueError, smtplib.SMTPException, ServerAway) as error:
        if smtp is not None:
            smtp.close()
        raise error if isinstance(error, ServerAway) else ServerAway(_reason(error)) from None
    return smtp


def _log_in(smtp: smtplib.SMTP, server: Server, context: ssl.SSLContext) -> None:
    smtp.ehlo_or_helo_if_needed()
    safe = server.tls or server.host in LOCAL
    if not server.tls and smtp.has_extn("starttls"):
        smtp.starttls(context=context)
        safe = True
    if server.user is None:
        return
    if not safe:
        raise ServerAway("it offers no TLS, and the password is not sent without")
    smtp.login(server.user, server.password)


def hand_in(smtp: smtplib.SMTP, message: EmailMessage) -> Verdict:
    """Hands one letter in. Raises ServerAway when the server is at fault or its last word did not come."""
    try:
        smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        return _judged(*next(iter(error.recipients.values())))
    except smtplib.SMTPDataError as error:
        return _judged(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError:
        return Verdict("failed", "address-not-taken")
    except (OSError, smtplib.SMTPException) as error:
        raise ServerAway(_reason(error)) from None
    return Verdict("sent")


def _judged(code: int, said: bytes | str) -> Verdict:
    why = _code(code, said)
    if code == CLOSING:
        raise ServerAway(why)
    return Verdict("failed" if 500 <= code < 600 else "waiting", why)


def _code(code: int, said: bytes | str) -> str:
    """The code and, where there is one, the enhanced code (RFC 3463), such as `550 5.1.1`."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    more = re.match(r"\d\.\d{1,3}\.\d{1,3}\b", text)
    return f"{code} {more[0]}" if more else str(code)


def _reason(error: Exception) -> str:
    """What kind of failure it is, without the server's words: they may repeat an address."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {_code(error.smtp_code, error.smtp_error)}"
    number = getattr(error, "errno", None)
    return type(error).__name__ if number is None else f"{type(error).__name__} {number}"


def leave(smtp: smtplib.SMTP) -> None:
    """Takes leave, whatever the server says to it."""
    with suppress(OSError, smtplib.SMTPException):
        smtp.quit()
    smtp.close()
