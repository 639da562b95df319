"""ops balance: what came in and what became of it. ops parked, ops redrive: what the services have set aside, in
groups, and feeding it to them again. ops edit, discard, approve: what takes two people."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from contracts.topics import INTAKE, SERVICES
from deploy.cli.common import Found, every_item, out, progress, reached
from deploy.cli.reach import ACTOR
from deploy.cli.reading import Service, asked_as_ops, need_all, of_each, show_rows
from deploy.complaint import INTERRUPTED, Complaint
from deploy.progress import task
from deploy.service import READS_WITHIN
from services.chassis.answers import Became, Flow, OwnFacts, with_writers

app = typer.Typer()
group = typer.Typer(help="What ops see of the services, and repair by hand.")
app.add_typer(group, name="ops")

AT_ONCE: Final = 100
GROUP: Final = ("service", "status", "agency", "records", "oldest", "topic", "cause")
RECORD: Final = ("id", "verdict", "cause")
FOLLOWED: Final = "followed"
"""The verdict on what went by itself, for it had waited behind what was fed."""

AGENCY: Final = ("agency", *Became.model_fields)
FLOW: Final = tuple(name for name in Flow.model_fields if name != "events")
FACTS: Final = tuple(name for name in OwnFacts.model_fields if name != "events")
FACT: Final = ("fact", "why", "reader")
EVENT: Final = ("agency", "place", "event_id", "why")
AGAIN_AFTER: Final = 1.0
"""Seconds after which a service that does not reach Kafka is asked again: it may have just come up."""

REPAIR: Final = ("id", "place", "kind", "state", "by", "settled_by", "verdict", "why")

Record = Annotated[str, typer.Argument(metavar="RECORD", help="Where it stands: TOPIC/PARTITION/OFFSET.")]
Repair = Annotated[str, typer.Argument(metavar="ID", help="The id of the proposal.")]
Why = Annotated[str, typer.Option("--why", help="Why; it stands in the fact of it.")]
Who = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="The opaque id of who does it: two different persons are needed. At another system the token says it.",
    ),
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Where each stands: TOPIC/PARTITION/OFFSET.")]
Subject = Annotated[
    list[str] | None,
    typer.Option("--pilot", help="All of a pilot, by its id or its registration number; may be given again."),
]
Cause = Annotated[str | None, typer.Option(help="All of this cause, as `ops parked` shows it.")]
Topic = Annotated[str | None, typer.Option(help="All from this topic.")]
Agency = Annotated[
    str | None, typer.Option(help="All of this agency, by its code; `-`: those of which no agency is known.")
]
Moment = Annotated[str | None, typer.Option(help="A moment with its zone: 2026-11-26T09:00:00Z.")]


@group.command()
def balance(
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Look for what is lost through all that is stored first; it may take minutes."),
    ] = False,
) -> Found:
    """Strike the balance: what became of each agency's events over both doors, and of the facts between the services.

    Counted from what is stored and from Kafka. The exit status is 0 only where every service answers and every
    difference is zero; the events and facts that make one are named. Each balance looks at a part of what is stored,
    the next one at the next part; `--whole` looks at all of it, and what it has found when it is stopped stays found.
    """
    looked = _looked_through() if whole else {}
    struck, away = of_each(_balance)
    agencies = [one for said in struck.values() for one in said["agencies"]]
    services, facts = with_writers(struck), [said["facts"] for said in struck.values()]
    events = [{"agency": one["agency"], **event} for one in agencies for event in one["events"]]
    found: Found = {"services": services, "facts": facts, **looked}
    if INTAKE in struck:
        in_all = struck[INTAKE]["in_all"]
        show_rows(AGENCY, [*agencies, {"agency": "", **in_all}])
        found = {"agencies": agencies, **found, **in_all}
    show_rows(FLOW, services)
    show_rows(FACTS, facts)
    if events:
        show_rows(EVENT, events, to_copy=True)
    if lost := _lost(struck):
        show_rows(FACT, lost, to_copy=True)
    if wrong := [*_wrong([one["agency"] for one in agencies if one["difference"]], len(lost))]:
        raise Complaint(" ".join(wrong), found=found)
    need_all(away, found)
    return found


def _wrong(agencies: Sequence[str], lost: int) -> Iterator[str]:
    if agencies:
        yield f"The balance of {', '.join(agencies)} is not zero; see docs/runbooks/balance-not-zero.md."
    if lost:
        yield f"{lost} facts between the services are lost; see docs/runbooks/facts-lost.md."


def _lost(struck: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The facts that are named, each with the reader that has not taken it."""
    not_taken = [
        {**one, "reader": flow["reader"]}
        for said in struck.values()
        for flow in said["services"]
        for one in flow["events"]
    ]
    return [*not_taken, *({**one, "reader": None} for said in struck.values() for one in said["facts"]["events"])]


