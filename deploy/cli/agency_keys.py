"""agency key add, list, rotate, revoke: keys with which an agency's programs come over HTTP."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from contracts.reference import Role, Scope
from contracts.topics import INTAKE, REGISTRY
from deploy.cli.common import Found, answer_of, asked, out, table, when
from deploy.cli.shown import show_table
from deploy.complaint import Complaint

group = typer.Typer(
    help="Keys of an agency's programs for HTTP: each is shown once, and kept by nobody but the agency."
)

Code = Annotated[str, typer.Argument(metavar="CODE", help="The agency's code.")]
Key = Annotated[str, typer.Argument(metavar="ID", help="The id of the key: what stands behind `lotsman_`.")]
UNASKED: Final = tuple(one for one in Scope if one is not Scope.CHANGES)
"""What a key opens for which nothing else is said: what the agency does and sees anyhow. That the register sends it
something is a right that is given by name."""
Overlap = Annotated[
    int | None, typer.Option(help="Hours for which the old key is good beside the new; 24 if left out.")
]


@group.command()
def add(
    code: Code,
    label: Annotated[str, typer.Option(help="Where it is used.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it opens; repeatable. Left out: all but changes.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Up to which day (YYYY-MM-DD, UTC) it is good.")] = None,
) -> Found:
    """Give an agency a key. It is shown now and never again."""
    body: dict[str, Any] = {"label": label, "scopes": list(scope or UNASKED)}
    if until is not None:
        body["until"] = _end_of(until)
    told = asked(Role.ADMIN, INTAKE, "POST", f"/v1/agencies/{code}/keys", body)
    _show(told)
    return dict(told)


@group.command("list")
def list_(code: Code) -> Found:
    """Show the keys of an agency: what each opens, until when, and when it was last used."""
    items = asked(Role.ADMIN, INTAKE, "GET", f"/v1/agencies/{code}/keys")["items"]
    at_register = _used_at_register(code)
    for one in items:
        used = [moment for moment in (one["last_used"], at_register.get(one["id"])) if moment is not None]
        one["last_used"] = max(used, default=None)
    rows = table("id", "used in", "opens", "issued (UTC)", "good until", "last used")
    for one in items:
        ends = f"revoked {when(one['revoked'])}" if one["revoked"] else when(one["until"])
        last = when(one["last_used"]) or "never"
        rows.add_row(one["id"], escape(one["label"]), ", ".join(one["scopes"]), when(one["issued"]), ends, last)
    show_table(rows, "No key is issued.")
    return {"agency": code, "keys": items}


@group.command()
def rotate(code: Code, key: Key, overlap: Overlap = None) -> Found:
    """Give an agency a key in the place of another, which is good beside it for a while."""
    told = rotated(code, key, overlap)
    _show(told)
    return told


@group.command()
def revoke(
    code: Code, key: Key, why: Annotated[str, typer.Option(help="The reason; it stays in the journal.")]
) -> Found:
    """End a key at once."""
    asked(Role.ADMIN, INTAKE, "POST", f"/v1/agencies/{code}/keys/{key}/revocation", {"why": why})
    out.print(f"key {key} opens nothing more")
    return {"agency": code, "id": key, "revoked": True}


def rotated(code: str, key: str, overlap: int | None) -> Found:
    """The key that takes the place of another. Raises Complaint."""
    body = {} if overlap is None else {"overlap_hours": overlap}
    told = asked(Role.ADMIN, INTAKE, "POST", f"/v1/agencies/{code}/keys/{key}/rotation", body)
    return {**told, "replaces": key}


def living(code: str) -> list[str]:
    """The ids of an agency's keys that are good and have no successor yet. Raises Complaint."""
    items = asked(Role.ADMIN, INTAKE, "GET", f"/v1/agencies/{code}/keys")["items"]
    replaced = {one["replaces"] for one in items}
    now = datetime.now().astimezone()
    return [
        one["id"]
        for one in items
        if one["revoked"] is None
        and one["id"] not in replaced
        and (one["until"] is None or datetime.fromisoformat(one["until"]) > now)
    ]


def _used_at_register(code: str) -> Mapping[str, str | None]:
    """When the keys of an agency were last used at the register; nothing where it does not know the agency yet."""
    answer = answer_of(Role.ADMIN, REGISTRY, "GET", f"/v1/agencies/{code}", fine=404)
    known = answer.json()["keys"] if answer.status_code == 200 else []
    return {one["id"]: one["last_used"] for one in known}


def _show(told: Found) -> None:
    out.print(f"key: {told['key']}", soft_wrap=True)
    out.print("It is not shown again. Send it as: Authorization: Bearer <key>")


def _end_of(day: str) -> str:
    try:
        return f"{date.fromisoformat(day)}T23:59:59.999Z"
    except ValueError as error:
        raise Complaint(f"{error}.") from error
