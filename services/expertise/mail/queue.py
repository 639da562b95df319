"""Sends notices as e-mail (уведомления по почте): `python -m services.expertise.mail`. Off without LOTSMAN_SMTP_URL.

One process is enough; two do not disturb each other. A notice is taken under a guard (`mailed` says by whom and until
when), sent, and marked as sent, and all of that is in its row:

    mailed: null                                      not looked at yet
            {state: taken, by, until, tries}          somebody sends it now; free again after `until`
            {state: waiting, until, tries, why}       the server said "later"; free again after `until`
            {state: sent | failed | skipped, at, why, until: LAST}

**A second copy** of a letter is possible in three cases only: the process dies, or MongoDB stays away, between the
server's acceptance and the mark; the connection breaks before the server's last word arrives; a sending takes longer
than the lease. The notice is then sent again under the same Message-ID and with the same bytes, by which mail systems
know a copy. The other way round, marking first, would lose the letter in the same cases, and a reminder of a legal
term that never came is worse than one that came twice.

Only notices younger than `mail_age` are sent, so that turning mail on does not send last year's, and a notice that
the server put off is given up at that age.
"""

import asyncio
import logging
import re
import signal
import smtplib
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from opentelemetry import trace
from prometheus_client import Counter
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.event import wire_moment
from contracts.rules import RuleBook, load
from services.chassis import telemetry
from services.chassis.auth import Keys
from services.chassis.run import serving, utc_now
from services.chassis.settings import Settings
from services.chassis.store import SUBJECTS, Row, Store, StoreAway, open_client
from services.chassis.web import make_bare_app
from services.expertise.domain.state import LAST
from services.expertise.handlers import NOTICES, PERSONS
from services.expertise.mail.letter import BadAddress, address, letter

log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("lotsman")
MAILS: Final = Counter("lotsman_mails", "Notices by what came of their mail", ["outcome"])
SERVER_FAILURES: Final = Counter("lotsman_mail_server_failures", "Times that the mail server could not be used")

NAME: Final = "expertise-mail"
BATCH: Final = 100
LONGEST_PAUSE: Final = 300.0
MARK_PAUSES: Final = (0.2, 1.0, 3.0, 10.0)
"""Pauses between attempts to mark a letter that has gone: what is not marked goes again."""
PORTS: Final = {"smtp": 587, "smtps": 465}
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CLOSING: Final = 421
"""With what a server takes leave in the middle of anything."""


