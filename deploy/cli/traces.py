"""trace."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from deploy.cli.common import Found, out
from deploy.complaint import Complaint
from deploy.local.home import home
from deploy.local.traces import Span, spans_of

app = typer.Typer()


@app.command()
def trace(
    pilot_or_trace_id: str,
    demo: Annotated[bool, typer.Option("--demo", help="Look into the last demo.")] = False,
) -> Found:
    """Show a trace, or all traces of a pilot, as trees."""
    folder = home() / "demo" if demo else home()
    spans = spans_of(folder / "traces.sqlite", pilot_or_trace_id.lower())
    if not spans:
        raise Complaint(f"No span of pilot or trace {pilot_or_trace_id} is kept here.")
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    for found in by_trace.values():
        out.print(tree(found))
    return {"traces": [{"trace": id_, "spans": [one._asdict() for one in all_]} for id_, all_ in by_trace.items()]}


def tree(spans: list[Span]) -> Tree:
    """One trace as a tree; a span whose parent is not kept hangs on the root."""
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    root = Tree(f"trace {spans[0].trace_id}")
    pending = [(root, span) for span in reversed(children.get("", []))]
    while pending:
        above, span = pending.pop()
        branch = above.add(_line(span, spans[0].start_ns))
        pending += [(branch, child) for child in reversed(children.get(span.span_id, []))]
    return root


def _line(span: Span, zero: int) -> str:
    at, took = (span.start_ns - zero) / 1e6, (span.end_ns - span.start_ns) / 1e6
    kind = span.attributes.get("pilot.event.type") or ""
    line = f"[bold]{escape(span.service)}[/bold] {escape(span.name)} {escape(str(kind))}"
    line += f" [dim]+{at:.0f} ms, {took:.1f} ms[/dim]"
    if span.status == "error":
        line += " [red]error[/red]"
    if span.kind == "consumer":
        return line  # a record's span is linked to its batch, which says nothing about what it follows
    links = dict.fromkeys(link["trace_id"] for link in span.links if link["trace_id"] != span.trace_id)
    return line + "".join(f" [dim]follows {trace_id}[/dim]" for trace_id in links)