def _balance(service: str) -> dict[str, Any]:
    until = time.monotonic() + READS_WITHIN
    while True:
        began = time.monotonic()
        try:
            return asked_as_ops(service, "GET", "/v1/balance", within=until - began)
        except Complaint as refused:
            now = time.monotonic()
            # Where Kafka hangs each answer takes seconds: another is asked for only if it can come in time.
            if "(503)" not in str(refused) or now + AGAIN_AFTER + (now - began) >= until:
                raise
            time.sleep(AGAIN_AFTER)


def _looked_through() -> Found:
    """At how many documents and records the services looked, and how much they found lost that was not known."""
    path, found = "/v1/balance/whole", 0
    with task(progress(), "looking through everything, documents and records") as looking:
        for service in SERVICES:
            following = path
            while True:
                told = asked_as_ops(service, "GET", following)
                looking.advance(told["looked"])
                found += told["found"]
                if told["next"] is None:
                    break
                following = f"{path}?{urlencode({'after': told['next']})}"
    out.print(f"Looked at {looking.done:,} documents and records; {found} lost ones were not known.", markup=False)
    return {"looked": looking.done, "found": found}


@group.command()
def parked(
    record: Annotated[str | None, typer.Argument(metavar="[RECORD]", help="One alone: TOPIC/PARTITION/OFFSET.")] = None,
    agency: Agency = None,
) -> Found:
    """Show what is parked, by service, status, cause, topic and agency: how many records, and since when. Or one record
    in full, with its trace; what is personal is masked."""
    if record is not None:
        return _in_full(record)
    path = "/v1/parked/groups" if agency is None else f"/v1/parked/groups?{urlencode({'agency': agency})}"
    told, away = of_each(lambda service: asked_as_ops(service, "GET", path))
    items = [{"service": service, **item} for service, said in told.items() for item in said["items"]]
    of = "" if agency is None else f" of {agency}"
    nothing = f"Nothing{of} is known to be parked." if away else f"Nothing{of} is parked."
    show_rows(GROUP, items, to_copy=True, nothing=nothing)
    found = {"groups": items, "records": sum(said["records"] for said in told.values())}
    if left := found["records"] - sum(item["records"] for item in items):
        out.print(f"{left} more records stand in smaller groups; --agency shows those of one agency.", markup=False)
    need_all(away, found)
    return found


def _in_full(record: str) -> Found:
    """A record as each service that has parked it tells of it. Raises Complaint where none has."""

    def ask(service: str) -> Found:
        try:
            return asked_as_ops(service, "GET", f"/v1/parked/records/{quote(record)}")
        except Complaint as refused:
            if "(404)" in str(refused):
                return {}
            raise

    told, away = of_each(ask)
    records = [{"service": service, **said} for service, said in told.items() if said]
    for one in records:
        out.print(json.dumps(one, ensure_ascii=False, indent=2), markup=False, soft_wrap=True)
    found = {"records": records}
    need_all(away, found)
    if not records:
        raise Complaint(f"No service has parked {record}; a record is named as TOPIC/PARTITION/OFFSET.", found=found)
    return found


