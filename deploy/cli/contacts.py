"""contact show, contact erase, contact readings: the personal data of an application's contact persons."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from contracts.reference import Role
from contracts.topics import INTAKE
from deploy.cli.common import Found, asked, out
from deploy.cli.old_databases import need_none

app = typer.Typer()
group = typer.Typer(help="Contact persons of applications: who they are, who read that, erasing it.")
app.add_typer(group, name="contact")

MOST: Final = 200
"""How many readings are shown."""

Pilot = Annotated[str, typer.Argument(metavar="PILOT", help="The pilot's id.")]


@group.command()
def show(pilot: Pilot) -> Found:
    """Show the contact persons of an application, the one to be asked first. That it was read is noted for ever."""
    items = _asked("GET", pilot, Role.OFFICER)["items"]
    _print(("name", "email", "phone", "until"), items)
    return {"pilot": pilot, "items": items}


@group.command()
def readings(pilot: Pilot) -> Found:
    """Show who read the contact persons of an application, the last reading first."""
    found = _asked("GET", pilot, Role.AUDITOR, part=f"/readings?limit={MOST}")
    named = [{**one, "name": found["persons"].get(one["by"])} for one in found["items"]]
    _print(("at", "by", "name", "role", "organisation"), named)
    if found["next"] is not None:
        out.print("There are more: the interface of intake pages through them.")
    return {"pilot": pilot, "items": named, "more": found["next"] is not None}


@group.command()
def erase(
    pilot: Pilot,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Found:
    """Erase the contact persons of an application for good, with parked copies and the agency's spreadsheets."""
    if not yes:
        typer.confirm(f"Erase what is kept of the contact persons of {pilot}, for good?", abort=True)
    _asked("DELETE", pilot, Role.ADMIN)
    out.print(f"what was kept of the contact persons of {pilot} is erased", markup=False, soft_wrap=True)
    return need_none({"pilot": pilot, "erased": True}, [INTAKE])


def _asked(method: str, pilot: str, role: Role, *, part: str = "") -> Any:
    return asked(role, INTAKE, method, f"/v1/applications/{quote(pilot, safe='')}/contact{part}")


def _print(fields: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    table = Table(*fields)
    for row in rows:
        table.add_row(*(escape(str(row[field] or "")) for field in fields))
    out.print(table)
