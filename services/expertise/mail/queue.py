"""The queue of notices that go as e-mail (уведомления по почте).

One process is enough; two do not disturb each other. A notice is leased work (chassis/jobs.py): taken under a guard,
sent, and marked as sent, and all of that is in its row:

    mailed: null                                         not looked at yet
            {state: taken, by, until, tries}             somebody sends it now; free again after `until`
            {state: waiting, by: null, until, tries, why}   the server said "later"; free again after `until`
            {state: sent | failed | skipped, at, why, until: LAST}

`why` is a code for operators: what the server answered, or one of this file.

**A second copy** of a letter is possible in three cases only: the process dies, or MongoDB stays away, between the
server's acceptance and the mark; the connection breaks before the server's last word arrives; a sending takes longer
than the lease. The notice is then sent again under the same Message-ID, and with the same bytes unless a name or the
title changed meanwhile; by that mail systems know a copy. The other way round, marking first, would lose the letter in
the same cases, and a reminder of a legal term that never came is worse than one that came twice.

Only notices younger than `mail_age` are sent, so that turning mail on does not send last year's, and a notice that
the server put off is given up at that age.
"""

import asyncio
import logging
import smtplib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final, Literal

from opentelemetry import trace
from prometheus_client import Counter
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.event import wire_moment
from contracts.rules import RuleBook
from services.chassis import logs, persons
from services.chassis.jobs import Jobs
from services.chassis.readiness import NotReady
from services.chassis.run import utc_now
from services.chassis.store import PERSONS, SUBJECTS, Row, Store, StoreAway
from services.expertise.domain.state import LAST
from services.expertise.handlers import NOTICES
from services.expertise.mail.letter import BadAddress, Called, address, letter
from services.expertise.mail.smtp import Misconfigured, ServerAway, connect, hand_in, leave, server_of

log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("lotsman")
MAILS: Final = Counter("lotsman_mails", "Notices by what came of their mail", ["outcome"])
SERVER_FAILURES: Final = Counter("lotsman_mail_server_failures", "Times that the mail server could not be used")