@group.command()
def redrive(
    service: Service,
    ids: Ids = None,
    pilot: Subject = None,
    cause: Cause = None,
    topic: Topic = None,
    agency: Agency = None,
    since: Moment = None,
    until: Moment = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, help="Records a second at most.")] = 1000.0,
    who: Annotated[
        str, typer.Option("--as", help="The opaque id of who does it. At another system the token says it.")
    ] = ACTOR,
) -> Found:
    """Feed parked records to their service again, in order, each once; say what became of each, and why.

    They are fed a hundred at a time, and no more at a time than a second may take, to their end: also behind records
    that stay. What had waited behind one follows by itself, at once; it counts in the rate, so the next ones come the
    later. The exit status is 0 only where all that was chosen went, and 130 where it was stopped; what became of the
    records before that is told.
    """
    group = {"cause": cause, "topic": topic, "agency": agency, "since": since, "until": until}
    chosen = {name: value for name, value in group.items() if value is not None}
    limit = AT_ONCE if dry_run else at_once(rate)
    body = {**chosen, "ids": ids or [], "subjects": pilot or [], "dry_run": dry_run, "limit": limit}
    told = dict[str, dict[str, Any]]()
    stopped = _fed(service, body, rate, told, who)
    records = list(told.values())
    if not records and stopped is None and (ids or pilot or chosen):
        # Said always, whatever was named: that a masked subject is parked is nobody's to be told.
        by_place = " What is shown masked is named by its place, TOPIC/PARTITION/OFFSET." if pilot else ""
        raise Complaint(
            f"Nothing of that kind is parked at {service}; ./lotsman ops parked names each cause as it is.{by_place}"
        )
    verdicts = Counter(one["verdict"] for one in records)
    went, followed = verdicts["went"], verdicts[FOLLOWED]
    chose = len(records) - followed
    if records or stopped is None:  # what was stopped before the first answer knows of nothing
        show_rows(RECORD, records, nothing="Nothing is parked.")
        behind = f", {followed} {'would follow' if dry_run else 'followed'} by themselves" if followed else ""
        out.print(f"{went} of {chose} {'would go' if dry_run else 'went'}{behind}", markup=False)
    found = {"service": service, "dry_run": dry_run, "went": went, "followed": followed, "records": records}
    if stopped is not None:
        said = f"Stopped behind {chose} records, of which {went} went; the others were not tried. {stopped}"
        raise Complaint(said, code=stopped.code, found=found)
    if went < chose:
        absent = verdicts["not-parked"]
        none = f"{absent} of {chose} records that were named are not parked at {service}." if absent else ""
        stay = f"{chose - went - absent} of {chose} records stay parked." if went + absent < chose else ""
        raise Complaint(" ".join(filter(None, (stay, none))), found=found)
    return found


@group.command()
def edit(
    record: Record,
    service: Service,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The event as it shall be, whole: JSON.")],
    because: Why,
    who: Who = None,
) -> Found:
    """Propose to put another event in the place of a parked record. Nothing is done before a second person approves.

    Here who that is is the word of whoever holds the folder LOTSMAN_HOME; at another system, that of the token.
    """
    try:
        event = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Complaint(f"{file} cannot be read as JSON: {error}") from error
    return _proposed(service, {"record": record, "kind": "edit", "event": event, "why": because}, who)


@group.command()
def discard(record: Record, service: Service, because: Why, who: Who = None) -> Found:
    """Propose to discard a parked record. Nothing is done before a second person approves.

    Here who that is is the word of whoever holds the folder LOTSMAN_HOME; at another system, that of the token.
    """
    return _proposed(service, {"record": record, "kind": "discard", "why": because}, who)


