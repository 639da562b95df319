"""trace."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.tree import Tree

from contracts.forms import as_number, as_pilot_id
from contracts.reference import Role
from contracts.topics import INTAKE
from deploy.cli.common import Found, answer_of, out
from deploy.cli.reading import show_rows
from deploy.cli.traces_elsewhere import KeptElsewhere, kept_elsewhere
from deploy.complaint import Complaint
from deploy.local.asked_traces import listed, spans_of, traces_of
from deploy.local.home import home
from services.chassis.told_traces import RECEIPT, Span, Trace, clock, traces_in

app = typer.Typer()

COLUMNS: Final = ("trace", "began", "took_ms", "worked_ms", "failed", "service", "begins_with", "pilots")

What = Annotated[
    str | None, typer.Argument(metavar="[WHAT]", help="A pilot, its registration number, an event, a receipt, a trace.")
]


@app.command()
def trace(
    what: What = None,
    slowest: Annotated[bool, typer.Option("--slowest", help="Those that worked longest, the longest first.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Only those in which something failed.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="So many, where nothing is named.")] = 20,
    demo: Annotated[bool, typer.Option("--demo", help="Look into the last demo.")] = False,
) -> Found:
    """Show the traces of a pilot, an event or a receipt, or a trace, as trees with the time of the clock (UTC).

    What else a trace did, to other pilots, is left out. Where nothing is named, the newest traces are listed. How long
    one worked (worked_ms) is the time in which any of its spans went on: that a record was parked, or on its way, is no
    part of it. By this the slowest are told.
    """
    kept = _here(demo) if demo else kept_elsewhere() or _here(demo)
    if what is None:
        return _list(kept, slowest, errors, most)
    found = kept.of(_known_as(what))
    if not found and (number := as_number(what)) is not None:  # an agency's event may be called like one
        found = kept.of(pilot) if (pilot := _pilot_of(number, demo)) is not None else []
    traces = [one for one in found if one.failed or not errors]
    if not traces:
        failed = "failed " if errors else ""
        raise Complaint(f"No {failed}trace of {what} is kept here: no pilot, event, receipt or trace of that name.")
    for one in sorted(traces, key=lambda one: -one.worked_ms) if slowest else traces:
        out.print(tree(one))
    return {"traces": [one.json() for one in traces]}


def _here(demo: bool) -> "KeptHere":
    return KeptHere((home() / "demo" if demo else home()) / "traces.sqlite")


@dataclass(frozen=True, slots=True)
class KeptHere:
    """The traces that the system of this machine has kept in its file."""

    path: Path

    def of(self, name: str) -> list[Trace]:
        """Those of a pilot or an event, each cut to it, or one trace. Raises Complaint."""
        return traces_of(self.path, name)

    def listed(self, *, slowest: bool, errors: bool, most: int) -> list[Found]:
        """The newest, or those that worked longest. Raises Complaint."""
        ids = listed(self.path, slowest=slowest, errors=errors, most=most)
        return [one.summary() for id_ in ids for one in traces_in(spans_of(self.path, id_), id_)]


def _list(kept: "KeptHere | KeptElsewhere", slowest: bool, errors: bool, most: int) -> Found:
    items = kept.listed(slowest=slowest, errors=errors, most=most)
    if not items:
        raise Complaint(f"No trace is kept here{' in which something failed' if errors else ''}.")
    show_rows(COLUMNS, [{**item, "pilots": _few(item["pilots"])} for item in items])
    return {"traces": items}


def _few(pilots: list[str]) -> str:
    return f"{pilots[0]} and {len(pilots) - 1} more" if len(pilots) > 1 else "".join(pilots)


def _known_as(what: str) -> str:
    """By what spans know what is asked for: ids of ours in small letters, a receipt's fact, else as it is."""
    bare = what.strip().removesuffix(RECEIPT)
    lower = bare.lower()
    is_trace = len(lower) == 32 and all(digit in "0123456789abcdef" for digit in lower)
    return lower if is_trace else as_pilot_id(bare) or bare


def _pilot_of(number: str, demo: bool) -> str | None:
    """The id of the pilot with this registration number; None: it is nobody's. Raises Complaint where nobody is there
    to be asked."""
    if demo:
        raise Complaint("The last demo does not run: name the pilot by its id.")
    answer = answer_of(Role.OPS, INTAKE, "GET", f"/v1/applications/{number}/id", fine=404)
    return None if answer.is_error else str(answer.json()["id"])


def tree(one: Trace) -> Tree:
    """One trace as a tree; a span whose parent is not kept hangs on the root."""
    known = {span.span_id for span in one.spans}
    children: dict[str, list[Span]] = {}
    for span in one.spans:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    root = Tree(f"trace {one.id} [dim]{clock(one.began_ns)}, {one.took_ms:.0f} ms[/dim]")
    pending = [(root, span) for span in reversed(children.get("", []))]
    while pending:
        above, span = pending.pop()
        branch = above.add(_line(span, one.began_ns))
        pending += [(branch, child) for child in reversed(children.get(span.span_id, []))]
    return root


def _line(span: Span, zero: int) -> str:
    after, took = (span.start_ns - zero) / 1e6, (span.end_ns - span.start_ns) / 1e6
    kind = span.attributes.get("pilot.event.type") or ""
    line = f"[dim]{clock(span.start_ns)[11:-1]}[/dim] [bold]{escape(span.service)}[/bold] {escape(span.name)}"
    line += f" {escape(str(kind))} [dim]+{after:.0f} ms, {took:.1f} ms[/dim]"
    if span.status == "error":
        line += f" [red]error {escape(str(span.attributes.get('error.type') or ''))}[/red]".replace(" [/red]", "[/red]")
    if span.kind == "consumer":
        return line  # a record's span is linked to its batch, which says nothing about what it follows
    links = dict.fromkeys(link["trace_id"] for link in span.links if link["trace_id"] != span.trace_id)
    return line + "".join(f" [dim]follows {trace_id}[/dim]" for trace_id in links)
