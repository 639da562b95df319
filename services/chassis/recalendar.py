"""Counts open terms anew when a calendar has changed: finds them by an index and gives each subject a command.

The domain answers with facts that say the old date, the new one and the cause; this only finds and feeds. Several
replicas may do it at once: a subject's version and the calendars make the claim, so one of them is answered and the
others meet a duplicate. While replicas with different calendars run (a roll-out, a way back), the one that started
last has the say; the others leave the terms alone until it has been silent for a while, so that no two of them
move the same dates to and fro.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.chassis import logs
from services.chassis.engine import Engine
from services.chassis.store import SUBJECTS, Keys, Row
from services.chassis.subject import Broken, Claimed, Done, Input, Refused, service_actor

log = logging.getLogger(__name__)

INDEX: Final[Keys] = (("kind", 1), ("state.calendars", 1), ("_id", 1))
"""The index on `subjects` of every service with an aggregate that has a `recalendar`."""
PAGE: Final = 200
"""How many subjects, each with its state, are decided on at once."""
SAY: Final = "calendars"
"""The collection with one row: by which calendars terms are counted now, and when that was last confirmed."""


async def recalendar(engine: Engine) -> int:
    """Takes the say and counts all open terms anew that were counted by other calendar versions.

    For the start of a process. Returns how many subjects changed. Raises StoreAway; it may simply be repeated.
    """
    versions = engine.calendars.versions
    kinds = [a.kind for a in engine.service.aggregates.values() if a.recalendar is not None]
    if not kinds:
        return 0
    await engine.store.put(SAY, [{"_id": SAY, "versions": list(versions), "at": engine.now()}])
    changed = sum([await _kind(engine, kind, versions) for kind in kinds])
    if changed:
        log.info("%d subjects were counted anew by %s", changed, ", ".join(versions))
    return changed


async def again(engine: Engine, patience: timedelta) -> int:
    """The same later on: a slower replica may have started a term by its older calendar meanwhile.

    Does nothing while a replica with other calendars has the say, unless that was silent for `patience`.
    """
    row = await engine.store.get(SAY, SAY)
    if row is not None and not _mine(row, engine) and row["at"] > engine.now() - patience:
        log.warning("terms are counted by %s here: these are the calendars of another replica", row["versions"])
        return 0
    return await recalendar(engine)


def _mine(row: Row, engine: Engine) -> bool:
    return tuple(row["versions"]) == engine.calendars.versions


async def _kind(engine: Engine, kind: str, versions: Sequence[str]) -> int:
    """Goes through the versions that are found and not current, each once, so that it ends whatever is decided."""
    known, changed = list(versions), 0
    while (other := await _other(engine, kind, known)) is not None:
        changed += await _counted_by(engine, kind, other, versions)
        known.append(other)
    return changed


async def _other(engine: Engine, kind: str, known: Sequence[str]) -> str | None:
    # One element must be the text and unknown: it may stand beside a known one. Sorting by `kind`, which is fixed,
    # lets only indexes that begin with it be used.
    query = {"kind": kind, "state.calendars": {"$elemMatch": {"$gt": "", "$nin": list(known)}}}
    rows = await engine.store.rows(SUBJECTS, query, sort=[("kind", 1)], limit=1, fields=["state.calendars"])
    found = [version for row in rows for version in row["state"]["calendars"] if version not in known]
    return found[0] if found else None


async def _counted_by(engine: Engine, kind: str, other: str, versions: Sequence[str]) -> int:
    last, changed = "", 0
    while True:
        query = {"kind": kind, "state.calendars": other, "_id": {"$gt": last}}
        rows = await engine.store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=PAGE, fields=["version"])
        if not rows:
            return changed
        changed += await _feed(engine, rows, versions)
        last = rows[-1]["_id"]


async def _feed(engine: Engine, rows: Sequence[Row], versions: Sequence[str]) -> int:
    inputs = [_input(engine, row, versions) for row in rows]
    outcomes = [outcome for outcome, _ in await engine.posted(inputs)]  # what is raised of one holds up no other
    for one, outcome in zip(inputs, outcomes, strict=True):
        if isinstance(outcome, (Broken, Refused)):
            with logs.about(pilot=one.subject):
                log.error("terms cannot be counted anew: %s", getattr(outcome, "cause", "refused"))
    return sum(isinstance(outcome, Done) and bool(outcome.facts) for outcome in outcomes)


def _input(engine: Engine, row: Row, versions: Sequence[str]) -> Input:
    """The command for one subject. Its claim is of this version of the subject and of these calendars: on the way
    back to an older calendar, and forward again, the subject stands at another version."""
    make = engine.service.aggregate_of(row["_id"]).recalendar
    assert make is not None
    digest = hashlib.sha256("\n".join(versions).encode()).hexdigest()
    # The calendars are in the id, not in the digest alone: a claim that another calendar's replica left behind
    # when it died would be a conflict for ever.
    id_ = f"{row['_id']}@{row['version']}/{digest[:12]}"
    actor = service_actor("calendar")
    return Input(row["_id"], Claimed("calendar", id_, digest), make(), actor, cause_id=f"calendar:{id_}")
