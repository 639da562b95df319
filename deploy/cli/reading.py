"""topic show, skip, skipped, withheld: where the services are in the topics that they read, what stands still, and
which topics do not take what is sent."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.topics import SERVICES
from deploy.cli.common import Found, asked, of_all, out
from deploy.cli.reach import ACTOR
from deploy.cli.shown import show_table
from deploy.complaint import Complaint
from deploy.service import READS_WITHIN, TIMEOUT

app = typer.Typer()
group = typer.Typer(help="Topics: where each service is in what it reads, and passing over what stands still.")
app.add_typer(group, name="topic")

COLUMNS: Final = ("service", "topic", "partition", "offset", "behind", "stands_since", "cause")
MOST: Final = 200

Service = Annotated[str, typer.Option("--service", help=f"Whose reader: {', '.join(SERVICES)}.")]


@group.command()
def show(
    still: Annotated[bool, typer.Option("--still", help="Only what stands still.")] = False,
) -> Found:
    """Show for each partition which record its reader takes next, how many wait, and since when it stands still."""
    told, away = of_each(lambda service: asked_as_ops(service, "GET", "/v1/reading"))
    items = [
        {"service": service, **item}
        for service, said in told.items()
        for item in said["items"]
        if item["stands_since"] is not None or not still
    ]
    show_rows(COLUMNS, items)
    found = {"items": items}
    need_all(away, found)
    return found


@group.command()
def skip(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="At which it stands still: TOPIC/PARTITION/OFFSET.")],
    service: Service,
    because: Annotated[str, typer.Option("--why", help="Why; it is kept with who asked for it.")],
) -> Found:
    """Have the record at which a partition stands still passed over: it is parked by its offset."""
    found = asked_as_ops(service, "POST", "/v1/reading/skip", {"record": record, "why": because})
    out.print(f"{service} passes over {found['skips']}", markup=False, soft_wrap=True)
    return {"service": service, **found}


@group.command()
def skipped() -> Found:
    """Show what was passed over by hand: by whom, when and why."""
    told, away = of_each(lambda service: asked_as_ops(service, "GET", f"/v1/reading/skipped?limit={MOST}"))
    items = [{"service": service, **item} for service, said in told.items() for item in said["items"]]
    show_rows(("service", "id", "by", "at", "why"), items)
    found = {"items": items}
    need_all(away, found)
    return found


@group.command()
def withheld() -> Found:
    """Show which topics do not take what is sent to them: since when, why, and how many messages wait."""
    told, away = of_each(lambda service: asked_as_ops(service, "GET", "/v1/withheld"))
    items = [{"service": service, **item} for service, said in told.items() for item in said["items"]]
    columns = ("service", "topic", "since", "messages", "takes_nothing", "next_at", "cause")
    show_rows(columns, items, nothing="Nothing is known to be withheld." if away else "Every topic takes what is sent.")
    found = {"items": items}
    need_all(away, found)
    return found


def of_each(ask: Callable[[str], Found]) -> tuple[dict[str, Found], list[str]]:
    """What each service answers, asked side by side, and what is to be said of those that do not: who is woken because
    one of them is away wants to know what the others tell. Raises Complaint where none answers."""

    def one(service: str) -> Found | Complaint:
        try:
            return ask(service)
        except Complaint as refused:
            return refused

    every = of_all(SERVICES, one)
    told = {service: said for service, said in every.items() if not isinstance(said, Complaint)}
    away = dict.fromkeys(str(said) for said in every.values() if isinstance(said, Complaint))
    if not told:
        raise Complaint(" ".join(away))
    return told, [*away]


def need_all(away: Sequence[str], found: Found) -> None:
    """Raises Complaint, with what the others told, where a service did not answer."""
    if away:
        raise Complaint(f"{' '.join(away)} What is told is told by the others.", found=found)


def asked_as_ops(
    service: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    who: str = ACTOR,
    *,
    within: float | None = None,
) -> dict[str, Any]:
    """What a running service answers to ops: what is only read, within `READS_WITHIN` if nothing else is said
    (seconds). Raises Complaint."""
    if service not in SERVICES:
        raise Complaint(f"{service} is no service: {', '.join(SERVICES)}.")
    if within is None:
        within = READS_WITHIN if method == "GET" else TIMEOUT
    found: dict[str, Any] = asked(Role.OPS, service, method, path, body, who, within=within)
    return found


def show_rows(
    columns: tuple[str, ...], items: list[dict[str, Any]], *, to_copy: bool = False, nothing: str = "There is none."
) -> None:
    """Rows as a table, an empty cell where there is nothing; without rows it says `nothing`. Nothing is cut short.

    Rows `to_copy` from stand one value a line where the table is too wide: a cell in two lines cannot be copied.
    """
    cells = [["" if item[name] is None else str(item[name]) for name in columns] for item in items]
    width = sum(3 + max(map(len, column)) for column in zip(columns, *cells, strict=True)) + 1
    if to_copy and width > out.width:
        most = max(map(len, columns))
        for row in cells:
            for name, cell in zip(columns, row, strict=True):
                out.print(f"{name:>{most}}  {cell}", markup=False, soft_wrap=True)
            out.print()
        return
    table = Table()
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in cells:
        table.add_row(*map(escape, row))
    show_table(table, nothing)