class MailSettings(BaseSettings):
    """Settings of mail, each an environment variable `LOTSMAN_<NAME>`. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_", frozen=True)

    smtp_url: SecretStr = SecretStr("")
    """`smtp://user:password@host:587` (TLS when the server offers it) or `smtps://...` (TLS from the start)."""
    smtp_from: str = ""
    smtp_timeout: float = Field(default=30.0, gt=0)
    mail_every: float = Field(default=5.0, gt=0)
    mail_age: float = Field(default=72 * 3600.0, gt=0)
    mail_lease: float = Field(default=600.0, gt=0)
    """How long one sending may take before another process may try; far above the time that the server is given."""
    mail_pauses: tuple[float, ...] = Field(default=(60.0, 300.0, 1800.0, 7200.0), min_length=1)
    """Pauses after the first, second ... time that the server said "later"; the last one repeats."""


class Misconfigured(Exception):
    """Mail is set up in a way that cannot work; says why, without the password."""


class ServerAway(Exception):
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


# ---- the server: these block, and run in a thread


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
        return Verdict("failed", "the server takes no such address")
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


def _leave(smtp: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        smtp.quit()
    smtp.close()


# ---- notices


class Mailer:
    """Takes notices, sends their letters, marks them."""

    def __init__(
        self,
        store: Store,
        settings: MailSettings,
        rules: RuleBook,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Raises Misconfigured."""
        self._store = store
        self._settings = settings
        self._server = server_of(settings.smtp_url.get_secret_value())
        self._rules = rules
        self._now = now
        self._smtp: smtplib.SMTP | None = None
        try:
            address(settings.smtp_from)
        except BadAddress:
            raise Misconfigured("LOTSMAN_SMTP_FROM must be the address that letters come from.") from None

    async def run(self, stopping: asyncio.Event) -> None:
        """Sends what there is, again and again, until `stopping` is set; a letter in hand is finished first."""
        pause = self._settings.mail_every
        while not stopping.is_set():
            try:
                done = await self.turn(stopping)
                pause = 0.0 if done == BATCH else self._settings.mail_every
            except ServerAway as error:
                SERVER_FAILURES.inc()
                pause = min(max(2 * pause, self._settings.mail_every), LONGEST_PAUSE)
                log.warning("the mail server cannot be used (%s); the next attempt is in %.0f s", error, pause)
            except StoreAway as error:
                pause = self._settings.mail_every
                log.warning("MongoDB cannot be reached: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stopping.wait()

    async def turn(self, stopping: asyncio.Event | None = None) -> int:
        """Goes once through what waits, at most BATCH notices; returns how many it looked at.

        Raises ServerAway and StoreAway; nothing is lost by either.
        """
        looked = 0
        try:
            for row in await self._waiting():
                if stopping is not None and stopping.is_set():
                    break
                with telemetry.about(pilot=row["pilot"], notice=row["_id"]):
                    await self._one(row)
                looked += 1
        finally:
            if self._smtp is not None:
                await asyncio.to_thread(_leave, self._smtp)
                self._smtp = None
        return looked

    async def _waiting(self) -> list[Row]:
        """New notices, oldest first, then those whose pause or lease is over."""
        now = self._now()
        new = {"mailed.until": None, "time": {"$gte": self._since(now)}}
        again = {"mailed.until": {"$lte": wire_moment(now)}}
        order = (("mailed.until", 1), ("time", 1))
        found = await self._store.rows(NOTICES, new, sort=order, limit=BATCH)
        if len(found) < BATCH:
            found += await self._store.rows(NOTICES, again, sort=order, limit=BATCH - len(found))
        return found

    def _since(self, now: datetime) -> str:
        return wire_moment(now - timedelta(seconds=self._settings.mail_age))

    async def _one(self, row: Row) -> None:
        found = await self._letter(row)
        if not isinstance(found, EmailMessage):
            await self._end(row, _until(row), *found)
            return
        if self._smtp is None:
            self._smtp = await asyncio.to_thread(connect, self._server, self._settings.smtp_timeout)
        taken = await self._take(row)
        if taken is None:
            return  # somebody else was first
        with _tracer.start_as_current_span("mail notice", attributes={"pilot.id": row["pilot"]}):
            try:
                verdict = await asyncio.to_thread(hand_in, self._smtp, found)
            except ServerAway as error:
                await self._later(row, taken, str(error))
                raise
        if verdict.outcome == "waiting":
            await self._later(row, taken, verdict.why)
        else:
            await self._end(row, taken, verdict.outcome, verdict.why)

    async def _letter(self, row: Row) -> EmailMessage | tuple[Literal["failed", "skipped"], str]:
        """The letter of a notice; or that there is none to send, and why."""
        if row["time"] < self._since(self._now()):
            return "failed", f"given up; last: {(row['mailed'] or {}).get('why') or 'not finished'}"
        person = await self._store.get(PERSONS, row["person"])
        if person is None or not person.get("email"):
            return "skipped", "no address"
        case = await self._case(row["pilot"])
        if case is None or row["person"] in case["hidden_from"]:
            return "skipped", "the case is hidden from this person"
        try:
            zone = self._rules.edition(case["edition"]).zone
            return letter(row, person["email"], self._settings.smtp_from, zone)
        except BadAddress:
            return "failed", "no e-mail address"

    async def _case(self, pilot: str) -> Mapping[str, Any] | None:
        shown = ("state.hidden_from", "state.edition")
        rows = await self._store.rows(SUBJECTS, {"_id": pilot}, sort=[("_id", 1)], limit=1, fields=shown)
        return rows[0].get("state") if rows else None

    # ---- marks: each under the guard of what was there

    async def _take(self, row: Row) -> str | None:
        """Until when this process has the notice; None when another one was first."""
        until = wire_moment(self._now() + timedelta(seconds=self._settings.mail_lease))
        mark = {"state": "taken", "by": uuid4().hex, "until": until, "tries": _tries(row) + 1}
        return until if await self._mark(row, _until(row), mark) else None

    async def _later(self, row: Row, taken: str, why: str | None) -> None:
        tries = _tries(row) + 1
        pauses = self._settings.mail_pauses
        until = wire_moment(self._now() + timedelta(seconds=pauses[min(tries, len(pauses)) - 1]))
        await self._surely(row, taken, {"state": "waiting", "until": until, "tries": tries, "why": why})
        MAILS.labels("waiting").inc()
        log.info("put off: %s", why)

    async def _end(
        self, row: Row, until: str | None, state: Literal["sent", "failed", "skipped"], why: str | None = None
    ) -> None:
        mark = {"state": state, "at": wire_moment(self._now()), "why": why, "until": LAST}
        if await self._surely(row, until, mark):
            MAILS.labels(state).inc()
            log.info("%s%s", state, f": {why}" if why else "")

    async def _surely(self, row: Row, until: str | None, mark: Row) -> bool:
        """Marks, also when MongoDB stays away for a moment. False when the mark was another's to make."""
        for pause in MARK_PAUSES:
            try:
                return await self._mark(row, until, mark)
            except StoreAway:
                await asyncio.sleep(pause)
        return await self._mark(row, until, mark)

    async def _mark(self, row: Row, until: str | None, mark: Row) -> bool:
        where = {"_id": row["_id"], "mailed.until": until}
        return bool(await self._store.mark(NOTICES, where, {"mailed": mark}))


def _until(row: Row) -> str | None:
    return row["mailed"]["until"] if row["mailed"] else None


def _tries(row: Row) -> int:
    return int(row["mailed"]["tries"]) if row["mailed"] else 0


# ---- the process


def main() -> None:
    """The whole life of the process. Without LOTSMAN_SMTP_URL it says that mail is off and ends."""
    mail, settings = MailSettings(), Settings()
    if not mail.smtp_url.get_secret_value():
        print("Mail is off: LOTSMAN_SMTP_URL is not set.", flush=True)
        return
    telemetry.log_to_stdout(NAME)
    provider = telemetry.start(NAME, settings.otlp_url)
    try:
        asyncio.run(_serve(mail, settings))
    except Misconfigured as error:
        raise SystemExit(str(error)) from None
    finally:
        provider.shutdown()


async def _serve(mail: MailSettings, settings: Settings) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    store = Store(
        open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver),
        settings.database or "lotsman_expertise",
    )
    try:
        mailer = Mailer(store, mail, load())
        keys = Keys(settings.jwks, settings.issuer, settings.audience)
        server = serving(make_bare_app("Lotsman expertise: mail", keys, {"mongo": store.ping}), settings)
        http = asyncio.create_task(server.serve())
        http.add_done_callback(lambda _done: stopping.set())
        try:
            await mailer.run(stopping)
            if http.done():
                raise SystemExit("the HTTP server ended")
        finally:
            log.info("stopping")
            server.should_exit = True
            await http
    finally:
        await store.close()
