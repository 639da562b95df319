"""person erase, person erasures: the personal data that the services keep of those who work in them."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.topics import EXPERTISE, INTAKE, REGISTRY
from deploy.cli.common import Found, asked, of_all, out
from deploy.cli.old_databases import need_none
from deploy.complaint import Complaint
from deploy.service import READS_WITHIN

app = typer.Typer()
group = typer.Typer(help="Persons who work in the services: erasing what is kept of one, and who did that.")
app.add_typer(group, name="person")

KEEPERS: Final = (INTAKE, EXPERTISE, REGISTRY)
"""The services that keep names of who works in them; an applicant's contact persons go by `contact erase`."""

Person = Annotated[str, typer.Argument(metavar="ID", help="The person's opaque id: the `sub` of the person's token.")]
Body = Annotated[str, typer.Option(help="Whose document asks for it.")]
Kind = Annotated[str, typer.Option(help="What kind of document it is.")]
Number = Annotated[str, typer.Option(help="The document's number.")]
Dated = Annotated[str, typer.Option("--date", help="The document's day (YYYY-MM-DD).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@group.command()
def erase(person: Person, body: Body, kind: Kind, number: Number, day: Dated, yes: Yes = False) -> Found:
    """Erase what is kept of a person in every service that keeps names, on the document that asks for it.

    What each service did is told; where one could not do it, the same once again is safe.
    """
    said = {"basis": basis(body, kind, number, day)}
    if not yes:
        typer.confirm(f"Erase what is kept of {person} in every service, for good?", abort=True)
    told = _each(lambda service: asked(Role.ADMIN, service, "POST", _path(person, "erasure"), said)["erased"])
    for service, (erased, fault) in told.items():
        done = fault or (f"what was kept of {person} is erased" if erased else f"nothing was kept of {person}")
        out.print(f"{service}: {done}", markup=False, soft_wrap=True)
    services = {service: {"erased": erased, "error": fault} for service, (erased, fault) in told.items()}
    return need_none(_found({"person": person, "services": services}, told, "did not erase what is kept"), KEEPERS)


@group.command()
def erasures(person: Person) -> Found:
    """Show when what was kept of a person was erased, by whom, and on which document."""
    path = _path(person, "erasures")
    told = _each(lambda service: asked(Role.ADMIN, service, "GET", path, within=READS_WITHIN)["items"])
    table = Table("service", "at", "by", "role", "document")
    for service, (items, _) in told.items():
        for one in items or ():
            table.add_row(*(escape(str(cell)) for cell in (service, one["at"], one["by"], one["role"], _document(one))))
    out.print(table)
    services = {service: {"erasures": items, "error": fault} for service, (items, fault) in told.items()}
    return _found({"person": person, "services": services}, told, "did not say")


def basis(body: str, kind: str, number: str, day: str) -> dict[str, str]:
    """The document that an erasure rests on. Raises Complaint for a day that is none."""
    try:
        return {"body": body, "kind": kind, "number": number, "date": date.fromisoformat(day).isoformat()}
    except ValueError as error:
        raise Complaint(f"{error}.") from error


def _each(what: Callable[[str], Any]) -> dict[str, tuple[Any, str | None]]:
    """What each service answers, or why it does not."""

    def one(service: str) -> tuple[Any, str | None]:
        try:
            return what(service), None
        except Complaint as complaint:
            return None, str(complaint)

    return of_all(KEEPERS, one)


def _found(found: dict[str, Any], told: Mapping[str, tuple[Any, str | None]], undone: str) -> Found:
    """All of it; raises Complaint with it where a service failed."""
    if failed := [f"{service} {undone}: {fault}" for service, (_, fault) in told.items() if fault is not None]:
        raise Complaint(" ".join(failed), found=found)
    return found


def _path(person: str, part: str) -> str:
    return f"/v1/persons/{quote(person, safe='')}/{part}"


def _document(erasure: Mapping[str, Any]) -> str:
    on = erasure["basis"]
    return f"{on['kind']} {on['number']} {on['date']} ({on['body']})" if on else "the person's own request"
