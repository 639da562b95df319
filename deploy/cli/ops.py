"""ops parked, ops redrive: what the services have set aside, in groups, and feeding it to them again."""

import time
from typing import Annotated, Any, Final

import typer

from contracts.topics import SERVICES
from deploy.cli.common import Found, out
from deploy.cli.reading import Service, asked_as_ops, show_rows
from deploy.complaint import Complaint

app = typer.Typer()
group = typer.Typer(help="What ops see of the services, and repair by hand.")
app.add_typer(group, name="ops")

AT_ONCE: Final = 100
GROUP: Final = ("service", "status", "records", "oldest", "topic", "cause")
RECORD: Final = ("id", "verdict", "cause")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Where each stands: TOPIC/PARTITION/OFFSET.")]
Subject = Annotated[list[str] | None, typer.Option("--pilot", help="All of a pilot; may be given again.")]
Cause = Annotated[str | None, typer.Option(help="All of this cause, as `ops parked` shows it.")]
Topic = Annotated[str | None, typer.Option(help="All from this topic.")]
Moment = Annotated[str | None, typer.Option(help="A moment with its zone: 2026-11-26T09:00:00Z.")]


@group.command()
def parked() -> Found:
    """Show what is parked, by service, status, cause and topic: how many records, and since when."""
    items = [
        {"service": service, **item}
        for service in SERVICES
        for item in asked_as_ops(service, "GET", "/v1/parked/groups")["items"]
    ]
    show_rows(GROUP, items)
    return {"groups": items, "records": sum(item["records"] for item in items)}


@group.command()
def redrive(
    service: Service,
    ids: Ids = None,
    pilot: Subject = None,
    cause: Cause = None,
    topic: Topic = None,
    since: Moment = None,
    until: Moment = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, help="Records a second at most.")] = 1000.0,
) -> Found:
    """Feed parked records to their service again, in order, each once; say what became of each, and why.

    A group is fed a hundred at a time. The exit status is 0 only where all that was chosen went.
    """
    group = {"cause": cause, "topic": topic, "since": since, "until": until}
    body: dict[str, Any] = {name: value for name, value in group.items() if value is not None}
    body |= {"ids": ids or [], "subjects": pilot or [], "dry_run": dry_run, "limit": AT_ONCE}
    records = _fed(service, body, rate)
    show_rows(RECORD, records)
    went = sum(one["verdict"] == "went" for one in records)
    out.print(f"{went} of {len(records)} {'would go' if dry_run else 'went'}", markup=False)
    found = {"service": service, "dry_run": dry_run, "went": went, "records": records}
    if went < len(records):
        raise Complaint(f"{len(records) - went} of {len(records)} records stay parked.", found=found)
    return found


def _fed(service: str, body: dict[str, Any], rate: float) -> list[dict[str, Any]]:
    """The verdict on each record that is chosen; one that stays is not fed twice."""
    found: dict[str, dict[str, Any]] = {}
    while True:
        began = time.monotonic()
        told = asked_as_ops(service, "POST", "/v1/parked/redrive", body)
        fresh = {one["id"]: one for one in told["records"] if one["id"] not in found}
        found |= fresh
        if not told["more"] or body["dry_run"] or not any(one["verdict"] == "went" for one in fresh.values()):
            return list(found.values())
        time.sleep(max(0.0, len(fresh) / rate - (time.monotonic() - began)))
