"""expert add, list, show, absent, hand-over, erase: the directory of experts, through the running expertise service."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.topics import EXPERTISE
from deploy.cli.common import Found, answer_of, err, every_item, organisation_of, out, progress
from deploy.cli.old_databases import need_none
from deploy.cli.persons import Body, Dated, Kind, Number, Yes, basis
from deploy.complaint import Complaint
from deploy.progress import task
from deploy.service import TIMEOUT

app = typer.Typer()
group = typer.Typer(help="Experts: their entries, absences, work and personal data.")
app.add_typer(group, name="expert")

ENTRY: Final = (
    "edition",
    "organisation",
    "affiliated",
    "interests",
    "competences",
    "capacity",
    "absences",
    "active",
)
HANDOVER_WITHIN: Final = 300.0
"""Seconds: several hundred cases may move at once."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The expert's opaque id: the `sub` of the person's token.")]
Organisations = list[str] | None


@group.command()
def add(
    expert: Id,
    organisation: Annotated[str | None, typer.Option(help="Where from: SCHEME:NUMBER, as BY-UNP:790000029.")] = None,
    sector: Annotated[list[str] | None, typer.Option(help="A competence; may be repeated.")] = None,
    capacity: Annotated[int | None, typer.Option(help="How many reviews at once.")] = None,
    edition: Annotated[str | None, typer.Option(help="The edition of the rule book that the entry follows.")] = None,
    affiliated: Annotated[Organisations, typer.Option(help="Of one group with the expert's own; repeatable.")] = None,
    interest: Annotated[Organisations, typer.Option(help="In which the expert has an interest; repeatable.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether cases may be assigned.")] = None,
    name: Annotated[str | None, typer.Option(help="Personal data: kept apart, can be erased.")] = None,
    email: Annotated[str | None, typer.Option(help="Personal data: where notices go.")] = None,
    phone: Annotated[str | None, typer.Option(help="Personal data.")] = None,
) -> Found:
    """Enter an expert, or change what is named of an entry; the rest stays as it is."""
    if name is None and (email or phone):
        raise Complaint("A person is kept with a name: give --name too.")
    said = {
        "organisation": None if organisation is None else organisation_of(organisation),
        "competences": sector,
        "capacity": capacity,
        "edition": edition,
        "affiliated": None if affiliated is None else [organisation_of(one) for one in affiliated],
        "interests": None if interest is None else [organisation_of(one) for one in interest],
        "active": active,
    }
    service = _Expertise()
    service.change(expert, {field: value for field, value in said.items() if value is not None})
    if name is not None:
        service.ask("PUT", _path(expert, "person"), {"name": name, "email": email, "phone": phone})
    out.print(f"expert {expert} is in the directory", markup=False, soft_wrap=True)
    return {"expert": expert}