@group.command()
def repairs(
    service: Service,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only what is `proposed` (it waits for a second person), `approved` or `declined`; may be given again."
        ),
    ] = None,
) -> Found:
    """Show what was proposed for parked records, by whom and why, and what came of it; the newest first, all of it."""
    narrowed = [("state", one) for one in state or ()]

    def ask(more: Mapping[str, str]) -> Found:
        asked = urlencode([("limit", "200"), *narrowed, *more.items()])
        return asked_as_ops(service, "GET", f"/v1/parked/repairs?{asked}")

    items = [*every_item(ask)]
    show_rows(REPAIR, items, to_copy=True, nothing="Nothing of that kind was proposed.")
    return {"items": items}


@group.command()
def approve(repair: Repair, service: Service, who: Who = None) -> Found:
    """Approve what somebody else proposed: it is done at once, and what waited behind the record follows."""
    found = asked_as_ops(service, "POST", f"/v1/parked/repairs/{repair}/approval", who=_who(who))
    show_rows(RECORD, [found])
    if found["verdict"] != "went":
        raise Complaint(f"{found['id']} stays parked.", found=found)
    return found


@group.command()
def decline(repair: Repair, service: Service, because: Why, who: Who = None) -> Found:
    """Decline what was proposed, also by oneself."""
    asked_as_ops(service, "POST", f"/v1/parked/repairs/{repair}/refusal", {"why": because}, _who(who))
    out.print(f"{repair} is declined", markup=False)
    return {"id": repair, "state": "declined"}


def _who(given: str | None) -> str:
    """Under which id it is done. Raises Complaint where only `--as` can say it."""
    if given is None and not reached().says_who:
        raise Complaint("Who does it? --as PERSON says it: two different persons are needed.")
    return given or ACTOR


def _proposed(service: str, body: dict[str, Any], who: str | None) -> Found:
    found = asked_as_ops(service, "POST", "/v1/parked/repairs", body, _who(who))
    another = "--token-file THEIRS" if reached().says_who else "--as PERSON"
    approving = f"./lotsman ops approve {found['id']} --service {service} {another}"
    out.print(f"Proposed. A second person approves it: {approving}", markup=False, soft_wrap=True)
    return found


def at_once(rate: float) -> int:
    """How many records go in one request: no more than a second may take."""
    return min(AT_ONCE, max(1, int(rate)))


def _told_of(told: Mapping[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Adds what a page tells: what waited when its own page came, or was in none, may follow behind another's."""
    for one in told["records"]:
        found.setdefault(one["id"], one)
    for id_ in told["behind"]:
        if id_ not in found or found[id_]["verdict"] == "waits":
            found[id_] = {"id": id_, "verdict": FOLLOWED, "cause": None}


def _fed(
    service: str, body: dict[str, Any], rate: float, found: dict[str, dict[str, Any]], who: str
) -> Complaint | None:
    """Puts the verdict on each record that is chosen into `found`, page by page to the end, behind those that stay; why
    it stopped before that, if it did. What the first page refuses is raised as Complaint."""
    say = progress()
    while True:
        began = time.monotonic()
        try:
            told = asked_as_ops(service, "POST", "/v1/parked/redrive", body, who)
            _told_of(told, found)
            if not told["next"]:
                return None
            went = sum(one["verdict"] == "went" for one in found.values())
            say(f"{len(found)} tried, {went} {'would go' if body['dry_run'] else 'went'}")
            body = {**body, "after": told["next"]}
            if not body["dry_run"]:
                fed = len(told["records"]) + told["followed"]
                time.sleep(max(0.0, fed / rate - (time.monotonic() - began)))
        except KeyboardInterrupt:
            done = "Nothing was fed." if body["dry_run"] else "What was just being fed may have gone."
            return Complaint(f"{done} The same again takes up the rest.", code=INTERRUPTED)
        except Complaint as refused:  # what was done before must not go untold
            if not found:
                raise
            return refused