BATCH: Final = 100
LONGEST_PAUSE: Final = 300.0
LONGEST_TURN: Final = 3600.0
"""Seconds after which the queue is held to have stopped (assumption: a hundred letters, each of which takes the server
as long as it is given, are less)."""
MARK_PAUSES: Final = (0.2, 1.0, 3.0, 10.0)
"""Pauses between attempts to mark a letter that has gone: what is not marked goes again."""


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
        self._fault: ServerAway | None = None
        self._turned_at = time.monotonic()
        pauses = [timedelta(seconds=pause) for pause in settings.mail_pauses]
        lease = timedelta(seconds=settings.mail_lease)
        self._jobs = Jobs(store, NOTICES, now, lease, pauses, under="mailed", written=wire_moment)
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
                if done:  # a turn without a letter asks no server
                    self._fault = None
            except ServerAway as error:
                self._fault = error
                SERVER_FAILURES.inc()
                pause = min(max(2 * pause, self._settings.mail_every), LONGEST_PAUSE)
                log.warning("the mail server cannot be used (%s); the next attempt is in %.0f s", error, pause)
            except StoreAway as error:
                pause = self._settings.mail_every
                log.warning("MongoDB cannot be reached: %s", error)
            self._turned_at = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stopping.wait()

    async def goes(self) -> None:
        """Raises NotReady where the mail server could not be used when it was last tried, or the queue has stopped."""
        if self._fault is not None:
            raise NotReady(f"the mail server cannot be used: {self._fault}")
        if (still := time.monotonic() - self._turned_at) > LONGEST_TURN:
            raise NotReady(f"the queue of mail has stood still for {still:.0f} s")

    async def turn(self, stopping: asyncio.Event | None = None) -> int:
        """Goes once through what waits, at most BATCH notices; returns how many it looked at.

        Raises ServerAway and StoreAway; nothing is lost by either.
        """
        looked = 0
        try:
            for row in await self._waiting():
                if stopping is not None and stopping.is_set():
                    break
                with logs.about(pilot=row["pilot"], notice=row["_id"]):
                    await self._one(row)
                looked += 1
        finally:
            if self._smtp is not None:
                await asyncio.to_thread(leave, self._smtp)
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
            await self._end(row, *found, taken=False)
            return
        if self._smtp is None:
            self._smtp = await asyncio.to_thread(connect, self._server, self._settings.smtp_timeout)
        if not await self._jobs.take(row, state="taken", tries=self._jobs.tries(row) + 1):
            return  # somebody else was first
        with _tracer.start_as_current_span(
            "mail notice", attributes={"pilot.id": row["pilot"]}, record_exception=False, set_status_on_exception=False
        ):
            try:
                verdict = await asyncio.to_thread(hand_in, self._smtp, found)
            except ServerAway as error:
                await self._later(row, str(error))
                raise
        if verdict.outcome == "waiting":
            await self._later(row, verdict.why)
        else:
            await self._end(row, verdict.outcome, verdict.why, taken=True)

    async def _letter(self, row: Row) -> EmailMessage | tuple[Literal["failed", "skipped"], str]:
        """The letter of a notice; or that there is none to send, and why."""
        if row["time"] < self._since(self._now()):
            return "failed", f"given-up: {(row['mailed'] or {}).get('why') or 'not-finished'}"
        person = await self._store.get(PERSONS, row["person"])
        if person is None or not person.get("email"):
            return "skipped", "no-address"
        case = await self._case(row["pilot"])
        if case is None or row["person"] in case["hidden_from"]:
            return "skipped", "hidden"
        try:
            return letter(row, person["email"], self._settings.smtp_from, await self._called(row, case))
        except BadAddress:
            return "failed", "not-an-address"

    async def _called(self, row: Row, case: Mapping[str, Any]) -> Called:
        """What a letter calls its case; people by name for who has it in hand, and is an operator by that: roles stand
        in tokens alone, and nobody else may know them."""
        may_know = row["person"] == case["operator"]
        named = {"by": row.get("by"), "expert": row["what"].get("expert_id")} if may_know else {}
        names = await persons.names(self._store, named, named.keys())
        zone = self._rules.edition(case["edition"]).zone
        return Called(case["number"], case["application"]["title"], zone, names)

    async def _case(self, pilot: str) -> Mapping[str, Any] | None:
        shown = (f"state.{name}" for name in ("hidden_from", "edition", "number", "application.title", "operator"))
        rows = await self._store.rows(SUBJECTS, {"_id": pilot}, sort=[("_id", 1)], limit=1, fields=[*shown])
        return rows[0].get("state") if rows else None

    # ---- marks: each under the guard of what was there

    async def _later(self, row: Row, why: str | None) -> None:
        tries = self._jobs.tries(row) + 1
        said = {"state": "waiting", "why": why}
        await _surely(lambda: self._jobs.put_off(row["_id"], tries, **said))
        MAILS.labels("waiting").inc()
        log.info("put off: %s", why)

    async def _end(
        self, row: Row, state: Literal["sent", "failed", "skipped"], why: str | None = None, *, taken: bool
    ) -> None:
        """The last word on a notice, where it is this process's: it was taken, or is still as it was read."""
        said = {"state": state, "at": wire_moment(self._now()), "why": why, "until": LAST}
        jobs = self._jobs
        marked = _surely(lambda: jobs.mark_mine(row["_id"], said) if taken else jobs.mark_seen(row, said))
        if await marked:
            MAILS.labels(state).inc()
            log.info("%s%s", state, f": {why}" if why else "")


async def _surely(mark: Callable[[], Awaitable[bool]]) -> bool:
    """Marks, also when MongoDB stays away for a moment. False when the mark was another's to make."""
    for pause in MARK_PAUSES:
        try:
            return await mark()
        except StoreAway:
            await asyncio.sleep(pause)
    return await mark()
