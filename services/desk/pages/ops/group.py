"""One group of parked records: each of them, what would come of feeding some of them again, and doing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from services.desk.clients import Away, Refused
from services.desk.forms import AWAY
from services.desk.pages.ops.parked import CHOSEN, HERE, NAMED, verdicts
from services.desk.pages.ops.seen import OpsPosted, OpsVisit, need_service, since
from services.desk.visit import Posted, Visit, new_key
from services.desk.words import Words

ROWS: Final = 50
REDRIVE: Final = "/v1/parked/redrive"
AT_ONCE: Final = (1, 10, 100, 500)
"""How many records may be fed by one press: each answer must be there while the page waits for it."""
FIRST: Final = 10
FASTEST: Final = 500
"""The highest rate that can be asked for: more than that are not fed by one press."""
RATE: Final = "rate"
"""How many a second at most; none: as fast as they go."""
TOO_SLOW: Final = "redrive.too-slow"
DAYS: Final = ("since", "until")
"""From which day on, and until which, what is fed was parked; none: whenever."""
TOLD: Final = 100
"""So many verdicts are shown one by one; all of them are counted."""
Group = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Going:
    """Where a feeding goes on (`after`; empty: there is no more), what is done there (`try` or `feed`), how many were
    tried before and how many of them went."""

    after: str
    do: str
    tried: int
    went: int

    def beyond(self, outcome: Mapping[str, Any]) -> "Going":
        """The same behind what came of this part."""
        tried, went = self.tried + len(outcome["records"]), self.went + outcome["went"]
        return Going(outcome["next"] or "", self.do, tried, went)


def make_router() -> APIRouter:
    """`/ops/parked/{service}`."""
    router = APIRouter()

    @router.get("/{language}/ops/parked/{service}", response_class=HTMLResponse)
    async def group(
        service: str,
        visit: OpsVisit,
        status: str = "",
        cause: str = "",
        topic: str = "",
        agency: str = "",
        after: str = "",
    ) -> Response:
        """The records of a group, or all of a service where none is named."""
        named = {"status": status, "cause": cause, "topic": topic, "agency": agency}
        return await _shown(visit, need_service(service), named, after=after)

    @router.post("/{language}/ops/parked/{service}", response_class=HTMLResponse)
    async def feed(service: str, posted: OpsPosted) -> Response:
        """Feeds some of them again, or only tries it; or goes on with that behind those of the page before."""
        service, named = need_service(service), {name: posted.get(name) for name in CHOSEN}
        if not _whole(named):
            return await _shown(posted.visit, service, named)
        many = int(posted.get("many")) if posted.get("many") in map(str, AT_ONCE) else FIRST
        typed = {name: posted.get(name) for name in (*DAYS, RATE)}
        chosen, faults = _chosen(posted.visit.words, typed)
        if faults:
            return await _shown(posted.visit, service, named, many=many, typed=typed, faults=faults, status=422)
        going = Going(posted.get("after"), posted.get("do"), _count(posted.get("tried")), _count(posted.get("went")))
        some = {name: value for name, value in {**named, "after": going.after}.items() if value}
        outcome, wrong, status = await fed(posted, service, {**some, **chosen, "limit": many})
        return await _shown(
            posted.visit,
            service,
            named,
            many=many,
            typed=typed,
            outcome=outcome,
            faults=wrong,
            status=status,
            key=key_after(posted, status),
            going=going if outcome is None else going.beyond(outcome),
        )

    return router


def _whole(named: Group) -> bool:
    """Whether this names one group; whose it is may not be said."""
    return all(named[name] for name in NAMED)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _chosen(words: Words, typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Moments between which records were parked, of days in the desk's zone, the last one with all of it, and how many
    a second may be fed; and what is wrong with these, by field."""
    chosen, faults = dict[str, Any](), dict[str, str]()
    for name in DAYS:
        try:
            if typed[name]:
                day = date.fromisoformat(typed[name]) + timedelta(days=name == "until")
                chosen[name] = datetime.combine(day, time(), words.zone).isoformat()
        except (ValueError, OverflowError):
            faults[name] = words.say("ops.fault-day")
    if rate := typed[RATE]:
        if rate.isascii() and rate.isdecimal() and 1 <= int(rate[:9]) <= FASTEST:
            chosen[RATE] = int(rate)
        else:
            faults[RATE] = words.say("ops.fault-rate", most=FASTEST)
    return chosen, faults


async def fed(
    posted: Posted, service: str, chosen: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, Mapping[str, str], int]:
    """What came of feeding what is chosen again, or would: the answer, or what stands in the way; and the status. At a
    rate it is answered when the last was fed, and waited for until then."""
    visit, body = posted.visit, {**chosen, "dry_run": posted.get("do") != "feed"}
    seconds = body["limit"] / body[RATE] if RATE in body and not body["dry_run"] else 0.0
    try:
        answer = await visit.send(service, REDRIVE, body, key=posted.key, takes=seconds)
    except Refused as error:
        if error.status == 401:
            raise
        field = RATE if error.rule == TOO_SLOW else "-"
        return None, {field: error.detail or visit.words.say("told.unforeseen")}, error.status
    except Away as away:
        return None, {"-": visit.is_away(away, "ops.away-feed")}, AWAY
    records = answer.body["records"]
    return {**answer.body, "verdicts": verdicts(records), "told": records[:TOLD]}, {}, 200


def key_after(posted: Posted, status: int) -> str:
    """The key of the form that comes back: the same one where it may have been done all the same."""
    return posted.key if status == AWAY else new_key()


def said_of(words: Words, outcome: Mapping[str, Any] | None) -> str:
    """What came of it in one line."""
    if outcome is None:
        return ""
    numbers = {"went": words.number(outcome["went"]), "of": words.number(len(outcome["records"]))}
    said = words.say("ops.said-would" if outcome["dry_run"] else "ops.said-went", **numbers)
    followed = words.say("ops.said-followed", followed=words.number(outcome["followed"])) if outcome["followed"] else ""
    return f"{said}{followed}"


async def _shown(
    visit: Visit,
    service: str,
    named: Group,
    *,
    after: str = "",
    many: int = FIRST,
    typed: Mapping[str, str] | None = None,
    outcome: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
    status: int = 200,
    key: str = "",
    going: Going | None = None,
) -> HTMLResponse:
    asked = {name: value for name, value in named.items() if value}
    try:
        found = (await visit.ask(service, "/v1/parked", **asked, after=after, limit=ROWS)).body
    except Away:
        if not faults:
            raise
        found = {"items": [], "next": None}
    rows = [{**row, "age": since(visit.words, row["at"], visit.desk.now())} for row in found["items"]]
    return visit.page(
        "ops/group.html",
        status,
        service=service,
        named=named,
        whole=_whole(named),
        rows=rows,
        next=f"{HERE}/{service}?{urlencode({**asked, 'after': found['next']})}" if found["next"] else "",
        choices=AT_ONCE,
        many=many,
        fastest=FASTEST,
        typed=typed or {},
        outcome=outcome,
        faults=faults or {},
        key=key or new_key(),
        said=said_of(visit.words, outcome),
        going=going,
        in_all=_in_all(visit.words, going, outcome),
    )


def _in_all(words: Words, going: Going | None, outcome: Mapping[str, Any] | None) -> str:
    """What came of all parts of a feeding so far, where there were more than this one."""
    if going is None or outcome is None or going.tried <= len(outcome["records"]):
        return ""
    return words.say("ops.in-all", went=words.number(going.went), of=words.number(going.tried))