@group.command("list")
def list_(
    sector: Annotated[str | None, typer.Option(help="Only those competent in it.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="The inactive ones too.")] = False,
) -> Found:
    """Show the directory with each active expert's load; no names, for those are personal data."""
    service = _Expertise()
    asked = {**({"sector": sector} if sector else {}), **({} if all_ else {"active": "true"})}
    loads = {one["id"]: one for one in service.pages("/v1/board/experts", {})}
    table = Table("expert", "organisation", "competent in", "load", "capacity", "away", "")
    entries = list(service.pages("/v1/experts", asked))
    for entry in entries:
        load = loads.get(entry["id"])
        table.add_row(
            escape(entry["id"]),
            _number(entry["organisation"]),
            ", ".join(entry["competences"]),
            str(load["load"]) if load else "",
            str(entry["capacity"]),
            "\n".join(_absences(entry)),
            "" if entry["active"] else "inactive",
        )
    out.print(table)
    return {"experts": [{**entry, "load": loads.get(entry["id"], {}).get("load")} for entry in entries]}


@group.command()
def show(expert: Id) -> Found:
    """Show an expert's entry, load, and what is kept of the person."""
    found = _Expertise().entry(expert)
    if found is None:
        raise Complaint(f"There is no expert {expert}.")
    entry = found.json()
    person = entry.get("person") or {}
    rows = {
        "organisation": _number(entry["organisation"]),
        "one group with": ", ".join(map(_number, entry["affiliated"])),
        "interests": ", ".join(map(_number, entry["interests"])),
        "competent in": ", ".join(entry["competences"]),
        "edition": entry["edition"],
        "load": f"{entry['load']} of {entry['capacity']}",
        "away": ", ".join(_absences(entry)),
        "active": "yes" if entry["active"] else "no",
        **{field: person.get(field) or "" for field in ("name", "email", "phone")},
    }
    table = Table("expert", expert, show_header=True)
    for field, value in rows.items():
        table.add_row(field, escape(value))
    out.print(table)
    return dict(entry)


@group.command()
def absent(
    expert: Id,
    since: Annotated[str, typer.Option(help="The first day away (YYYY-MM-DD).")],
    until: Annotated[str, typer.Option(help="The last day away (YYYY-MM-DD).")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back that the expert is away then.")] = False,
) -> Found:
    """Enter when an expert is away: nothing is assigned then. What the expert has in hand stays; see hand-over."""
    try:
        away = {"since": date.fromisoformat(since).isoformat(), "until": date.fromisoformat(until).isoformat()}
    except ValueError as error:
        raise Complaint(f"{error}.") from error
    service = _Expertise()
    found = service.entry(expert)
    if found is None:
        raise Complaint(f"There is no expert {expert}.")
    known = found.json()["absences"]
    if withdraw and away not in known:
        raise Complaint(f"Nothing says that {expert} is away from {since} to {until}.")
    others = [one for one in known if one != away]
    service.change(expert, {"absences": others if withdraw else [*others, away]})
    word = "is not" if withdraw else "is"
    out.print(f"expert {expert} {word} away from {since} to {until}", markup=False, soft_wrap=True)
    return {"expert": expert, **away, "withdrawn": withdraw}


@group.command("hand-over")
def hand_over(
    expert: Id,
    why_: Annotated[str, typer.Option("--why", help="The reason; it stays with every case.")],
    to: Annotated[list[str] | None, typer.Option(help="To whom; repeatable. Left out: whom each fits best.")] = None,
) -> Found:
    """Hand over every case in which the expert owes an opinion; say what could not move, and why."""
    body = {"why": why_, **({"to": to} if to else {})}
    with task(progress(), f"handing over what {expert} has in hand"):
        found = _Expertise().ask("POST", _path(expert, "handover"), body, timeout=HANDOVER_WITHIN).json()
    moved, stayed = found["moved"], found["stayed"]
    if moved:
        _print(("case", "goes to"), [(one["pilot"], one["to"]) for one in moved])
    if stayed:
        _print(("case", "stays, because"), [(one["pilot"], one["why"]) for one in stayed])
    out.print(f"{len(moved)} moved, {len(stayed)} stayed")
    if found.get("more"):
        err.print("There are more: the same once again hands them over.")
    told = {"moved": moved, "stayed": stayed, "more": bool(found.get("more"))}
    if stayed:
        raise Complaint(f"{len(stayed)} of {len(moved) + len(stayed)} cases could not move.", found=told)
    return told


@group.command()
def erase(expert: Id, body: Body, kind: Kind, number: Number, day: Dated, yes: Yes = False) -> Found:
    """Erase an expert's name and contact here, on the document that asks for it; the entry stays, inactive.

    `person erase` erases in every service.
    """
    said = {"basis": basis(body, kind, number, day)}
    service = _Expertise()
    if service.entry(expert) is None:
        raise Complaint(f"There is no expert {expert}.")
    if not yes:
        typer.confirm(f"Erase what is kept of {expert}, for good?", abort=True)
    erased = service.ask("POST", _path(expert, "person/erasure"), said).json()["erased"]
    kept = f"what was kept of {expert} is erased" if erased else f"nothing was kept of {expert}"
    out.print(f"{kept}; the entry is inactive", markup=False, soft_wrap=True)
    return need_none({"expert": expert, "erased": erased}, [EXPERTISE])


# ---- the service


class _Expertise:
    """The running expertise service, spoken to as an operator."""

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        fine: int | None = None,
    ) -> httpx.Response:
        """An answer that is no error but `fine`. Raises Complaint with all that is wrong."""
        return answer_of(
            Role.OPERATOR,
            EXPERTISE,
            method,
            path,
            body,
            headers=headers,
            params=params,
            within=timeout,
            fine=fine,
        )

    def entry(self, expert: str) -> httpx.Response | None:
        """An expert's entry with its ETag; None where there is none. Raises Complaint."""
        answer = self.ask("GET", _path(expert), fine=404)
        return None if answer.is_error else answer

    def change(self, expert: str, fields: Mapping[str, Any]) -> None:
        """Enters these fields, the others as they are. Raises Complaint, also when somebody was faster."""
        there = self.entry(expert)
        before = {} if there is None else {name: there.json()[name] for name in ENTRY}
        seen = {} if there is None else {"If-Match": there.headers["ETag"]}
        self.ask("PUT", _path(expert), {**before, **fields}, headers=seen)

    def pages(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Every item of a list."""
        return every_item(lambda more: self.ask("GET", path, params={**params, **more}).json())


def _path(expert: str, part: str = "") -> str:
    return "/".join(["/v1/experts", quote(expert, safe=""), *([part] if part else [])])


def _number(organisation: Mapping[str, str]) -> str:
    return f"{organisation['scheme']}:{organisation['value']}"


def _absences(entry: Mapping[str, Any]) -> list[str]:
    return [f"{one['since']} to {one['until']}" for one in entry["absences"]]


def _print(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*heads)
    for row in rows:
        table.add_row(*(escape(one) for one in row))
    out.print(table)
